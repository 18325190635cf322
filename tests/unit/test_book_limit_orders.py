from __future__ import annotations

import pytest

from mockexchange.matching import BookLimits
from mockexchange.messages.events import FillSide, OrderAccepted, OrderFilled, OrderRejected
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def test_an_order_that_meets_nobody_rests() -> None:
    desk = BookDesk()
    events = desk.buy(5, 100, shard=3, account=7, maker_rate=10, taker_rate=20)
    kind = (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
    assert events == [OrderAccepted(1, 7, 3, *kind, 100, 5, 0, 5000, 10, 20)]
    assert desk.book.depth(10) == ([(100, 5)], [])
    assert desk.book.open_orders == 1


def test_a_trade_is_made_at_the_makers_price_with_fees_of_what_each_receives() -> None:
    desk = BookDesk()
    desk.sell(10, 100, shard=1, account=8, maker_rate=1000)
    events = desk.buy(4, 103, shard=2, account=9, taker_rate=2500)
    # 4 at 100 are 4,000 base units and 4,000 quote units; the buyer held 4,120 for them.
    buyer = FillSide(2, 9, 2, fee=10, release=120, remaining=0)
    seller = FillSide(1, 8, 1, fee=4, release=0, remaining=6)
    assert events.fills == [OrderFilled(1, 100, 4, 4000, 4000, Side.BUY, buyer, seller, 0)]
    assert desk.book.last_price == 100


def test_fees_are_rounded_against_who_receives() -> None:
    desk = BookDesk()
    desk.sell(1, 100, maker_rate=1)
    events = desk.buy(1, 100, taker_rate=1)
    assert (events.takers[0].fee, events.makers[0].fee) == (1, 1)


def test_a_rate_of_zero_takes_no_fee() -> None:
    desk = BookDesk()
    desk.sell(1, 100, maker_rate=0)
    events = desk.buy(1, 100, taker_rate=0)
    assert (events.takers[0].fee, events.makers[0].fee) == (0, 0)


def test_a_selling_taker_releases_nothing() -> None:
    desk = BookDesk()
    desk.buy(10, 100)
    events = desk.sell(4, 90)
    assert events.trades == [(1, 100, 4)]
    assert events.fills[0].taker_side is Side.SELL
    assert (events.takers[0].release, events.makers[0].release) == (0, 0)
    # 4,000 quote units at 0.2 % for the seller, 4,000 base units at 0.1 % for the buyer.
    assert (events.takers[0].fee, events.makers[0].fee) == (8, 4)


def test_better_prices_trade_first_and_equal_ones_in_order_of_arrival() -> None:
    desk = BookDesk()
    for price in (102, 101, 103, 101):
        desk.sell(5, price)
    events = desk.buy(18, 102)
    assert events.trades == [(2, 101, 5), (4, 101, 5), (1, 102, 5)]
    assert desk.book.depth(10) == ([(102, 3)], [(103, 5)])


def test_priority_holds_for_bids_too() -> None:
    desk = BookDesk()
    for price in (98, 99, 97, 99):
        desk.buy(5, price)
    assert desk.sell(18, 98).trades == [(2, 99, 5), (4, 99, 5), (1, 98, 5)]
    assert desk.book.depth(10) == ([(97, 5)], [(98, 3)])


def test_a_partial_fill_keeps_its_place_in_the_queue() -> None:
    desk = BookDesk()
    desk.sell(10, 100)
    desk.sell(10, 100)
    desk.buy(4, 100)
    assert desk.buy(8, 100).trades == [(1, 100, 6), (2, 100, 2)]


def test_the_rest_of_a_taker_rests_with_the_hold_of_its_own_price() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    events = desk.buy(10, 110)
    assert events.kinds == ["OrderAccepted", "TradeIdsReserved", "OrderFilled"]
    assert events.takers == [FillSide(2, 1, 0, fee=8, release=400, remaining=6)]
    assert desk.auditor.holds == {2: 6 * 110 * 10}
    assert desk.cancel(2).canceled.release == 6600


def test_equal_prices_match() -> None:
    desk = BookDesk()
    desk.buy(1, 100)
    assert desk.sell(1, 100).trades == [(1, 100, 1)]
    assert desk.book.open_orders == 0


def test_an_account_may_trade_with_itself() -> None:
    desk = BookDesk()
    desk.buy(1, 100, account=5)
    events = desk.sell(1, 100, account=5)
    assert (events.takers[0].account, events.makers[0].account) == (5, 5)


def test_ioc_remainder_is_canceled() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    events = desk.buy(10, 105, time_in_force=IOC)
    assert events.trades == [(1, 100, 4)]
    assert events.canceled.reason is RejectReason.NO_LIQUIDITY
    assert events.canceled.release == 6 * 105 * 10
    assert events.canceled.command_id == ""
    assert desk.book.open_orders == 0


def test_ioc_that_meets_nobody_is_accepted_and_canceled() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    events = desk.buy(10, 99, time_in_force=IOC)
    assert events.kinds == ["OrderAccepted", "OrderCanceled"]
    assert events.canceled.release == 10 * 99 * 10
    assert desk.book.depth(10) == ([], [(100, 4)])


def test_ioc_that_fills_is_not_canceled() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    events = desk.buy(4, 100, time_in_force=IOC)
    assert events.takers[-1].remaining == 0
    assert events.kinds[-1] == "OrderFilled"


def test_fok_fills_in_full_over_several_makers() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    desk.sell(4, 101)
    assert desk.buy(8, 101, time_in_force=FOK).trades == [(1, 100, 4), (2, 101, 4)]


def test_fok_that_lacks_one_unit_is_rejected_and_changes_nothing() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    desk.sell(4, 101)
    desk.sell(4, 102)
    before = desk.book.state_hash()
    events = desk.buy(9, 101, time_in_force=FOK, account=6)
    assert events == [OrderRejected(4, 6, 0, RejectReason.NOT_FILLABLE, 9 * 101 * 10)]
    assert desk.book.state_hash() == before


def test_fok_that_needs_more_fills_than_a_step_may_have_is_rejected() -> None:
    desk = BookDesk(limits=BookLimits(max_fills=2))
    for _ in range(3):
        desk.sell(1, 100)
    assert desk.buy(3, 100, time_in_force=FOK).refusal is RejectReason.NOT_FILLABLE
    assert len(desk.buy(2, 100, time_in_force=FOK).fills) == 2


def test_post_only_that_would_match_is_rejected() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    assert desk.buy(1, 100, is_post_only=True).refusal is RejectReason.WOULD_TAKE
    assert desk.book.depth(10) == ([], [(100, 4)])


def test_post_only_that_meets_nobody_rests_and_later_makes() -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    desk.buy(1, 99, is_post_only=True)
    assert desk.sell(1, 99).trades == [(2, 99, 1)]


@pytest.mark.parametrize("time_in_force", list(TimeInForce))
def test_an_order_past_its_deadline_is_rejected_whole(time_in_force: TimeInForce) -> None:
    desk = BookDesk()
    desk.sell(4, 100)
    events = desk.buy(4, 100, time_in_force=time_in_force, deadline_ns=1000, now_ns=1001)
    assert events == [OrderRejected(2, 1, 0, RejectReason.TOO_LATE, 4000)]


def test_an_order_at_its_deadline_is_in_time() -> None:
    desk = BookDesk()
    assert desk.buy(4, 100, deadline_ns=1000, now_ns=1000).kinds == ["OrderAccepted"]


def test_deadline_is_the_first_reason() -> None:
    desk = BookDesk(feed=True)
    assert desk.buy(4, deadline_ns=1, now_ns=2).refusal is RejectReason.TOO_LATE


def test_orders_of_two_shards_trade_and_keep_their_shards() -> None:
    desk = BookDesk()
    desk.sell(4, 100, shard=1)
    events = desk.buy(4, 100, shard=2)
    assert (events.takers[0].shard, events.makers[0].shard) == (2, 1)


def test_an_amount_beyond_64_bits_of_product_is_exact() -> None:
    desk = BookDesk()
    price, quantity = 10**9 + 7, 10**8 + 3
    desk.sell(quantity, price)
    events = desk.buy(quantity, price + 1)
    assert events.fills[0].quote == price * quantity * 10
    assert events.takers[0].release == quantity * 10
