"""A client's visit by WebSocket, as dialects see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import WebSocket
from litestar.datastructures import State

from gateway.streams.connection import Connection, ConnectionLimits

if TYPE_CHECKING:
    from gateway.gateway import Gateway

AnySocket = WebSocket[Any, Any, State]

_decode: Final = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Visit:
    """Who came, by what path, and the connection to talk over."""

    gateway: Gateway
    connection: Connection
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    address: str


Host = Callable[[Visit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Speech:
    """How a dialect speaks on the path that all share: `converse` is given the first message as it came.

    `recognizes` looks at that message as decoded JSON, None if it is none.
    """

    recognizes: Callable[[object], bool]
    converse: Callable[[Visit, str], Awaitable[None]]


async def receive_visit(socket: AnySocket, host: Host, limits: ConnectionLimits | None = None) -> None:
    """Let a dialect talk to whoever has come, within the usual limits or others."""
    gateway: Gateway = socket.app.state["gateway"]

    async def converse(connection: Connection) -> None:
        client = socket.scope.get("client")
        await host(
            Visit(
                gateway,
                connection,
                socket.scope["path"],
                dict(socket.query_params.items()),
                dict(socket.headers.items()),
                client[0] if client else "",
            )
        )

    await gateway.streams.serve(socket, converse, limits)


def decoded(text: str) -> object:
    """Return a message as JSON, None if it is none."""
    try:
        value: object = _decode(text)
    except msgspec.DecodeError:
        return None
    return value
