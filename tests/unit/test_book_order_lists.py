"""Lists of two orders, of which at most one trades."""

from __future__ import annotations

import msgspec
import pytest

from mockexchange.messages.events import HoldMoved, OrderAccepted, OrderCanceled, OrderRejected, OrderReserved
from mockexchange.messages.market import DepthSnapshot, DepthUpdate, Print
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk

STOP, STOP_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
LIST_DONE = RejectReason.LIST_DONE


def pair(desk: BookDesk, side: Side = Side.SELL, quantity: int = 10) -> tuple[OrderReserved, OrderReserved]:
    """Return a limit order and a stop-limit order around 100."""
    sign = 1 if side is Side.SELL else -1
    first = desk.maker.make(side, quantity, 100 + 5 * sign, is_post_only=True)
    stop_price, price = 100 - 5 * sign, 100 - 6 * sign
    return first, desk.maker.make(side, quantity, price, order_type=STOP_LIMIT, stop_price=stop_price)


def test_both_are_accepted_and_hold_the_greater_need_once() -> None:
    desk = BookDesk()
    events = desk.place_list(*pair(desk, Side.BUY))
    assert [event.hold for event in events if isinstance(event, OrderAccepted)] == [106 * 100, 0]
    assert desk.book.depth(5) == ([(95, 10)], [])


def test_a_fill_of_the_limit_order_cancels_the_other_and_gives_back_what_it_needed_more() -> None:
    desk = BookDesk()
    desk.place_list(*pair(desk, Side.BUY))
    events = desk.sell(4, 95, account=7)
    moved, canceled = events[1], events[2]
    assert events.kinds[:3] == ["OrderAccepted", "HoldMoved", "OrderCanceled"]
    assert moved == HoldMoved(1, 2, 1, 0, 1100)
    assert canceled == OrderCanceled(2, 1, 0, "", LIST_DONE, 1100)
    assert events.trades == [(1, 95, 4)]
    assert desk.sell(6, 95, account=7).makers[-1].release == 0


def test_the_outside_market_fills_over_several_levels_and_cancels_once() -> None:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([], [], 1))
    desk.place_list(*pair(desk))
    events = desk.hear(DepthUpdate([(106, 3), (105, 4)], [], 2))
    assert events.said == [("Canceled", 2), ("Filled", -1), ("Filled", -1)]


def test_a_print_through_the_limit_order_cancels_the_other() -> None:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([], [], 1))
    desk.place_list(*pair(desk))
    events = desk.hear(Print(107, 4, Side.BUY, 2, 0))
    assert events.said == [("Canceled", 2), ("Filled", -1)]
    assert desk.settle() == []


def test_a_triggered_order_takes_the_money_and_cancels_the_other() -> None:
    desk = BookDesk()
    desk.place_list(*pair(desk, Side.BUY))
    desk.override(105, 0, 3)
    events = desk.settle()
    assert events.said == [("HoldMoved", 1), ("Canceled", 1), ("Triggered", 2), ("Filled", 2)]
    assert events[0] == HoldMoved(1, 2, 1, 0, 106 * 100)
    assert events.canceled.release == 0
    assert desk.book.best()[:2] == (106, 7)


def test_a_market_order_of_a_list_gets_all_the_money_and_gives_back_the_rest() -> None:
    desk = BookDesk()
    first = desk.maker.make(Side.BUY, 10, 95, is_post_only=True)
    second = desk.maker.make(Side.BUY, 10, order_type=STOP, stop_price=105, hold=12_000)
    desk.place_list(first, second)
    desk.override(106, 0, 50)
    events = desk.settle()
    assert events[0] == HoldMoved(1, 2, 1, 0, 12_000)
    assert events.takers[-1].release == 12_000 - 10_600


def test_two_orders_that_wait_make_a_list() -> None:
    desk = BookDesk()
    up = desk.maker.make(Side.SELL, 10, order_type=OrderType.TAKE_PROFIT, stop_price=110)
    down = desk.maker.make(Side.SELL, 10, order_type=STOP, stop_price=90)
    desk.place_list(up, down)
    desk.override(90, 10, 0)
    assert desk.settle().said == [("HoldMoved", 1), ("Canceled", 1), ("Triggered", 2), ("Filled", 2)]
    desk.override(110, 10, 0)
    assert desk.settle() == []


@pytest.mark.parametrize("chosen", [1, 2])
def test_a_cancel_of_one_cancels_both(chosen: int) -> None:
    desk = BookDesk()
    desk.place_list(*pair(desk))
    events = desk.cancel(chosen)
    assert [
        (event.order_id, event.command_id, event.reason) for event in events if isinstance(event, OrderCanceled)
    ] == [
        (chosen, "c:cancel", RejectReason.CANCELED_BY_USER),
        (3 - chosen, "", RejectReason.CANCELED_BY_USER),
    ]
    assert desk.book.open_orders == 0


@pytest.mark.parametrize("from_snapshot", [True, False])
def test_a_list_outlives_a_restart(from_snapshot: bool) -> None:
    desk = BookDesk()
    desk.place_list(*pair(desk))
    desk.restart(from_snapshot=from_snapshot)
    assert desk.buy(4, 105, account=7).said == [("Accepted", 3), ("Canceled", 2), ("Filled", 3)]
    desk.restart(from_snapshot=from_snapshot)
    assert desk.cancel(1).said == [("Canceled", 1)]


def test_where_one_is_refused_both_are() -> None:
    desk = BookDesk(band=(500_000, 2_000_000))
    desk.buy(1, 106, account=7)
    assert refusals(desk, *pair(desk)) == [RejectReason.WOULD_TAKE] * 2
    desk.sell(1, 106, account=7)
    desk.cancel(1)
    near = desk.maker.make(Side.SELL, 5, 120, is_post_only=True)
    passed = desk.maker.make(Side.SELL, 5, 90, order_type=STOP_LIMIT, stop_price=106)
    assert refusals(desk, near, passed) == [RejectReason.WOULD_TRIGGER] * 2
    far = desk.maker.make(Side.SELL, 5, 50, order_type=STOP_LIMIT, stop_price=90)
    assert refusals(desk, near, far) == [RejectReason.PRICE_OUT_OF_BAND] * 2
    late = msgspec.structs.replace(far, deadline_ns=4)
    assert refusals(desk, near, late, now_ns=5) == [RejectReason.TOO_LATE] * 2
    assert desk.book.depth(5) == ([], [])


def test_a_list_without_the_money_either_needs_is_refused() -> None:
    desk = BookDesk()
    first, second = pair(desk, Side.BUY)
    events = desk.place_list(first, second, hold=second.need - 1)
    assert [event.release for event in events if isinstance(event, OrderRejected)] == [second.need - 1, 0]
    assert events[0].reason is RejectReason.INSUFFICIENT_FUNDS  # type: ignore[union-attr]


def test_orders_that_do_not_go_together_are_refused() -> None:
    desk = BookDesk()
    first, second = pair(desk)
    limit = desk.maker.make(Side.SELL, 5, 120)
    market = desk.maker.make(Side.SELL, 5)
    other_side = desk.maker.make(Side.BUY, 5, 90, order_type=STOP_LIMIT, stop_price=110)
    for other in (limit, market, other_side, msgspec.structs.replace(second, account=2)):
        assert refusals(desk, first, other) == [RejectReason.INVALID_LIST] * 2


def test_a_leg_that_comes_alone_is_refused() -> None:
    desk = BookDesk()
    first, _ = desk.maker.make_list(*pair(desk))
    assert desk.place(first).refusal is RejectReason.INVALID_LIST


def test_a_leg_cannot_be_amended_while_the_other_is_open() -> None:
    desk = BookDesk()
    desk.place_list(*pair(desk))
    assert desk.amend(1, 5)[0].reason is RejectReason.INVALID_AMENDMENT  # type: ignore[union-attr]
    desk.buy(2, 105, account=7)
    assert desk.amend(1, 5).kinds == ["OrderAmended"]


def test_a_leg_that_an_order_of_its_account_meets_goes_with_its_list() -> None:
    desk = BookDesk()
    desk.place_list(*pair(desk))
    events = desk.buy(4, 105, prevention=SelfTradePrevention.EXPIRE_MAKER)
    assert events.said == [("Accepted", 3), ("Canceled", 1), ("Canceled", 2)]
    assert desk.book.best() == (105, 4, 0, 0)


def refusals(desk: BookDesk, first: OrderReserved, second: OrderReserved, now_ns: int = 0) -> list[RejectReason]:
    """Place a list that is refused, and return why."""
    return [event.reason for event in desk.place_list(first, second, now_ns=now_ns) if isinstance(event, OrderRejected)]
