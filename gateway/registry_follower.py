"""The registry as this process knows it: a fold of `journal.registry` that never ends."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from gateway.failures import NotAvailable
from infra.ports import Clock, Journal, JournalUnavailable
from mockexchange.messages.codec import decode_registry_record
from mockexchange.messages.subjects import REGISTRY
from mockexchange.registry import Registry

LOOK_AGAIN_S: Final = 0.1
"""Least time between two questions to the journal, so that wrong keys cannot flood it."""

CATCH_UP_S: Final = 2.0
POLL_S: Final = 0.005


class RegistryFollower:
    """Follows the registry, and catches up on demand: what is unknown may be so new that it was not read yet."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.registry = Registry()
        self._journal = journal
        self._clock = clock
        self._following: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self._next_look: asyncio.Task[str] | None = None
        self._looks: set[asyncio.Task[str]] = set()

    def start(self) -> asyncio.Task[None]:
        """Begin to follow. The task ends only when the journal can no longer be trusted; then the process must exit."""
        self._following = asyncio.create_task(self._follow(), name="follow the registry")
        return self._following

    async def stop(self) -> None:
        """Follow no longer."""
        tasks: list[asyncio.Task[None] | asyncio.Task[str]] = [*self._looks]
        if self._following is not None:
            tasks.append(self._following)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def catch_up(self) -> None:
        """Return once the registry holds all that was journaled before this call. Raises NotAvailable.

        Callers share one question; it is asked at most every `LOOK_AGAIN_S`, and only after they came.
        """
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._look())
            self._looks.add(self._next_look)
            self._next_look.add_done_callback(self._looks.discard)
        problem = await asyncio.shield(self._next_look)
        if problem:
            raise NotAvailable(problem)

    async def reach(self, sequence: int) -> None:
        """Return once the registry is folded up to a stream sequence of its subject. Raises NotAvailable."""
        if not await self._is_reached(sequence):
            raise NotAvailable("the registry is catching up")

    async def _is_reached(self, sequence: int) -> bool:
        until = self._clock.monotonic() + CATCH_UP_S
        while self.registry.subject_sequence < sequence:
            if self._clock.monotonic() >= until:
                return False
            await self._clock.sleep(POLL_S)
        return True

    async def _look(self) -> str:
        """Ask the journal how far the registry goes and wait to be there; return what prevents it."""
        await self._clock.sleep(max(0.0, self._looked_at + LOOK_AGAIN_S - self._clock.monotonic()))
        # Whoever comes from here on may know of a record that the question does not see any more.
        self._next_look = None
        self._looked_at = self._clock.monotonic()
        try:
            last = await self._journal.last_sequence(REGISTRY)
        except JournalUnavailable:
            return "the journal cannot be reached"
        return "" if await self._is_reached(last) else "the registry is catching up"

    async def _follow(self) -> None:
        async with aclosing(self._journal.read([REGISTRY], self.registry.sequence + 1)) as batches:
            async for batch in batches:
                for message in batch:
                    self.registry.apply(message.sequence, decode_registry_record(message.payload))
