"""The exchange's shells as they run in nodes: what Ray's actors do for them, done for the simulation."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

from actors import accounts, book_channel, order_book, shard_step
from actors.accounts import AccountsShell, ShardSettings
from actors.directory import DirectorySettings, DirectoryShell, Secret
from actors.feeds.shell import FeedShell
from actors.fleet import Fleet, Part
from actors.order_book import BookSettings, OrderBookShell
from actors.runtime import Departure, World
from actors.writers.history import HistoryWriter
from infra.ports import AppendUnknown
from infra.read_model.store import HistoryUnavailable
from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger.limits import IntakeLimits
from mockexchange.matching.floor import BookLimits
from mockexchange.messages.channel import BookUnready, DeliveryAnswer, Receipt
from mockexchange.messages.codec import decode_requests, encode
from mockexchange.messages.commands import Unavailable
from mockexchange.messages.directory import DirectoryUnready
from tests.simulation.loop import Node
from tests.simulation.markets import SmallSource
from tests.simulation.surroundings import Surroundings
from tests.simulation.wire import NodeBooks, Switchboard, Wire
from tests.support.memory_history import MemoryHistoryStore

SHARDS = 2
FUNDS = {"USDT": 2_000_000 * 10**8, "BTC": 30 * 10**8, "ETH": 400 * 10**8}

BTC_USDT = Instrument("BTC", "USDT", 8, 8, 2, 5, min_notional=10**8, feed=True, start_price=60_000_00)
ETH_USDT = Instrument("ETH", "USDT", 8, 8, 2, 4, tick_size=5, step_size=10, feed=True, start_price=3_000_00)
ETH_BTC = Instrument("ETH", "BTC", 8, 8, 5, 3, start_price=5_000)
INSTRUMENTS = {instrument.symbol: instrument for instrument in (BTC_USDT, ETH_USDT, ETH_BTC)}
FED = {symbol: instrument for symbol, instrument in INSTRUMENTS.items() if instrument.feed}

INTAKE = IntakeLimits(maker_rate=1_000, taker_rate=2_000, max_open_orders=60)
BOOK = BookSettings(
    idle_s=1.5,
    feed_silence_s=1.0,
    resync_s=1.0,
    publish_s=0.25,
    snapshot_every_events=60,
    limits=BookLimits(max_fills=4, trade_id_block=100),
)
SHARD = ShardSettings(INTAKE, order_timeout_s=3.0, snapshot_every_records=60)


@contextmanager
def small_records() -> Iterator[None]:
    """Let records hold so little that long calls and resets need several."""
    with (
        patch.object(order_book, "MAX_EVENTS", 12),
        patch.object(accounts, "MAX_RECORD_BYTES", 300),
        patch.object(shard_step, "MAX_RECORD_BYTES", 300),
        patch.object(shard_step, "EVENTS_OF_A_PART", 3),
        patch.object(book_channel, "MAX_RECORD_BYTES", 600),
    ):
        yield


class Hosted(ABC):
    """One incarnation of an actor: starts its shell in its node, and answers for it until it serves."""

    def __init__(self, part: Part, node: Node, around: Surroundings) -> None:
        self.part = part
        self.node = node
        self.around = around
        self.world: World = around.world_of(node)
        self.shell: Any = None

    def start(self) -> None:
        """Start the shell."""
        self.node.spawn(self._start())

    @abstractmethod
    def build(self) -> Any:
        """Make the shell."""

    async def status(self) -> dict[str, object]:
        """Describe the actor."""
        status: dict[str, object] = {"state": "recovering"} if self.shell is None else self.shell.status()
        return status

    async def _start(self) -> None:
        try:
            shell = self.build()
            await shell.start()
        except AppendUnknown as error:
            self.world.leave(Departure.UNKNOWN_APPEND, str(error))
        except Exception as error:
            self.world.leave(Departure.BROKEN, f"{type(error).__name__}: {error}")
        self.shell = shell


class AccountsActor(Hosted):
    """An accounts shard."""

    def __init__(self, part: Part, node: Node, around: Surroundings, wire: Wire, board: Switchboard) -> None:
        super().__init__(part, node, around)
        self._books = NodeBooks(wire, around.faults, board, node)

    def build(self) -> AccountsShell:
        return AccountsShell(int(self.part.key), self.node.name, self.world, self._books, SHARD)

    async def handle(self, payload: bytes) -> bytes:
        if self.shell is None:
            return encode([Unavailable("the accounts are recovering")] * len(decode_requests(payload)))
        answer: bytes = await self.shell.handle(payload)
        return answer


class BookActor(Hosted):
    """The order book of one symbol."""

    def build(self) -> OrderBookShell:
        return OrderBookShell(self.part.key, self.node.name, self.world, BOOK)

    async def deliver(self, payload: bytes) -> bytes:
        if self.shell is None:
            return encode(DeliveryAnswer(Receipt.RECOVERING))
        answer: bytes = await self.shell.deliver(payload)
        return answer

    async def ask(self, payload: bytes) -> bytes:
        if self.shell is None:
            return encode(BookUnready(Receipt.RECOVERING))
        answer: bytes = await self.shell.ask(payload)
        return answer


class FeedActor(Hosted):
    """The outside markets."""

    def build(self) -> FeedShell:
        random = Random(self.around.faults.random.random())
        silence = 0.02 if self.around.faults.rates.message_lost else 0.0
        source = SmallSource(FED, random, silence, lambda: self.around.is_closing)
        return FeedShell(source, self.world.bus, self.world.clock, FED, self.world.clock.now_ns())


class HistoryActor(Hosted):
    """The history writer, on a read model that outlives it and is sometimes away."""

    def __init__(self, part: Part, node: Node, around: Surroundings, store: MemoryHistoryStore) -> None:
        super().__init__(part, node, around)
        self._store = store

    def build(self) -> HistoryWriter:
        return HistoryWriter(self.world.journal, self._store, self.world.clock, self.world.snapshots)


def faulty_store(around: Surroundings) -> MemoryHistoryStore:
    """Return a read model that is sometimes slow and sometimes away, before or after it has done its work."""

    async def at(step: str) -> None:
        await asyncio.sleep(around.faults.delay())
        if around.faults.chance(around.faults.rates.store_away):
            raise HistoryUnavailable(step)

    return MemoryHistoryStore(at)


class DirectoryActor(Hosted):
    """The directory."""

    def __init__(self, part: Part, node: Node, around: Surroundings, fleet: Fleet) -> None:
        super().__init__(part, node, around)
        self._fleet = fleet
        self._secrets = 0

    def build(self) -> DirectoryShell:
        settings = DirectorySettings(
            SHARDS,
            [Asset("BTC"), Asset("ETH"), Asset("USDT")],
            list(INSTRUMENTS.values()),
            "demo",
            FUNDS,
            {"USDT": FUNDS["USDT"]},
            self._secret(),
            [Part("history"), Part("feed")],
        )
        return DirectoryShell(self.world, self._fleet, settings, self._secret)

    async def handle(self, payload: bytes) -> bytes:
        if self.shell is None:
            return encode(DirectoryUnready("the directory is recovering"))
        answer: bytes = await self.shell.handle(payload)
        return answer

    def _secret(self) -> Secret:
        self._secrets += 1
        key = f"{self.node.name}-{self._secrets}"
        return Secret(key, "secret", b"sealed")
