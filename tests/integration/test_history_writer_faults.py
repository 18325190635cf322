import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.writers.history import HistoryWriter
from infra.nats.journal import NatsJournal
from infra.nats.snapshots import NatsSnapshots
from infra.ports import Journal, Snapshot, Snapshots
from infra.read_model.reader import HistoryReader
from infra.read_model.store import HistoryUnavailable
from infra.read_model.valkey_store import ValkeyHistoryStore
from infra.wall_clock import WallClock
from tests.support.eventually import eventually
from tests.support.exchange import Exchange
from tests.support.history_scenario import clear_history, eventful_exchange, opened_exchange, trade_a_while
from tests.support.memory_journal import MemoryJournal, MemorySnapshots
from tests.support.servers import NatsServer, ValkeyServer
from tests.support.valkey_rows import Content, content_of

pytestmark = pytest.mark.anyio

Records = list[tuple[int, str, bytes]]


@asynccontextmanager
async def writing(server: ValkeyServer, journal: Journal, snapshots: Snapshots) -> AsyncIterator[HistoryWriter]:
    async with server.client() as client:
        writer = HistoryWriter(journal, ValkeyHistoryStore(client, timeout_s=1.0), WallClock(), snapshots)
        await writer.start()
        try:
            yield writer
        finally:
            await writer.stop()
            await writer.closed()


async def reaches(server: ValkeyServer, sequence: int) -> None:
    """Return once the rows hold the journal up to a sequence."""
    async with asyncio.timeout(60), server.client() as client:
        reader = HistoryReader(client)
        while True:
            try:
                if await reader.position() >= sequence:
                    return
            except HistoryUnavailable:
                pass
            await asyncio.sleep(0.01)


async def content(server: ValkeyServer) -> Content:
    async with server.client() as client:
        return await content_of(client)


async def expected(server: ValkeyServer, records: Records) -> Content:
    """Return what stands in an emptied server after one undisturbed run."""
    async with server.client() as client:
        await client.flushall()
    async with writing(server, MemoryJournal(records), MemorySnapshots()):
        await reaches(server, len(records))
    return await content(server)


async def test_a_valkey_that_is_killed_while_it_is_written_catches_up(clean_valkey_server: ValkeyServer) -> None:
    records = eventful_exchange(seed=1, rounds=400).records
    journal = MemoryJournal(records[:100], batch=5)
    async with writing(clean_valkey_server, journal, MemorySnapshots()) as writer:
        for end in range(200, len(records) + 200, 200):
            journal.extend(records[end - 100 : end])
            await reaches(clean_valkey_server, min(end - 150, len(records)))
            clean_valkey_server.kill()
            journal.extend(records[end : end + 100])
            await clean_valkey_server.restart()
        await reaches(clean_valkey_server, len(records))
        assert writer.status()["rebuilds"] == 1
    found = await content(clean_valkey_server)
    assert found == await expected(clean_valkey_server, records)


async def test_a_valkey_that_hangs_is_waited_for(clean_valkey_server: ValkeyServer) -> None:
    records = eventful_exchange(seed=2, rounds=120).records
    journal = MemoryJournal(records[:100], batch=5)
    async with writing(clean_valkey_server, journal, MemorySnapshots()) as writer:
        await reaches(clean_valkey_server, 100)
        clean_valkey_server.pause()
        journal.extend(records[100:])
        await eventually(lambda: bool(writer.status()["failed_writes"]))
        clean_valkey_server.resume()
        await reaches(clean_valkey_server, len(records))
    found = await content(clean_valkey_server)
    assert found == await expected(clean_valkey_server, records)


async def test_a_valkey_that_was_emptied_is_filled_again_though_nothing_happens(
    clean_valkey_server: ValkeyServer,
) -> None:
    records = eventful_exchange(seed=3, rounds=60).records
    async with writing(clean_valkey_server, MemoryJournal(records), MemorySnapshots()):
        await reaches(clean_valkey_server, len(records))
        async with clean_valkey_server.client() as client:
            await client.flushall()
        await reaches(clean_valkey_server, len(records))
    found = await content(clean_valkey_server)
    assert found == await expected(clean_valkey_server, records)


async def test_the_journal_on_nats_is_followed_through_restarts_of_the_writer(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer
) -> None:
    exchange = opened_exchange()
    async with clean_nats_server.with_stores() as connection:
        journal, snapshots = NatsJournal(connection), NatsSnapshots(connection)
        stored = 0
        for seed in range(3):
            async with writing(clean_valkey_server, journal, snapshots):
                trade_a_while(exchange, seed, rounds=60)
                clear_history(exchange, seed % 2)
                stored = await append(journal, exchange, stored)
                await reaches(clean_valkey_server, stored)
            for shard in exchange.shards:
                snapshot = Snapshot(shard.ledger.sequence, shard.ledger.to_snapshot())
                await snapshots.save(f"accounts.{shard.shard}", snapshot)
    found = await content(clean_valkey_server)
    assert found == await expected(clean_valkey_server, exchange.records)


async def append(journal: NatsJournal, exchange: Exchange, stored: int) -> int:
    """Append to the real journal what the exchange has written since."""
    last: dict[str, int] = {}
    for sequence, subject, payload in exchange.records:
        if sequence > stored:
            assert await journal.append(subject, payload, last.get(subject, 0)) == sequence
        last[subject] = sequence
    return len(exchange.records)
