"""The real clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class WallClock:
    """Wall time, and waiting in it; see `infra.ports.Clock`."""

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return seconds of a clock that never steps back and does not stand still while a process is stopped."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once that time has passed; the result calls it off."""
        return asyncio.get_running_loop().call_later(seconds, callback).cancel
