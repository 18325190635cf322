"""The bus on plain NATS: messages that may be lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from nats.errors import Error

from infra.nats.connection import Connection, Listener, Message


class NatsBus:
    """Publishing and subscribing on one connection. Subscriptions outlive a lost connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def publish(self, subject: str, payload: bytes) -> None:
        """Send without waiting; dropped without a connection or when the server does not take what was sent."""
        self._connection.send(subject, payload)

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send many at once, which costs a fraction of sending each; dropped together as one would be."""
        self._connection.send_all(messages)

    async def subscribe(self, subject: str, handler: Callable[[str, bytes], None]) -> Callable[[], Awaitable[None]]:
        """Call `handler(subject, payload)` for each message; the result ends the subscription."""

        def receive(message: Message) -> None:
            handler(message.subject, message.payload)

        return await self._listen(subject, receive)

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes | None:
        """Ask and return the first answer, or None when none comes in time."""
        if not self._connection.is_connected:
            return None
        try:
            answer = await self._connection.client.request(subject, payload, timeout=timeout_s)
        except Error:
            return None
        return answer.data

    async def serve(self, subject: str, handler: Callable[[str, bytes], bytes | None]) -> Callable[[], Awaitable[None]]:
        """Answer requests on `subject` with what `handler` returns (None: no answer)."""

        def answer(message: Message) -> None:
            result = handler(message.subject, message.payload)
            if result is not None and message.reply:
                self._connection.send(message.reply, result)

        return await self._listen(subject, answer)

    async def _listen(self, subject: str, listener: Listener) -> Callable[[], Awaitable[None]]:
        """Subscribe; when this returns, the server knows, if there is a connection."""
        stop = await self._connection.listen(subject, listener)
        await self._connection.settle()

        async def unsubscribe() -> None:
            await stop()
            await self._connection.settle()

        return unsubscribe
