"""A check that cannot fail is worth nothing: each of these breaks one thing and must be caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mockexchange.matching import OrderBook
from mockexchange.matching.state import BookState, OverrideState
from mockexchange.messages.market import DepthSnapshot
from tests.support.book_desk import BookDesk


@pytest.fixture(autouse=True)
def every_book_is_checked() -> None:
    """Leave the books alone when a test ends: they are broken on purpose."""


def opened() -> OrderBook:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([(90, 10)], [(110, 10)], 1))
    for price in (98, 99, 99):
        desk.buy(5, price)
    desk.sell(5, 101)
    desk.book.check()
    return desk.book


def add_hold(state: BookState) -> None:
    state.orders[1].hold += 1


def add_hold_of_a_sell_order(state: BookState) -> None:
    state.orders[4].hold -= 1


def empty_an_order(state: BookState) -> None:
    state.orders[1].remaining = 0


def overfill_a_level(state: BookState) -> None:
    state.bids.levels[99].quantity += 1


def swap_ages(state: BookState) -> None:
    state.orders[2].age, state.orders[3].age = state.orders[3].age, state.orders[2].age


def forget_an_order(state: BookState) -> None:
    del state.orders[1]


def lose_an_order_of_its_queue(state: BookState) -> None:
    state.bids.levels[98].head = None


def lose_a_price(state: BookState) -> None:
    state.bids.prices.remove(98)


def unsort_prices(state: BookState) -> None:
    state.bids.prices.ranks.reverse()


def cross(state: BookState) -> None:
    order = state.orders[4]
    state.asks.remove(order)
    order.price = 99
    state.asks.add(order)


def overdraw_an_override(state: BookState) -> None:
    state.override = OverrideState(100, -1, 0)


BREAKS = [
    add_hold,
    add_hold_of_a_sell_order,
    empty_an_order,
    overfill_a_level,
    swap_ages,
    forget_an_order,
    lose_an_order_of_its_queue,
    lose_a_price,
    unsort_prices,
    cross,
    overdraw_an_override,
]


@pytest.mark.parametrize("break_it", BREAKS)
def test_a_broken_state_is_noticed(break_it: Callable[[BookState], None]) -> None:
    book = opened()
    break_it(book._floor.state)
    with pytest.raises(AssertionError):
        book.check()


def test_a_broken_house_is_noticed() -> None:
    for attribute, value in (("taken", -1), ("given", 3), ("taken", 99), ("displayed", 0)):
        book = opened()
        setattr(book._floor.house.asks.levels[110], attribute, value)
        with pytest.raises(AssertionError):
            book.check()


def test_a_resting_order_that_the_house_reaches_is_noticed() -> None:
    book = opened()
    book._floor.house.asks.display(99, 1)
    with pytest.raises(AssertionError, match="reaches"):
        book.check()


def test_an_override_that_differs_from_the_journal_is_noticed() -> None:
    desk = BookDesk()
    desk.override(100, 5, 5)
    desk.book._floor.state.override = OverrideState(100, 5, 4)
    with pytest.raises(AssertionError, match="not as journaled"):
        desk.book.check()
