"""Gateways as nodes: the real gateway without HTTP."""

from __future__ import annotations

from typing import Any

from gateway.dispatch import Call, DispatchLimits
from gateway.failures import Failure, NotAvailable
from gateway.gateway import Gateway, GatewayParts
from mockexchange.messages.commands import ShardAnswer, ShardRequest
from mockexchange.messages.orders import Side
from tests.simulation.loop import Node
from tests.simulation.surroundings import Surroundings
from tests.simulation.wire import NodeBooks, NodeDirectory, NodeShards, Switchboard, Wire

COMMAND_TIMEOUT_S = 3.0


class GatewayActor:
    """One gateway process."""

    def __init__(self, index: int, node: Node, around: Surroundings, wire: Wire, board: Switchboard) -> None:
        self.node = node
        world = around.world_of(node)
        nowhere: Any = None
        self.gateway = node.context.run(
            Gateway,
            GatewayParts(
                NodeShards(wire, around.faults, board, node),
                NodeBooks(wire, around.faults, board, node),
                NodeDirectory(wire, board, node),
                world.journal,
                world.bus,
                nowhere,
                world.clock,
                nowhere,
                index=index,
                command_timeout_s=COMMAND_TIMEOUT_S,
                dispatch=DispatchLimits(max_batch=20),
                name=node.name,
            ),
        )

    def start(self) -> None:
        """Begin to listen."""
        self.node.spawn(self._start())

    async def _start(self) -> None:
        await self.gateway.start()

    async def ask_all(self, calls: list[Call], deadline_ns: int) -> list[ShardAnswer]:
        """Send requests; see `gateway.dispatch.Dispatcher`."""
        return await self.gateway.dispatcher.ask_all(calls, deadline_ns)

    async def ask(self, shard: int, channel: str, request: ShardRequest, deadline_ns: int) -> ShardAnswer:
        """Send one request; see `gateway.dispatch.Dispatcher`."""
        return await self.gateway.dispatcher.ask(shard, channel, request, deadline_ns)

    async def reference_price(self, symbol: str, side: Side) -> int:
        """Return the best price that a taker meets, 0 where it is unknown. Raises PeerLost."""
        instrument = self.gateway.floor.registry.instruments.get(symbol)
        if instrument is None:
            return 0
        try:
            return await self.gateway.orders.commands.reference_price(instrument, side, must_know=True)
        except NotAvailable:
            return 0

    async def administer(self, work: str, *arguments: Any) -> str:
        """Do the administrator's work; return what prevents it, or empty."""
        try:
            await getattr(self.gateway.admin, work)(*arguments)
        except Failure as failure:
            return f"{type(failure).__name__}: {failure}"
        return ""
