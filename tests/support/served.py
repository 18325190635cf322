"""A local exchange behind a real web server, on a thread of its own, so that blocking clients can be tried on it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from gateway.app import create_app
from gateway.server import make_server, shared_socket
from infra.embedded.process import free_port
from infra.tls import CertificateFiles
from tests.support.local_exchange import LocalExchange

PATIENCE_S = 60.0


class ServedExchange:
    """The exchange, its URL, and a way to do something on its loop."""

    def __init__(self, files: CertificateFiles | None = None) -> None:
        self.exchange = LocalExchange()
        self.port = free_port()
        self.files = files
        self.url = f"{'https' if files else 'http'}://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the exchange's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def start(self) -> None:
        self._thread.start()
        self.do(self._start())

    def stop(self) -> None:
        self.do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    async def _start(self) -> None:
        await self.exchange.start()
        certificate, key = self.files or (None, None)
        app = create_app(self.exchange.parts(index=1))
        self._server = make_server(app, 1, graceful_s=5, certificate=certificate, key=key)
        sockets = [shared_socket("127.0.0.1", self.port)]
        self._serving = asyncio.create_task(self._server.serve(sockets=sockets))
        assert await self._server.is_ready(self._serving)
        async with asyncio.timeout(PATIENCE_S):
            await app.state["gateway"].follower.catch_up()

    async def _stop(self) -> None:
        self._server.should_exit = True
        await self._serving
        await self.exchange.stop()


@contextmanager
def served_exchange(files: CertificateFiles | None = None) -> Iterator[ServedExchange]:
    served = ServedExchange(files)
    served.start()
    try:
        yield served
    finally:
        served.stop()
