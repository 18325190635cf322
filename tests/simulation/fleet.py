"""Starts nodes, lets them meet their fates, and starts them again, as Ray does for the real exchange."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from actors.fleet import DIRECTORY, Missing, Part, book_part, shard_part
from actors.runtime import Departure
from infra.ports import PeerLost
from tests.simulation.actors import (
    AccountsActor,
    BookActor,
    DirectoryActor,
    FeedActor,
    HistoryActor,
    Hosted,
    faulty_store,
)
from tests.simulation.gateways import GatewayActor
from tests.simulation.loop import Node
from tests.simulation.surroundings import Surroundings
from tests.simulation.wire import Wire

RESTART_S = (0.05, 1.0)
UNNOTICED_S = 1.2
"""A node that is away for less is not replaced by another."""


Running = Hosted | GatewayActor


@dataclass
class _Place:
    """Where a part runs: the incarnation that serves, and those that were given up but do not know it."""

    part: Part
    actor: Running | None = None
    is_restarting: bool = False
    zombies: list[Running] = field(default_factory=list)


class SimulatedFleet:
    """Implements `actors.fleet.Fleet`, and finds the actors for those who call them.

    Who looks for an actor sometimes finds one that was given up and still runs.
    """

    def __init__(self, around: Surroundings, wire: Wire) -> None:
        self.around = around
        self.store = faulty_store(around)
        self._wire = wire
        self._places: dict[Part, _Place] = {}
        self._count = 0
        self.zombies = 0

    # Finding.

    def shard(self, shard: int) -> Running | None:
        return self._find(shard_part(shard))

    def book(self, symbol: str) -> Running | None:
        return self._find(book_part(symbol))

    def directory(self) -> Running | None:
        return self._find(DIRECTORY)

    def gateway(self, index: int) -> Running | None:
        return self._find(Part("gateway", str(index)))

    def serving(self, part: Part) -> Any:
        """Return the shell of the incarnation that serves, None where there is none."""
        place = self._places.get(part)
        return None if place is None else getattr(place.actor, "shell", None)

    def is_running(self, part: Part) -> bool:
        """Whether an incarnation of a part lives."""
        place = self._places.get(part)
        return place is not None and place.actor is not None and place.actor.node.is_alive

    def _find(self, part: Part) -> Running | None:
        place = self._places.get(part)
        if place is None:
            return None
        place.zombies = [zombie for zombie in place.zombies if zombie.node.is_alive]
        if place.zombies and self.around.faults.chance(0.2):
            return place.zombies[-1]
        return place.actor

    # What the directory asks for.

    async def ensure(self, part: Part) -> None:
        await self._reach()
        place = self._places.setdefault(part, _Place(part))
        if place.actor is None and not place.is_restarting:
            self.start(part)

    async def remove(self, part: Part) -> None:
        await self._reach()
        place = self._places.get(part)
        if place is not None:
            self._give_up(place)
            place.is_restarting = False

    async def status(self, part: Part) -> dict[str, object]:
        place = self._places.get(part)
        if place is None or (place.actor is None and not place.is_restarting):
            raise Missing(part.name)
        status: dict[str, object] = await self._wire.call(None, lambda: place.actor, "status")
        return status

    async def books(self) -> list[Part]:
        return [part for part, place in self._places.items() if part.kind == "book" and place.actor is not None]

    async def _reach(self) -> None:
        await asyncio.sleep(self.around.faults.delay())
        if self.around.faults.chance(self.around.faults.rates.call_lost):
            raise PeerLost("the fleet does not answer")

    # Living and dying.

    def start(self, part: Part) -> None:
        """Start a new incarnation of a part."""
        place = self._places.setdefault(part, _Place(part))
        place.is_restarting = False
        self._count += 1
        node = self.around.loop.world.copy().run(Node, f"{part.name}#{self._count}", self.around.loop)
        place.actor = actor = self._build(part, node)
        node.fate_at = self.around.faults.life()
        node.fate = lambda: self._meet_fate(place, actor)
        node.on_death(lambda: self._bury(place, actor))
        actor.start()

    def _build(self, part: Part, node: Node) -> Running:
        match part.kind:
            case "accounts":
                return AccountsActor(part, node, self.around, self._wire, self)
            case "book":
                return BookActor(part, node, self.around)
            case "feed":
                return FeedActor(part, node, self.around)
            case "gateway":
                return GatewayActor(int(part.key), node, self.around, self._wire, self)
            case "history":
                return HistoryActor(part, node, self.around, self.store)
            case _:
                return DirectoryActor(part, node, self.around, self)

    def _meet_fate(self, place: _Place, actor: Running) -> None:
        faults = self.around.faults
        if not faults.rates.life_steps:
            return
        faults.deaths += 1
        choice = faults.random.random()
        if choice < faults.rates.pauses:
            actor.node.pause()
        elif choice < faults.rates.pauses + faults.rates.cuts:
            self.around.journal.cut_off(actor.node)
        else:
            actor.node.die()
            return
        away_s = faults.random.choice([0.3, 1.0, 3.0, 8.0]) * faults.random.random()
        if away_s > UNNOTICED_S and faults.chance(0.7):
            self.around.loop.later(UNNOTICED_S, self._replace, place, actor)
        self.around.loop.later(away_s, self._bring_back, actor)

    def _bring_back(self, actor: Running) -> None:
        """Let a node go on that stood still or was cut off."""
        node = actor.node
        if self._is_away(node):
            self.around.journal.cut.discard(node)
            node.resume()
            life = self.around.faults.life()
            node.fate_at = node.steps + life if life > 0 else -1

    def _is_away(self, node: Node) -> bool:
        return node.is_paused or node in self.around.journal.cut

    def _replace(self, place: _Place, actor: Running) -> None:
        """Let another incarnation take over from one that is away."""
        if place.actor is actor:
            self._give_up(place)
            self._restart_soon(place)

    def _give_up(self, place: _Place) -> None:
        actor, place.actor = place.actor, None
        if actor is None:
            return
        if self._is_away(actor.node):
            self.zombies += 1
            place.zombies.append(actor)
        else:
            actor.node.die()

    def _bury(self, place: _Place, actor: Running) -> None:
        if place.actor is not actor:
            return
        place.actor = None
        if self._is_restarted(place.part, actor):
            self._restart_soon(place)

    def _is_restarted(self, part: Part, actor: Running) -> bool:
        """Whether a part is started again by itself; the directory and the gateways are, whatever they left for."""
        if part.kind in {DIRECTORY.kind, "gateway"}:
            return True
        why = next((why for node, why, _ in self.around.departures if node is actor.node), Departure.BROKEN)
        return why.is_restarted

    def _restart_soon(self, place: _Place) -> None:
        place.is_restarting = True
        self.around.loop.later(self.around.faults.random.uniform(*RESTART_S), self._restart, place)

    def _restart(self, place: _Place) -> None:
        if place.is_restarting and place.actor is None:
            self.start(place.part)

    def black_out(self) -> None:
        """End everything at once. Of what ran, only what is started anew will run again."""
        for place in self._places.values():
            actors = [*place.zombies, *([place.actor] if place.actor is not None else [])]
            place.actor, place.zombies, place.is_restarting = None, [], False
            for actor in actors:
                actor.node.die()

    def end_faults(self) -> None:
        """End whatever still stands still, and let everything work from now on."""
        self.around.faults.end()
        for place in self._places.values():
            for actor in (*place.zombies, *([place.actor] if place.actor is not None else [])):
                self._bring_back(actor)
                actor.node.fate_at = -1
