"""The path `/ws`, which all dialects share: the kind of message that comes first tells who is meant."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import websocket
from litestar.handlers import WebsocketRouteHandler

from gateway.dialect import Dialect
from gateway.streams.visit import AnySocket, Speech, Visit, decoded, receive_visit


def make_door(dialects: Sequence[Dialect]) -> WebsocketRouteHandler | None:
    """Return the handler of `/ws`, None if no dialect speaks there. Who is not recognized is for the last of them."""
    speeches = [dialect.speech for dialect in dialects if dialect.speech is not None]
    if not speeches:
        return None

    async def host(visit: Visit) -> None:
        first = await visit.connection.receive()
        if first is not None:
            await _choose(speeches, first).converse(visit, first)

    @websocket("/ws")
    async def door(socket: AnySocket) -> None:
        await receive_visit(socket, host)

    return door


def _choose(speeches: Sequence[Speech], first: str) -> Speech:
    message = decoded(first)
    return next((speech for speech in speeches if speech.recognizes(message)), speeches[-1])
