"""The book's link to its feed: keeps the mirrored outside market in step, or says that it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from actors.runtime import Pauses, World, run
from mockexchange.messages.codec import decode_feed_message
from mockexchange.messages.market import FeedMessage, MarketSilent, MarketUpdate
from mockexchange.messages.subjects import feed_snapshot, feed_updates

MAX_HELD_MESSAGES: Final = 1_000
SNAPSHOT_TIMEOUT_S: Final = 1.0


class FeedLink:
    """Follows one symbol's feed and offers its updates in order, beginning with a depth snapshot.

    A gap in the feed's numbers, another incarnation of the feed or silence makes it ask for a snapshot anew; what
    arrives meanwhile is held back and goes on top of the snapshot. `offer` takes updates and must not wait.
    """

    def __init__(
        self, symbol: str, world: World, offer: Callable[[list[MarketUpdate]], None], silence_s: float
    ) -> None:
        self._symbol = symbol
        self._world = world
        self._offer = offer
        self._silence_s = silence_s
        self._epoch = 0
        self._number = 0
        self._held: list[FeedMessage] = []
        self._heard_at = world.clock.monotonic()
        self._resync: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], Awaitable[None]] | None = None
        self._in_step = asyncio.Event()
        self.resyncs = 0

    @property
    def is_in_step(self) -> bool:
        """Whether the outside market is known and followed."""
        return self._in_step.is_set()

    async def wait_in_step(self, timeout_s: float) -> None:
        """Return once the outside market is known, or when that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._in_step.wait()

    async def start(self) -> None:
        """Subscribe and ask for the first snapshot."""
        self._unsubscribe = await self._world.bus.subscribe(feed_updates(self._symbol), self._on_message)
        self._begin_resync()

    async def stop(self) -> None:
        """End the subscription."""
        if self._resync is not None:
            self._resync.cancel()
        if self._unsubscribe is not None:
            await self._unsubscribe()

    def lose(self) -> None:
        """Note that updates were dropped: the outside market is unknown until the next snapshot."""
        if self.is_in_step:
            self._in_step.clear()
            self._offer([MarketSilent()])
        self._begin_resync()

    def check_silence(self) -> None:
        """Declare the outside market unknown when nothing was heard for too long."""
        if self.is_in_step and self._world.clock.monotonic() - self._heard_at > self._silence_s:
            self.lose()

    def _on_message(self, _subject: str, payload: bytes) -> None:
        message = decode_feed_message(payload)
        self._heard_at = self._world.clock.monotonic()
        if not self.is_in_step:
            self._held.append(message)
            if len(self._held) > MAX_HELD_MESSAGES:
                del self._held[: MAX_HELD_MESSAGES // 2]
        elif not self._follow(message):
            self.lose()

    def _follow(self, message: FeedMessage) -> bool:
        """Offer a message that is next in line; return False when one is missing before it."""
        if message.epoch != self._epoch or message.number > self._number + 1:
            self._held.append(message)
            return False
        if message.number == self._number + 1:
            self._number = message.number
            self._offer(message.updates)
        return True

    def _begin_resync(self) -> None:
        if self._resync is None or self._resync.done():
            self._resync = run(self._world, self._synchronize())

    async def _synchronize(self) -> None:
        pauses = Pauses(self._world.clock, first_s=0.05)
        while not self.is_in_step:
            answer = await self._world.bus.request(feed_snapshot(self._symbol), b"", SNAPSHOT_TIMEOUT_S)
            if answer is None or not self._begin_from(decode_feed_message(answer)):
                await pauses.wait()
        self.resyncs += 1

    def _begin_from(self, snapshot: FeedMessage) -> bool:
        """Begin anew from a snapshot and what was held back; return False when something is missing between."""
        self._heard_at = self._world.clock.monotonic()
        self._epoch, self._number = snapshot.epoch, snapshot.number
        held = [m for m in self._held if m.epoch == snapshot.epoch and m.number > snapshot.number]
        self._held = []
        numbers = [m.number for m in held]
        if numbers != list(range(snapshot.number + 1, snapshot.number + 1 + len(numbers))):
            return False
        self._in_step.set()
        self._offer(snapshot.updates)
        for message in held:
            self._follow(message)
        return True
