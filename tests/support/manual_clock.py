"""A clock that moves only when the test says so."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

START_NS = 1_723_161_251_000_000_000


async def settle(turns: int = 20) -> None:
    """Let everything run that can run without time passing."""
    for _ in range(turns):
        await asyncio.sleep(0)


class ManualClock:
    """A `Clock` whose sleepers wake in order as `advance` passes their time."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ns(self) -> int:
        return START_NS + round(self._seconds * 1e9)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        await self._woken_after(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        woken = self._woken_after(seconds)

        def wake(_: object) -> None:
            if not woken.cancelled():
                callback()

        woken.add_done_callback(wake)

        def call_off() -> None:
            woken.cancel()

        return call_off

    def _woken_after(self, seconds: float) -> asyncio.Future[None]:
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._seconds + max(0.0, seconds), self._count, woken))
        return woken

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, stopping at every sleeper on the way."""
        await settle()
        until = self._seconds + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            self._seconds, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
                await settle()
        self._seconds = until
        await settle()
