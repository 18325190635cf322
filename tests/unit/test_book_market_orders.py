from __future__ import annotations

import pytest

from mockexchange.matching import BookLimits
from mockexchange.messages.market import DepthSnapshot
from mockexchange.messages.orders import TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk

# One unit at price 100 costs 1,000 quote units.


def test_a_market_buy_walks_up_the_book_and_releases_the_rest_of_its_hold_at_its_end() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    desk.sell(3, 101)
    events = desk.buy(4, hold=5000)
    assert events.trades == [(1, 100, 2), (2, 101, 2)]
    assert [side.release for side in events.takers] == [0, 5000 - 2000 - 2020]
    assert [side.remaining for side in events.takers] == [2, 0]


def test_a_market_sell_walks_down_the_book() -> None:
    desk = BookDesk()
    desk.buy(2, 100)
    desk.buy(3, 99)
    events = desk.sell(4)
    assert events.trades == [(1, 100, 2), (2, 99, 2)]
    assert [side.release for side in events.takers] == [0, 0]


def test_a_market_order_that_empties_the_book_loses_its_rest() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    events = desk.buy(5, hold=7000)
    assert events.canceled.reason is RejectReason.NO_LIQUIDITY
    assert events.canceled.release == 5000
    assert desk.book.open_orders == 0


def test_a_market_sell_gets_its_unsold_rest_back() -> None:
    desk = BookDesk()
    desk.buy(2, 100)
    assert desk.sell(5).canceled.release == 3000


def test_a_market_order_with_nothing_to_match_is_accepted_and_canceled() -> None:
    events = BookDesk().buy(5, hold=7000)
    assert events.kinds == ["OrderAccepted", "OrderCanceled"]
    assert events.canceled.reason is RejectReason.NO_LIQUIDITY
    assert events.canceled.release == 7000


def test_a_hold_bounds_what_a_market_buy_takes() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    desk.sell(5, 200)
    events = desk.buy(7, hold=7999)
    assert events.trades == [(1, 100, 2), (2, 200, 2)]
    assert events.canceled.reason is RejectReason.HOLD_EXHAUSTED
    assert events.canceled.release == 7999 - 2000 - 4000
    assert desk.book.depth(5) == ([], [(200, 3)])


def test_a_hold_that_cannot_pay_the_first_step_buys_nothing() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    events = desk.buy(2, hold=999)
    assert events.kinds == ["OrderAccepted", "OrderCanceled"]
    assert events.canceled.reason is RejectReason.HOLD_EXHAUSTED
    assert events.canceled.release == 999


def test_a_hold_that_pays_to_the_last_unit_fills() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    events = desk.buy(2, hold=2000)
    assert events.takers[-1].remaining == 0
    assert events.takers[-1].release == 0


def test_a_hold_is_spent_in_whole_steps() -> None:
    desk = BookDesk(step_size=5)
    desk.sell(50, 100)
    events = desk.buy(20, hold=19_000)
    assert events.trades == [(1, 100, 15)]
    assert events.canceled.reason is RejectReason.HOLD_EXHAUSTED
    assert events.canceled.release == 4000


def test_an_order_by_quote_amount_is_complete_when_its_rest_buys_no_step() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    desk.sell(5, 200)
    events = desk.buy(quote_amount=7999)
    assert events.trades == [(1, 100, 2), (2, 200, 2)]
    assert [side.remaining for side in events.takers] == [-1, 0]
    assert [side.release for side in events.takers] == [0, 1999]
    assert events.kinds[-1] == "OrderFilled"


def test_an_order_by_quote_amount_that_is_spent_to_the_last_unit_is_complete() -> None:
    desk = BookDesk()
    desk.sell(5, 200)
    events = desk.buy(quote_amount=10_000)
    assert [(side.remaining, side.release) for side in events.takers] == [(0, 0)]


def test_an_order_by_quote_amount_that_finds_too_little_is_canceled() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    events = desk.buy(quote_amount=7000)
    assert [side.remaining for side in events.takers] == [-1]
    assert events.canceled.reason is RejectReason.NO_LIQUIDITY
    assert events.canceled.release == 5000


def test_one_more_step_that_could_be_paid_but_is_not_there_leaves_the_order_incomplete() -> None:
    desk = BookDesk()
    desk.sell(2, 100)
    assert desk.buy(quote_amount=3000).canceled.release == 1000
    desk.sell(2, 100)
    assert desk.buy(quote_amount=2999).takers[-1].remaining == 0


def test_an_order_by_quote_amount_that_buys_no_step_is_canceled() -> None:
    desk = BookDesk(step_size=5)
    desk.sell(5, 100)
    events = desk.buy(quote_amount=4999)
    assert events.kinds == ["OrderAccepted", "OrderCanceled"]
    assert events.canceled.reason is RejectReason.HOLD_EXHAUSTED
    assert events.canceled.release == 4999


def test_an_order_by_quote_amount_buys_whole_steps() -> None:
    desk = BookDesk(step_size=5)
    desk.sell(50, 100)
    events = desk.buy(quote_amount=19_000)
    assert events.trades == [(1, 100, 15)]
    assert events.takers[-1].release == 4000


def test_a_step_size_does_not_leave_an_odd_lot_behind() -> None:
    desk = BookDesk(feed=True, step_size=5)
    desk.hear(DepthSnapshot([], [(100, 7), (101, 50)], 1))
    assert desk.buy(20).trades == [(0, 100, 7), (0, 101, 13)]


def test_a_market_fok_fills_whole_or_not_at_all() -> None:
    desk = BookDesk()
    desk.sell(5, 100)
    assert desk.buy(6, time_in_force=TimeInForce.FOK).refusal is RejectReason.NOT_FILLABLE
    assert desk.buy(5, hold=4999, time_in_force=TimeInForce.FOK).refusal is RejectReason.NOT_FILLABLE
    assert desk.buy(5, time_in_force=TimeInForce.FOK).trades == [(1, 100, 5)]


def test_the_limit_of_fills_cancels_the_rest_of_a_market_order() -> None:
    desk = BookDesk(limits=BookLimits(max_fills=2))
    for _ in range(3):
        desk.sell(1, 100)
    events = desk.buy(3, hold=9000)
    assert events.trades == [(1, 100, 1), (2, 100, 1)]
    assert events.canceled.reason is RejectReason.FILL_LIMIT
    assert events.canceled.release == 7000


def test_an_offer_beyond_the_limit_of_fills_counts_as_not_paid() -> None:
    desk = BookDesk(limits=BookLimits(max_fills=1))
    desk.sell(1, 100)
    desk.sell(1, 100)
    events = desk.buy(quote_amount=2000)
    assert events.canceled.reason is RejectReason.FILL_LIMIT
    assert events.canceled.release == 1000


def test_a_plain_book_without_a_feed_is_never_stale() -> None:
    desk = BookDesk()
    desk.sell(1, 100)
    assert not desk.book.is_stale
    assert desk.buy(1).trades == [(1, 100, 1)]


def test_a_sell_by_amount_sells_whole_steps_up_to_the_amount() -> None:
    desk = BookDesk()
    desk.buy(3, 100, account=7)
    desk.buy(9, 98, account=7)
    events = desk.sell(quote_amount=3 * 1000 + 4 * 980 + 979, hold=10_000)
    assert events.trades == [(1, 100, 3), (2, 98, 4)]
    assert [(side.remaining, side.release) for side in events.takers] == [(-1, 0), (0, 3000)]


def test_a_sell_by_amount_keeps_to_the_step_size() -> None:
    desk = BookDesk(step_size=5)
    desk.buy(20, 100, account=7)
    events = desk.sell(quote_amount=14_999, hold=20_000)
    assert events.trades == [(1, 100, 10)]
    assert events.takers[-1].remaining == 0


@pytest.mark.parametrize(
    ("amount", "hold", "trades", "reason"),
    [
        (10_000, 4_999, [(1, 100, 4)], RejectReason.HOLD_EXHAUSTED),
        (99_999, 90_000, [(1, 100, 20)], RejectReason.NO_LIQUIDITY),
        (999, 5_000, [], RejectReason.HOLD_EXHAUSTED),
        (5_000, 999, [], RejectReason.HOLD_EXHAUSTED),
    ],
)
def test_a_sell_by_amount_that_cannot_be_filled_gives_the_rest_back(
    amount: int, hold: int, trades: list[tuple[int, int, int]], reason: RejectReason
) -> None:
    desk = BookDesk()
    desk.buy(20, 100, account=7)
    events = desk.sell(quote_amount=amount, hold=hold)
    assert events.trades == trades
    assert events.canceled.reason is reason
    assert events.canceled.release == hold - 1000 * sum(quantity for _, _, quantity in trades)


def test_a_sell_by_amount_whose_hold_just_suffices_is_filled() -> None:
    desk = BookDesk()
    desk.buy(20, 100, account=7)
    events = desk.sell(quote_amount=5_500, hold=5_000)
    assert events.trades == [(1, 100, 5)]
    assert events.takers[-1].remaining == 0
