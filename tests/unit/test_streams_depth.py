"""The mirror of a book: whatever the bus loses or repeats, its changes continue each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import cast

from gateway.book_desk import BookDesk
from gateway.failures import NotAvailable
from gateway.streams.depth import DepthChange, DepthMirrors
from gateway.streams.hub import Hub
from gateway.streams.watch import Watch
from infra.market_memory import MarketMemory
from infra.wall_clock import WallClock
from mockexchange.messages.channel import DepthAnswer
from tests.support.eventually import eventually
from tests.support.exchange import BTC_USDT
from tests.support.heard_bus import HeardBus

SUBJECT = "market.BTC-USDT.depth"


class FakeBook:
    """A book that is told what to answer; it can be away for a while."""

    def __init__(self, bus: HeardBus) -> None:
        self.update_id = 100
        self.bids = {6_000_000: 5}
        self.asks = {6_000_100: 7}
        self.failures = 0
        self.before_answer: Callable[[], None] = lambda: None
        self._bus = bus

    async def depth(self, _symbol: str, limit: int) -> DepthAnswer:
        if limit > 1:
            await asyncio.sleep(0)
            if self.failures:
                self.failures -= 1
                raise NotAvailable("away")
        answer = DepthAnswer(self.update_id, list(self.bids.items()), list(self.asks.items()), 1)
        if limit > 1:
            self.before_answer()
        return answer

    def change(self, price: int, quantity: int, *, is_lost: bool = False) -> None:
        """Change a bid, and say so unless the message is lost."""
        first, self.update_id = self.update_id + 1, self.update_id + 3
        self.bids[price] = quantity
        if not quantity:
            del self.bids[price]
        if not is_lost:
            self.say(first, self.update_id, price, quantity)

    def say(self, first: int, last: int, price: int, quantity: int) -> None:
        told = {"symbol": "BTC/USDT", "first_update_id": first, "last_update_id": last, "asks": [], "time": 1}
        told |= {"bids": [[f"{price / 100:.2f}", f"{quantity / 100_000:.5f}"]]}
        self._bus.publish(SUBJECT, json.dumps(told).encode())


class Follower:
    """Builds a book of changes, and demands that each continues the one before."""

    def __init__(self) -> None:
        self.last = 0
        self.bids: dict[int, int] = {}

    def take(self, change: DepthChange) -> None:
        assert change.is_whole is (self.last == 0)
        assert change.is_whole or change.first == self.last + 1
        assert change.last >= change.first
        self.last = change.last
        self.bids = {price: quantity for price, quantity in (self.bids | change.bids).items() if quantity}


def follow(story: Callable[[FakeBook, Callable[[], bool]], None], failures: int = 0) -> None:
    """Run a story of a book; the follower must have the same book in the end."""

    async def main() -> None:
        bus, clock = HeardBus(), WallClock()
        book, hub = FakeBook(bus), Hub(bus)
        desk = cast(BookDesk, book)
        book.failures = failures
        mirrors = DepthMirrors(hub, desk, Watch(desk, MarketMemory(bus, clock), clock, 300), clock)
        mirror, leave = await mirrors.use(BTC_USDT)
        follower = Follower()
        if mirror.is_in_step:
            follower.last, follower.bids = mirror.update_id, dict(mirror.bids)
        mirror.listen(follower.take)
        story(book, lambda: mirror.is_in_step)
        await eventually(lambda: mirror.is_in_step and follower.last == book.update_id)
        book.change(5_999_000, 9)
        await eventually(lambda: follower.last == book.update_id)
        assert follower.bids == book.bids
        leave()
        await hub.stop()
        assert not bus.handlers

    asyncio.run(main())


def test_changes_follow_the_snapshot() -> None:
    follow(lambda book, _: book.change(6_000_010, 4))


def test_what_comes_while_the_snapshot_is_on_its_way_is_not_lost() -> None:
    def story(book: FakeBook, _: Callable[[], bool]) -> None:
        def change_once() -> None:
            book.before_answer = lambda: None
            book.change(6_000_020, 3)

        book.change(6_000_010, 4)
        book.before_answer = change_once

    follow(story)


def test_a_book_that_is_away_is_asked_again() -> None:
    follow(lambda book, _: book.change(6_000_010, 4), failures=2)


def test_a_lost_message_is_made_good_by_a_snapshot() -> None:
    def story(book: FakeBook, _: Callable[[], bool]) -> None:
        book.change(6_000_010, 4)
        book.change(6_000_000, 0, is_lost=True)
        book.change(6_000_020, 6)

    follow(story)


def test_a_repeated_message_changes_nothing() -> None:
    def story(book: FakeBook, _: Callable[[], bool]) -> None:
        book.change(6_000_010, 4)
        book.say(book.update_id - 2, book.update_id, 6_000_010, 1)

    follow(story)
