"""The outside market in the book. One unit at price 100 costs 1,000 quote units."""

from __future__ import annotations

import pytest

from mockexchange.messages.events import FillSide, OrderFilled
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print
from mockexchange.messages.orders import HOUSE, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk


def opened(bids: list[tuple[int, int]] | None = None, asks: list[tuple[int, int]] | None = None) -> BookDesk:
    desk = BookDesk(feed=True)
    bids = [(99, 10), (98, 20)] if bids is None else bids
    asks = [(101, 10), (102, 20)] if asks is None else asks
    desk.hear(DepthSnapshot(bids, asks, 1))
    return desk


def ask(price: int, quantity: int, cause: int = 2) -> DepthUpdate:
    return DepthUpdate([], [(price, quantity)], cause)


def bid(price: int, quantity: int, cause: int = 2) -> DepthUpdate:
    return DepthUpdate([(price, quantity)], [], cause)


def test_a_taker_trades_with_the_house_at_its_prices() -> None:
    desk = opened()
    events = desk.buy(15, 105, shard=4, account=9)
    buyer = FillSide(1, 9, 4, fee=20, release=400, remaining=5)
    assert events.fills[0] == OrderFilled(
        1, 101, 10, 10_000, 10_100, Side.BUY, buyer, FillSide(0, HOUSE, 4, 0, 0, 0), 0
    )
    assert events.trades == [(0, 101, 10), (0, 102, 5)]
    assert desk.book.depth(5) == ([(99, 10), (98, 20)], [(102, 15)])


def test_a_seller_takes_the_houses_bids() -> None:
    assert opened().sell(15, 98).trades == [(0, 99, 10), (0, 98, 5)]


def test_the_best_price_of_house_and_accounts_trades_first() -> None:
    desk = opened()
    desk.sell(5, 103)
    desk.buy(5, 100)
    assert desk.buy(40, 103).trades == [(0, 101, 10), (0, 102, 20), (1, 103, 5)]
    assert desk.sell(7, 99).trades == [(3, 103, 5), (2, 100, 2)]


def test_at_equal_price_the_house_goes_before_the_accounts() -> None:
    desk = opened()
    desk.sell(5, 101)
    assert desk.buy(12, 101).trades == [(0, 101, 10), (1, 101, 2)]


def test_what_was_taken_is_not_there_again() -> None:
    desk = opened()
    desk.buy(6, 101)
    assert desk.buy(10, 101).trades == [(0, 101, 4)]


def test_repeated_depth_does_not_bring_back_what_was_taken() -> None:
    desk = opened()
    desk.buy(6, 101, time_in_force=TimeInForce.IOC)
    desk.hear(ask(101, 10))
    assert desk.book.best()[2:] == (101, 4)


def test_more_displayed_is_more_to_take() -> None:
    desk = opened()
    desk.buy(6, 101, time_in_force=TimeInForce.IOC)
    desk.hear(ask(101, 13))
    assert desk.book.best()[2:] == (101, 7)


def test_taken_falls_only_when_less_is_displayed() -> None:
    desk = opened()
    desk.buy(6, 101, time_in_force=TimeInForce.IOC)
    desk.hear(ask(101, 8))
    assert desk.book.best()[2:] == (101, 2)
    desk.hear(ask(101, 4))
    assert desk.book.best()[2:] == (102, 20)
    desk.hear(ask(101, 10))
    assert desk.book.best()[2:] == (101, 6)


def test_taken_is_forgotten_when_the_level_goes() -> None:
    desk = opened()
    desk.buy(6, 101, time_in_force=TimeInForce.IOC)
    desk.hear(ask(101, 0))
    desk.hear(ask(101, 10))
    assert desk.book.best()[2:] == (101, 10)


def test_a_snapshot_replaces_what_was_known_and_remembers_what_was_taken() -> None:
    desk = opened()
    desk.buy(6, 101, time_in_force=TimeInForce.IOC)
    desk.hear(DepthSnapshot([(97, 1)], [(101, 10), (103, 5)], 2))
    assert desk.book.depth(5) == ([(97, 1)], [(101, 4), (103, 5)])


def test_a_resting_order_fills_at_its_own_price_when_the_outside_reaches_it() -> None:
    desk = opened()
    desk.buy(5, 100, shard=3)
    events = desk.hear(ask(98, 3, cause=77))
    house, buyer = FillSide(0, HOUSE, 3, 0, 0, 0), FillSide(1, 1, 3, fee=3, release=0, remaining=2)
    assert events.fills == [OrderFilled(1, 100, 3, 3000, 3000, Side.SELL, house, buyer, 77)]
    assert desk.book.depth(1) == ([(100, 2)], [(101, 10)])


def test_a_resting_sell_order_is_reached_by_bids() -> None:
    desk = opened()
    desk.sell(5, 100)
    events = desk.hear(bid(100, 3))
    assert events.house_trades == [(1, 100, 3)]
    assert events.fills[0].taker_side is Side.BUY


def test_the_outside_reaches_an_equal_price() -> None:
    desk = opened()
    desk.buy(5, 100)
    assert desk.hear(ask(100, 9)).house_trades == [(1, 100, 5)]
    assert desk.book.best()[2:] == (100, 4)


def test_reached_orders_fill_in_priority_up_to_what_is_available() -> None:
    desk = opened()
    desk.buy(5, 99)
    desk.buy(5, 100)
    desk.buy(5, 99)
    assert desk.hear(ask(99, 12)).house_trades == [(2, 100, 5), (1, 99, 5), (3, 99, 2)]


def test_one_order_may_fill_from_several_levels() -> None:
    desk = opened()
    desk.buy(12, 100)
    events = desk.hear(DepthSnapshot([], [(98, 5), (99, 4), (100, 9)], 5))
    assert events.house_trades == [(1, 100, 5), (1, 100, 4), (1, 100, 3)]
    assert [side.remaining for side in events.makers] == [7, 3, 0]
    assert desk.book.best()[2:] == (100, 6)


def test_the_same_depth_does_not_fill_a_resting_order_twice() -> None:
    desk = opened()
    desk.buy(10, 100)
    assert desk.hear(ask(100, 4)).house_trades == [(1, 100, 4)]
    assert desk.hear(ask(100, 4)) == []
    assert desk.hear(ask(100, 5)).house_trades == [(1, 100, 1)]


def test_best_bid_and_offer_remove_what_was_displayed_beyond_them() -> None:
    desk = opened()
    desk.hear(BestBidOffer(98, 7, 102, 8, 2))
    assert desk.book.depth(5) == ([(98, 7)], [(102, 8)])


def test_a_best_quantity_of_zero_leaves_its_side_alone() -> None:
    desk = opened()
    desk.hear(BestBidOffer(0, 0, 102, 8, 2))
    assert desk.book.depth(5) == ([(99, 10), (98, 20)], [(102, 8)])
    desk.hear(BestBidOffer(98, 7, 0, 0, 3))
    assert desk.book.depth(5) == ([(98, 7)], [(102, 8)])


def test_best_bid_and_offer_fill_resting_orders() -> None:
    desk = opened()
    desk.buy(5, 100)
    assert desk.hear(BestBidOffer(98, 1, 99, 3, 8)).house_trades == [(1, 100, 3)]


def test_a_newer_level_drives_out_older_ones_that_it_crosses() -> None:
    desk = opened()
    desk.hear(bid(101, 5))
    assert desk.book.depth(5) == ([(101, 5), (99, 10), (98, 20)], [(102, 20)])
    desk.hear(BestBidOffer(0, 0, 99, 4, 3))
    assert desk.book.depth(5) == ([(98, 20)], [(99, 4), (102, 20)])


def test_before_the_first_snapshot_the_market_is_stale() -> None:
    desk = BookDesk(feed=True)
    assert desk.book.is_stale
    desk.hear(ask(101, 5))
    desk.hear(BestBidOffer(99, 5, 101, 5, 1))
    assert desk.book.is_stale
    assert desk.book.depth(5) == ([], [])
    desk.hear(DepthSnapshot([(99, 5)], [], 1))
    assert not desk.book.is_stale


def test_market_orders_are_rejected_while_stale() -> None:
    desk = BookDesk(feed=True)
    desk.sell(5, 100)
    assert desk.buy(5).refusal is RejectReason.PRICE_STALE
    assert desk.buy(quote_amount=5000).refusal is RejectReason.PRICE_STALE


def test_limit_orders_meet_accounts_only_while_stale() -> None:
    desk = BookDesk(feed=True)
    desk.sell(5, 100)
    assert desk.buy(7, 100).trades == [(1, 100, 5)]
    assert desk.book.depth(5) == ([(100, 2)], [])


def test_silence_drops_the_houses_levels_and_keeps_the_orders() -> None:
    desk = opened()
    desk.buy(5, 100)
    assert desk.hear(MarketSilent()) == []
    assert desk.book.is_stale
    assert desk.book.depth(5) == ([(100, 5)], [])
    assert desk.sell(1).refusal is RejectReason.PRICE_STALE
    assert desk.hear(DepthSnapshot([], [(99, 2)], 9)).house_trades == [(1, 100, 2)]


def test_silence_forgets_what_was_taken() -> None:
    desk = opened()
    desk.buy(6, 101, time_in_force=TimeInForce.IOC)
    desk.hear(MarketSilent())
    desk.hear(DepthSnapshot([], [(101, 10)], 2))
    assert desk.book.best()[2:] == (101, 10)


def test_post_only_and_fok_count_the_house() -> None:
    desk = opened()
    assert desk.buy(1, 101, is_post_only=True).refusal is RejectReason.WOULD_TAKE
    assert desk.buy(31, 102, time_in_force=TimeInForce.FOK).refusal is RejectReason.NOT_FILLABLE
    assert len(desk.buy(30, 102, time_in_force=TimeInForce.FOK).fills) == 2
    # What was taken no longer stands in the way.
    assert desk.buy(1, 102, is_post_only=True).kinds == ["OrderAccepted"]


def test_a_rejected_fok_takes_nothing_from_the_house() -> None:
    desk = opened()
    desk.buy(31, 102, time_in_force=TimeInForce.FOK)
    assert desk.book.best()[2:] == (101, 10)


@pytest.mark.parametrize(
    "nonsense",
    [
        DepthSnapshot([(100, 1)], [(100, 1)], 2),
        DepthSnapshot([(100, 1)], [(99, 1)], 2),
        DepthSnapshot([(0, 1)], [(101, 1)], 2),
        DepthSnapshot([(-5, 1)], [(101, 1)], 2),
        DepthSnapshot([(99, -1)], [(101, 1)], 2),
        DepthUpdate([(100, 1)], [(100, 1)], 2),
        DepthUpdate([], [(-1, 0)], 2),
        DepthUpdate([(0, 0)], [], 2),
        DepthUpdate([(99, -3)], [], 2),
        BestBidOffer(100, 1, 100, 1, 2),
        BestBidOffer(101, 1, 100, 1, 2),
        BestBidOffer(0, 1, 100, 1, 2),
        BestBidOffer(-7, 1, 100, 1, 2),
        BestBidOffer(99, -1, 100, 1, 2),
        Print(0, 5, Side.BUY, 2, 0),
        Print(-1, 5, Side.BUY, 2, 0),
        Print(100, 0, Side.BUY, 2, 0),
        Print(100, -5, Side.BUY, 2, 0),
    ],
)
def test_an_update_that_makes_no_sense_is_counted_and_ignored(nonsense: MarketUpdate) -> None:
    desk = opened()
    desk.buy(5, 100)
    desk.sell(5, 101)
    before = desk.book.depth(10)
    assert desk.hear(nonsense) == []
    assert desk.tape == []
    assert desk.book.depth(10) == before
    assert desk.book.refused_updates == 1


def test_a_removed_level_does_not_count_as_crossing() -> None:
    desk = opened()
    desk.hear(DepthUpdate([(101, 5)], [(101, 0)], 2))
    assert desk.book.refused_updates == 0
    assert desk.book.best() == (101, 5, 102, 20)


def test_a_book_without_a_feed_ignores_an_outside_market() -> None:
    desk = BookDesk()
    desk.hear(DepthSnapshot([(99, 5)], [(101, 5)], 1))
    desk.hear(Print(100, 5, Side.BUY, 2, 0))
    assert desk.book.best() == (0, 0, 0, 0)
    assert desk.tape == []
    assert desk.book.refused_updates == 2
