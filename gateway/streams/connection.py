"""One WebSocket connection: what comes in is bounded in pace, what goes out in number and bytes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from litestar.exceptions import WebSocketException

from infra.ports import Clock

logger = logging.getLogger(__name__)

NORMAL: Final = 1000
POLICY: Final = 1008
BROKEN: Final = 1011
RESTART: Final = 1012
TRY_LATER: Final = 1013

MAX_REASON_BYTES: Final = 123
AT_ONCE_BYTES: Final = 64_000
"""As much goes to the server at once, which then waits until the client has read some."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one connection.

    `max_queue` messages and `max_queued_bytes` may wait for a client that reads slowly. A client may send `burst`
    messages at once and `pace` a second in the long run.
    """

    max_queue: int = 4_096
    max_queued_bytes: int = 8_000_000
    burst: int = 200
    pace: float = 50.0


class Socket(Protocol):
    """The ASGI side of a connection, in whose events `texts` are several messages: see `gateway.streams.protocol`."""

    @property
    def receive(self) -> Callable[[], Awaitable[Any]]:
        """Return the next ASGI message."""

    @property
    def send(self) -> Callable[[Any], Awaitable[None]]:
        """Send an ASGI message, waiting while the client does not read."""


class Connection:
    """Sends without waiting; a client that does not keep up is cut off with a reason."""

    def __init__(self, socket: Socket, clock: Clock, limits: ConnectionLimits) -> None:
        self._socket = socket
        self._clock = clock
        self._limits = limits
        self._received: deque[str] = deque()
        self._queue: deque[str] = deque()
        self._queued_bytes = 0
        self._something = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._is_gone = False
        self._writing: asyncio.Task[None] | None = None
        self._allowance = float(limits.burst)
        self._allowed_at = clock.monotonic()
        self._on_close: list[Callable[[], None]] = []

    @property
    def is_closing(self) -> bool:
        """Whether nothing is sent any more."""
        return self._closing is not None

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call this once when the connection ends."""
        self._on_close.append(callback)

    def send(self, text: str) -> None:
        """Queue a message. A client that has left too many unread is cut off."""
        if self._closing is not None:
            return
        self._queue.append(text)
        self._queued_bytes += len(text)
        limits = self._limits
        if len(self._queue) > limits.max_queue or self._queued_bytes > limits.max_queued_bytes:
            self._cut()
        else:
            self._something.set()

    def close(self, code: int, reason: str) -> None:
        """Close once all that is queued has been sent."""
        if self._closing is None:
            self._closing = (code, reason)
            self._something.set()

    async def receive(self) -> str | None:
        """Return the next message, None once the client is gone or talks too fast."""
        while self._closing is None:
            if self._received:
                if self._is_too_fast():
                    self.close(POLICY, "too many messages: slow down")
                    return None
                return self._received.popleft()
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._is_gone = True
                return None
            self._received.extend(message["texts"])
        return None

    async def run(self, converse: Callable[[Connection], Awaitable[None]]) -> None:
        """Accept, converse until either side ends it, and close."""
        message = await self._socket.receive()
        if message["type"] != "websocket.connect":
            return
        await self._socket.send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        self._writing = asyncio.create_task(self._write())
        reading = asyncio.create_task(self._read(converse))
        try:
            await asyncio.wait((reading, self._writing), return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and self._closing is not None:
                # What is queued, the reason among it, is sent first.
                await asyncio.wait((self._writing,))
        finally:
            reading.cancel()
            self._writing.cancel()
            await asyncio.gather(reading, self._writing, return_exceptions=True)
            self._end()
        if self._closing is not None and not self._is_gone:
            await self._say_goodbye(*self._closing)

    async def _read(self, converse: Callable[[Connection], Awaitable[None]]) -> None:
        try:
            await converse(self)
        except (asyncio.CancelledError, WebSocketException):
            raise
        except Exception:
            logger.exception("a conversation broke")
            self.close(BROKEN, "internal error; it is in the gateway's log")

    async def _write(self) -> None:
        send, queue = self._socket.send, self._queue
        while True:
            while queue:
                texts, size = [], 0
                while queue and size < AT_ONCE_BYTES:
                    texts.append(queue.popleft())
                    size += len(texts[-1])
                self._queued_bytes -= size
                await send({"type": "websocket.send", "texts": texts})
            if self._closing is not None:
                return
            self._something.clear()
            await self._something.wait()

    async def _say_goodbye(self, code: int, reason: str) -> None:
        short = reason.encode()[:MAX_REASON_BYTES].decode("utf-8", "ignore")
        try:
            await self._socket.send({"type": "websocket.close", "code": code, "reason": short})
        except (OSError, RuntimeError, WebSocketException):
            # It went on its own meanwhile.
            logger.debug("a connection ended before it was closed")

    def _cut(self) -> None:
        self._queue.clear()
        self._closing = (POLICY, "too slow: messages were left unread")
        if self._writing is not None:
            self._writing.cancel()

    def _end(self) -> None:
        if self._closing is None:
            self._closing = (NORMAL, "")
        self._queue.clear()
        callbacks, self._on_close = self._on_close, []
        for callback in callbacks:
            callback()

    def _is_too_fast(self) -> bool:
        now = self._clock.monotonic()
        limits = self._limits
        self._allowance = min(limits.burst, self._allowance + (now - self._allowed_at) * limits.pace)
        self._allowed_at = now
        if self._allowance < 1:
            return True
        self._allowance -= 1
        return False
