"""What the parts of the exchange say of themselves once a second, and how fast their counters run."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec

from dashboard.live.board import Board, Payload, decode
from infra.ports import Bus

FRESH_S: Final = 5.0
"""A part that has not spoken for so long is silent."""

WINDOW: Final = 11
"""Speeds and latencies are those of the last ten seconds."""

MAX_PARTS: Final = 5_000
BUCKETS_MS: Final = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0)
"""Upper ends of the buckets in which gateways count the times of requests."""


class Beat(NamedTuple):
    """A heartbeat, and the monotonic time at which it came."""

    at: float
    said: Payload


class RouteSpeed(NamedTuple):
    """How a route did lately: requests a second, and times in ms that so many percent of them stayed below."""

    route: str
    per_second: float
    p50: float
    p90: float
    p99: float


class SystemBoard(Board):
    """Follows `system.>` and remembers the last beats of every part."""

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._bus = bus
        self._clock = clock
        self._beats: dict[str, deque[Beat]] = {}
        self._end: Callable[[], Awaitable[None]] | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow."""
        self._end = await self._bus.subscribe("system.>", self._hear)
        self._ticking = asyncio.create_task(self._tick(), name="notice silence")

    async def stop(self) -> None:
        """Follow no longer."""
        if self._end is not None:
            await self._end()
            self._end = None
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking

    def names(self, kind: str) -> list[str]:
        """Return the parts of a kind that spoke lately."""
        return sorted(name for name in self._beats if name.partition(".")[0] == kind and self.is_fresh(name))

    def is_fresh(self, name: str) -> bool:
        """Whether a part spoke lately."""
        beats = self._beats.get(name)
        return beats is not None and self._clock() - beats[-1].at <= FRESH_S

    def said(self, name: str) -> Payload:
        """Return what a part said last, nothing where it is silent."""
        return self._beats[name][-1].said if self.is_fresh(name) else {}

    def per_second(self, name: str, read: Callable[[Payload], float]) -> float:
        """Return how fast a counter of a part has risen lately."""
        beats = self._beats.get(name)
        if beats is None or len(beats) < 2 or not self.is_fresh(name):
            return 0.0
        return max(read(beats[-1].said) - read(beats[0].said), 0.0) / (beats[-1].at - beats[0].at)

    def routes(self) -> list[RouteSpeed]:
        """Return how the routes of all gateways did lately, the busiest first."""
        counts: dict[str, list[int]] = {}
        longest = 0.0
        for name in self.names("gateway"):
            beats = self._beats[name]
            longest = max(longest, beats[-1].at - beats[0].at)
            _count(counts, beats[-1].said, 1)
            _count(counts, beats[0].said, -1)
        speeds = [
            RouteSpeed(route, sum(buckets) / longest, *(percentile(buckets, part) for part in (0.5, 0.9, 0.99)))
            for route, buckets in counts.items()
            if longest and sum(buckets) > 0
        ]
        return sorted(speeds, key=lambda speed: -speed.per_second)

    def _hear(self, subject: str, payload: bytes) -> None:
        name = subject.removeprefix("system.")
        try:
            said = decode(payload)
        except msgspec.MsgspecError:
            return
        if name not in self._beats and len(self._beats) >= MAX_PARTS:
            self._beats = {name: beats for name, beats in self._beats.items() if self.is_fresh(name)}
        beats = self._beats.setdefault(name, deque(maxlen=WINDOW))
        if beats and (not self.is_fresh(name) or beats[-1].said.get("pid") != said.get("pid")):
            # Counters begin anew in another process.
            beats.clear()
        beats.append(Beat(self._clock(), said))
        self.changed()

    async def _tick(self) -> None:
        """Have lookers notice who says nothing."""
        while True:
            await asyncio.sleep(1.0)
            self.changed()


def percentile(buckets: Iterable[int], part: float) -> float:
    """Return below which time (ms) this part of the requests stayed, guessed evenly within a bucket."""
    counts = list(buckets)
    wanted, below = part * sum(counts), 0
    for index, count in enumerate(counts):
        if count and below + count >= wanted:
            low = BUCKETS_MS[index - 1] if index else 0.0
            high = BUCKETS_MS[index] if index < len(BUCKETS_MS) else low
            return low + (high - low) * (wanted - below) / count
        below += count
    return 0.0


def _count(counts: dict[str, list[int]], said: Payload, sign: int) -> None:
    requests: list[dict[str, Any]] = said.get("requests", [])
    for entry in requests:
        route = f"{entry['method']} {entry['route']}"
        whole = counts.setdefault(route, [0] * (len(BUCKETS_MS) + 1))
        for index, count in enumerate(entry["buckets"]):
            whole[index] += sign * count
