"""An order in the place of another, and an order that becomes smaller."""

from __future__ import annotations

import msgspec
import pytest

from mockexchange.messages.channel import BookAmend
from mockexchange.messages.events import AmendRejected, HoldMoved, OrderAccepted, OrderAmended, OrderCanceled
from mockexchange.messages.market import DepthSnapshot, Print
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk

STOP = OrderType.STOP_LOSS


def test_a_replacement_moves_the_money_cancels_and_places() -> None:
    desk = BookDesk()
    desk.buy(5, 100)
    events = desk.replace(1, desk.maker.make(Side.BUY, 5, 103), hold=150)
    accepted = events[2]
    assert isinstance(accepted, OrderAccepted)
    assert events[:2] == [HoldMoved(1, 2, 1, 0, 5000), OrderCanceled(1, 1, 0, "g:2", RejectReason.REPLACED, 0)]
    assert (accepted.order_id, accepted.hold) == (2, 5150)
    assert desk.book.depth(5) == ([(103, 5)], [])


def test_money_that_the_new_order_does_not_need_is_given_back() -> None:
    desk = BookDesk()
    desk.sell(9, 100)
    events = desk.replace(1, desk.maker.make(Side.SELL, 4, 101))
    assert events[0] == HoldMoved(1, 2, 1, 0, 4000)
    assert events.canceled.release == 5000


def test_an_order_of_the_other_side_brings_its_own_money() -> None:
    desk = BookDesk()
    desk.sell(5, 100)
    order = desk.maker.make(Side.BUY, 5, 100)
    events = desk.replace(1, order, hold=order.need)
    assert events.said == [("Canceled", 1), ("Accepted", 2)]
    assert events.canceled.release == 5000
    assert desk.book.depth(5) == ([(100, 5)], [])


def test_a_replacement_passes_over_the_whole_list_that_it_replaces() -> None:
    desk = BookDesk()
    first = desk.maker.make(Side.SELL, 5, 105, is_post_only=True)
    desk.place_list(first, desk.maker.make(Side.SELL, 5, order_type=STOP, stop_price=95))
    desk.sell(2, 106, account=7)
    order = desk.maker.make(Side.BUY, 5, 106)
    events = desk.replace(2, order, hold=order.need)
    assert events.said == [("Canceled", 2), ("Canceled", 1), ("Accepted", 4), ("Filled", 4)]
    assert events.trades == [(3, 106, 2)]


def test_a_replacement_may_take_at_once() -> None:
    desk = BookDesk()
    desk.sell(3, 101, account=7)
    desk.buy(5, 100)
    events = desk.replace(2, desk.maker.make(Side.BUY, 5, 101), hold=50)
    assert events.trades == [(1, 101, 3)]
    assert desk.book.depth(5) == ([(101, 2)], [])


def test_where_the_old_order_is_gone_only_if_open_decides() -> None:
    desk = BookDesk()
    order = desk.maker.make(Side.BUY, 5, 100)
    assert desk.replace(77, order, hold=order.need).refusal is RejectReason.NOT_REPLACED
    again = desk.maker.make(Side.BUY, 5, 100)
    assert desk.replace(77, again, only_if_open=False, hold=again.need).kinds == ["OrderAccepted"]
    third = desk.maker.make(Side.BUY, 5, 100)
    assert desk.replace(77, third, only_if_open=False, hold=4999).refusal is RejectReason.INSUFFICIENT_FUNDS


def test_nobody_replaces_the_order_of_another() -> None:
    desk = BookDesk()
    desk.buy(5, 100)
    stranger = desk.maker.make(Side.BUY, 5, 100, account=2)
    assert desk.replace(1, stranger).refusal is RejectReason.NOT_REPLACED
    assert desk.replace(1, desk.maker.make(Side.BUY, 5, 100), shard=1).refusal is RejectReason.NOT_REPLACED
    assert desk.book.depth(5) == ([(100, 5)], [])


def test_an_old_order_with_too_little_left_is_canceled_and_nothing_placed() -> None:
    desk = BookDesk()
    desk.buy(5, 100)
    desk.sell(2, 100, account=7)
    events = desk.replace(1, desk.maker.make(Side.BUY, 5, 100))
    assert events.said == [("Canceled", 1), ("Rejected", 3)]
    assert events.canceled.release == 3000
    assert events[-1].reason is RejectReason.INSUFFICIENT_FUNDS  # type: ignore[union-attr]


@pytest.mark.parametrize("only_if_open", [True, False])
def test_a_replacement_that_is_refused_leaves_the_old_order_in_its_place(only_if_open: bool) -> None:
    desk = BookDesk(feed=True, band=(500_000, 2_000_000))
    desk.hear(DepthSnapshot([], [(101, 5)], 1))
    desk.hear(Print(100, 1, Side.BUY, 2, 0))
    desk.buy(5, 99)
    make = desk.maker.make
    for order, reason in (
        (make(Side.BUY, 5, 101, is_post_only=True), RejectReason.WOULD_TAKE),
        (make(Side.BUY, 5, 49), RejectReason.PRICE_OUT_OF_BAND),
        (make(Side.BUY, 9, 101, time_in_force=TimeInForce.FOK), RejectReason.NOT_FILLABLE),
        (make(Side.BUY, 5, order_type=STOP, stop_price=100), RejectReason.WOULD_TRIGGER),
        (make(Side.BUY, 5, 99, deadline_ns=-1), RejectReason.TOO_LATE),
    ):
        refused = desk.replace(1, order, only_if_open=only_if_open, hold=order.need)
        assert refused.refusal is reason
    assert desk.book.depth(5)[0] == [(99, 5)]


def test_an_order_that_waits_may_be_replaced_by_one_that_waits() -> None:
    desk = BookDesk()
    desk.sell(5, order_type=STOP, stop_price=95)
    desk.replace(1, desk.maker.make(Side.SELL, 5, order_type=STOP, stop_price=90))
    desk.override(94, 10, 0)
    assert desk.settle() == []
    desk.override(90, 10, 0)
    assert desk.settle().said == [("Triggered", 2), ("Filled", 2)]


def test_a_smaller_order_keeps_its_place_and_gives_money_back() -> None:
    desk = BookDesk()
    desk.buy(5, 100)
    desk.buy(5, 100)
    desk.sell(2, 100, account=7)
    assert desk.amend(1, 3) == [OrderAmended(1, 1, 0, "c:amend", 3, 1, 2000, "new-name")]
    assert desk.book.depth(5) == ([(100, 6)], [])
    assert desk.sell(2, 100, account=7).trades == [(1, 100, 1), (2, 100, 1)]


@pytest.mark.parametrize("quantity", [5, 6, 2, 1, 0, -1])
def test_a_quantity_that_is_not_between_filled_and_old_is_refused(quantity: int) -> None:
    desk = BookDesk()
    desk.sell(5, 100)
    desk.buy(2, 100, account=7)
    assert desk.amend(1, quantity) == [AmendRejected(1, 1, 0, "c:amend", RejectReason.INVALID_AMENDMENT)]
    assert desk.book.depth(5) == ([], [(100, 3)])


def test_an_amend_always_has_an_answer() -> None:
    desk = BookDesk()
    desk.sell(5, 100)
    assert desk.amend(77, 3) == [AmendRejected(77, 0, 0, "c:amend", RejectReason.ORDER_NOT_OPEN)]
    assert desk.amend(1, 3, shard=1) == [AmendRejected(1, 0, 1, "c:amend", RejectReason.ORDER_NOT_OPEN)]
    late = BookAmend(1, "c:late", 3, "", 4)
    assert desk.book.amend(late, 0, 5) == [AmendRejected(1, 1, 0, "c:late", RejectReason.TOO_LATE)]
    assert desk.book.amend(late, 0, 4) == [OrderAmended(1, 1, 0, "c:late", 3, 3, 2000, "")]


def test_an_order_that_waits_becomes_smaller() -> None:
    desk = BookDesk()
    desk.buy(10, order_type=STOP, stop_price=105, hold=11_111)
    assert desk.amend(1, 3)[0].release == 11_111 - 3334  # type: ignore[union-attr]
    desk.override(105, 0, 50)
    assert desk.settle().trades == [(0, 105, 3)]


@pytest.mark.parametrize("from_snapshot", [True, False])
def test_what_was_amended_and_replaced_outlives_a_restart(from_snapshot: bool) -> None:
    desk = BookDesk()
    desk.sell(5, 100)
    desk.sell(5, 100)
    desk.amend(1, 2)
    desk.replace(2, desk.maker.make(Side.SELL, 4, 101))
    desk.restart(from_snapshot=from_snapshot)
    assert desk.amend(1, 2)[0].reason is RejectReason.INVALID_AMENDMENT  # type: ignore[union-attr]
    assert desk.buy(9, 101, account=7).trades == [(1, 100, 2), (3, 101, 4)]


def test_an_order_without_a_quantity_cannot_be_amended() -> None:
    desk = BookDesk()
    order = desk.maker.make(Side.BUY, order_type=STOP, stop_price=105, quote_amount=5000)
    desk.place(msgspec.structs.replace(order, time_in_force=TimeInForce.IOC))
    assert desk.amend(1, 3)[0].reason is RejectReason.INVALID_AMENDMENT  # type: ignore[union-attr]
