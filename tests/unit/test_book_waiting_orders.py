"""Stop and take-profit orders: they wait, are triggered once by the last price, and then are orders like others."""

from __future__ import annotations

import pytest

from mockexchange.matching import BookLimits
from mockexchange.messages.events import OrderTriggered
from mockexchange.messages.market import DepthSnapshot, DepthUpdate, MarketSilent, Print
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk, Outcome

STOP, STOP_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
PROFIT, PROFIT_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT


def traded(desk: BookDesk, price: int) -> Outcome:
    """Have two accounts trade one unit at a price, and what that leads to."""
    desk.sell(1, price, account=8)
    events = desk.buy(1, price, account=9)
    events += desk.settle()
    return events


def mirrored() -> BookDesk:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([(99, 50), (98, 50)], [(101, 50), (102, 50)], 1))
    desk.hear(Print(100, 1, Side.BUY, 2, 0))
    return desk


@pytest.mark.parametrize(
    ("side", "kind", "untouched", "reached"),
    [
        (Side.SELL, STOP, 96, 95),
        (Side.BUY, STOP, 94, 95),
        (Side.SELL, PROFIT, 94, 95),
        (Side.BUY, PROFIT, 96, 95),
    ],
)
def test_an_order_waits_until_the_last_price_comes_to_its_stop_price(
    side: Side, kind: OrderType, untouched: int, reached: int
) -> None:
    desk = BookDesk()
    desk.place(desk.maker.make(side, 1, order_type=kind, stop_price=95))
    assert traded(desk, untouched).said[-1] == ("Filled", 3)
    assert ("Triggered", 1) in traded(desk, reached).said


def test_an_order_that_waits_is_not_in_the_depth_and_trades_with_nobody() -> None:
    desk = BookDesk()
    assert desk.buy(5, 105, order_type=STOP_LIMIT, stop_price=103).kinds == ["OrderAccepted"]
    assert desk.book.depth(5) == ([], [])
    assert desk.sell(5, 100).trades == []
    assert desk.book.open_orders == 2


def test_a_print_of_the_outside_market_triggers() -> None:
    desk = mirrored()
    desk.sell(5, order_type=STOP, stop_price=98)
    assert desk.hear(Print(99, 1, Side.SELL, 3, 0)).said == []
    assert desk.settle() == []
    desk.hear(Print(97, 1, Side.SELL, 4, 0))
    events = desk.settle()
    assert events[0] == OrderTriggered(1, 1, 0, 97)
    assert events.trades == [(0, 99, 5)]


def test_an_override_triggers() -> None:
    desk = BookDesk()
    desk.buy(5, order_type=STOP, stop_price=120)
    desk.override(121, 10, 10)
    events = desk.settle()
    assert events.said == [("Triggered", 1), ("Filled", 1)]
    assert events.trades == [(0, 121, 5)]


def test_depth_alone_triggers_nothing() -> None:
    desk = mirrored()
    desk.sell(5, order_type=STOP, stop_price=98)
    desk.hear(DepthSnapshot([(90, 5)], [(91, 5)], 3))
    assert desk.settle() == []


def test_an_order_that_would_be_triggered_at_once_is_rejected() -> None:
    desk = mirrored()
    for side, kind, stop_price in (
        (Side.SELL, STOP, 100),
        (Side.BUY, STOP_LIMIT, 100),
        (Side.SELL, PROFIT_LIMIT, 99),
        (Side.BUY, PROFIT, 101),
    ):
        price = 100 if kind.has_limit else 0
        made = desk.maker.make(side, 5, price, order_type=kind, stop_price=stop_price)
        assert desk.place(made).refusal is RejectReason.WOULD_TRIGGER


def test_an_order_waits_where_no_price_is_known() -> None:
    assert BookDesk().sell(5, order_type=STOP, stop_price=10**6).kinds == ["OrderAccepted"]


def test_a_triggered_limit_order_rests_behind_those_who_rested_before() -> None:
    desk = BookDesk()
    desk.sell(5, 96, order_type=STOP_LIMIT, stop_price=95)
    desk.sell(2, 96, account=6)
    assert ("Triggered", 1) in traded(desk, 95).said
    assert desk.book.depth(5)[1] == [(96, 7)]
    assert desk.buy(4, 96).trades == [(2, 96, 2), (1, 96, 2)]


def test_a_triggered_limit_order_takes_what_its_limit_allows_and_rests_with_the_rest() -> None:
    desk = mirrored()
    desk.buy(60, 101, order_type=STOP_LIMIT, stop_price=103)
    desk.hear(Print(103, 1, Side.BUY, 3, 0))
    events = desk.settle()
    assert events.trades == [(0, 101, 50)]
    assert desk.book.best()[:2] == (101, 10)


@pytest.mark.parametrize(
    ("time_in_force", "trades", "reason"),
    [
        (TimeInForce.IOC, [(0, 101, 50)], RejectReason.NO_LIQUIDITY),
        (TimeInForce.FOK, [], RejectReason.NOT_FILLABLE),
    ],
)
def test_a_triggered_order_keeps_its_time_in_force(
    time_in_force: TimeInForce, trades: list[tuple[int, int, int]], reason: RejectReason
) -> None:
    desk = mirrored()
    desk.buy(60, 101, order_type=STOP_LIMIT, stop_price=103, time_in_force=time_in_force)
    desk.hear(Print(103, 1, Side.BUY, 3, 0))
    events = desk.settle()
    assert events.trades == trades
    assert events.canceled.reason is reason
    assert desk.book.open_orders == 0


def test_the_oldest_of_those_that_are_due_comes_first_and_each_sees_what_the_one_before_left() -> None:
    desk = mirrored()
    desk.sell(60, order_type=STOP, stop_price=97, account=1)
    desk.sell(30, order_type=STOP, stop_price=98, account=2)
    desk.hear(Print(96, 1, Side.SELL, 3, 0))
    events = desk.settle()
    assert [each for each in events.said if each[0] == "Triggered"] == [("Triggered", 1), ("Triggered", 2)]
    assert events.trades == [(0, 99, 50), (0, 98, 10), (0, 98, 30)]


def test_a_fill_of_a_triggered_order_triggers_the_next() -> None:
    desk = BookDesk()
    for price in (99, 97, 95):
        desk.buy(5, price, account=7)
    desk.sell(5, order_type=STOP, stop_price=97, account=1)
    desk.sell(5, order_type=STOP, stop_price=99, account=2)
    events = desk.sell(5, account=3)
    events += desk.settle()
    assert events.said == [
        ("Accepted", 6),
        ("Filled", 6),
        ("Triggered", 5),
        ("Filled", 5),
        ("Triggered", 4),
        ("Filled", 4),
    ]
    assert events.trades == [(1, 99, 5), (2, 97, 5), (3, 95, 5)]


def test_a_step_triggers_one_order_and_makes_a_bounded_number_of_fills() -> None:
    desk = BookDesk(limits=BookLimits(max_fills=2))
    for price in (99, 98, 97, 96):
        desk.buy(1, price, account=7)
    for account in (1, 2):
        desk.sell(3, 90, order_type=STOP_LIMIT, stop_price=105, account=account)
    desk.override(105, 0, 0)
    assert desk.uncross().said == [("Triggered", 5), ("Filled", 5), ("Filled", 5)]
    assert desk.uncross().said == [("Filled", 5)]
    assert desk.uncross().said == [("Triggered", 6), ("Filled", 6)]
    assert desk.uncross() == []


def test_an_order_stays_due_where_the_price_has_gone_back_before_its_turn() -> None:
    desk = BookDesk(limits=BookLimits(max_fills=1))
    desk.sell(5, order_type=STOP, stop_price=95)
    desk.buy(1, 95, account=7)
    desk.buy(9, 94, account=7)
    desk.sell(1, 95, account=8)
    desk.override(100, 0, 0)
    assert desk.settle().said == [("Triggered", 1), ("Filled", 1)]


@pytest.mark.parametrize("from_snapshot", [True, False])
def test_what_waits_outlives_a_restart_and_is_triggered_then(from_snapshot: bool) -> None:
    desk = BookDesk()
    desk.sell(5, order_type=STOP, stop_price=95)
    desk.restart(from_snapshot=from_snapshot)
    assert desk.book.open_orders == 1
    assert ("Triggered", 1) in traded(desk, 95).said


@pytest.mark.parametrize("from_snapshot", [True, False])
def test_what_a_trade_made_due_is_triggered_after_a_restart_once(from_snapshot: bool) -> None:
    desk = BookDesk()
    desk.sell(5, 95, order_type=STOP_LIMIT, stop_price=95)
    desk.sell(1, 95, account=8)
    desk.buy(1, 95, account=9)
    desk.restart(from_snapshot=from_snapshot)
    assert desk.settle().said == [("Triggered", 1)]
    desk.restart(from_snapshot=from_snapshot)
    assert desk.settle() == []
    assert desk.book.best()[2:] == (95, 5)
    assert traded(desk, 94).count(OrderTriggered(1, 1, 0, 94)) == 0


def test_a_price_before_the_order_came_does_not_trigger_it_after_a_restart() -> None:
    desk = mirrored()
    desk.hear(Print(90, 1, Side.BUY, 3, 0))
    desk.sell(1, 91, account=8)
    desk.buy(1, 91, account=9)
    desk.hear(Print(100, 1, Side.BUY, 4, 0))
    desk.sell(5, order_type=STOP, stop_price=95)
    desk.restart(from_snapshot=False)
    desk.hear(DepthSnapshot([(99, 50)], [(101, 50)], 5))
    assert desk.settle() == []


def test_nothing_is_triggered_while_the_outside_market_is_stale_but_afterwards() -> None:
    desk = mirrored()
    desk.sell(5, order_type=STOP, stop_price=98)
    desk.hear(MarketSilent())
    desk.hear(Print(97, 1, Side.SELL, 3, 0))
    assert desk.settle() == []
    desk.hear(DepthUpdate([(97, 5)], [], 4))
    assert desk.settle() == []
    desk.hear(DepthSnapshot([(99, 50)], [(101, 50)], 5))
    assert desk.settle().said == [("Triggered", 1), ("Filled", 1)]


def test_an_order_that_waits_can_be_canceled_even_when_it_is_due() -> None:
    desk = mirrored()
    desk.sell(5, order_type=STOP, stop_price=98)
    desk.sell(5, order_type=STOP, stop_price=97)
    assert desk.cancel(1).canceled.release == 5000
    desk.hear(Print(96, 1, Side.SELL, 3, 0))
    assert desk.cancel(2).canceled.release == 5000
    assert desk.settle() == []
    assert desk.book.open_orders == 0


def test_a_triggered_market_buy_gives_back_what_it_did_not_spend() -> None:
    desk = mirrored()
    desk.buy(10, order_type=STOP, stop_price=103, hold=20_000)
    desk.hear(Print(103, 1, Side.BUY, 3, 0))
    events = desk.settle()
    assert events.trades == [(0, 101, 10)]
    assert events.takers[-1].release == 20_000 - 10_100
