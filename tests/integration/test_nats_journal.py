"""The journal on a real nats-server: fencing, order, and what is known when something breaks."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from nats.js.errors import APIError

from infra.embedded.nats_server import prepare
from infra.embedded.process import free_port
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.nats.stream import ensure_stream
from infra.ports import AppendUnknown, Fenced, JournalMessage, JournalUnavailable
from tests.support.eventually import eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio

ETH = "journal.book.ETH-USDT"
BTC = "journal.book.BTC-USDT"
SHARD = "journal.accounts.0"
READ_TIMEOUT_S = 30.0


@pytest.fixture
async def connection(clean_nats_server: NatsServer) -> AsyncIterator[Connection]:
    async with clean_nats_server.with_stores() as connection:
        yield connection


@pytest.fixture(params=[0.0, 0.01], ids=["pushed", "fetched"])
def journal(connection: Connection, request: pytest.FixtureRequest) -> NatsJournal:
    return NatsJournal(connection, linger_s=request.param)


async def read_until(journal: NatsJournal, subjects: Sequence[str], start: int, end: int) -> list[JournalMessage]:
    """Read up to the stream sequence `end`."""
    messages: list[JournalMessage] = []
    async with asyncio.timeout(READ_TIMEOUT_S), aclosing(journal.read(subjects, start)) as batches:
        async for batch in batches:
            assert batch
            messages += batch
            if messages[-1].sequence >= end:
                break
    return messages


async def test_appended_records_are_numbered_over_all_subjects(journal: NatsJournal) -> None:
    assert await journal.append(BTC, b"one", 0) == 1
    assert await journal.append(ETH, b"two", 0) == 2
    assert await journal.append(BTC, b"three", 1) == 3
    assert await journal.last_sequence(BTC) == 3
    assert await journal.last_sequence(ETH) == 2
    assert await journal.last_sequence(SHARD) == 0
    assert await journal.end() == 3


async def test_an_append_with_a_stale_sequence_is_fenced_and_not_stored(journal: NatsJournal) -> None:
    last = await journal.append(BTC, b"one", 0)
    for wrong in (0, last + 1):
        with pytest.raises(Fenced):
            await journal.append(BTC, b"zombie", wrong)
    assert await journal.end() == last


async def test_of_two_writers_only_one_wins_each_sequence(clean_nats_server: NatsServer) -> None:
    async with clean_nats_server.with_stores() as first, clean_nats_server.connection() as second:
        writers = [NatsJournal(first), NatsJournal(second)]
        last, wins = 0, 0
        for turn in range(50):
            results = await asyncio.gather(
                *(writer.append(BTC, b"%d" % turn, last) for writer in writers), return_exceptions=True
            )
            won = [result for result in results if isinstance(result, int)]
            assert len(won) == 1
            assert any(isinstance(result, Fenced) for result in results)
            last, wins = won[0], wins + 1
        assert await writers[0].end() == wins == 50


async def test_a_record_of_512_kb_is_stored_and_read_back(journal: NatsJournal) -> None:
    payload = bytes(range(256)) * 2048
    sequence = await journal.append(BTC, payload, 0)
    assert await journal.last_sequence(BTC) == sequence
    assert await read_until(journal, [BTC], 1, sequence) == [JournalMessage(1, BTC, payload)]


async def test_a_record_that_would_cost_the_connection_is_not_sent(journal: NatsJournal) -> None:
    with pytest.raises(AssertionError):
        await journal.append(BTC, b"x" * 950_000, 0)
    assert await journal.append(BTC, b"small", 0) == 1


async def test_a_reader_sees_its_subjects_alone_from_the_middle_in_order(journal: NatsJournal) -> None:
    last = dict.fromkeys((BTC, ETH, SHARD, "journal.accounts.1", "journal.registry"), 0)
    stored = []
    for turn in range(400):
        subject = list(last)[turn % len(last)]
        last[subject] = await journal.append(subject, b"%d" % turn, last[subject])
        stored.append(JournalMessage(last[subject], subject, b"%d" % turn))
    wanted = [m for m in stored if m.sequence >= 150 and m.subject in {BTC, ETH, SHARD, "journal.registry"}]
    assert await read_until(journal, ["journal.registry", SHARD, "journal.book.>"], 150, wanted[-1].sequence) == wanted


async def test_a_reader_that_waits_at_the_end_gets_each_new_record(journal: NatsJournal) -> None:
    last = await journal.append(BTC, b"before", 0)
    async with asyncio.timeout(READ_TIMEOUT_S), aclosing(journal.read(["journal.book.>"], last + 1)) as batches:
        for turn in range(100):
            waiting = asyncio.ensure_future(anext(batches))
            last = await journal.append(BTC, b"%d" % turn, last)
            assert await waiting == [JournalMessage(last, BTC, b"%d" % turn)]


SERVERS_WINDOW = 32 * 1024 * 1024
BUFFER = 8 * 1024 * 1024


async def test_a_slow_reader_holds_the_server_back_and_loses_nothing(journal: NatsJournal) -> None:
    payload, count, last = b"x" * 400_000, 200, 0
    for _ in range(count):
        last = await journal.append(BTC, payload, last)
    sequences: list[int] = []
    async with asyncio.timeout(READ_TIMEOUT_S), aclosing(journal.read([BTC], 1)) as batches:
        async for batch in batches:
            # Everything may arrive that wants to while this batch is being worked off.
            for _ in range(20):
                await journal.end()
            assert sum(len(message.payload) for message in batch) < SERVERS_WINDOW + BUFFER
            sequences += [message.sequence for message in batch]
            if sequences[-1] == last:
                break
    assert sequences == list(range(1, count + 1))


async def stored_bytes(connection: Connection) -> int:
    return (await connection.jetstream().stream_info("JOURNAL")).state.bytes


async def test_a_full_stream_refuses_and_keeps_what_it_has(connection: Connection, journal: NatsJournal) -> None:
    await ensure_stream(connection, max_bytes=100_000)
    last = 0
    while await stored_bytes(connection) < 90_000:
        last = await journal.append(BTC, b"x" * 5000, last)
    with pytest.raises(JournalUnavailable, match="maximum bytes"):
        await journal.append(BTC, b"x" * 15_000, last)
    assert await journal.last_sequence(BTC) == await journal.end() == last
    await ensure_stream(connection, max_bytes=200_000)
    assert await journal.append(BTC, b"x" * 5000, last) == last + 1


async def test_a_full_store_refuses_and_with_room_it_goes_on(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, max_store_bytes=2_000_000)
    server.start()
    try:
        await server.wait_ready()
        async with server.with_stores() as connection:
            journal, last = NatsJournal(connection), 0
            with pytest.raises(JournalUnavailable, match="resource"):  # noqa: PT012
                for _ in range(300):
                    last = await journal.append(BTC, b"x" * 20_000, last)
            assert last > 50
            assert await journal.end() == last
        server.kill()
        prepare(dataclasses.replace(server.config, max_store_bytes=4_000_000))
        server.start()
        await server.wait_ready()
        async with server.connection() as connection:
            assert await NatsJournal(connection).append(BTC, b"room", last) == last + 1
    finally:
        server.kill()


async def test_records_can_be_neither_deleted_nor_purged(connection: Connection, journal: NatsJournal) -> None:
    await journal.append(BTC, b"one", 0)
    jetstream = connection.jetstream()
    with pytest.raises(APIError):
        await jetstream.delete_msg("JOURNAL", 1)
    with pytest.raises(APIError):
        await jetstream.purge_stream("JOURNAL")
    assert await journal.last_sequence(BTC) == 1


async def test_without_a_stream_an_append_is_known_not_to_be_stored(clean_nats_server: NatsServer) -> None:
    async with clean_nats_server.connection() as connection:
        journal = NatsJournal(connection)
        with pytest.raises(JournalUnavailable):
            await journal.append(BTC, b"one", 0)
        with pytest.raises(JournalUnavailable):
            await journal.last_sequence(BTC)
        with pytest.raises(JournalUnavailable):
            await journal.end()
        await ensure_stream(connection)
        assert await journal.append(BTC, b"one", 0) == 1


async def test_with_the_server_gone_nothing_is_sent_and_it_comes_back_by_itself(
    clean_nats_server: NatsServer, journal: NatsJournal
) -> None:
    last = await journal.append(BTC, b"one", 0)
    clean_nats_server.kill()
    await eventually(lambda: not journal.is_available)
    with pytest.raises(JournalUnavailable):
        await journal.append(BTC, b"two", last)
    with pytest.raises(JournalUnavailable):
        await journal.end()
    clean_nats_server.start()
    await eventually(lambda: journal.is_available)
    assert await journal.end() == last
    assert await journal.append(BTC, b"two", last) == last + 1


async def test_an_append_in_flight_when_the_server_dies_is_unknown_at_once(clean_nats_server: NatsServer) -> None:
    async with clean_nats_server.with_stores() as connection:
        journal = NatsJournal(connection, append_timeout_s=60.0)
        last = await journal.append(BTC, b"one", 0)
        clean_nats_server.pause()
        in_flight = asyncio.ensure_future(journal.append(BTC, b"two", last))
        await asyncio.sleep(0)
        clean_nats_server.kill()
        async with asyncio.timeout(READ_TIMEOUT_S):
            with pytest.raises(AppendUnknown):
                await in_flight


async def test_an_append_to_a_paused_server_is_unknown_and_stored_at_most_once(clean_nats_server: NatsServer) -> None:
    async with clean_nats_server.with_stores() as connection:
        journal = NatsJournal(connection, append_timeout_s=0.5)
        last = await journal.append(BTC, b"before", 0)
        clean_nats_server.pause()
        with pytest.raises(AppendUnknown):
            await journal.append(BTC, b"unknown", last)
        clean_nats_server.resume()
        async with clean_nats_server.connection() as second:
            heir = NatsJournal(second)
            opened = await append_as_heir(heir, b"opened")
            messages = await read_until(heir, [BTC], 1, opened)
        payloads = [message.payload for message in messages]
        assert payloads in ([b"before", b"opened"], [b"before", b"unknown", b"opened"])
        with pytest.raises(Fenced):
            await journal.append(BTC, b"zombie", last)


async def append_as_heir(journal: NatsJournal, payload: bytes) -> int:
    """Append after whatever the incarnation before has left; its last append may still come between."""
    while True:
        try:
            return await journal.append(BTC, payload, await journal.last_sequence(BTC))
        except Fenced:
            continue


async def test_a_wrong_password_or_a_closed_port_is_told_in_time(clean_nats_server: NatsServer) -> None:
    with pytest.raises(JournalUnavailable, match="Authorization Violation"):
        await connect(clean_nats_server.url, "mockexchange", "wrong", "test", timeout_s=3.0)
    with pytest.raises(JournalUnavailable, match="Connect call failed"):
        await connect(f"nats://127.0.0.1:{free_port()}", "mockexchange", "x", "test", timeout_s=1.0)
