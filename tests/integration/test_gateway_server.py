"""The web server of a gateway on real sockets: what it bounds, shares and stops."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.server import MAX_HEADERS, GatewayServer, make_server, shared_socket
from infra.embedded.process import free_port
from tests.support.eventually import eventually
from tests.support.local_exchange import DEMO_KEY, LocalExchange


class Site:
    """A local exchange with gateways on a port of its own."""

    def __init__(self, exchange: LocalExchange, port: int) -> None:
        self.exchange = exchange
        self.port = port
        self.running: dict[int, tuple[GatewayServer, asyncio.Task[None]]] = {}

    async def start(self, index: int) -> None:
        app = create_app(self.exchange.parts(index=index))
        server = make_server(app, index, graceful_s=5)
        serving = asyncio.create_task(server.serve(sockets=[shared_socket("127.0.0.1", self.port)]))
        assert await server.is_ready(serving)
        self.running[index] = (server, serving)
        async with asyncio.timeout(10):
            await app.state["gateway"].follower.catch_up()

    async def stop(self, index: int) -> None:
        server, serving = self.running.pop(index)
        server.should_exit = True
        await serving

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers={"x-api-key": DEMO_KEY})

    async def raw(self, request: bytes) -> bytes:
        """Send bytes as they are; return all that comes until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    exchange = LocalExchange()
    await exchange.start()
    made = Site(exchange, free_port())
    await made.start(1)
    try:
        yield made
    finally:
        for index in list(made.running):
            await made.stop(index)
        await exchange.stop()


def on_a_site(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test against a site of its own."""

    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        async def main() -> None:
            async with site() as made:
                await test(made, **arguments)

        asyncio.run(main())

    run.__signature__ = inspect.Signature(list(inspect.signature(test).parameters.values())[1:])  # type: ignore[attr-defined]
    return run


ORDER = {"side": "buy", "type": "limit", "amount": "0.01", "limit_price": "50000.00"}


@on_a_site
async def test_orders_travel_over_a_real_socket(at: Site) -> None:
    async with at.client() as client:
        answer = await client.post("/orders", json=ORDER)
        assert (answer.status_code, answer.json()["status"]) == (200, "new")
        assert answer.headers["x-mockx-gateway"] == "1"
        assert "server" not in answer.headers
        assert (await client.get("/nope")).headers["x-mockx-gateway"] == "1"


@on_a_site
async def test_several_processes_share_a_port(at: Site) -> None:
    await at.start(2)
    seen = set()
    async with asyncio.timeout(30):
        while seen != {"1", "2"}:
            # The kernel spreads connections, so each try needs one of its own.
            async with at.client() as client:
                seen.add((await client.get("/health/live")).headers["x-mockx-gateway"])
    await at.stop(1)
    for _ in range(20):
        async with at.client() as client:
            assert (await client.get("/balance")).headers["x-mockx-gateway"] == "2"


@on_a_site
async def test_stopping_answers_what_has_begun(at: Site) -> None:
    at.exchange.books.hung.add("ETH/USDT")
    shard = at.exchange.shards.shells[0]
    before = shard.counters["commands"]
    async with at.client() as client:
        hung = asyncio.create_task(
            client.post("/orders", json={**ORDER, "symbol": "ETH/USDT", "limit_price": "2000.00"})
        )
        await eventually(lambda: shard.counters["commands"] > before)
        await at.stop(1)
        answer = await hung
    assert answer.status_code == 503
    assert answer.json()["error"]["may_have_executed"] is True


@on_a_site
async def test_a_body_of_ten_megabytes_is_refused(at: Site) -> None:
    async with at.client() as client:
        answer = await client.post("/orders", content=b"x" * 10_000_000)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"]
        chunked = await client.post("/orders", content=_chunks(1_200))
        assert chunked.status_code == 413
        assert (await client.post("/orders", json=ORDER)).status_code == 200


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_000


@on_a_site
async def test_too_many_headers_are_refused(at: Site) -> None:
    for count, status in ((MAX_HEADERS + 1, b"431"), (MAX_HEADERS - 2, b"200")):
        head = b"".join(b"x-%d: 1\r\n" % number for number in range(count))
        answer = await at.raw(b"GET /time HTTP/1.1\r\nhost: x\r\n" + head + b"connection: close\r\n\r\n")
        assert answer.split()[1] == status


@on_a_site
async def test_an_address_that_is_too_long_is_refused(at: Site) -> None:
    answer = await at.raw(b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.split()[1] == b"431"
    body = json.loads(answer.rpartition(b"\r\n\r\n")[2])
    assert body["error"]["code"] == "request_head_too_large"


@pytest.mark.parametrize("begin", [b"GET /time HTTP/1.1\r\nx: ", b"GET /", b"POST /orders HTTP/1.1\r\n"])
@on_a_site
async def test_a_head_without_an_end_is_cut_off(at: Site, begin: bytes) -> None:
    filling = b"y" if b"orders" not in begin else b"a: b\r\n"
    answer = await at.raw(begin + filling * (200_000 // len(filling)))
    assert answer.split()[1] in {b"400", b"431"}


@pytest.mark.parametrize("nonsense", [b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" + b"\x00" * 100])
@on_a_site
async def test_nonsense_is_answered_and_cut_off(at: Site, nonsense: bytes) -> None:
    assert (await at.raw(nonsense)).split()[1] == b"400"
    async with at.client() as client:
        assert (await client.get("/time")).status_code == 200
