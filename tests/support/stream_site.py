"""A local exchange with a gateway on a real port, and clients of its WebSockets."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.server import GatewayServer, make_server, shared_socket
from infra.embedded.process import free_port
from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.local_exchange import Api, LocalExchange


class Talk:
    """One WebSocket of a client, in JSON."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def hear(self) -> Any:
        async with asyncio.timeout(TIMEOUT_S):
            return json.loads(await self.socket.recv())

    async def ask(self, message: Any) -> Any:
        """Say something and return what is heard next."""
        await self.say(message)
        return await self.hear()

    async def until(self, is_wanted: Callable[[Any], bool]) -> Any:
        """Return the first message that is wanted; those before it are forgotten."""
        while not is_wanted(message := await self.hear()):
            pass
        return message

    async def closed(self) -> tuple[int, str]:
        """Wait until the server closes; return its code and reason."""
        async with asyncio.timeout(TIMEOUT_S):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


class StreamSite:
    """One exchange, one gateway, one port."""

    def __init__(self, exchange: LocalExchange, **changes: Any) -> None:
        self.exchange = exchange
        self.port = free_port()
        self.app = create_app(exchange.parts(**changes))
        self.api = Api(exchange, self.app)
        self._server: GatewayServer = make_server(self.app, 1, graceful_s=5)
        self._serving: asyncio.Task[None] | None = None

    @property
    def gateway(self) -> Gateway:
        gateway: Gateway = self.app.state["gateway"]
        return gateway

    @property
    def sockets(self) -> int:
        """How many connections the server holds."""
        return len(self._server.server_state.connections)

    @property
    def feed(self) -> Any:
        """The outside market of BTC/USDT."""
        return self.exchange.feeds["BTC/USDT"]

    async def start(self) -> None:
        self._serving = asyncio.create_task(self._server.serve(sockets=[shared_socket("127.0.0.1", self.port)]))
        assert await self._server.is_ready(self._serving)
        await eventually(lambda: bool(self.gateway.floor.registry.accounts))
        for feed in self.exchange.feeds.values():
            feed.tick()

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving

    @asynccontextmanager
    async def talk(self, path: str, **options: Any) -> AsyncIterator[Talk]:
        async with connect(f"ws://127.0.0.1:{self.port}{path}", **options) as socket:
            yield Talk(socket)

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers)


@asynccontextmanager
async def stream_site(**changes: Any) -> AsyncIterator[StreamSite]:
    exchange = LocalExchange()
    await exchange.start()
    site = StreamSite(exchange, **changes)
    try:
        await site.start()
        yield site
    finally:
        await site.stop()
        await exchange.stop()


def on_a_stream_site(**changes: Any) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Run an async test against a site of its own."""

    def decorate(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**arguments: Any) -> None:
            async def main() -> None:
                async with stream_site(**changes) as site:
                    await test(site, **arguments)

            asyncio.run(main())

        parameters = list(inspect.signature(test).parameters.values())[1:]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return run

    return decorate
