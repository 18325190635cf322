"""What happens to those whom the bound on fills per step interrupts."""

from __future__ import annotations

import pytest

from mockexchange.matching import BookLimits
from mockexchange.messages.market import DepthSnapshot, DepthUpdate
from mockexchange.messages.orders import TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk


def limited(max_fills: int = 2, *, feed: bool = False) -> BookDesk:
    return BookDesk(feed=feed, limits=BookLimits(max_fills=max_fills))


def test_an_interrupted_gtc_order_rests_and_goes_on_as_the_taker() -> None:
    desk = limited()
    for price in (100, 101, 102, 103, 104):
        desk.sell(1, price)
    events = desk.buy(4, 110)
    assert events.trades == [(1, 100, 1), (2, 101, 1)]
    assert desk.book.best() == (110, 2, 102, 1)
    again = desk.uncross()
    assert again.trades == [(3, 102, 1), (4, 103, 1)]
    # It held its limit's value and is the taker still: at the maker's price, at the taker's rate.
    assert [side.release for side in again.takers] == [80, 70]
    assert [side.remaining for side in again.takers] == [1, 0]
    assert desk.uncross() == []
    assert desk.book.depth(5) == ([], [(104, 1)])


def test_an_order_that_is_done_at_the_limit_is_not_interrupted() -> None:
    desk = limited()
    desk.sell(1, 100)
    desk.sell(1, 100)
    desk.buy(2, 100)
    assert desk.uncross() == []


def test_the_rest_of_an_interrupted_ioc_order_is_canceled() -> None:
    desk = limited()
    for _ in range(3):
        desk.sell(1, 100)
    events = desk.buy(3, 100, time_in_force=TimeInForce.IOC)
    assert events.canceled.reason is RejectReason.FILL_LIMIT
    assert events.canceled.release == 1000
    assert desk.uncross() == []


def test_an_interrupted_order_takes_from_the_house_at_the_houses_price() -> None:
    desk = limited(feed=True)
    desk.hear(DepthSnapshot([], [(100, 1), (101, 1), (102, 1), (103, 1)], 1))
    desk.buy(3, 110)
    assert desk.uncross().trades == [(0, 102, 1)]
    assert desk.book.depth(5) == ([], [(103, 1)])


def test_an_interrupted_order_can_be_canceled() -> None:
    desk = limited()
    for _ in range(5):
        desk.sell(1, 100)
    desk.buy(5, 110)
    assert desk.cancel(6).canceled.release == 3 * 110 * 10
    assert desk.uncross() == []
    assert desk.book.depth(5) == ([], [(100, 3)])


@pytest.mark.parametrize("from_snapshot", [True, False])
def test_after_a_restart_the_younger_of_two_crossing_orders_goes_on(from_snapshot: bool) -> None:
    desk = limited()
    for price in (100, 101, 102, 103):
        desk.sell(1, price)
    desk.buy(4, 110)
    snapshot = desk.book.to_snapshot()
    desk.book = desk.book.from_snapshot(desk.instrument, snapshot, desk.limits) if from_snapshot else desk.replayed()
    assert desk.uncross().trades == [(3, 102, 1), (4, 103, 1)]
    assert desk.uncross() == []


def test_a_younger_sell_order_goes_on_as_the_taker_after_a_restart() -> None:
    desk = limited()
    for price in (103, 102, 101, 100):
        desk.buy(1, price)
    desk.sell(3, 90)
    desk.book = desk.replayed()
    assert desk.uncross().trades == [(3, 101, 1)]


def test_resting_orders_that_the_outside_reaches_go_on_in_the_next_step() -> None:
    desk = limited(feed=True)
    desk.hear(DepthSnapshot([], [(110, 1)], 1))
    for _ in range(4):
        desk.buy(1, 100)
    assert desk.hear(DepthUpdate([], [(99, 9)], 7)).house_trades == [(1, 100, 1), (2, 100, 1)]
    again = desk.uncross()
    assert again.house_trades == [(3, 100, 1), (4, 100, 1)]
    assert [fill.cause for fill in again.fills] == [7, 7]
    assert desk.uncross() == []


def test_an_override_goes_on_in_the_next_step() -> None:
    desk = limited(feed=True)
    for _ in range(3):
        desk.buy(1, 100)
    assert desk.override(100, 5, 3).house_trades == [(1, 100, 1), (2, 100, 1)]
    again = desk.uncross()
    assert again.house_trades == [(3, 100, 1)]
    assert again.fills[0].cause == 0
    assert desk.uncross() == []
    assert desk.book.best() == (100, 5, 0, 0)


def test_an_uncrossed_book_has_nothing_to_go_on_with() -> None:
    desk = limited()
    desk.sell(1, 100)
    desk.buy(1, 99)
    assert desk.uncross() == []
