from __future__ import annotations

import random

from mockexchange.matching import OrderBook
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent
from mockexchange.messages.orders import TimeInForce
from tests.support.book_commands import BookCommands
from tests.support.book_desk import BookDesk


def mixed() -> BookDesk:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([(99, 10), (97, 10)], [(101, 10), (103, 10)], 1))
    desk.buy(1, 99)
    desk.buy(2, 98)
    desk.sell(3, 101)
    desk.sell(4, 102)
    return desk


def test_depth_adds_house_and_accounts_best_first() -> None:
    bids, asks = mixed().book.depth(10)
    assert bids == [(99, 11), (98, 2), (97, 10)]
    assert asks == [(101, 13), (102, 4), (103, 10)]


def test_depth_is_cut_to_its_limit() -> None:
    book = mixed().book
    assert book.depth(2) == ([(99, 11), (98, 2)], [(101, 13), (102, 4)])
    assert book.depth(0) == ([], [])


def test_best_adds_house_and_accounts() -> None:
    assert mixed().book.best() == (99, 11, 101, 13)


def test_best_of_an_empty_book_is_nothing() -> None:
    assert BookDesk().book.best() == (0, 0, 0, 0)


def test_best_may_be_an_accounts_alone() -> None:
    desk = mixed()
    desk.buy(5, 100)
    assert desk.book.best() == (100, 5, 101, 13)


def test_an_exhausted_level_of_the_house_is_not_shown() -> None:
    desk = mixed()
    desk.buy(13, 101, time_in_force=TimeInForce.IOC)
    assert desk.book.best()[2:] == (102, 4)
    assert desk.book.depth(10)[1] == [(102, 4), (103, 10)]


def test_changed_levels_are_told_once_best_first() -> None:
    desk = mixed()
    assert desk.book.take_changed_levels() == desk.book.depth(10)
    assert desk.book.take_changed_levels() == ([], [])
    desk.cancel(2)
    desk.sell(6, 99, time_in_force=TimeInForce.IOC)
    desk.hear(DepthUpdate([(96, 4)], [(103, 0)], 2))
    assert desk.book.take_changed_levels() == ([(99, 5), (98, 0), (96, 4)], [(103, 0)])


def test_depth_that_changes_nothing_available_is_no_change() -> None:
    desk = BookDesk(feed=True)
    desk.hear(DepthSnapshot([(99, 10)], [], 1))
    desk.sell(10, 99, time_in_force=TimeInForce.IOC)
    desk.book.take_changed_levels()
    desk.hear(DepthUpdate([(99, 8)], [], 2))
    assert desk.book.take_changed_levels() == ([], [])


def test_levels_that_vanish_with_the_market_are_told() -> None:
    desk = mixed()
    desk.book.take_changed_levels()
    desk.hear(MarketSilent())
    assert desk.book.take_changed_levels() == ([(99, 1), (97, 0)], [(101, 3), (103, 0)])


def test_levels_that_a_new_best_removes_are_told() -> None:
    desk = mixed()
    desk.book.take_changed_levels()
    desk.hear(BestBidOffer(97, 10, 103, 9, 2))
    assert desk.book.take_changed_levels() == ([(99, 1), (97, 10)], [(101, 3), (103, 9)])


def test_an_override_and_its_release_tell_all_levels_that_change() -> None:
    desk = mixed()
    desk.book.take_changed_levels()
    desk.override(100, 7, 8)
    assert desk.book.take_changed_levels() == ([(100, 7), (99, 1), (97, 0)], [(100, 8), (101, 3), (103, 0)])
    desk.hear(DepthUpdate([(95, 1)], [], 2))
    assert desk.book.take_changed_levels() == ([], [])
    desk.release()
    expected = [(100, 0), (99, 11), (97, 10), (95, 1)], [(100, 0), (101, 13), (103, 10)]
    assert desk.book.take_changed_levels() == expected


class Follower(BookDesk):
    """Follows the depth by its changes alone."""

    def __init__(self) -> None:
        super().__init__(feed=True)
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def restart(self, *, from_snapshot: bool) -> None:
        self.book = OrderBook.from_snapshot(self.instrument, self.book.to_snapshot())
        self.sides = ({}, {})

    def follow(self) -> None:
        for side, changed in zip(self.sides, self.book.take_changed_levels(), strict=True):
            for price, quantity in changed:
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)


def test_who_takes_the_changes_now_and_then_has_the_depth() -> None:
    follower, chance = Follower(), random.Random(3)
    commands = BookCommands(follower.instrument, chance)
    shown = set()
    for _ in range(2000):
        commands.give_one(follower)
        if chance.random() < 0.1:
            follower.follow()
            bids, asks = follower.book.depth(1000)
            assert follower.sides == (dict(bids), dict(asks))
            shown.add((len(bids), len(asks)))
    assert len(shown) > 10
