"""Snapshots on a real nats-server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infra.nats.connection import Connection
from infra.nats.snapshots import NatsSnapshots, ensure_snapshots
from infra.ports import JournalUnavailable, Snapshot
from tests.support.eventually import eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio

NAME = "book.BTC/USDT"
LARGE = bytes(range(256)) * 8192


@pytest.fixture
async def connection(clean_nats_server: NatsServer) -> AsyncIterator[Connection]:
    async with clean_nats_server.with_stores() as connection:
        yield connection


@pytest.fixture
def snapshots(connection: Connection) -> NatsSnapshots:
    return NatsSnapshots(connection)


async def damage(connection: Connection, sequence: int, how: str) -> None:
    """Overwrite or remove the first chunk of the snapshot with this sequence."""
    jetstream = connection.jetstream()
    store = await jetstream.object_store("SNAPSHOTS")
    info = next(info for info in await store.list() if info.description == str(sequence))
    subject = f"$O.SNAPSHOTS.C.{info.nuid}"
    chunks = (await jetstream.stream_info("OBJ_SNAPSHOTS", subjects_filter=subject)).state.subjects or {}
    await jetstream.purge_stream("OBJ_SNAPSHOTS", subject=subject)
    if how == "changed":
        for _ in range(chunks[subject]):
            await jetstream.publish(subject, b"something else")


async def test_nothing_is_kept_of_a_name_that_was_never_saved(snapshots: NatsSnapshots) -> None:
    await snapshots.save("accounts.0", Snapshot(1, b"another"))
    assert await snapshots.load(NAME) == []


async def test_the_last_two_are_kept_newest_first(snapshots: NatsSnapshots) -> None:
    kept: list[Snapshot] = []
    for sequence in (5, 17, 100, 101, 4000):
        kept = [Snapshot(sequence, b"%d" % sequence + LARGE), *kept][:2]
        await snapshots.save(NAME, kept[0])
        assert await snapshots.load(NAME) == kept


async def test_names_do_not_touch_each_other(snapshots: NatsSnapshots) -> None:
    names = ["book.BTC/USDT", "book.BTC-USDT", "accounts.0", "book.BTC/USDT/0", "ledger *>.é"]
    for number, name in enumerate(names):
        await snapshots.save(name, Snapshot(number, name.encode()))
    for number, name in enumerate(names):
        assert await snapshots.load(name) == [Snapshot(number, name.encode())]


async def test_an_empty_state_is_a_state(snapshots: NatsSnapshots) -> None:
    await snapshots.save(NAME, Snapshot(0, b""))
    assert await snapshots.load(NAME) == [Snapshot(0, b"")]


async def test_the_same_sequence_twice_keeps_the_state_before_it(snapshots: NatsSnapshots) -> None:
    for sequence in (1, 2, 2, 2):
        await snapshots.save(NAME, Snapshot(sequence, b"state"))
    assert [snapshot.sequence for snapshot in await snapshots.load(NAME)] == [2, 1]


@pytest.mark.parametrize("how", ["changed", "removed"])
async def test_a_damaged_snapshot_is_left_out(connection: Connection, snapshots: NatsSnapshots, how: str) -> None:
    older, newer = Snapshot(1, LARGE), Snapshot(2, LARGE + b"newer")
    await snapshots.save(NAME, older)
    await snapshots.save(NAME, newer)
    await damage(connection, 2, how)
    assert await snapshots.load(NAME) == [older]
    newest = Snapshot(3, b"newest")
    await snapshots.save(NAME, newest)
    assert newest in await snapshots.load(NAME)


async def test_what_an_interrupted_save_left_is_forgotten_at_the_next_start(
    connection: Connection, snapshots: NatsSnapshots
) -> None:
    kept = [Snapshot(3, LARGE), Snapshot(2, b"older")]
    for snapshot in (Snapshot(1, LARGE), *reversed(kept)):
        await snapshots.save(NAME, snapshot)
    stored = (await connection.jetstream().stream_info("OBJ_SNAPSHOTS")).state.bytes
    for _ in range(5):
        await connection.jetstream().publish("$O.SNAPSHOTS.C.interrupted", LARGE[:100_000])
    await ensure_snapshots(connection)
    assert (await connection.jetstream().stream_info("OBJ_SNAPSHOTS")).state.bytes == stored
    assert await snapshots.load(NAME) == kept


async def test_snapshots_outlive_a_killed_server(clean_nats_server: NatsServer, connection: Connection) -> None:
    snapshots = NatsSnapshots(connection)
    await snapshots.save(NAME, Snapshot(1, LARGE))
    clean_nats_server.kill()
    await eventually(lambda: not connection.is_connected)
    with pytest.raises(JournalUnavailable):
        await snapshots.load(NAME)
    with pytest.raises(JournalUnavailable):
        await snapshots.save(NAME, Snapshot(2, b""))
    clean_nats_server.start()
    await eventually(lambda: connection.is_connected)
    await ensure_snapshots(connection)
    assert await snapshots.load(NAME) == [Snapshot(1, LARGE)]
