"""What the journal promises while its server is killed, paused, or loses messages and records."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from infra.nats.connection import Connection, Listener, Message
from infra.nats.journal import NatsJournal
from infra.ports import AppendUnknown, Fenced, JournalMessage, JournalRewound, JournalUnavailable
from tests.support.eventually import eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio

BTC = "journal.book.BTC-USDT"
ALL = ["journal.>"]
TIMEOUT_S = 60.0


@pytest.fixture(autouse=True, params=[0.0, 0.01], ids=["pushed", "fetched"])
def linger(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "linger_s", request.param)


class Reader:
    """Reads the whole journal in the background, as an actor does."""

    linger_s = 0.0

    def __init__(self, connection: Connection) -> None:
        self.messages: list[JournalMessage] = []
        self.task = asyncio.ensure_future(self._read(NatsJournal(connection, linger_s=self.linger_s)))

    @property
    def end(self) -> int:
        return self.messages[-1].sequence if self.messages else 0

    async def _read(self, journal: NatsJournal) -> None:
        async with aclosing(journal.read(ALL, 1)) as batches:
            async for batch in batches:
                self.messages += batch

    async def reach(self, sequence: int) -> None:
        await eventually(lambda: self.task.done() or self.end >= sequence)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Writer:
    """Writes one subject; after every doubt it starts anew from what the journal holds."""

    def __init__(self, connection: Connection, subject: str) -> None:
        self._journal = NatsJournal(connection, append_timeout_s=1.0)
        self._subject = subject
        self.acknowledged: list[JournalMessage] = []
        self.unknown = 0
        self.is_told_to_end = False

    async def run(self) -> None:
        number, last = 0, 0
        while not self.is_told_to_end:
            number += 1
            payload = f"{self._subject} {number}".encode()
            try:
                last = await self._journal.append(self._subject, payload, last)
                self.acknowledged.append(JournalMessage(last, self._subject, payload))
            except JournalUnavailable:
                await asyncio.sleep(0.01)
            except (AppendUnknown, Fenced):
                self.unknown += 1
                last = await self._recover()

    async def _recover(self) -> int:
        while True:
            try:
                return await self._journal.last_sequence(self._subject)
            except JournalUnavailable:
                await asyncio.sleep(0.01)


def audit(messages: list[JournalMessage], writers: list[Writer], end: int) -> None:
    """Check that all is there once, in order, and that nothing acknowledged is missing."""
    assert [message.sequence for message in messages] == list(range(1, end + 1))
    assert len({message.payload for message in messages}) == len(messages)
    for writer in writers:
        assert writer.acknowledged
        assert all(messages[message.sequence - 1] == message for message in writer.acknowledged)


Fault = Callable[[Connection, list[Writer]], Awaitable[None]]


async def run_with_faults(server: NatsServer, fault: Fault) -> list[Writer]:
    """Let four writers and a reader run on connections of their own while `fault` happens; audit what is left."""
    async with server.with_stores() as reading, server.connection() as first, server.connection() as second:
        reader = Reader(reading)
        writers = [Writer((first, second)[k % 2], f"journal.book.S{k}-USDT") for k in range(4)]
        running = [asyncio.ensure_future(writer.run()) for writer in writers]
        await fault(reading, writers)
        for writer in writers:
            writer.is_told_to_end = True
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.gather(*running)
        end = await NatsJournal(reading).end()
        await reader.reach(end)
        await reader.stop()
        audit(reader.messages, writers, end)
        afresh = Reader(second)
        await afresh.reach(end)
        await afresh.stop()
        assert afresh.messages == reader.messages
        return writers


async def progress(writers: list[Writer]) -> None:
    """Wait until every writer has had two hundred more records acknowledged."""
    goals = [len(writer.acknowledged) + 200 for writer in writers]
    await eventually(lambda: all(len(w.acknowledged) >= goal for w, goal in zip(writers, goals, strict=True)))


async def test_killing_the_server_again_and_again_loses_and_doubles_nothing(clean_nats_server: NatsServer) -> None:
    async def kill_repeatedly(_: Connection, writers: list[Writer]) -> None:
        kills = 0
        while kills < 5 or not any(writer.unknown for writer in writers):
            await progress(writers)
            clean_nats_server.kill()
            clean_nats_server.start()
            kills += 1
            assert kills < 100
        await progress(writers)

    await run_with_faults(clean_nats_server, kill_repeatedly)


async def test_pausing_the_server_for_seconds_doubles_nothing(clean_nats_server: NatsServer) -> None:
    async def pause_twice(reading: Connection, writers: list[Writer]) -> None:
        await progress(writers)
        clean_nats_server.pause()
        await eventually(lambda: all(writer.unknown == 1 for writer in writers))
        clean_nats_server.resume()
        await progress(writers)
        clean_nats_server.pause()
        await eventually(lambda: not reading.is_connected)
        clean_nats_server.resume()
        await progress(writers)

    writers = await run_with_faults(clean_nats_server, pause_twice)
    assert all(writer.unknown > 0 for writer in writers)


async def test_a_reader_goes_on_as_soon_as_the_server_is_back(
    clean_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.nats.reader._SILENCE_S", 3600.0)
    async with clean_nats_server.with_stores() as connection:
        journal, reader = NatsJournal(connection), Reader(connection)
        last = await journal.append(BTC, b"before", 0)
        await reader.reach(last)
        await kill(clean_nats_server, connection)
        await revive(clean_nats_server, connection)
        last = await journal.append(BTC, b"after", last)
        await reader.reach(last)
        await reader.stop()
        assert [message.payload for message in reader.messages] == [b"before", b"after"]


async def test_a_lost_delivery_is_read_again(clean_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with clean_nats_server.with_stores() as connection:
        journal, last = NatsJournal(connection), 0
        for turn in range(200):
            last = await journal.append(BTC, b"%d" % turn, last)
        # After the last one comes nothing but a heartbeat, which tells that something was sent.
        lost = {b"0", b"17", b"150", b"249"}
        lose_once(lost, connection, monkeypatch)
        reader = Reader(connection)
        await reader.reach(last)
        for turn in range(200, 250):
            last = await journal.append(BTC, b"%d" % turn, last)
        await reader.reach(last)
        await reader.stop()
        assert [message.payload for message in reader.messages] == [b"%d" % turn for turn in range(250)]
        assert not lost


def lose_once(payloads: set[bytes], connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose the first delivery of each of these payloads, and take it out of the set."""
    listen = connection.listen

    async def listen_badly(subject: str, listener: Listener) -> Callable[[], Awaitable[None]]:
        def hear(message: Message) -> None:
            if message.reply.startswith("$JS.ACK.") and message.payload in payloads:
                payloads.remove(message.payload)
            else:
                listener(message)

        return await listen(subject, hear)

    monkeypatch.setattr(connection, "listen", listen_badly)


@pytest.mark.parametrize("rewritten", [1, 20])
async def test_a_reader_ahead_of_a_journal_that_lost_records_does_not_go_on(
    clean_nats_server: NatsServer, rewritten: int
) -> None:
    store = clean_nats_server.config.directory / "jetstream"
    async with clean_nats_server.with_stores() as connection:
        journal, last = NatsJournal(connection), 0
        for turn in range(10):
            last = await journal.append(BTC, b"%d" % turn, last)
        await kill(clean_nats_server, connection)
        shutil.copytree(store, store.with_name("old"))
        await revive(clean_nats_server, connection)
        reader, kept = Reader(connection), last
        for turn in range(5):
            last = await journal.append(BTC, b"lost %d" % turn, last)
        await reader.reach(last)
        await kill(clean_nats_server, connection)
        shutil.rmtree(store)
        store.with_name("old").rename(store)
        await revive(clean_nats_server, connection)
        for turn in range(4 + rewritten):
            kept = await journal.append(BTC, b"other %d" % turn, kept)
        with pytest.raises(JournalRewound):
            await asyncio.wait_for(reader.task, TIMEOUT_S)


async def kill(server: NatsServer, connection: Connection) -> None:
    server.kill()
    await eventually(lambda: not connection.is_connected)


async def revive(server: NatsServer, connection: Connection) -> None:
    server.start()
    await eventually(lambda: connection.is_connected)
