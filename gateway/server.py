"""The web server of one gateway process: bounds on what it reads, and a socket that several processes share."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.native.errors import ErrorBody, ErrorDetail
from gateway.streams.protocol import MAX_MESSAGE_BYTES, StreamProtocol

MAX_HEADERS: Final = 100
MAX_URL_BYTES: Final = 8_192
MAX_HEAD_BYTES: Final = 65_536
MAX_CONNECTIONS: Final = 10_000
KEEP_ALIVE_S: Final = 75

_TOO_LONG: Final = msgspec.json.encode(
    ErrorBody(ErrorDetail("request_head_too_large", "the URL or the headers are too long"), "the head is too long")
)


async def _refuse_head(_scope: Any, _receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_TOO_LONG)).encode())]
    await send({"type": "http.response.start", "status": 431, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": _TOO_LONG})


class BoundedProtocol(HttpToolsProtocol):
    """HTTP with bounds on a request's head, of which the parser itself has none."""

    _is_in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read on; close a connection whose head does not end."""
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request on, or refuse it for its head."""
        self._is_in_head = False
        answering = self.app
        if len(self.headers) > MAX_HEADERS or len(self.url) > MAX_URL_BYTES:
            self.app = _refuse_head
        try:
            super().on_headers_complete()
        finally:
            self.app = answering


class GatewayServer(uvicorn.Server):
    """Stops when `should_exit` is set and leaves signals to the process, which has more than this to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._begun.set()

    async def is_ready(self, serving: asyncio.Task[None]) -> bool:
        """Return True once it listens, False if it ended before."""
        beginning = asyncio.create_task(self._begun.wait())
        await asyncio.wait((serving, beginning), return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        return self.started and not serving.done()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def make_server(
    app: Litestar, index: int, *, graceful_s: int, certificate: Path | None = None, key: Path | None = None
) -> GatewayServer:
    """Return the server of a gateway process; each answer names the process in `x-mockx-gateway`.

    With a certificate and its key it speaks TLS only.
    """
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws=StreamProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("x-mockx-gateway", str(index))],
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=graceful_s,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    # It logs the whole URL of every WebSocket, which may hold a listen key.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return GatewayServer(config)


def shared_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound so that several processes may listen on the same port. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
