"""What all desks share: the ways to shards and books, and what this process knows of the exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from gateway.book_desk import BookDesk
from gateway.dispatch import NS_PER_S, Dispatcher
from gateway.failures import CommandRefused, UnderMaintenance, failure_of
from gateway.registry_follower import RegistryFollower
from infra.market_memory import MarketMemory
from infra.ports import Clock
from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.commands import Refused, ShardRequest, Unavailable
from mockexchange.messages.refusals import RejectReason
from mockexchange.registry import Registry

T = TypeVar("T")


@dataclass(slots=True)
class Floor:
    """The trading floor. `name` is unique to this process and goes into the command ids it mints."""

    dispatcher: Dispatcher
    follower: RegistryFollower
    memory: MarketMemory
    books: BookDesk
    clock: Clock
    timeout_s: float
    name: str
    cash: str
    _numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def registry(self) -> Registry:
        """The registry as known now."""
        return self.follower.registry

    @property
    def timeout_ns(self) -> int:
        """How long a command may take."""
        return round(self.timeout_s * NS_PER_S)

    def deadline_ns(self) -> int:
        """Return until when a command that comes now may be executed."""
        return self.clock.now_ns() + self.timeout_ns

    def mint(self) -> str:
        """Return a command id that was never used before."""
        return f"g:{self.name}:{next(self._numbers)}"

    def check_open(self) -> None:
        """Raise UnderMaintenance while new orders are refused."""
        if self.registry.is_under_maintenance:
            raise UnderMaintenance

    async def instrument(self, symbol: str) -> Instrument:
        """Return an instrument; one that is unknown may have been listed a moment ago. Raises CommandRefused."""
        instrument = self.registry.instruments.get(symbol)
        if instrument is None:
            await self.follower.catch_up()
            instrument = self.registry.instruments.get(symbol)
        if instrument is None:
            raise unknown_symbol(symbol)
        return instrument

    async def asset(self, code: str) -> Asset:
        """Return an asset; one that is unknown may have been listed a moment ago. Raises CommandRefused."""
        asset = self.registry.assets.get(code)
        if asset is None:
            await self.follower.catch_up()
            asset = self.registry.assets.get(code)
        if asset is None:
            raise CommandRefused(RejectReason.UNKNOWN_ASSET, f"asset: {code[:40]}")
        return asset

    async def ask(
        self, shard: int, channel: str, request: ShardRequest, expected: type[T], *, deadline_ns: int = 0
    ) -> T:
        """Ask a shard and return an answer of the expected kind; any other is raised as a Failure."""
        answer = await self.dispatcher.ask(shard, channel, request, deadline_ns or self.deadline_ns())
        if isinstance(answer, expected):
            return answer
        assert isinstance(answer, Refused | Unavailable), f"{type(request).__name__} got {type(answer).__name__}"
        raise failure_of(answer)


def unknown_symbol(symbol: str) -> CommandRefused:
    """Return the failure of a symbol that is not listed."""
    return CommandRefused(RejectReason.UNKNOWN_SYMBOL, f"symbol: {symbol[:40]}")
