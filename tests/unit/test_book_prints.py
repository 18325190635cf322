"""Prints of the outside market: the tape, and the resting orders they went through."""

from __future__ import annotations

from mockexchange.matching import BookLimits
from mockexchange.messages.events import TradeIdsReserved
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, Print
from mockexchange.messages.orders import Side, TimeInForce, Trade
from tests.support.book_desk import BookDesk


def opened(bids: list[tuple[int, int]] | None = None, asks: list[tuple[int, int]] | None = None) -> BookDesk:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot(bids or [(90, 10)], asks or [(110, 10)], 1))
    return desk


def sold(price: int, quantity: int) -> Print:
    return Print(price, quantity, Side.SELL, 7, 55)


def bought(price: int, quantity: int) -> Print:
    return Print(price, quantity, Side.BUY, 7, 55)


def test_a_print_is_a_line_of_the_tape_with_a_trade_id_and_the_last_price() -> None:
    desk = opened()
    assert desk.hear(bought(101, 3)) == [TradeIdsReserved(1_000_000)]
    assert desk.hear(sold(99, 4)) == []
    assert desk.tape == [
        Trade(1, "BTC/USDT", 101, 3, Side.BUY, 55, True),
        Trade(2, "BTC/USDT", 99, 4, Side.SELL, 55, True),
    ]
    assert desk.book.last_price == 99


def test_a_print_strictly_through_a_resting_order_fills_it_at_its_own_price() -> None:
    desk = opened()
    desk.buy(5, 100)
    events = desk.hear(sold(99, 3))
    assert events.house_trades == [(1, 100, 3)]
    assert events.fills[0].cause == 7
    assert (desk.tape[0].trade_id, events.fills[0].trade_id) == (1, 2)
    assert desk.book.last_price == 100


def test_a_print_at_the_price_of_a_resting_order_does_not_fill_it() -> None:
    desk = opened()
    desk.buy(5, 100)
    desk.sell(5, 105)
    assert desk.hear(sold(100, 3)).fills == []
    assert desk.hear(bought(105, 3)).fills == []


def test_a_print_fills_sell_orders_below_it() -> None:
    desk = opened()
    desk.sell(5, 100)
    assert desk.hear(bought(101, 9)).house_trades == [(1, 100, 5)]


def test_a_print_fills_in_priority_up_to_its_size() -> None:
    desk = opened()
    for price in (99, 100, 98, 100):
        desk.buy(5, price)
    assert desk.hear(sold(98, 13)).house_trades == [(2, 100, 5), (4, 100, 5), (1, 99, 3)]


def test_depth_after_a_print_does_not_fill_again_what_the_print_filled() -> None:
    desk = opened()
    desk.buy(10, 100)
    desk.hear(sold(99, 4))
    assert desk.hear(DepthUpdate([], [(99, 4)], 8)) == []
    assert desk.hear(DepthUpdate([], [(99, 6)], 9)).house_trades == [(1, 100, 2)]


def test_a_prints_mark_goes_when_depth_says_the_level_is_gone() -> None:
    desk = opened()
    desk.buy(10, 100)
    desk.hear(sold(99, 4))
    desk.hear(DepthUpdate([], [(99, 0)], 8))
    assert desk.hear(DepthUpdate([], [(99, 4)], 9)).house_trades == [(1, 100, 4)]


def test_a_prints_mark_stays_until_depth_speaks_of_its_level() -> None:
    desk = opened()
    desk.buy(10, 100)
    desk.hear(sold(99, 4))
    desk.hear(DepthUpdate([(89, 3)], [(108, 3)], 8))
    desk.hear(BestBidOffer(91, 3, 0, 0, 9))
    assert desk.hear(DepthUpdate([], [(99, 4)], 10)) == []


def test_a_snapshot_that_does_not_show_the_prints_level_takes_its_mark_away() -> None:
    desk = opened()
    desk.buy(10, 100)
    desk.hear(sold(99, 4))
    desk.hear(DepthSnapshot([(90, 1)], [(110, 1)], 8))
    assert desk.hear(DepthUpdate([], [(99, 4)], 9)).house_trades == [(1, 100, 4)]


def test_what_depth_gave_is_taken_off_the_print_that_tells_of_it() -> None:
    desk = opened()
    desk.buy(10, 100)
    assert desk.hear(DepthUpdate([], [(99, 4)], 8)).house_trades == [(1, 100, 4)]
    assert desk.hear(bought(99, 4)).fills == []
    assert desk.hear(bought(99, 4)).house_trades == [(1, 100, 4)]


def test_a_print_larger_than_what_depth_gave_fills_the_difference() -> None:
    desk = opened()
    desk.buy(10, 100)
    desk.hear(DepthUpdate([], [(99, 4)], 8))
    assert desk.hear(bought(99, 6)).house_trades == [(1, 100, 2)]


def test_a_smaller_print_tells_of_a_part_of_what_depth_gave() -> None:
    desk = opened()
    desk.buy(10, 100)
    desk.hear(DepthUpdate([], [(99, 4)], 8))
    assert desk.hear(bought(99, 3)).fills == []
    assert desk.hear(bought(99, 3)).house_trades == [(1, 100, 2)]


def test_what_a_taker_got_from_depth_is_taken_off_the_print_too() -> None:
    desk = opened(asks=[(99, 4), (110, 10)])
    desk.buy(4, 99, time_in_force=TimeInForce.IOC)
    desk.buy(10, 100)
    assert desk.hear(bought(99, 5)).house_trades == [(2, 100, 1)]


def test_one_print_after_another_is_news_each_time() -> None:
    desk = opened()
    desk.buy(10, 100)
    assert desk.hear(sold(99, 4)).house_trades == [(1, 100, 4)]
    assert desk.hear(sold(99, 4)).house_trades == [(1, 100, 4)]


def test_while_stale_a_print_stands_on_the_tape_and_fills_nothing() -> None:
    desk = opened()
    desk.buy(5, 100)
    desk.hear(MarketSilent())
    assert desk.hear(sold(99, 3)).fills == []
    assert len(desk.tape) == 1


def test_the_rest_of_a_print_that_met_the_limit_of_fills_goes_on() -> None:
    desk = BookDesk(feed=True, limits=BookLimits(max_fills=2))
    desk.hear(DepthSnapshot([(90, 10)], [(110, 10)], 1))
    for _ in range(5):
        desk.buy(1, 100)
    assert desk.hear(sold(99, 4)).house_trades == [(1, 100, 1), (2, 100, 1)]
    assert desk.uncross().house_trades == [(3, 100, 1), (4, 100, 1)]
    assert desk.uncross() == []
    assert desk.book.depth(1)[0] == [(100, 1)]
    # All four count as taken at the print's price.
    assert desk.hear(DepthUpdate([], [(99, 4)], 8)) == []
