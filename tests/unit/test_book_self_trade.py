"""What happens where an order meets another of its own account."""

from __future__ import annotations

import pytest

from mockexchange.matching import BookLimits
from mockexchange.messages.events import OrderCanceled
from mockexchange.messages.market import DepthSnapshot, Print
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk, Outcome

NONE, TAKER = SelfTradePrevention.NONE, SelfTradePrevention.EXPIRE_TAKER
MAKER, BOTH = SelfTradePrevention.EXPIRE_MAKER, SelfTradePrevention.EXPIRE_BOTH
PREVENTING = [TAKER, MAKER, BOTH]


def faced(limits: BookLimits | None = None) -> BookDesk:
    """Return a desk with asks of others before and behind one of account 1."""
    desk = BookDesk(limits=limits)
    desk.sell(2, 100, account=7)
    desk.sell(3, 101, account=1)
    desk.sell(4, 102, account=7)
    return desk


def prevented(events: Outcome) -> list[int]:
    return [
        event.order_id
        for event in events
        if isinstance(event, OrderCanceled) and event.reason is RejectReason.SELF_TRADE
    ]


@pytest.mark.parametrize(
    ("mode", "trades", "canceled", "left"),
    [
        (NONE, [(1, 100, 2), (2, 101, 3), (3, 102, 3)], [], (0, 0, 102, 1)),
        (TAKER, [(1, 100, 2)], [4], (0, 0, 101, 3)),
        (MAKER, [(1, 100, 2), (3, 102, 4)], [2], (102, 2, 0, 0)),
        (BOTH, [(1, 100, 2)], [2, 4], (0, 0, 102, 4)),
    ],
)
def test_the_takers_mode_decides(
    mode: SelfTradePrevention,
    trades: list[tuple[int, int, int]],
    canceled: list[int],
    left: tuple[int, int, int, int],
) -> None:
    desk = faced()
    events = desk.buy(8, 102, prevention=mode)
    assert events.trades == trades
    assert prevented(events) == canceled
    assert desk.book.best() == left
    assert desk.uncross() == []


@pytest.mark.parametrize("mode", PREVENTING)
def test_others_are_traded_with_whatever_the_mode(mode: SelfTradePrevention) -> None:
    desk = faced()
    assert len(desk.buy(9, 102, prevention=mode, account=5).trades) == 3


@pytest.mark.parametrize("mode", PREVENTING)
def test_the_makers_mode_does_not_count(mode: SelfTradePrevention) -> None:
    desk = BookDesk()
    desk.sell(5, 100, prevention=mode)
    assert desk.buy(5, 100).trades == [(1, 100, 5)]


@pytest.mark.parametrize("mode", PREVENTING)
def test_what_the_order_does_not_reach_is_left_alone(mode: SelfTradePrevention) -> None:
    desk = faced()
    events = desk.buy(2, 102, prevention=mode)
    assert prevented(events) == []
    assert desk.buy(5, 100, prevention=mode).kinds == ["OrderAccepted"]
    assert desk.book.open_orders == 3


@pytest.mark.parametrize("mode", PREVENTING)
def test_a_market_buy_that_cannot_pay_its_own_order_leaves_it_alone(mode: SelfTradePrevention) -> None:
    desk = faced()
    events = desk.buy(quote_amount=2 * 1000 + 1009, prevention=mode)
    assert events.trades == [(1, 100, 2)]
    assert prevented(events) == []


@pytest.mark.parametrize(("mode", "is_filled"), [(NONE, True), (TAKER, False), (MAKER, True), (BOTH, False)])
def test_a_fill_or_kill_order_is_filled_only_where_prevention_lets_it(
    mode: SelfTradePrevention, is_filled: bool
) -> None:
    desk = faced()
    events = desk.buy(6, 102, prevention=mode, time_in_force=TimeInForce.FOK)
    if is_filled:
        assert sum(quantity for _, _, quantity in events.trades) == 6
    else:
        assert events.refusal is RejectReason.NOT_FILLABLE
        assert desk.book.open_orders == 3


def test_own_orders_do_not_count_towards_fill_or_kill() -> None:
    desk = faced()
    events = desk.buy(7, 102, prevention=MAKER, time_in_force=TimeInForce.FOK)
    assert events.refusal is RejectReason.NOT_FILLABLE
    assert desk.book.open_orders == 3


@pytest.mark.parametrize("mode", [NONE, *PREVENTING])
def test_a_post_only_order_that_meets_its_own_account_is_refused(mode: SelfTradePrevention) -> None:
    desk = BookDesk()
    desk.sell(5, 100)
    assert desk.buy(5, 100, prevention=mode, is_post_only=True).refusal is RejectReason.WOULD_TAKE
    assert desk.book.open_orders == 1


def test_a_buy_by_amount_that_ends_before_its_own_order_is_filled() -> None:
    desk = faced()
    events = desk.buy(quote_amount=2 * 1000 + 9, prevention=MAKER)
    assert events.takers[-1].remaining == 0
    assert events.takers[-1].release == 9


def test_a_triggered_order_does_not_trade_with_its_own_account() -> None:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([(90, 50)], [(110, 50)], 1))
    desk.hear(Print(105, 1, Side.SELL, 2, 0))
    desk.buy(5, 100)
    desk.sell(5, order_type=OrderType.STOP_LOSS, stop_price=102, prevention=MAKER)
    desk.hear(Print(101, 1, Side.SELL, 3, 0))
    events = desk.settle()
    assert events.said == [("Triggered", 2), ("Canceled", 1), ("Filled", 2)]
    assert events.trades == [(0, 90, 5)]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (TAKER, [[("Canceled", 4)]]),
        (MAKER, [[("Canceled", 2)], [("Filled", 4)]]),
        (BOTH, [[("Canceled", 2)], [("Canceled", 4)]]),
    ],
)
def test_an_interrupted_order_goes_on_with_its_mode(
    mode: SelfTradePrevention, said: list[list[tuple[str, int]]]
) -> None:
    desk = faced(BookLimits(max_fills=1))
    desk.buy(6, 102, prevention=mode)
    steps = []
    while events := desk.uncross():
        steps.append(events.said)
    if mode is BOTH:
        assert [each for step in steps for each in step] == [("Canceled", 2), ("Canceled", 4)]
    else:
        assert steps == said
