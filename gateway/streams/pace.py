"""When channels speak: at once, at an even pace while something changes, or at every tick."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.failures import NotAvailable
from infra.ports import Clock

logger = logging.getLogger(__name__)


class Pace:
    """Calls `flush` for what was noted, at most once in `every_s`; without one, each time."""

    def __init__(self, clock: Clock, every_s: float, flush: Callable[[], None]) -> None:
        self._clock = clock
        self._every_s = every_s
        self._flush = flush
        self._waiting: asyncio.Task[None] | None = None

    def note(self) -> None:
        """Take note that there is something to tell."""
        if not self._every_s:
            self._flush()
        elif self._waiting is None:
            self._waiting = asyncio.create_task(self._later())

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def _later(self) -> None:
        await self._clock.sleep(self._every_s)
        self._waiting = None
        self._flush()


def every(clock: Clock, seconds: float, do: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Do something now and again every so many seconds; the result ends that. What is not available is left out."""

    async def repeat() -> None:
        while True:
            try:
                await do()
            except NotAvailable as failure:
                logger.debug("nothing to tell now: %s", failure.message)
            except Exception:
                logger.exception("a channel has nothing to tell")
            await clock.sleep(seconds)

    task = asyncio.create_task(repeat())
    return lambda: void(task.cancel())


def void(_: object) -> None:
    """Forget a value."""


def together(*leaves: Callable[[], None]) -> Callable[[], None]:
    """Return one function that calls all of these."""

    def leave() -> None:
        for each in leaves:
            each()

    return leave
