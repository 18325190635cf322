"""Messages that may be lost, on a real nats-server."""

from __future__ import annotations

import asyncio

import pytest

from infra.nats.bus import NatsBus
from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio


async def test_a_subscriber_hears_what_is_published_after_it_subscribed(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        heard: list[tuple[str, bytes]] = []
        unsubscribe = await NatsBus(first).subscribe("busa.*", lambda *message: heard.append(message))
        publisher = NatsBus(second)
        for turn in range(1000):
            publisher.publish(f"busa.{turn}", b"%d" % turn)
        await eventually(lambda: len(heard) == 1000)
        assert heard == [(f"busa.{turn}", b"%d" % turn) for turn in range(1000)]
        await unsubscribe()
        publisher.publish("busa.late", b"")
        await second.settle()
        await first.settle()
        assert len(heard) == 1000


async def test_what_is_published_together_arrives_in_order_between_what_was_published_alone(
    nats_server: NatsServer,
) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        heard: list[tuple[str, bytes]] = []
        await NatsBus(first).subscribe("busg.*", lambda *message: heard.append(message))
        publisher = NatsBus(second)
        together = [(f"busg.{turn}", b"x" * turn) for turn in range(1, 2001)]
        publisher.publish("busg.first", b"")
        publisher.publish_all(together)
        publisher.publish_all([])
        publisher.publish("busg.last", b"")
        await eventually(lambda: len(heard) == 2002)
        assert heard == [("busg.first", b""), *together, ("busg.last", b"")]


async def test_a_request_is_answered_or_ends_with_nothing(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        asker = NatsBus(second)
        assert await asker.request("busb.twice", b"nobody", TIMEOUT_S) is None
        stop = await NatsBus(first).serve("busb.twice", lambda _, payload: payload * 2 if payload else None)
        assert await asker.request("busb.twice", b"ab", TIMEOUT_S) == b"abab"
        assert await asker.request("busb.twice", b"", 0.05) is None
        await stop()
        assert await asker.request("busb.twice", b"ab", TIMEOUT_S) is None


async def test_a_handler_that_fails_is_told_and_does_not_end_its_subscription(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with nats_server.connection() as connection:
        bus, heard = NatsBus(connection), []

        def handler(_: str, payload: bytes) -> None:
            heard.append(100 // int(payload))

        unsubscribe = await bus.subscribe("busc", handler)
        for divisor in (b"10", b"0", b"20"):
            bus.publish("busc", divisor)
        await eventually(lambda: heard == [10, 5])
        assert "ZeroDivisionError" in caplog.text
        await unsubscribe()


async def test_nothing_is_left_of_what_was_listened_to_once(nats_server: NatsServer) -> None:
    async with nats_server.connection() as first, nats_server.connection() as second:
        heard: list[bytes] = []
        kept = len(first.client.listeners)
        for turn in range(50):
            unsubscribe = await first.listen(f"busd.{turn}", lambda message: heard.append(message.payload))
            await first.settle()
            second.send(f"busd.{turn}", b"%d" % turn)
            await eventually(lambda turn=turn: len(heard) == turn + 1)  # type: ignore[misc]
            await unsubscribe()
            second.send(f"busd.{turn}", b"late")
        await second.settle()
        await first.settle()
        assert heard == [b"%d" % turn for turn in range(50)]
        assert len(first.client.listeners) == kept


async def test_an_error_of_the_server_does_not_end_the_connection_for_good(nats_server: NatsServer) -> None:
    async with nats_server.connection() as connection:
        bus, heard, restored = NatsBus(connection), [], []
        await bus.subscribe("busf", lambda _, payload: heard.append(payload))
        connection.on_restored(lambda: restored.append(True))
        connection.client._max_payload = 2_000_000
        bus.publish("busf", b"x" * 1_500_000)
        await eventually(lambda: bool(restored))
        bus.publish("busf", b"heard")
        await eventually(lambda: heard == [b"heard"])


async def test_without_a_server_messages_are_dropped_and_later_ones_heard(clean_nats_server: NatsServer) -> None:
    async with clean_nats_server.connection() as connection:
        bus, heard = NatsBus(connection), []
        await bus.subscribe("bus.d", lambda _, payload: heard.append(payload))
        clean_nats_server.kill()
        await eventually(lambda: not connection.is_connected)
        bus.publish("bus.d", b"dropped")
        bus.publish_all([("bus.d", b"dropped"), ("bus.d", b"dropped")])
        assert await bus.request("bus.d", b"", TIMEOUT_S) is None
        clean_nats_server.start()
        await eventually(lambda: connection.is_connected)
        bus.publish("bus.d", b"heard")
        await eventually(lambda: bool(heard))
        assert heard == [b"heard"]


async def test_publishing_to_a_paused_server_neither_waits_nor_grows(clean_nats_server: NatsServer) -> None:
    async with clean_nats_server.connection() as connection:
        bus = NatsBus(connection)
        clean_nats_server.pause()
        for turn in range(2000):
            bus.publish("bus.e", b"x" * 50_000)
            bus.publish_all([("bus.e", b"x" * 50_000)] * 3)
            if turn % 100 == 0:
                await asyncio.sleep(0)
        assert connection.client.pending_data_size < 5_000_000
        clean_nats_server.resume()
        assert await bus.request("bus.e", b"", TIMEOUT_S) is None
