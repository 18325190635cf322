"""Bus subjects that this process listens to while somebody wants them, each subscribed once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from infra.ports import Bus

logger = logging.getLogger(__name__)

Listener = Callable[[str, bytes], None]
Leave = Callable[[], None]


class _Line:
    """One subscription and who listens."""

    def __init__(self, bus: Bus, subject: str) -> None:
        self.listeners: list[Listener] = []
        self.opening: asyncio.Task[Callable[[], Awaitable[None]]] = asyncio.create_task(self._open(bus, subject))

    async def _open(self, bus: Bus, subject: str) -> Callable[[], Awaitable[None]]:
        return await bus.subscribe(subject, self._hear)

    def _hear(self, subject: str, payload: bytes) -> None:
        for listener in tuple(self.listeners):
            try:
                listener(subject, payload)
            except Exception:
                # The others must hear it all the same.
                logger.exception("a listener to %s broke", subject)


class Hub:
    """Shares subscriptions: the first listener of a subject opens one, the last to leave closes it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lines: dict[str, _Line] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def subjects(self) -> int:
        """How many subjects are listened to."""
        return sum(line.opening.done() for line in self._lines.values())

    async def listen(self, subject: str, listener: Listener) -> Leave:
        """Call `listener(subject, payload)` for each message from now on; the result ends that."""
        line = self._lines.get(subject)
        if line is None:
            line = self._lines[subject] = _Line(self._bus, subject)
        line.listeners.append(listener)
        try:
            await asyncio.shield(line.opening)
        except BaseException:
            self._leave(subject, line, listener)
            raise
        return lambda: self._leave(subject, line, listener)

    async def stop(self) -> None:
        """Listen to nothing any more."""
        for subject, line in list(self._lines.items()):
            del self._lines[subject]
            self._close(line)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _leave(self, subject: str, line: _Line, listener: Listener) -> None:
        if listener in line.listeners:
            line.listeners.remove(listener)
        if not line.listeners and self._lines.get(subject) is line:
            del self._lines[subject]
            self._close(line)

    def _close(self, line: _Line) -> None:
        closing = asyncio.create_task(_end(line))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _end(line: _Line) -> None:
    await asyncio.wait((line.opening,))
    if not line.opening.cancelled() and line.opening.exception() is None:
        await line.opening.result()()
