"""A bus that loses and repeats messages, and keeps the order of those it delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tests.simulation.faults import Faults
from tests.simulation.loop import Node, SimulatedLoop

Handler = Callable[[str, bytes], None]
Server = Callable[[str, bytes], bytes | None]


class _Subscription:
    __slots__ = ("delivered_until", "handler", "node", "tokens")

    def __init__(self, node: Node, subject: str, handler: Handler) -> None:
        self.node = node
        self.tokens = subject.split(".")
        self.handler = handler
        self.delivered_until = 0.0

    def wants(self, tokens: list[str]) -> bool:
        return len(tokens) == len(self.tokens) and all(
            mine in ("*", theirs) for mine, theirs in zip(self.tokens, tokens, strict=True)
        )


class FakeBus:
    """What all nodes share of the bus. `on_publish` sees every message, lost ones too; nodes in `cut` see none."""

    def __init__(self, loop: SimulatedLoop, faults: Faults, cut: set[Node]) -> None:
        self.on_publish: Callable[[str, bytes], None] = lambda subject, payload: None
        self.servers: dict[str, tuple[Node, Server]] = {}
        self.loop = loop
        self.faults = faults
        self.cut = cut
        self._subscriptions: dict[_Subscription, None] = {}
        self._wanted: dict[str, list[_Subscription]] = {}

    def seen_by(self, node: Node) -> NodeBus:
        """Return the bus as one node uses it."""
        return NodeBus(self, node)

    def add(self, subscription: _Subscription) -> None:
        self._subscriptions[subscription] = None
        self._wanted.clear()

    def remove(self, subscription: _Subscription) -> None:
        self._subscriptions.pop(subscription, None)
        self._wanted.clear()

    def publish(self, subject: str, payload: bytes) -> None:
        self.on_publish(subject, payload)
        wanted = self._wanted.get(subject)
        if wanted is None:
            tokens = subject.split(".")
            wanted = self._wanted[subject] = [each for each in self._subscriptions if each.wants(tokens)]
        for subscription in wanted:
            if self.faults.chance(self.faults.rates.message_lost):
                continue
            self._send(subscription, subject, payload)
            if self.faults.chance(self.faults.rates.message_repeated):
                self._send(subscription, subject, payload)

    def _send(self, subscription: _Subscription, subject: str, payload: bytes) -> None:
        at = max(self.loop.now + self.faults.delay(), subscription.delivered_until)
        subscription.delivered_until = at
        if subscription.node.is_alive and subscription.node not in self.cut:
            self.loop.call_at(at, subscription.handler, subject, payload, context=subscription.node.context.copy())


class NodeBus:
    """Implements `infra.ports.Bus` for one node."""

    def __init__(self, bus: FakeBus, node: Node) -> None:
        self._bus = bus
        self._node = node

    def publish(self, subject: str, payload: bytes) -> None:
        if self._node.is_alive and self._node not in self._bus.cut:
            self._bus.publish(subject, payload)

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            self.publish(subject, payload)

    async def subscribe(self, subject: str, handler: Handler) -> Callable[[], Awaitable[None]]:
        subscription = _Subscription(self._node, subject, handler)
        self._bus.add(subscription)
        self._node.on_death(lambda: self._bus.remove(subscription))

        async def end() -> None:
            self._bus.remove(subscription)

        return end

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes | None:
        answer: asyncio.Future[bytes | None] = self._node.loop.create_future()
        faults, loop = self._bus.faults, self._node.loop
        if self._node.is_alive and self._node not in self._bus.cut and not faults.chance(faults.rates.message_lost):
            loop.later(faults.delay(), self._ask, subject, payload, answer)
        loop.later(timeout_s, _settle, answer, None)
        return await answer

    def _ask(self, subject: str, payload: bytes, answer: asyncio.Future[bytes | None]) -> None:
        node, server = self._bus.servers.get(subject, (None, None))
        if node is not None and server is not None and node.is_alive and node not in self._bus.cut:
            node.loop.call_soon(self._serve, server, subject, payload, answer, context=node.context.copy())

    def _serve(self, server: Server, subject: str, payload: bytes, answer: asyncio.Future[bytes | None]) -> None:
        result = server(subject, payload)
        if result is not None:
            self._node.loop.later(self._bus.faults.delay(), _settle, answer, result)

    async def serve(self, subject: str, handler: Server) -> Callable[[], Awaitable[None]]:
        mine = self._bus.servers[subject] = (self._node, handler)

        async def end() -> None:
            if self._bus.servers.get(subject) == mine:
                del self._bus.servers[subject]

        return end


def _settle(answer: asyncio.Future[bytes | None], value: bytes | None) -> None:
    if not answer.done():
        answer.set_result(value)
