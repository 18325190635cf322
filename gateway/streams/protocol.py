"""WebSockets on uvicorn, closed in bounded time even where the client no longer reads."""

from __future__ import annotations

from typing import Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

CLOSE_WITHIN_S: Final = 5.0
MAX_MESSAGE_BYTES: Final = 131_072


class StreamProtocol(WebSocketsSansIOProtocol):
    """A closing message does not wait for room, and a connection that does not end after it is cut."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send, waiting for room; close without waiting."""
        is_close = message["type"] == "websocket.close"
        if is_close:
            self.writable.set()
        await super().send(message)
        if is_close and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)

    def shutdown(self) -> None:
        """Tell the client that the service restarts; cut the connection if that cannot be sent in time."""
        super().shutdown()
        self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)
