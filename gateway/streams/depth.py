"""A symbol's book as this process follows it: every change continues the one before, whatever the bus has lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from heapq import nlargest, nsmallest
from typing import Final, NamedTuple

import msgspec

from gateway.book_desk import BookDesk
from gateway.failures import NotAvailable
from gateway.streams.hub import Hub, Leave
from gateway.streams.watch import Watch
from infra.ports import Clock
from mockexchange.instruments import Instrument
from mockexchange.messages.channel import DepthAnswer
from mockexchange.messages.subjects import market
from mockexchange.views import NS_PER_MS, DepthView

logger = logging.getLogger(__name__)

SNAPSHOT_LEVELS: Final = 5_000
MAX_WAITING: Final = 1_000
"""Messages kept while a snapshot is on its way; the first are forgotten, and another snapshot is asked for."""

RETRY_S: Final = 0.5

Levels = dict[int, int]

_decode: Final = msgspec.json.Decoder(DepthView).decode


class DepthChange(NamedTuple):
    """Levels that changed, price to quantity in units; 0 removes one. `first` is the `last` before plus 1.

    `is_whole`: it is the first that is known of the book, and nothing was told before.
    """

    first: int
    last: int
    bids: Levels
    asks: Levels
    time_ms: int
    is_whole: bool = False


class DepthMirror:
    """Follows one book by its snapshot and the changes after it.

    Where a change does not continue the last one, a new snapshot is asked for, and the difference between the two is a
    change like any other: so listeners see no gap.
    """

    def __init__(self, instrument: Instrument, hub: Hub, books: BookDesk, watch: Watch, clock: Clock) -> None:
        self.instrument = instrument
        self.update_id = 0
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.is_in_step = False
        self._hub = hub
        self._books = books
        self._watch = watch
        self._clock = clock
        self._waiting: list[DepthChange] = []
        self._listeners: list[Callable[[DepthChange], None]] = []
        self._syncing: asyncio.Task[None] | None = None
        self._ends: list[Leave] = []

    async def open(self) -> None:
        """Begin to follow; the book itself may come later."""
        symbol = self.instrument.symbol
        self._ends.append(await self._hub.listen(market(symbol, "depth"), self._hear))
        self._ends.append(self._watch.begin(symbol))
        self._begin_sync()

    async def wait_in_step(self) -> None:
        """Return once the book is known."""
        while not self.is_in_step and self._syncing is not None:
            await asyncio.shield(self._syncing)

    def close(self) -> None:
        """Follow no longer."""
        for end in self._ends:
            end()
        self._ends.clear()
        if self._syncing is not None:
            self._syncing.cancel()

    def listen(self, listener: Callable[[DepthChange], None]) -> Leave:
        """Call this with each change from now on."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def best_bids(self, levels: int) -> list[tuple[int, int]]:
        """Return the best bids, the highest first."""
        return [(price, self.bids[price]) for price in nlargest(levels, self.bids)]

    def best_asks(self, levels: int) -> list[tuple[int, int]]:
        """Return the best asks, the lowest first."""
        return [(price, self.asks[price]) for price in nsmallest(levels, self.asks)]

    def _hear(self, _subject: str, payload: bytes) -> None:
        view = _decode(payload)
        bids, asks = self._levels(view.bids), self._levels(view.asks)
        change = DepthChange(view.first_update_id, view.last_update_id, bids, asks, view.time)
        if not self.is_in_step:
            self._waiting.append(change)
            del self._waiting[:-MAX_WAITING]
            self._begin_sync()
        elif change.first == self.update_id + 1:
            self._take(change)
        elif change.last > self.update_id:
            self._waiting = [change]
            self._begin_sync()

    def _levels(self, shown: list[tuple[str, str]]) -> Levels:
        # The texts have exactly the instrument's decimals, so without the point they are units.
        return {int(price.replace(".", "")): int(quantity.replace(".", "")) for price, quantity in shown}

    def _take(self, change: DepthChange) -> None:
        for known, changed in ((self.bids, change.bids), (self.asks, change.asks)):
            for price, quantity in changed.items():
                if quantity:
                    known[price] = quantity
                else:
                    known.pop(price, None)
        self.update_id = change.last
        for listener in tuple(self._listeners):
            try:
                listener(change)
            except Exception:
                logger.exception("a listener to the depth of %s broke", self.instrument.symbol)

    # --- snapshots ---

    def _begin_sync(self) -> None:
        self.is_in_step = False
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync(), name=f"depth of {self.instrument.symbol}")

    async def _sync(self) -> None:
        while not self.is_in_step:
            try:
                answer = await self._books.depth(self.instrument.symbol, SNAPSHOT_LEVELS)
            except NotAvailable:
                await self._clock.sleep(RETRY_S)
                continue
            # One that is older than what was told already tells nothing.
            if answer.update_id < self.update_id or not self._join(answer):
                await self._clock.sleep(RETRY_S)

    def _join(self, answer: DepthAnswer) -> bool:
        """Go on from a snapshot; return whether the changes heard meanwhile continue it."""
        later = [change for change in self._waiting if change.last > answer.update_id]
        firsts = [change.first for change in later]
        expected = [answer.update_id + 1, *(change.last + 1 for change in later[:-1])][: len(later)]
        if firsts != expected:
            self._waiting = later
            return False
        self._waiting = []
        self.is_in_step = True
        bids = _difference(self.bids, dict(answer.bids), is_whole=len(answer.bids) < SNAPSHOT_LEVELS)
        asks = _difference(self.asks, dict(answer.asks), is_whole=len(answer.asks) < SNAPSHOT_LEVELS)
        if answer.update_id > self.update_id:
            is_whole = not self.update_id
            first = answer.update_id if is_whole else self.update_id + 1
            self._take(DepthChange(first, answer.update_id, bids, asks, answer.time_ns // NS_PER_MS, is_whole))
        for change in later:
            self._take(change)
        return True


def _difference(known: Levels, told: Levels, *, is_whole: bool) -> Levels:
    """Return what must change for `known` to become `told`; a snapshot cut short says nothing beyond its worst level.

    Prices that are worse than all told cannot be told from those that are gone, unless the snapshot is whole.
    """
    changed = {price: quantity for price, quantity in told.items() if known.get(price) != quantity}
    if is_whole:
        return changed | {price: 0 for price in known if price not in told}
    low, high = min(told), max(told)
    return changed | {price: 0 for price in known if price not in told and low <= price <= high}


class DepthMirrors:
    """The mirrors of this process, one for each symbol that somebody follows."""

    def __init__(self, hub: Hub, books: BookDesk, watch: Watch, clock: Clock) -> None:
        self._hub = hub
        self._books = books
        self._watch = watch
        self._clock = clock
        self._mirrors: dict[str, tuple[DepthMirror, asyncio.Task[None]]] = {}
        self._users: dict[str, int] = {}

    async def use(self, instrument: Instrument) -> tuple[DepthMirror, Leave]:
        """Return the mirror of a symbol, and what to call when it is not needed any more."""
        symbol = instrument.symbol
        if symbol not in self._mirrors:
            mirror = DepthMirror(instrument, self._hub, self._books, self._watch, self._clock)
            self._mirrors[symbol] = (mirror, asyncio.create_task(mirror.open()))
            self._users[symbol] = 0
        mirror, opening = self._mirrors[symbol]
        self._users[symbol] += 1
        try:
            await asyncio.shield(opening)
        except BaseException:
            self._leave(symbol)
            raise
        return mirror, lambda: self._leave(symbol)

    def is_in_step(self, symbol: str) -> bool:
        """Whether a symbol is followed and its book known."""
        return symbol in self._mirrors and self._mirrors[symbol][0].is_in_step

    def stop(self) -> None:
        """Follow nothing any more."""
        for mirror, opening in self._mirrors.values():
            opening.cancel()
            mirror.close()
        self._mirrors.clear()

    def _leave(self, symbol: str) -> None:
        if symbol not in self._mirrors:
            return
        self._users[symbol] -= 1
        if not self._users[symbol]:
            mirror, opening = self._mirrors.pop(symbol)
            opening.cancel()
            mirror.close()
