"""Books that somebody watches are kept awake: nothing else asks them anything while nobody trades."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway.book_desk import BookDesk
from gateway.failures import NotAvailable
from infra.market_memory import MarketMemory
from infra.ports import Clock

ROUND_S: Final = 1.0
PATIENCE_S: Final = 5.0
"""A book that has said nothing for longer is asked, at most this often."""

MAX_ASKED_AT_ONCE: Final = 32


class Watch:
    """Asks the books of watched symbols now and then, and at once where they have fallen silent."""

    def __init__(self, books: BookDesk, memory: MarketMemory, clock: Clock, idle_s: float) -> None:
        self._books = books
        self._memory = memory
        self._clock = clock
        self._every_s = max(ROUND_S, idle_s / 3)
        self._watched: Counter[str] = Counter()
        self._asked_at: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MAX_ASKED_AT_ONCE)
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to make rounds."""
        self._rounds = asyncio.create_task(self._make_rounds(), name="keep watched books awake")

    async def stop(self) -> None:
        """Ask nobody any more."""
        tasks = [*self._asking.values(), *([self._rounds] if self._rounds is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self, symbol: str) -> Callable[[], None]:
        """Keep a symbol's book awake from now on; the result ends that."""
        self._watched[symbol] += 1
        self._look_at(symbol)
        return lambda: self._end(symbol)

    def _end(self, symbol: str) -> None:
        self._watched[symbol] -= 1
        if not self._watched[symbol]:
            del self._watched[symbol]
            self._asked_at.pop(symbol, None)

    async def _make_rounds(self) -> None:
        while True:
            await self._clock.sleep(ROUND_S)
            for symbol in tuple(self._watched):
                self._look_at(symbol)

    def _look_at(self, symbol: str) -> None:
        asked_at = self._asked_at.get(symbol, float("-inf"))
        patience_s = self._every_s if self._memory.is_awake(symbol) else min(PATIENCE_S, self._every_s)
        if symbol in self._asking or self._clock.monotonic() - asked_at < patience_s:
            return
        self._asked_at[symbol] = self._clock.monotonic()
        asking = self._asking[symbol] = asyncio.create_task(self._ask(symbol))
        asking.add_done_callback(lambda _: self._asking.pop(symbol))

    async def _ask(self, symbol: str) -> None:
        # A book that cannot be reached now is asked again in the next rounds.
        with suppress(NotAvailable):
            async with self._slots:
                await self._books.depth(symbol, 1)
