"""The journal on a nats-server of its own: appends, delivery, replay, snapshots; and the price of `sync_interval`.

Run `python -m benchmarks.bench_journal [directory]`; the directory decides which disk is measured.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from infra.embedded.nats_server import (
    INTERNAL_USER,
    TIMER_SLACK_NS,
    NatsServerConfig,
    environment,
    prepare,
    wait_ready,
)
from infra.embedded.process import free_port, spawn, stop
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.nats.snapshots import NatsSnapshots, ensure_snapshots
from infra.nats.stream import ensure_stream
from infra.ports import JournalMessage, Snapshot

RECORD = bytes(range(256)) + bytes(144)
APPENDS = 2_000
BOOKS = 16
REPLAYED = 100_000
SNAPSHOT_BYTES = 20_000_000


@asynccontextmanager
async def running_server(directory: Path, sync_interval: str) -> AsyncIterator[NatsServerConfig]:
    """Run a server with an empty store."""
    config = NatsServerConfig(directory / f"nats-{sync_interval}", free_port(), "internal", sync_interval)
    process = await spawn(
        prepare(config), directory / "nats.log", {**os.environ, **environment()}, timer_slack_ns=TIMER_SLACK_NS
    )
    try:
        await wait_ready(config, 10.0)
        yield config
    finally:
        await stop(process, 10.0)


@asynccontextmanager
async def connected(config: NatsServerConfig) -> AsyncIterator[Connection]:
    """Connect to a server."""
    connection = await connect(config.url, INTERNAL_USER, config.password, "bench")
    try:
        yield connection
    finally:
        await connection.close()


def percentiles(seconds: list[float]) -> str:
    """Return the median and the 99th percentile for people."""
    ordered = sorted(seconds)
    return f"p50 {ordered[len(ordered) // 2] * 1e3:6.3f} ms   p99 {ordered[len(ordered) * 99 // 100] * 1e3:6.3f} ms"


async def append_one_by_one(journal: NatsJournal, subject: str, count: int) -> list[float]:
    """Append records to a new subject; return how long each took."""
    took, last = [], 0
    for _ in range(count):
        start = time.perf_counter()
        last = await journal.append(subject, RECORD, last)
        took.append(time.perf_counter() - start)
    return took


class Appends(NamedTuple):
    """What each append of a lone writer took, and how many records a second several writers appended together."""

    seconds: list[float]
    rate: float


async def measure_appends(connection: Connection) -> Appends:
    """Append alone, and with one writer for each of some books."""
    journal = NatsJournal(connection)
    took = await append_one_by_one(journal, "journal.accounts.0", APPENDS)
    start = time.perf_counter()
    await asyncio.gather(*(append_one_by_one(journal, f"journal.book.S{k}", APPENDS // BOOKS) for k in range(BOOKS)))
    return Appends(took, APPENDS / (time.perf_counter() - start))


async def appends(directory: Path, sync_interval: str) -> Appends:
    """Append to a server of its own that syncs so often."""
    async with running_server(directory, sync_interval) as config, connected(config) as connection:
        await ensure_stream(connection)
        return await measure_appends(connection)


async def arrival(batches: AsyncIterator[list[JournalMessage]]) -> float:
    """Return when the next records arrive."""
    await anext(batches)
    return time.perf_counter()


async def measure_delivery(connection: Connection, reading: Connection) -> None:
    """Print how long a record takes from the call that appends it to a reader on another connection."""
    journal, last = NatsJournal(connection), 0
    took: list[float] = []
    start_at = await journal.end() + 1
    async with aclosing(NatsJournal(reading).read(["journal.accounts.1"], start_at)) as batches:
        for _ in range(APPENDS):
            waiting = asyncio.ensure_future(arrival(batches))
            await asyncio.sleep(0)
            start = time.perf_counter()
            last = await journal.append("journal.accounts.1", RECORD, last)
            took.append(await waiting - start)
    print(f"append to delivery at a waiting reader        {percentiles(took)}")


async def measure_replay(connection: Connection) -> None:
    """Print how fast a journal is read from its beginning."""
    journal = NatsJournal(connection)
    missing = REPLAYED - await journal.end()
    await asyncio.gather(*(append_one_by_one(journal, f"journal.book.R{k}", missing // 100 + 1) for k in range(100)))
    start, count = time.perf_counter(), 0
    async with aclosing(journal.read(["journal.registry", "journal.accounts.0", "journal.book.>"], 1)) as batches:
        async for batch in batches:
            count += len(batch)
            if batch[-1].sequence >= REPLAYED:
                break
    took = time.perf_counter() - start
    print(f"replay of {count:,} records                      {took:6.2f} s   {count / took:,.0f} records/s")


async def measure_snapshots(connection: Connection) -> None:
    """Print how long a snapshot takes."""
    await ensure_snapshots(connection)
    snapshots = NatsSnapshots(connection)
    start = time.perf_counter()
    await snapshots.save("bench", Snapshot(1, bytes(SNAPSHOT_BYTES)))
    saved = time.perf_counter()
    await snapshots.load("bench")
    loaded = time.perf_counter()
    print(
        f"snapshot of {SNAPSHOT_BYTES // 10**6} MB   saved in {saved - start:.2f} s, loaded in {loaded - saved:.2f} s"
    )


async def main(directory: Path) -> None:
    """Measure and print."""
    for sync_interval in ("always", "1s"):
        async with running_server(directory, sync_interval) as config, connected(config) as connection:
            await ensure_stream(connection)
            measured = await measure_appends(connection)
            print(f"sync_interval {sync_interval:<6}  append, one writer     {percentiles(measured.seconds)}")
            print(f"sync_interval {sync_interval:<6}  append, {BOOKS} writers    {measured.rate:10,.0f} records/s")
            if sync_interval == "1s":
                async with connected(config) as reading:
                    await measure_delivery(connection, reading)
                await measure_replay(connection)
                await measure_snapshots(connection)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as temporary:
        asyncio.run(main(Path(temporary)))
