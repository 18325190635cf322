"""Servers of one's own, and what goes on without them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from infra.embedded.nats_server import INTERNAL_USER
from tests.support.floor import Floor, traders_on
from tests.support.launched import PATIENCE_S, LaunchedExchange
from tests.support.load import TIMEOUT, Command, Fate
from tests.support.servers import NatsServer, ValkeyServer

pytestmark = pytest.mark.anyio

ORDERS = 20
GATEWAYS = 2


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NatsServer, ValkeyServer]]:
    directory = tmp_path_factory.mktemp("servers")
    nats_server, valkey_server = NatsServer(directory), ValkeyServer(directory)
    for server in (nats_server, valkey_server):
        server.start()
    try:
        asyncio.run(nats_server.wait_ready())
        asyncio.run(valkey_server.wait_ready())
        yield nats_server, valkey_server
    finally:
        nats_server.kill()
        valkey_server.kill()


@pytest.fixture(scope="module")
def elsewhere(servers: tuple[NatsServer, ValkeyServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """An exchange on servers that it did not start."""
    nats_server, valkey_server = servers
    exchange = LaunchedExchange(
        tmp_path_factory.mktemp("elsewhere"),
        symbols="BTC/USDT,ETH/USDT",
        account_shards="2",
        gateway_processes="2",
        nats_url=f"nats://{INTERNAL_USER}:{nats_server.config.password}@127.0.0.1:{nats_server.config.port}",
        valkey_url=f"valkey://:{valkey_server.config.password}@127.0.0.1:{valkey_server.config.port}/0",
    )
    yield from traders_on(exchange)


async def get(session: aiohttp.ClientSession, path: str, key: str) -> tuple[int, Any]:
    async with session.get(path, headers={"x-api-key": key}) as answer:
        return answer.status, await answer.json()


async def test_trading_goes_on_without_valkey_and_history_catches_up(
    elsewhere: Floor, servers: tuple[NatsServer, ValkeyServer]
) -> None:
    _, valkey = servers
    exchange, trader = elsewhere.exchange, elsewhere.traders[0]
    async with aiohttp.ClientSession(exchange.url, timeout=TIMEOUT) as session:
        async with elsewhere.load() as load:
            await load.flow(ORDERS)
            valkey.kill()
            killed_at = asyncio.get_running_loop().time()
            await load.flow(ORDERS)
            assert all(one.fate is not Fate.UNKNOWN and one.status != 503 for one in load.since(killed_at))
            assert (await get(session, "/orders?status=filled", trader.api_key))[0] == 503
            status, health = await get(session, "/health", trader.api_key)
            assert status == 503
            assert health["failing"] == ["valkey"]
            for path in (
                "/balance",
                "/orders?status=open",
                f"/orders?client_order_id={load.commands[0].client_order_id}",
            ):
                assert (await get(session, path, trader.api_key))[0] == 200
            made = exchange.administer("POST", f"/accounts/{trader.account}/keys", {"permissions": ["read"]})
            assert (await get(session, "/balance", made["api_key"]))[0] == 200
            valkey.start()
            await valkey.wait_ready()
            await exchange.wait_until_well(session)
            await load.flow(ORDERS)
        await elsewhere.examiner.verify(load)
        _, fills = await get(session, "/trades?limit=500", trader.api_key)
        assert len(fills) > 0


async def test_nothing_is_acknowledged_and_nothing_half_done_without_nats(
    elsewhere: Floor, servers: tuple[NatsServer, ValkeyServer]
) -> None:
    nats_server, _ = servers
    async with elsewhere.load() as load:
        await load.flow(ORDERS)
        nats_server.kill()
        killed_at = asyncio.get_running_loop().time()
        told: list[Command] = []
        async with asyncio.timeout(PATIENCE_S):
            while sum(one.status == 503 for one in told) < GATEWAYS:
                await asyncio.sleep(0.1)
                told = [one for one in load.since(killed_at) if one.fate is not Fate.UNDER_WAY]
        assert {one.answer["error"]["code"] for one in told} == {"unavailable"}
        nats_server.start()
        await nats_server.wait_ready()
        await elsewhere.exchange.wait_until_well(load.session)
        await load.flow(ORDERS)
    await elsewhere.examiner.verify(load)
