"""The journal alone makes the same book again."""

from __future__ import annotations

import msgspec
import pytest

from mockexchange.matching import BookLimits, OrderBook
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    Applied,
    BookClosed,
    BookOpened,
    BookRecord,
    OrderAccepted,
    OrderCanceled,
)
from mockexchange.messages.market import DepthSnapshot, DepthUpdate, Print
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk


def busy() -> BookDesk:
    """Return a desk whose book has seen something of everything, and still has orders on both sides."""
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([(95, 10)], [(105, 10)], 1))
    for price in (96, 97, 97, 98):
        desk.buy(5, price, shard=1)
    for price in (101, 102, 102, 103):
        desk.sell(5, price, shard=2)
    desk.buy(7, 102)
    desk.sell(3)
    desk.hear(Print(97, 3, Side.SELL, 2, 0))
    desk.hear(DepthUpdate([], [(97, 2)], 3))
    desk.buy(quote_amount=3000)
    desk.cancel(2, shard=1)
    desk.override(100, 5, 5)
    return desk


def record(desk: BookDesk, applied: dict[int, Applied]) -> BookRecord:
    return BookRecord(SCHEMA_VERSION, 0, 0, desk.book.symbol, applied, [BookOpened("x")])


def test_a_replayed_book_has_the_same_state() -> None:
    desk = busy()
    again = desk.replayed()
    assert again.state_hash() == desk.book.state_hash()
    assert again.to_snapshot() == desk.book.to_snapshot()
    assert again.open_orders == desk.book.open_orders
    again.check()


def test_events_evolved_one_by_one_give_the_same_state() -> None:
    desk = busy()
    again = OrderBook(desk.instrument)
    for each in desk.auditor.records():
        for event in each.events:
            again.evolve(event)
    again.evolve(BookOpened("x"))
    assert again.state_hash() == desk.book.state_hash()
    again.check()


def test_a_snapshot_gives_the_same_book() -> None:
    desk = busy()
    again = OrderBook.from_snapshot(desk.instrument, desk.book.to_snapshot(), BookLimits())
    assert again.state_hash() == desk.book.state_hash()
    again.check()


def test_a_book_from_a_snapshot_trades_in_the_same_order() -> None:
    desk = BookDesk()
    for price in (97, 98, 97, 98):
        desk.buy(5, price)
    desk.sell(2)
    desk.book = OrderBook.from_snapshot(desk.instrument, desk.book.to_snapshot())
    assert desk.sell(18).trades == [(2, 98, 3), (4, 98, 5), (1, 97, 5), (3, 97, 5)]


@pytest.mark.parametrize("change", ["order", "priority", "applied", "reserved ids", "override", "price"])
def test_the_hash_tells_states_apart(change: str) -> None:
    desk, other = BookDesk(feed=True), BookDesk(feed=True)
    if change == "order":
        other.buy(5, 100)
    elif change == "priority":
        first, second = desk.maker.make(Side.BUY, 5, 100), desk.maker.make(Side.BUY, 5, 100)
        for each, orders in ((desk, (first, second)), (other, (second, first))):
            for order in orders:
                each.place(order)
    elif change == "applied":
        other.book.apply(record(other, {1: Applied(1, 1, 1)}))
    elif change == "reserved ids":
        other.hear(Print(100, 1, Side.BUY, 1, 0))
    elif change == "override":
        other.override(100, 1, 1)
    else:
        other.override(100, 1, 1)
        other.release()
    assert desk.book.state_hash() != other.book.state_hash()


def test_the_outside_market_is_no_part_of_the_state() -> None:
    desk, other = BookDesk(feed=True), BookDesk(feed=True)
    other.hear(DepthSnapshot([(95, 10)], [(105, 10)], 1))
    assert desk.book.state_hash() == other.book.state_hash()


def test_applied_channels_are_merged() -> None:
    desk = BookDesk()
    desk.book.apply(record(desk, {1: Applied(5, 1, 1025), 2: Applied(6, 1, 1026)}))
    desk.book.apply(record(desk, {1: Applied(5, 2, 2049)}))
    assert desk.book.applied == {1: Applied(5, 2, 2049), 2: Applied(6, 1, 1026)}
    again = OrderBook.from_snapshot(desk.instrument, desk.book.to_snapshot())
    assert again.applied == desk.book.applied


def test_the_order_in_which_channels_were_met_is_no_part_of_the_state() -> None:
    desk, other = BookDesk(), BookDesk()
    desk.book.apply(record(desk, {1: Applied(5, 1, 1025)}))
    desk.book.apply(record(desk, {2: Applied(6, 1, 1026)}))
    other.book.apply(record(other, {2: Applied(6, 1, 1026)}))
    other.book.apply(record(other, {1: Applied(5, 1, 1025)}))
    assert desk.book.state_hash() == other.book.state_hash()


def test_a_replayed_book_with_a_feed_is_stale_until_a_snapshot_comes() -> None:
    desk = busy()
    desk.release()
    again = desk.replayed()
    assert again.is_stale
    again.on_market(DepthSnapshot([(95, 10)], [(105, 10)], 9))
    assert not again.is_stale


def test_the_last_price_of_a_replayed_book_is_that_of_the_last_fill_or_override() -> None:
    desk = BookDesk(feed=True)
    desk.sell(1, 100)
    desk.buy(1, 100)
    desk.hear(Print(123, 1, Side.BUY, 1, 0))
    assert desk.book.last_price == 123
    assert desk.replayed().last_price == 100


def test_opening_and_closing_change_no_orders() -> None:
    desk = busy()
    before = desk.book.state_hash()
    desk.apply_own(BookOpened("again"))
    desk.apply_own(BookClosed())
    assert desk.book.state_hash() == before


def test_history_is_folded_even_where_todays_rules_would_decide_otherwise() -> None:
    kind = (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
    accepted = OrderAccepted(1, 1, 0, *kind, 100, 5, 0, 5000, 0, 0)
    canceled = OrderCanceled(1, 1, 0, "", RejectReason.NO_LIQUIDITY, 5000)
    book = OrderBook(BookDesk().instrument)
    book.apply(BookRecord(SCHEMA_VERSION, 0, 0, book.symbol, {}, [accepted, canceled]))
    assert book.open_orders == 0


@pytest.mark.parametrize("damaged", [b"", b"\x93\x01\x02", b"not a snapshot"])
def test_a_damaged_snapshot_is_an_error(damaged: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        OrderBook.from_snapshot(BookDesk().instrument, damaged)


def test_a_snapshot_of_an_unknown_version_is_an_error() -> None:
    desk = BookDesk()
    fields = msgspec.msgpack.decode(desk.book.to_snapshot())
    later = msgspec.msgpack.encode([99, *fields[1:]])
    with pytest.raises(ValueError, match="version 99"):
        OrderBook.from_snapshot(desk.instrument, later)
