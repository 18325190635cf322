from __future__ import annotations

from mockexchange.matching import BookLimits, OrderBook
from mockexchange.messages.events import BookOpened, TradeIdsReserved
from mockexchange.messages.market import DepthSnapshot, Print
from mockexchange.messages.orders import Side
from tests.support.book_desk import BookDesk


def traded(block: int) -> BookDesk:
    desk = BookDesk(feed=True, limits=BookLimits(trade_id_block=block))
    desk.hear(DepthSnapshot([(90, 1)], [(110, 1)], 1))
    return desk


def test_ids_are_reserved_in_front_of_the_fill_that_needs_them() -> None:
    desk = traded(3)
    for _ in range(5):
        desk.sell(1, 100)
    events = desk.buy(5, 100)
    kinds = ["TradeIdsReserved", "OrderFilled", "OrderFilled", "OrderFilled", "TradeIdsReserved", "OrderFilled"]
    assert events.kinds == ["OrderAccepted", *kinds, "OrderFilled"]
    assert [event.until for event in events if isinstance(event, TradeIdsReserved)] == [3, 6]
    assert [fill.trade_id for fill in events.fills] == [1, 2, 3, 4, 5]


def test_a_block_is_reserved_once() -> None:
    desk = traded(1_000_000)
    for _ in range(3):
        desk.sell(1, 100)
    assert desk.buy(1, 100).kinds == ["OrderAccepted", "TradeIdsReserved", "OrderFilled"]
    assert desk.buy(1, 100).kinds == ["OrderAccepted", "OrderFilled"]


def test_prints_and_fills_share_one_sequence() -> None:
    desk = traded(10)
    desk.hear(Print(100, 1, Side.BUY, 1, 0))
    desk.sell(1, 100)
    assert [fill.trade_id for fill in desk.buy(1, 100).fills] == [2]
    desk.hear(Print(100, 1, Side.BUY, 1, 0))
    assert [line.trade_id for line in desk.tape] == [1, 3]


def test_no_id_repeats_after_a_restart() -> None:
    desk = traded(10)
    desk.hear(Print(100, 1, Side.BUY, 1, 0))
    desk.hear(Print(100, 1, Side.BUY, 2, 0))
    # The journal knows of the block alone, not of the two prints.
    for book in (desk.replayed(), OrderBook.from_snapshot(desk.instrument, desk.book.to_snapshot(), desk.limits)):
        events, line = book.on_market(Print(100, 1, Side.BUY, 3, 0))
        assert events == [TradeIdsReserved(20)]
        assert line is not None
        assert line.trade_id == 11


def test_an_opened_book_goes_on_above_what_was_reserved() -> None:
    desk = traded(10)
    desk.hear(Print(100, 1, Side.BUY, 1, 0))
    desk.apply_own(BookOpened("again"))
    desk.hear(Print(100, 1, Side.BUY, 2, 0))
    assert [line.trade_id for line in desk.tape] == [1, 11]


def test_a_book_that_never_traded_reserves_nothing() -> None:
    desk = traded(10)
    desk.buy(1, 100)
    desk.cancel(1)
    events = [event for record in desk.auditor.records() for event in record.events]
    assert [type(event).__name__ for event in events] == ["OrderAccepted", "OrderCanceled"]
