"""Calls between processes over NATS: a request to the address of one incarnation of a peer, answered once.

A call costs a fraction of what one of Ray costs, in time and in processor (`benchmarks/bench_calls.py`). Those of one
caller reach a peer in the order in which they were made. Nobody waits for an answer that cannot come: an address
without a listener is told by the server, and a peer that takes long is asked now and then whether it still works on the
call.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import count
from typing import Final

from nats.errors import Error

from infra.nats.connection import Connection, Message
from infra.ports import PeerLost
from mockexchange.messages.subjects import calls

_log: Final = logging.getLogger(__name__)

Handler = Callable[[bytes], Awaitable[bytes]]

PART_BYTES: Final = 512 * 1024
MAX_CALLS: Final = 5_000
PROBE_S: Final = 0.25
PROBE_TIMEOUT_S: Final = 2.0

_PROBE: Final = "probe"
_NO_RESPONDERS: Final = "503"

# The first byte of an answer: the whole or its end, a part that others follow, or that there is none.
_END: Final = b"\x00"
_PART: Final = b"\x01"
_NONE: Final = b"\x02"
_YES: Final = _END + b"1"
_NO: Final = _END + b"0"


async def serve_calls(connection: Connection, name: str, handlers: Mapping[str, Handler]) -> str:
    """Answer calls of these methods from now on; return the address, which no other incarnation ever has."""
    address = calls(name, secrets.token_hex(8))
    callee = _Callee(connection, handlers)
    await connection.listen(f"{address}.*", callee.receive)
    await connection.settle()
    return address


class _Callee:
    """Works on what is asked, many at once; `_running` names the calls without a whole answer yet."""

    def __init__(self, connection: Connection, handlers: Mapping[str, Handler]) -> None:
        self._connection = connection
        self._handlers = handlers
        self._running: dict[str, asyncio.Task[None]] = {}

    def receive(self, message: Message) -> None:
        method = message.subject.rpartition(".")[2]
        if method == _PROBE:
            is_running = message.payload.decode() in self._running
            self._connection.send(message.reply, _YES if is_running else _NO)
            return
        handler = self._handlers.get(method)
        if handler is None or len(self._running) >= MAX_CALLS:
            self._connection.send(message.reply, _NONE)
            return
        self._running[message.reply] = asyncio.ensure_future(self._answer(message.reply, handler, message.payload))

    async def _answer(self, reply: str, handler: Handler, payload: bytes) -> None:
        try:
            for part in _parts_of(await handler(payload)):
                await self._send(reply, part)
        except Exception:
            _log.exception("a call broke")
            self._connection.send(reply, _NONE)
        finally:
            del self._running[reply]

    async def _send(self, reply: str, part: bytes) -> None:
        """Send, waiting while the server does not take what was sent before; whoever has left gets nothing."""
        while self._connection.is_connected and not self._connection.send(reply, part):
            try:
                await self._connection.client.flush()
            except Error:
                return


def _parts_of(answer: bytes) -> Iterator[bytes]:
    """Yield an answer in messages that the server takes."""
    last = max(0, len(answer) - 1) // PART_BYTES
    for index in range(last):
        yield _PART + answer[index * PART_BYTES : (index + 1) * PART_BYTES]
    yield _END + answer[last * PART_BYTES :]


class _Pending:
    """A call that waits for its answer."""

    __slots__ = ("address", "answer", "parts")

    def __init__(self, address: str) -> None:
        self.address = address
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.parts: list[bytes] = []

    def take(self, message: Message) -> None:
        """Take a part of the answer, or hear that there will be none."""
        if self.answer.done():
            return
        if message.headers is not None and message.headers.get("Status") == _NO_RESPONDERS:
            self.lose("nobody listens")
        elif message.payload.startswith(_PART):
            self.parts.append(message.payload[1:])
        elif message.payload.startswith(_END):
            self.parts.append(message.payload[1:])
            self.answer.set_result(b"".join(self.parts) if len(self.parts) > 1 else self.parts[0])
        else:
            self.lose("it did not answer")

    def lose(self, reason: str) -> None:
        """Tell that no answer will come."""
        if not self.answer.done():
            self.answer.set_exception(PeerLost(f"{self.address}: {reason}"))


class Caller:
    """Makes the calls of a process; one inbox takes all answers."""

    def __init__(self, connection: Connection, *, probe_s: float = PROBE_S) -> None:
        self._connection = connection
        self._probe_s = probe_s
        self._inbox = connection.client.new_inbox()
        self._is_listening = False
        self._listening = asyncio.Lock()
        self._tokens = count(1)
        self._pending: dict[str, _Pending] = {}
        self._probes: set[asyncio.Task[None]] = set()
        connection.on_lost(self._lose_all)

    async def call(self, address: str, method: str, payload: bytes) -> bytes:
        """Return a peer's answer, however long it takes; bound it by a timeout of your own.

        Raises PeerLost when no answer will come; whether the call was executed is not known then.
        """
        if not self._is_listening:
            await self._listen()
        reply, pending = self._send(address, method, payload)
        timer = asyncio.get_running_loop().call_later(self._probe_s, self._begin_probe, reply, pending)
        try:
            return await pending.answer
        finally:
            timer.cancel()
            del self._pending[reply]

    async def _listen(self) -> None:
        """Listen for answers, once for all calls."""
        async with self._listening:
            if self._is_listening:
                return
            await self._connection.listen(f"{self._inbox}.*", self._receive)
            self._is_listening = True

    def _send(self, address: str, method: str, payload: bytes) -> tuple[str, _Pending]:
        reply = f"{self._inbox}.{next(self._tokens)}"
        if not self._connection.send(f"{address}.{method}", payload, reply):
            raise PeerLost(f"{address}: no connection to NATS, or the server is not taking data")
        pending = self._pending[reply] = _Pending(address)
        return reply, pending

    def _receive(self, message: Message) -> None:
        pending = self._pending.get(message.subject)
        if pending is not None:
            pending.take(message)

    def _begin_probe(self, reply: str, pending: _Pending) -> None:
        probe = asyncio.ensure_future(self._probe(reply, pending))
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)

    async def _probe(self, reply: str, pending: _Pending) -> None:
        """Ask as long as a call is pending whether its peer works on it.

        What a peer sends first arrives first: where it says no, the answer would be here.
        """
        while not pending.answer.done():
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    is_known = await self._is_known(reply, pending.address)
            except TimeoutError:
                continue
            except PeerLost:
                is_known = False
            if not is_known:
                pending.lose("it died, or the call was lost")
                return
            await asyncio.sleep(self._probe_s)

    async def _is_known(self, reply: str, address: str) -> bool:
        own, probe = self._send(address, _PROBE, reply.encode())
        try:
            return await probe.answer == _YES[1:]
        finally:
            del self._pending[own]

    def _lose_all(self) -> None:
        for pending in tuple(self._pending.values()):
            pending.lose("the connection to NATS was lost")
