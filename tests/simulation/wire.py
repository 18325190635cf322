"""Calls between nodes: executed once, twice or never, answered or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from infra.ports import PeerLost
from mockexchange.messages.codec import decode_answers, decode_directory_answer, encode
from mockexchange.messages.commands import Refused, Unavailable
from mockexchange.messages.directory import Done, EnsureBook
from tests.simulation.faults import Call, Faults
from tests.simulation.loop import Node, SimulatedLoop


class Actor(Protocol):
    """What runs in a node and can be called."""

    node: Node


Find = Callable[[], Actor | None]

NEXT_S: Final = 1e-9
"""How long after another the next of a channel arrives at least."""


class Wire:
    """Makes calls. A call that reached its actor goes on there, whatever becomes of the caller.

    Those of one `channel` arrive in the order in which they were made, however long one of them takes.
    """

    def __init__(self, loop: SimulatedLoop, faults: Faults) -> None:
        self.errors: list[str] = []
        self._arrivals: dict[object, float] = {}
        self._loop = loop
        self._faults = faults

    async def call(
        self,
        caller: Node | None,
        find: Find,
        method: str,
        *arguments: Any,
        fate: Call | None = None,
        channel: object = None,
    ) -> Any:
        """Call a method of the actor that is found when the call arrives. Raises PeerLost."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        if caller is None or caller.is_alive:
            fate = fate or self._faults.call()
            delay_s = self._faults.delay()
            if channel is not None:
                arrives = max(self._loop.now + delay_s, self._arrivals.get(channel, 0.0) + NEXT_S)
                self._arrivals[channel] = arrives
                delay_s = arrives - self._loop.now
            self._loop.later(delay_s, self._arrive, find, method, arguments, answer, fate)
        return await answer

    def send_again(self, delay_s: float, find: Find, method: str, *arguments: Any) -> None:
        """Let a call that was made before arrive once more, with nobody waiting for its answer."""
        nobody: asyncio.Future[Any] = self._loop.create_future()
        nobody.cancel()
        self._loop.later(delay_s, self._arrive, find, method, arguments, nobody, Call.ANSWERED)

    def _arrive(
        self, find: Find, method: str, arguments: tuple[Any, ...], answer: asyncio.Future[Any], fate: Call
    ) -> None:
        actor = find()
        if actor is None or not actor.node.is_alive or fate is Call.LOST:
            self._loop.later(self._faults.delay(), _fail, answer, "nobody is there")
            return
        if fate is Call.ANSWER_LOST:
            self._loop.later(self._faults.delay() * 5, _fail, answer, "the connection was lost")
        live = actor.node.on_death(lambda: _fail(answer, "it died"))
        actor.node.spawn(self._execute(actor, method, arguments, answer, live))

    async def _execute(
        self,
        actor: Actor,
        method: str,
        arguments: tuple[Any, ...],
        answer: asyncio.Future[Any],
        forget: Callable[[], None],
    ) -> None:
        try:
            result = await getattr(actor, method)(*arguments)
        except Exception as error:
            self.errors.append(f"{actor.node.name}.{method} raised {type(error).__name__}: {error}")
            self._loop.later(self._faults.delay(), _fail, answer, "it failed")
            return
        finally:
            forget()
        if actor.node.is_alive:
            self._loop.later(self._faults.delay(), _settle, answer, result)


def _settle(answer: asyncio.Future[Any], value: object) -> None:
    if not answer.done():
        answer.set_result(value)


def _fail(answer: asyncio.Future[Any], why: str) -> None:
    if not answer.done():
        answer.set_exception(PeerLost(why))


class Switchboard(Protocol):
    """Finds the incarnation that serves now."""

    def shard(self, shard: int) -> Actor | None: ...
    def book(self, symbol: str) -> Actor | None: ...
    def directory(self) -> Actor | None: ...


class NodeShards:
    """Implements `infra.ports.Shards`.

    A call that was executed may come again later. Not so one that was refused: a refusal leaves no trace, so only
    the transport keeps it from being decided anew, and it does not repeat by itself what it has delivered.
    """

    def __init__(self, wire: Wire, faults: Faults, board: Switchboard, node: Node) -> None:
        self._wire = wire
        self._faults = faults
        self._board = board
        self._node = node

    async def handle(self, shard: int, payload: bytes) -> bytes:
        answer: bytes = await self._wire.call(
            self._node, lambda: self._board.shard(shard), "handle", payload, channel=(self._node, shard)
        )
        is_done = not any(isinstance(each, Refused | Unavailable) for each in decode_answers(answer))
        if is_done and self._faults.chance(self._faults.rates.call_repeated):
            delay_s = self._faults.random.choice([0.0, 0.1, 5.0]) * self._faults.random.random()
            self._wire.send_again(delay_s, lambda: self._board.shard(shard), "handle", payload)
        return answer


class NodeDirectory:
    """Implements `infra.ports.Directory`."""

    def __init__(self, wire: Wire, board: Switchboard, node: Node | None) -> None:
        self._wire = wire
        self._board = board
        self._node = node

    async def handle(self, payload: bytes) -> bytes:
        answer: bytes = await self._wire.call(self._node, self._board.directory, "handle", payload)
        return answer


class NodeBooks:
    """Implements `infra.ports.Books`. A delivery may come again, also when its sender is dead."""

    def __init__(self, wire: Wire, faults: Faults, board: Switchboard, node: Node) -> None:
        self._wire = wire
        self._faults = faults
        self._board = board
        self._node = node

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        if self._faults.chance(self._faults.rates.call_repeated) and self._node.is_alive:
            delay_s = self._faults.random.choice([0.0, 0.01, 0.3, 6.0]) * self._faults.random.random()
            self._wire.send_again(delay_s, lambda: self._board.book(symbol), "deliver", payload)
        answer: bytes = await self._wire.call(self._node, lambda: self._board.book(symbol), "deliver", payload)
        return answer

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        answer: bytes = await self._wire.call(self._node, lambda: self._board.book(symbol), "ask", payload)
        return answer

    async def renew(self, symbol: str) -> None:
        directory = NodeDirectory(self._wire, self._board, self._node)
        answer = decode_directory_answer(await directory.handle(encode(EnsureBook(symbol))))
        if not isinstance(answer, Done):
            raise PeerLost(f"the book of {symbol} cannot be started: {answer}")
