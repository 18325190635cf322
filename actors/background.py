"""The one task of a shell that runs by itself until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Background:
    """A task that ends only when it is stopped or fails."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Start the task."""
        self._task = asyncio.get_running_loop().create_task(work)

    async def stop(self) -> None:
        """End the task and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def closed(self) -> None:
        """Return once the task was stopped; raise what made it fail."""
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    @property
    def is_running(self) -> bool:
        """Whether the task was started and has not ended."""
        return self._task is not None and not self._task.done()

    @property
    def failure(self) -> str:
        """What made the task fail, or empty."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return ""
        error = self._task.exception()
        return "" if error is None else f"{type(error).__name__}: {error}"

    def status(self, when_running: str = "serving") -> dict[str, object]:
        """Return the state, and the failure where there is one."""
        if self.failure:
            return {"state": "failed", "failure": self.failure}
        return {"state": when_running if self.is_running else "stopped"}
