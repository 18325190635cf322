"""Rate at which the history writer rebuilds the read model: orders reserved and accepted, end to end.

The journal stands on a real nats-server, the rows on a real valkey-server, both on this machine.
Run `python -m benchmarks.bench_writer [orders]`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from valkey.asyncio import Valkey

from actors.writers.history import HistoryWriter
from infra.embedded import nats_server, valkey_server
from infra.embedded.nats_server import INTERNAL_USER, NatsServerConfig
from infra.embedded.process import free_port, spawn, stop
from infra.embedded.valkey_server import ValkeyServerConfig
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.nats.snapshots import NatsSnapshots, ensure_snapshots
from infra.nats.stream import ensure_stream
from infra.ports import Journal
from infra.read_model.valkey_store import ValkeyHistoryStore
from infra.valkey_client import connect_valkey
from infra.wall_clock import WallClock
from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.codec import encode
from mockexchange.messages.events import (
    AccountCreated,
    AssetListed,
    BookRecord,
    Deposited,
    InstrumentListed,
    OrderAccepted,
    OrderReserved,
    RegistryEvent,
    RegistryRecord,
    ShardRecord,
    ShardsConfigured,
)
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.subjects import REGISTRY, accounts_journal, book_journal
from tests.support.eventually import eventually

ACCOUNTS = 50
SHARDS = 2
BATCH = 20
"""Orders in one record, as under load."""

INSTRUMENT = Instrument("BTC", "USDT", 8, 8, 2, 5)
SYMBOL = INSTRUMENT.symbol
PRICE = 60_000_00


def reserved(counter: int, shard: int) -> OrderReserved:
    """Return the reservation of a resting limit buy."""
    account = shard + SHARDS * (1 + counter % ACCOUNTS)
    hold = INSTRUMENT.quote_amount(PRICE, 1)
    return OrderReserved(
        counter * 1024 + shard, account, SYMBOL, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, False, 1, PRICE, 0,
        f"c:{counter}", str(counter), hold, 1000, 1000, 1, 1, 1,
    )  # fmt: skip


def accepted(order: OrderReserved, shard: int) -> OrderAccepted:
    """Return the book's word that an order rests."""
    return OrderAccepted(
        order.order_id, order.account, shard, order.side, order.order_type, order.time_in_force, order.price,
        order.quantity, 0, order.hold, order.maker_rate, order.taker_rate,
    )  # fmt: skip


class Appender:
    """Appends records to a journal, each behind the last one of its subject."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: dict[str, int] = {}
        self.sequence = 0

    def previous(self, subject: str) -> int:
        """Return the sequence of a subject's last record."""
        return self._last.get(subject, 0)

    async def append(self, subject: str, record: RegistryRecord | ShardRecord | BookRecord) -> None:
        """Append one record."""
        self.sequence = await self._journal.append(subject, encode(record), self.previous(subject))
        self._last[subject] = self.sequence


async def fill(journal: Journal, orders: int) -> int:
    """Journal so many resting orders; return the last sequence."""
    appender = Appender(journal)
    accounts = [(shard + SHARDS * number, shard) for shard in range(SHARDS) for number in range(1, ACCOUNTS + 1)]
    listed: list[RegistryEvent] = [ShardsConfigured(SHARDS), AssetListed(Asset("BTC")), AssetListed(Asset("USDT"))]
    listed.append(InstrumentListed(INSTRUMENT))
    listed += [AccountCreated(account, f"a{account}", shard, {}) for account, shard in accounts]
    await appender.append(REGISTRY, RegistryRecord(1, 0, 1, listed))
    for shard in range(SHARDS):
        funds = [Deposited(f"d:{a}", a, "USDT", 10**16, 0, "deposit") for a, at in accounts if at == shard]
        await appender.append(accounts_journal(shard), ShardRecord(1, 0, 1, list(funds)))
    for first in range(1, orders + 1, BATCH):
        shard = first // BATCH % SHARDS
        own, book = accounts_journal(shard), book_journal(SYMBOL)
        batch = [reserved(counter, shard) for counter in range(first, first + BATCH)]
        await appender.append(own, ShardRecord(1, appender.previous(own), 1, list(batch)))
        answers = [accepted(order, shard) for order in batch]
        await appender.append(book, BookRecord(1, appender.previous(book), 1, SYMBOL, {}, list(answers)))
    return appender.sequence


async def rebuild(connection: Connection, valkey: Valkey, end: int) -> float:
    """Return the seconds that a writer needs from nothing to the end of the journal."""
    # The thresholds are those of the actor: full collections walk over all open orders again and again.
    gc.set_threshold(50_000, 50, 100)
    store = ValkeyHistoryStore(valkey)
    writer = HistoryWriter(NatsJournal(connection), store, WallClock(), NatsSnapshots(connection))
    began = time.perf_counter()
    await writer.start()
    await eventually(lambda: writer.status()["position"] == end)
    passed = time.perf_counter() - began
    await writer.stop()
    await writer.closed()
    return passed


class Rebuilt(NamedTuple):
    """How long a rebuild took, and what Valkey then held."""

    seconds: float
    bytes: int


async def measure(directory: Path, orders: int) -> Rebuilt:
    """Start the servers, fill the journal and rebuild."""
    nats = NatsServerConfig(directory / "nats", free_port(), "secret")
    rows = ValkeyServerConfig(directory / "valkey", free_port(), "secret")
    async with AsyncExitStack() as stack:
        for argv in (nats_server.prepare(nats), valkey_server.prepare(rows)):
            stack.push_async_callback(stop, await spawn(argv, directory / "servers.log"), 5.0)
        await nats_server.wait_ready(nats, 20.0)
        await valkey_server.wait_ready(rows, 20.0)
        connection = await connect(nats.url, INTERNAL_USER, nats.password, "bench")
        stack.push_async_callback(connection.close)
        await ensure_stream(connection)
        await ensure_snapshots(connection)
        valkey = connect_valkey(rows.url, rows.password)
        stack.push_async_callback(valkey.aclose)
        end = await fill(NatsJournal(connection), orders)
        passed = await rebuild(connection, valkey, end)
        memory = await valkey.info("memory")
    return Rebuilt(passed, memory["used_memory"])


def main(orders: int) -> None:
    """Measure and print."""
    with TemporaryDirectory() as directory:
        rebuilt = asyncio.run(measure(Path(directory), orders))
    print(f"rebuild of {orders:,} orders: {rebuilt.seconds:.1f} s, {orders / rebuilt.seconds:,.0f} orders/s")
    print(f"Valkey holds {rebuilt.bytes / orders:,.0f} bytes an order")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
