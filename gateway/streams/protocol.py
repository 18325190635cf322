"""WebSockets on uvicorn: many messages in one event, and closed in bounded time even where the client no longer reads.

ASGI has an event for each message, which passes through all layers of the application. Here an event has the `texts` of
all messages that are there, in both directions.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

CLOSE_WITHIN_S: Final = 5.0
MAX_MESSAGE_BYTES: Final = 131_072

Event = Any
"""An ASGI event; those of messages are this module's own."""


class StreamProtocol(WebSocketsSansIOProtocol):
    """A closing message does not wait for room, and a connection that does not end after it is cut."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._next: Event | None = None

    async def receive(self) -> Event:
        """Return the next event; of messages all that have come."""
        event, self._next = self._next, None
        if event is None:
            event = await super().receive()
        if event["type"] != "websocket.receive":
            return event
        texts = [_text_of(event)]
        while not self.queue.empty():
            following = await super().receive()
            if following["type"] != "websocket.receive":
                self._next = following
                break
            texts.append(_text_of(following))
        return {"type": "websocket.receive", "texts": texts}

    async def send(self, message: Event) -> None:
        """Send, waiting for room; close without waiting."""
        if message["type"] == "websocket.send":
            await self._send_texts(message["texts"])
            return
        is_close = message["type"] == "websocket.close"
        if is_close:
            self.writable.set()
        await super().send(message)
        if is_close and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)

    async def _send_texts(self, texts: list[str]) -> None:
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        try:
            for text in texts:
                self.conn.send_text(text.encode())
        except InvalidState:
            raise ClientDisconnected from None
        self.transport.write(b"".join(self.conn.data_to_send()))

    def shutdown(self) -> None:
        """Tell the client that the service restarts; cut the connection if that cannot be sent in time."""
        super().shutdown()
        self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)


def _text_of(event: Event) -> str:
    text: str | None = event.get("text")
    return text if text is not None else event["bytes"].decode("utf-8", "replace")
