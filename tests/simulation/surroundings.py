"""The rest of the world as a node sees it: clock, snapshots, and the whole of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from actors.runtime import Departure, World
from infra.ports import JournalUnavailable, Snapshot
from tests.simulation.bus import FakeBus
from tests.simulation.faults import Faults
from tests.simulation.journal import FakeJournal
from tests.simulation.loop import Node, SimulatedLoop

START_NS = 1_723_161_251_000_000_000
LARGEST_SKEW_NS = 20_000_000


class NodeClock:
    """Implements `infra.ports.Clock`; the clocks of two nodes differ a little."""

    def __init__(self, loop: SimulatedLoop, skew_ns: int = 0) -> None:
        self._loop = loop
        self._offset_ns = START_NS + skew_ns

    def now_ns(self) -> int:
        return self._offset_ns + round(self._loop.now * 1e9)

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        return self._loop.call_later(seconds, callback).cancel


class FakeSnapshots:
    """Implements `infra.ports.Snapshots` for all nodes. A snapshot may be lost when it is saved or read."""

    def __init__(self, loop: SimulatedLoop, faults: Faults, journal: FakeJournal) -> None:
        self.kept: dict[str, list[Snapshot]] = {}
        self.loads = 0
        self._faults = faults
        self._journal = journal

    async def save(self, name: str, snapshot: Snapshot) -> None:
        await self._reach()
        if self._faults.chance(self._faults.rates.snapshot_lost):
            return
        others = [kept for kept in self.kept.get(name, []) if kept.sequence != snapshot.sequence]
        newest = sorted([snapshot, *others], key=lambda kept: kept.sequence, reverse=True)
        self.kept[name] = newest[:2]

    async def load(self, name: str) -> list[Snapshot]:
        await self._reach()
        rate = self._faults.rates.snapshot_lost
        readable = [kept for kept in self.kept.get(name, []) if not self._faults.chance(rate)]
        self.loads += bool(readable)
        return readable

    async def _reach(self) -> None:
        for _ in range(2):
            await asyncio.sleep(self._faults.delay())
            if not self._journal.is_up:
                raise JournalUnavailable("no connection")


class Surroundings:
    """Everything that nodes share. `departures` tells who left and why."""

    def __init__(self, seed: object = 0, faults: Faults | None = None) -> None:
        self.loop = SimulatedLoop()
        self.faults = faults or Faults(seed)
        self.journal = FakeJournal(self.loop, self.faults)
        self.bus = FakeBus(self.loop, self.faults, self.journal.cut)
        self.snapshots = FakeSnapshots(self.loop, self.faults, self.journal)
        self.departures: list[tuple[Node, Departure, str]] = []
        self.on_departure: Callable[[Node, Departure, str], None] = lambda node, why, detail: None
        self.is_closing = False

    def clock_of(self, node: Node) -> NodeClock:
        """Return a clock for a node."""
        most = LARGEST_SKEW_NS if self.faults.rates.slow else 0
        return NodeClock(node.loop, self.faults.random.randint(-most, most))

    def world_of(self, node: Node) -> World:
        """Return the world that a node's shell is given."""

        def leave(why: Departure, detail: str) -> NoReturn:
            if node.is_alive:
                self.departures.append((node, why, detail))
                self.on_departure(node, why, detail)
            node.leave()

        clock = self.clock_of(node)
        return World(self.journal.seen_by(node), self.bus.seen_by(node), self.snapshots, clock, leave)
