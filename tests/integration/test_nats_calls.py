"""Calls between processes, on a real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from infra.nats.calls import MAX_CALLS, PART_BYTES, Caller, serve_calls
from infra.nats.connection import Connection
from infra.ports import PeerLost
from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio

PROBE_S = 0.05


async def bounded(call: Awaitable[bytes]) -> bytes:
    async with asyncio.timeout(TIMEOUT_S):
        return await call


class Peer:
    """Works on a call until it is told to go on."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.go = asyncio.Event()

    async def wait(self, payload: bytes) -> bytes:
        self.taken.append(payload)
        await self.go.wait()
        return payload

    async def serve(self, connection: Connection) -> str:
        return await serve_calls(connection, "peer", {"wait": self.wait})


async def test_every_call_gets_its_own_answer_and_they_arrive_in_the_order_made(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        peer = Peer()
        address = await peer.serve(first)
        caller = Caller(second, probe_s=PROBE_S)
        calls = [asyncio.ensure_future(bounded(caller.call(address, "wait", b"%d" % turn))) for turn in range(500)]
        await eventually(lambda: len(peer.taken) == 500)
        assert peer.taken == [b"%d" % turn for turn in range(500)]
        peer.go.set()
        assert await asyncio.gather(*calls) == peer.taken


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 9 * PART_BYTES])
async def test_an_answer_may_have_any_size(nats_server: NatsServer, size: int) -> None:
    answer = (bytes(range(256)) * (size // 256 + 1))[:size]

    async def tell(_: bytes) -> bytes:
        return answer

    async with nats_server.connection() as first, nats_server.connection() as second:
        address = await serve_calls(first, "large", {"tell": tell})
        caller = Caller(second, probe_s=PROBE_S)
        assert await bounded(caller.call(address, "tell", b"")) == answer


async def test_nobody_waits_for_a_peer_that_is_not_there(nats_server: NatsServer) -> None:
    async with nats_server.connection() as connection:
        with pytest.raises(PeerLost, match="nobody listens"):
            await bounded(Caller(connection).call("call.nobody.1", "wait", b""))


async def test_nobody_waits_for_a_peer_that_died_over_a_call(nats_server: NatsServer) -> None:
    async with nats_server.connection() as second:
        async with nats_server.connection() as first:
            peer = Peer()
            address = await peer.serve(first)
            call = asyncio.ensure_future(bounded(Caller(second, probe_s=PROBE_S).call(address, "wait", b"")))
            await eventually(lambda: bool(peer.taken))
        with pytest.raises(PeerLost, match="died"):
            await call
        peer.go.set()


async def test_nobody_waits_for_an_answer_to_a_call_that_was_lost(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        peer = Peer()
        address = await peer.serve(first)
        caller = Caller(second, probe_s=PROBE_S)
        send = second.send

        def lose_calls(subject: str, payload: bytes, reply: str = "") -> bool:
            return subject.endswith(".wait") or send(subject, payload, reply)

        with monkeypatch.context() as lossy:
            lossy.setattr(second, "send", lose_calls)
            with pytest.raises(PeerLost, match="the call was lost"):
                await bounded(caller.call(address, "wait", b"lost"))
        peer.go.set()
        assert await bounded(caller.call(address, "wait", b"heard")) == b"heard"
        assert peer.taken == [b"heard"]


async def test_a_method_that_a_peer_does_not_have_is_refused(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        address = await Peer().serve(first)
        with pytest.raises(PeerLost, match="did not answer"):
            await bounded(Caller(second).call(address, "unknown", b""))


async def test_a_call_that_takes_long_is_waited_for(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        peer = Peer()
        address = await peer.serve(first)
        call = asyncio.ensure_future(bounded(Caller(second, probe_s=0.01).call(address, "wait", b"late")))
        done, _ = await asyncio.wait((call,), timeout=0.2)
        assert not done
        peer.go.set()
        assert await call == b"late"


async def test_a_call_that_breaks_is_told_to_both_sides(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def divide(payload: bytes) -> bytes:
        return b"%d" % (100 // int(payload))

    async with nats_server.connection() as first, nats_server.connection() as second:
        address = await serve_calls(first, "divider", {"divide": divide})
        caller = Caller(second)
        with pytest.raises(PeerLost, match="did not answer"):
            await bounded(caller.call(address, "divide", b"0"))
        assert "ZeroDivisionError" in caplog.text
        assert await bounded(caller.call(address, "divide", b"4")) == b"25"


async def test_a_peer_takes_a_bounded_number_of_calls(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        peer = Peer()
        address = await peer.serve(first)
        caller = Caller(second)
        calls = [asyncio.ensure_future(bounded(caller.call(address, "wait", b"x"))) for _ in range(MAX_CALLS)]
        await eventually(lambda: len(peer.taken) == MAX_CALLS)
        with pytest.raises(PeerLost, match="did not answer"):
            await bounded(caller.call(address, "wait", b"one too many"))
        peer.go.set()
        assert set(await asyncio.gather(*calls)) == {b"x"}


async def test_a_lost_server_ends_all_calls_and_a_new_one_carries_them_again(clean_nats_server: NatsServer) -> None:
    server = clean_nats_server
    async with server.connection() as first, server.connection() as second:
        peer = Peer()
        address = await peer.serve(first)
        caller = Caller(second, probe_s=PROBE_S)
        call = asyncio.ensure_future(bounded(caller.call(address, "wait", b"before")))
        await eventually(lambda: bool(peer.taken))
        server.kill()
        with pytest.raises(PeerLost):
            await call
        await eventually(lambda: not second.is_connected)
        with pytest.raises(PeerLost, match="no connection"):
            await bounded(caller.call(address, "wait", b"meanwhile"))
        peer.go.set()
        server.start()
        await server.wait_ready()
        await eventually(lambda: first.is_connected and second.is_connected)
        await first.settle()
        assert await bounded(caller.call(address, "wait", b"after")) == b"after"


async def test_a_connection_may_end_with_calls_under_way(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first:
        peer = Peer()
        address = await peer.serve(first)
        call: Callable[[], Awaitable[bytes]]
        async with nats_server.connection() as second:
            caller = Caller(second)
            call = lambda: bounded(caller.call(address, "wait", b""))  # noqa: E731
            waiting = asyncio.ensure_future(call())
            await eventually(lambda: bool(peer.taken))
        with pytest.raises(PeerLost):
            await waiting
        with pytest.raises(PeerLost):
            await call()
        peer.go.set()
