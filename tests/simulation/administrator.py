"""The administrator: puts prices in place of the outside market, and resets the exchange while others trade."""

from __future__ import annotations

import asyncio
from random import Random

from infra.ports import PeerLost
from mockexchange.messages.events import PriceOverridden
from tests.simulation.actors import INSTRUMENTS
from tests.simulation.clients import GATEWAYS
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.surroundings import Surroundings
from tests.simulation.truth import Truth
from tests.simulation.wire import Wire


class Administrator:
    """Does some things, each until it is done or the exchange says that it cannot."""

    def __init__(self, random: Random, around: Surroundings, fleet: SimulatedFleet, wire: Wire) -> None:
        self._random = random
        self._around = around
        self._fleet = fleet
        self._wire = wire
        self._overrides: list[tuple[str, int, int, int]] = []
        self._resets: list[tuple[int, int]] = []

    async def act(self, overrides: int, resets: int) -> None:
        """Override and reset so many times, at random moments."""
        acts = [self._override] * overrides + [self._reset] * resets
        self._random.shuffle(acts)
        for act in acts:
            await asyncio.sleep(self._random.uniform(0.2, 3.0))
            await act()

    async def tidy(self) -> str:
        """Let the outside market count everywhere; return what prevents it."""
        for symbol in INSTRUMENTS:
            problem = await self._administer("release_price", INSTRUMENTS[symbol])
            if problem:
                return f"the price of {symbol} cannot be released: {problem}"
        return ""

    async def _override(self) -> None:
        instrument = self._random.choice(list(INSTRUMENTS.values()))
        price = instrument.start_price * self._random.randint(98, 102) // 100
        price -= price % instrument.tick_size
        quantity = self._random.choice([0, 50 * instrument.step_size, 10_000 * instrument.step_size])
        begin = self._around.journal.end
        if not await self._administer("override_price", instrument, price, quantity, None):
            self._overrides.append((instrument.symbol, price, begin, self._around.journal.end))
        await asyncio.sleep(self._random.random())
        await self._administer("release_price", instrument)

    async def _reset(self) -> None:
        begin = self._around.journal.end
        if not await self._administer("reset") and begin:
            self._resets.append((begin, self._around.journal.end))

    async def _administer(self, work: str, *arguments: object) -> str:
        index = self._random.randrange(GATEWAYS)
        try:
            problem: str = await self._wire.call(
                None, lambda: self._fleet.gateway(index), "administer", work, *arguments
            )
        except PeerLost:
            return "the connection broke"
        return problem

    def check(self, truth: Truth) -> list[str]:
        """Return what was acknowledged and is not in the journal."""
        violations = []
        for symbol, price, begin, end in self._overrides:
            found = truth.book_events.get(symbol, [])
            if not any(
                begin < sequence <= end and isinstance(event, PriceOverridden) and event.price == price
                for sequence, event in found
            ):
                violations.append(f"the price {price} of {symbol} was acknowledged between {begin} and {end}")
        for begin, end in self._resets:
            for shard, clears in truth.clears.items():
                if not any(begin < sequence <= end for sequence in clears):
                    violations.append(f"a reset was acknowledged between {begin} and {end}, shard {shard} has {clears}")
        return violations
