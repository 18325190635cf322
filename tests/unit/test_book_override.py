from __future__ import annotations

import pytest

from mockexchange.messages.events import PriceOverridden, PriceReleased
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, Print
from mockexchange.messages.orders import Side, TimeInForce
from tests.support.book_desk import BookDesk


def opened() -> BookDesk:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([(99, 10)], [(101, 10)], 1))
    return desk


def test_an_override_stands_in_place_of_the_outside_market() -> None:
    desk = opened()
    assert desk.override(200, 5, 6) == [PriceOverridden(200, 5, 6)]
    assert desk.book.is_overridden
    assert desk.book.best() == (200, 5, 200, 6)
    assert desk.book.last_price == 200
    assert desk.buy(4).trades == [(0, 200, 4)]
    assert desk.sell(5).trades == [(0, 200, 5)]
    assert desk.book.best() == (0, 0, 200, 2)


def test_an_override_fills_the_resting_orders_it_reaches() -> None:
    desk = opened()
    desk.buy(4, 100)
    desk.buy(4, 98)
    events = desk.override(98, 10, 6)
    assert events.kinds[0] == "PriceOverridden"
    assert events.house_trades == [(1, 100, 4), (2, 98, 2)]
    assert [fill.cause for fill in events.fills] == [0, 0]


def test_each_override_is_fresh() -> None:
    desk = opened()
    desk.override(200, 5, 5)
    desk.buy(5)
    desk.override(200, 5, 5)
    assert desk.book.best() == (200, 5, 200, 5)


def test_the_outside_market_is_heard_but_does_not_count_while_overridden() -> None:
    desk = opened()
    desk.override(200, 5, 5)
    desk.buy(4, 150)
    assert desk.hear(DepthUpdate([], [(120, 3)], 4)) == []
    assert desk.hear(BestBidOffer(119, 1, 120, 3, 5)) == []
    assert desk.hear(Print(120, 9, Side.SELL, 6, 0)) == []
    assert desk.tape == []
    assert desk.book.last_price == 200
    assert desk.book.best() == (200, 5, 200, 5)


def test_release_brings_back_the_outside_market_as_it_is_by_then() -> None:
    desk = opened()
    desk.override(200, 5, 5)
    desk.buy(4, 150)
    desk.hear(DepthUpdate([], [(120, 3)], 44))
    events = desk.release()
    assert events[0] == PriceReleased()
    assert events.house_trades == [(1, 150, 4)]
    assert events.fills[0].cause == 44
    assert desk.book.depth(5) == ([(99, 10)], [(101, 6), (120, 3)])
    assert not desk.book.is_overridden


def test_release_of_nothing_does_nothing() -> None:
    assert opened().release() == []


def test_what_was_taken_outside_is_remembered_through_an_override() -> None:
    desk = opened()
    desk.buy(7, 101, time_in_force=TimeInForce.IOC)
    desk.override(200, 5, 5)
    desk.release()
    assert desk.book.best() == (99, 10, 101, 3)


def test_an_overridden_market_is_not_stale() -> None:
    desk = BookDesk(feed=True)
    desk.override(200, 5, 5)
    assert not desk.book.is_stale
    assert desk.buy(2).trades == [(0, 200, 2)]
    desk.release()
    assert desk.book.is_stale


def test_silence_behind_an_override_shows_after_its_release() -> None:
    desk = opened()
    desk.override(200, 5, 5)
    desk.hear(MarketSilent())
    assert not desk.book.is_stale
    desk.release()
    assert desk.book.is_stale
    assert desk.book.best() == (0, 0, 0, 0)


def test_a_side_without_quantity_is_empty() -> None:
    desk = opened()
    desk.override(200, 0, 5)
    assert desk.book.best() == (0, 0, 200, 5)


def test_a_plain_book_can_be_overridden() -> None:
    desk = BookDesk()
    desk.override(200, 5, 5)
    assert desk.buy(2).trades == [(0, 200, 2)]
    desk.release()
    assert desk.book.best() == (0, 0, 0, 0)


def test_an_override_and_what_is_left_of_it_survive_a_restart() -> None:
    desk = opened()
    desk.override(200, 5, 6)
    desk.buy(4)
    desk.sell(2)
    again = desk.replayed()
    assert again.is_overridden
    assert again.best() == (200, 3, 200, 2)
    assert again.uncross() == []


@pytest.mark.parametrize("terms", [(0, 1, 1), (-1, 1, 1), (100, -1, 1), (100, 1, -1)])
def test_an_override_that_makes_no_sense_is_an_error(terms: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no market"):
        opened().book.override(*terms)
