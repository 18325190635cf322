"""The hub on a real server: one subscription for all listeners, none for nobody, and it outlives the server."""

from __future__ import annotations

import pytest

from gateway.streams.hub import Hub
from infra.nats.bus import NatsBus
from tests.support.eventually import eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio


async def test_listeners_share_a_subscription_until_the_last_leaves(nats_server: NatsServer) -> None:
    async with nats_server.connection("hub") as listening, nats_server.connection("speaker") as speaking:
        hub, speaker = Hub(NatsBus(listening)), NatsBus(speaking)
        heard: list[tuple[str, bytes]] = []

        def subscriptions() -> int:
            return sum(each.subject == "hub.one" for each in listening.client._subs.values())

        ends = [
            await hub.listen("hub.one", lambda _, payload, name=name: heard.append((name, payload)))  # type: ignore[misc]
            for name in ("first", "second")
        ]
        assert subscriptions() == 1
        speaker.publish("hub.one", b"1")
        await eventually(lambda: len(heard) == 2)
        assert heard == [("first", b"1"), ("second", b"1")]
        ends[0]()
        speaker.publish("hub.one", b"2")
        await eventually(lambda: len(heard) == 3)
        assert heard[-1] == ("second", b"2")
        ends[1]()
        await eventually(lambda: subscriptions() == 0)
        assert hub.subjects == 0


async def test_a_listener_that_breaks_does_not_deafen_the_others(nats_server: NatsServer) -> None:
    async with nats_server.connection("hub") as connection:
        bus = NatsBus(connection)
        hub = Hub(bus)
        heard: list[bytes] = []

        def breaks(_subject: str, _payload: bytes) -> None:
            raise RuntimeError("planted")

        await hub.listen("hub.two", breaks)
        await hub.listen("hub.two", lambda _, payload: heard.append(payload))
        bus.publish("hub.two", b"1")
        await eventually(lambda: heard == [b"1"])
        await hub.stop()


async def test_subscriptions_outlive_their_server(clean_nats_server: NatsServer) -> None:
    async with clean_nats_server.connection("hub") as connection:
        bus = NatsBus(connection)
        hub = Hub(bus)
        heard: list[bytes] = []
        await hub.listen("hub.three", lambda _, payload: heard.append(payload))
        await clean_nats_server.restart()
        await eventually(lambda: connection.is_connected)

        def is_heard() -> bool:
            bus.publish("hub.three", b"again")
            return bool(heard)

        await eventually(is_heard)
        await hub.stop()
