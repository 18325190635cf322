"""One gateway process: its parts from outside, what it knows, and the desks that dialects talk to."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.admin_desk import AdminDesk
from gateway.auth import DEMO_NAME, Authenticator
from gateway.book_desk import BookDesk
from gateway.candle_desk import CandleDesk
from gateway.candle_memory import CandleMemory
from gateway.counters import SharedCounters
from gateway.dispatch import Dispatcher, DispatchLimits
from gateway.equity_desk import EquityDesk
from gateway.failures import NotAvailable
from gateway.floor import Floor
from gateway.health import Health
from gateway.heartbeats import Heartbeats
from gateway.history_desk import History, HistoryDesk
from gateway.key_ring import KeyRing, Unseal
from gateway.listen_keys import LocalListenKeys
from gateway.metrics import GatewayBeat, RequestTimes, exposition
from gateway.money_desk import MoneyDesk
from gateway.order_desk import OrderDesk
from gateway.order_lists import OrderLists
from gateway.rate_limits import Limiter, RateLimits
from gateway.registry_follower import RegistryFollower
from gateway.streams.streams import StreamLimits, Streams
from infra.market_memory import MarketMemory
from infra.memory import resident_bytes
from infra.ports import Books, Bus, Clock, Counters, Directory, Journal, ListenKeys, Shards
from infra.read_model.equity_store import EquityHistory
from mockexchange.messages.subjects import heartbeat

BEAT_S: Final = 1.0
BOOK_TIMEOUT_S: Final = 4.0


@dataclass(frozen=True)
class GatewayParts:
    """What a gateway is given: settings as plain values, and the ways to everything outside.

    `demo_funds` (asset code to units) is what an account starts with when nobody says otherwise. `name` is unique
    to this run of the process. Fee rates are in millionths. Without `counters` this process counts for itself alone,
    without `listen_keys` it alone knows those it gave, and without `equity` it cannot tell any.
    """

    shards: Shards
    books: Books
    directory: Directory
    journal: Journal
    bus: Bus
    history: History
    clock: Clock
    unseal: Unseal
    index: int = 0
    admin_key: str = field(default="", repr=False)
    is_auth_on: bool = True
    cash_asset: str = "USDT"
    demo_name: str = DEMO_NAME
    demo_funds: Mapping[str, int] = field(default_factory=dict)
    command_timeout_s: float = 5.0
    maker_rate: int = 1_000
    taker_rate: int = 1_000
    max_open_orders: int = 200_000
    counters: Counters | None = None
    listen_keys: ListenKeys | None = None
    equity: EquityHistory | None = None
    limits: RateLimits = field(default_factory=RateLimits)
    dispatch: DispatchLimits = field(default_factory=DispatchLimits)
    streams: StreamLimits = field(default_factory=StreamLimits)
    name: str = field(default_factory=lambda: secrets.token_hex(6))


class Gateway:
    """Holds no truth: all it knows it heard from the journal and the bus, and can hear again."""

    def __init__(self, parts: GatewayParts) -> None:
        self.parts = parts
        clock = parts.clock
        self.dispatcher = Dispatcher(parts.shards, clock, parts.dispatch)
        self.follower = RegistryFollower(parts.journal, clock)
        self.memory = MarketMemory(parts.bus, clock)
        self.heartbeats = Heartbeats(parts.bus, clock)
        self.candle_memory = CandleMemory(parts.bus)
        self.candles = CandleDesk(parts.history, self.candle_memory, clock)
        self.auth = Authenticator(self.follower, parts.admin_key, is_on=parts.is_auth_on, demo_name=parts.demo_name)
        self.limiter = Limiter(parts.limits, SharedCounters(parts.counters, clock), clock)
        self.keys = KeyRing(self.follower, parts.unseal)
        self.floor = Floor(
            dispatcher=self.dispatcher,
            follower=self.follower,
            memory=self.memory,
            books=BookDesk(parts.books, clock, min(BOOK_TIMEOUT_S, parts.command_timeout_s)),
            clock=clock,
            timeout_s=parts.command_timeout_s,
            name=parts.name,
            cash=parts.cash_asset,
        )
        self.orders = OrderDesk(self.floor)
        self.money = MoneyDesk(self.floor)
        self.history = HistoryDesk(parts.history, self.floor)
        self.equity = EquityDesk(parts.equity, self.floor, self.money)
        self.lists = OrderLists(self.orders, self.history)
        self.admin = AdminDesk(self.floor, self.money, parts.directory)
        self.health = Health(self.floor, parts.journal, self.history, self.heartbeats)
        self.listen_keys: ListenKeys = parts.listen_keys or LocalListenKeys(clock)
        self.streams = Streams(parts.bus, self.floor, parts.streams)
        self.requests = RequestTimes()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> asyncio.Task[None]:
        """Begin to listen; return a task that ends only when this process must be started anew."""
        await self.memory.start()
        await self.heartbeats.start()
        await self.candle_memory.start()
        following = self.follower.start()
        self.streams.start()
        self._tasks = [
            asyncio.create_task(self._beat(), name="heartbeat"),
            asyncio.create_task(self._remember_tickers(), name="remember tickers"),
        ]
        return following

    async def stop(self) -> None:
        """Answer whoever waits and let go of everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.streams.stop()
        await self.dispatcher.close()
        await self.follower.stop()
        await self.memory.stop()
        await self.heartbeats.stop()
        await self.candle_memory.stop()

    def metrics(self) -> bytes:
        """Return the Prometheus text of the whole exchange, this process as it is now and others as last heard."""
        own = {f"gateway.{self.parts.index}": msgspec.to_builtins(self._status())}
        return exposition(self.heartbeats.fresh() | own)

    def _status(self) -> GatewayBeat:
        counters = {name: float(value) for name, value in self.dispatcher.counters.items()}
        counters["pending"] = float(self.dispatcher.pending)
        counters |= self.streams.counts()
        refusals = list(self.requests.refusals)
        return GatewayBeat("gateway", counters, self.requests.all(), refusals, os.getpid(), resident_bytes())

    async def _beat(self) -> None:
        while True:
            payload = msgspec.json.encode(self._status())
            self.parts.bus.publish(heartbeat(f"gateway.{self.parts.index}"), payload)
            await self.parts.clock.sleep(BEAT_S)

    async def _remember_tickers(self) -> None:
        """Learn the last tickers of symbols that nobody speaks of now, if the read model is there."""
        with suppress(NotAvailable):
            self.memory.remember(await self.history.tickers())
