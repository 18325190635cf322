"""Counters that all gateway processes share.

Whatever is counted while a question to the store is under way goes into the next one, so that a request costs no round
trip of its own. While the store is away each process counts for itself, on from what it last knew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from gateway.waiting import within
from infra.ports import Clock, Count, Counters, CountersUnavailable

ANSWER_S: Final = 0.25
AWAY_S: Final = 1.0
MAX_LOCAL: Final = 100_000
MAX_BATCH: Final = 1_000

logger = logging.getLogger(__name__)


class SharedCounters:
    """Counts in a store (None: in this process alone), all that waits at once."""

    def __init__(self, store: Counters | None, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._own = OwnCounters(clock)
        self._away_until = float("-inf")
        self._waiting: list[tuple[Sequence[Count], asyncio.Future[list[int]]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """Count; return the new value of each."""
        if self._store is None or self._clock.monotonic() < self._away_until:
            return self._own.add(counts)
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._waiting.append((counts, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(self._store), name="count")
        return await answer

    async def _ask(self, store: Counters) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                values = iter(await self._ask_once(store, [count for counts, _ in batch for count in counts]))
                for counts, answer in batch:
                    own = [next(values) for _ in counts]
                    if not answer.done():
                        answer.set_result(own)
        finally:
            self._asking = None

    async def _ask_once(self, store: Counters, counts: Sequence[Count]) -> list[int]:
        if self._clock.monotonic() < self._away_until:
            return self._own.add(counts)
        try:
            values = await within(self._clock, ANSWER_S, store.add(counts))
        except (CountersUnavailable, TimeoutError) as error:
            logger.warning("limits are counted by this process alone: %s", error or "no answer in time")
            self._away_until = self._clock.monotonic() + AWAY_S
            return self._own.add(counts)
        self._own.learn(counts, values)
        return values


class OwnCounters:
    """Counters of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[int, float]] = {}

    def add(self, counts: Sequence[Count]) -> list[int]:
        """Count; return the new value of each."""
        now = self._clock.monotonic()
        return [self._add(count, now) for count in counts]

    def learn(self, counts: Sequence[Count], values: Sequence[int]) -> None:
        """Take over what others have counted."""
        now = self._clock.monotonic()
        for count, value in zip(counts, values, strict=True):
            known = self._values.get(count.key)
            self._set(count.key, value, now + count.life_s if known is None else known[1], now)

    def _add(self, count: Count, now: float) -> int:
        value, end = self._values.get(count.key, (0, now + count.life_s))
        if end <= now:
            value, end = 0, now + count.life_s
        if not count.is_level:
            value += count.amount
        elif count.amount > value:
            value, end = count.amount, now + count.life_s
        self._set(count.key, value, end, now)
        return value

    def _set(self, key: str, value: int, end: float, now: float) -> None:
        if len(self._values) >= MAX_LOCAL and key not in self._values:
            self._values = {known: item for known, item in self._values.items() if item[1] > now}
            if len(self._values) >= MAX_LOCAL:
                self._values.clear()
        self._values[key] = (value, end)
