"""All that the streams of one gateway process share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.floor import Floor
from gateway.streams.account_feed import AccountFeeds
from gateway.streams.channels import Channels
from gateway.streams.connection import TRY_LATER, Connection, ConnectionLimits, Socket
from gateway.streams.depth import DepthMirrors
from gateway.streams.hub import Hub
from gateway.streams.watch import Watch
from infra.ports import Bus

Converse = Callable[[Connection], Awaitable[None]]

FULL: Final = "too many connections: try again later"


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bounds of a process and of each of its connections. `book_idle_s` is when a book nobody asks goes to sleep.

    Of requests that wait for an answer a connection may have `max_pending`; it is not read from beyond that.
    """

    max_connections: int = 2_000
    max_subscriptions: int = 1_024
    max_pending: int = 1_024
    book_idle_s: float = 300.0
    connection: ConnectionLimits = field(default_factory=ConnectionLimits)


class Streams:
    """Hub, channels, mirrors of books, feeds of accounts, and the connections that read them."""

    def __init__(self, bus: Bus, floor: Floor, limits: StreamLimits) -> None:
        self.limits = limits
        self.hub = Hub(bus)
        self.channels = Channels()
        self.watch = Watch(floor.books, floor.memory, floor.clock, limits.book_idle_s)
        self.depths = DepthMirrors(self.hub, floor.books, self.watch, floor.clock)
        self.accounts = AccountFeeds(self.hub, floor)
        self.connections = 0
        self._clock = floor.clock

    def start(self) -> None:
        """Begin to look after what is watched."""
        self.watch.start()
        self.accounts.start()

    async def stop(self) -> None:
        """Let go of everything; connections end with the server."""
        await self.channels.stop()
        self.depths.stop()
        await self.accounts.stop()
        await self.watch.stop()
        await self.hub.stop()

    def counts(self) -> dict[str, float]:
        """Return how much there is now, for people and metrics."""
        return {
            "stream_connections": float(self.connections),
            "stream_channels": float(len(self.channels)),
            "stream_subjects": float(self.hub.subjects),
        }

    async def serve(self, socket: Socket, converse: Converse, limits: ConnectionLimits | None = None) -> None:
        """Hold a conversation over a socket, unless there are too many."""
        connection = Connection(socket, self._clock, limits or self.limits.connection)
        if self.connections >= self.limits.max_connections:
            await connection.run(_refuse)
            return
        self.connections += 1
        try:
            await connection.run(converse)
        finally:
            self.connections -= 1


async def _refuse(connection: Connection) -> None:
    connection.close(TRY_LATER, FULL)
    await asyncio.sleep(0)
