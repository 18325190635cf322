"""One connection: who reads slowly is cut off, who talks too fast as well, and nothing waits for anybody."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.streams.connection import Connection, ConnectionLimits
from infra.wall_clock import WallClock
from tests.support.eventually import eventually


class FakeSocket:
    """An ASGI socket whose client reads only while it may."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.sent: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def send(self, message: dict[str, Any]) -> None:
        # A closing message does not wait for the client, as in the real server.
        if message["type"] == "websocket.send":
            await self.reads.wait()
        self.sent.append(message)

    def say(self, text: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "texts": [text]})

    @property
    def texts(self) -> list[str]:
        return [text for message in self.sent if message["type"] == "websocket.send" for text in message["texts"]]


async def echo(connection: Connection) -> None:
    while (text := await connection.receive()) is not None:
        connection.send(text)


def run(limits: ConnectionLimits, converse: Any, meanwhile: Any) -> FakeSocket:
    async def main() -> FakeSocket:
        socket = FakeSocket()
        connection = Connection(socket, WallClock(), limits)
        running = asyncio.create_task(connection.run(converse))
        await meanwhile(socket, connection)
        async with asyncio.timeout(10):
            await running
        return socket

    return asyncio.run(main())


def test_messages_go_out_in_order_and_the_reason_last() -> None:
    async def speak(connection: Connection) -> None:
        for number in range(100):
            connection.send(str(number))
        connection.close(1012, "enough")
        connection.send("too late")

    async def nothing(_socket: FakeSocket, _connection: Connection) -> None:
        return

    socket = run(ConnectionLimits(), speak, nothing)
    assert socket.texts == [str(number) for number in range(100)]
    assert socket.sent[-1] == {"type": "websocket.close", "code": 1012, "reason": "enough"}


def test_a_slow_reader_is_cut_off_with_a_reason() -> None:
    async def flood(socket: FakeSocket, connection: Connection) -> None:
        await eventually(lambda: bool(socket.sent))
        socket.reads.clear()
        while not connection.is_closing:
            connection.send("x")
            await asyncio.sleep(0)

    socket = run(ConnectionLimits(max_queue=10), echo, flood)
    assert socket.sent[-1]["code"] == 1008
    assert "too slow" in socket.sent[-1]["reason"]
    assert socket.texts == []


def test_large_messages_count_by_their_size() -> None:
    async def flood(socket: FakeSocket, connection: Connection) -> None:
        await eventually(lambda: bool(socket.sent))
        socket.reads.clear()
        connection.send("x" * 60)
        await asyncio.sleep(0)
        connection.send("x" * 60)
        assert not connection.is_closing
        connection.send("x" * 60)
        assert connection.is_closing

    assert run(ConnectionLimits(max_queued_bytes=100), echo, flood).sent[-1]["code"] == 1008


def test_who_talks_too_fast_is_cut_off() -> None:
    async def chatter(socket: FakeSocket, _connection: Connection) -> None:
        for number in range(6):
            socket.say(str(number))

    socket = run(ConnectionLimits(burst=5, pace=0.001), echo, chatter)
    assert socket.texts == ["0", "1", "2", "3", "4"]
    assert socket.sent[-1]["code"] == 1008


def test_a_conversation_that_breaks_ends_the_connection() -> None:
    closed = []

    async def breaks(connection: Connection) -> None:
        connection.on_close(lambda: closed.append(True))
        raise RuntimeError("planted")

    async def nothing(_socket: FakeSocket, _connection: Connection) -> None:
        return

    assert run(ConnectionLimits(), breaks, nothing).sent[-1]["code"] == 1011
    assert closed == [True]


def test_a_client_that_leaves_is_not_closed_again() -> None:
    async def leave(socket: FakeSocket, _connection: Connection) -> None:
        socket.say("hello")
        socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1005})

    socket = run(ConnectionLimits(), echo, leave)
    assert [message["type"] for message in socket.sent if message["type"] != "websocket.send"] == ["websocket.accept"]
