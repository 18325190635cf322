"""What arrives on a connection to NATS: messages are told apart as the data comes in, and handed over at once.

nats-py reads through a stream, which costs a turn of the event loop for each arrival, and takes messages apart with
regular expressions. Here that is done by the lengths they come with. All else that the server says is left to nats-py.
The protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

_END: Final = b"\r\n"
_MESSAGE: Final = b"MSG"
_MESSAGE_WITH_HEADERS: Final = b"HMSG"


class Arrival(NamedTuple):
    """A message for the subscription with a number."""

    number: int
    subject: bytes
    reply: bytes
    headers: bytes
    payload: bytes


class Inlet(asyncio.Protocol):
    """Takes the place of a transport's protocol, which still hears whether there is room to write.

    `receive` is called with each message, `control` with each line of another kind. Work that they return is done
    before anything else is taken. `ended` becomes what ended the connection, None where the server closed it.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        receive: Callable[[Arrival], Awaitable[None] | None],
        control: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._receive = receive
        self._control = control
        self._data = b""
        self._work: asyncio.Future[None] | None = None
        self._before = transport.get_protocol()
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._data = self._data + data if self._data else data
        if self._work is None:
            self._take()

    def pause_writing(self) -> None:
        """Hand on."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on, and end."""
        self._before.connection_lost(exc)
        self._end(exc)

    def stop(self) -> None:
        """Take nothing more."""
        self._end(None)

    def _take(self) -> None:
        """Take all that is complete, up to what needs work that waits."""
        data, at, work = self._data, 0, None
        while work is None and not self.ended.done() and (end := data.find(_END, at)) >= 0:
            words = data[at:end].split()
            kind = words[0] if words else b""
            if kind not in {_MESSAGE, _MESSAGE_WITH_HEADERS}:
                work = self._control(data[at : end + 2])
                at = end + 2
                continue
            begin = end + 2
            stop = begin + int(words[-1])
            if len(data) < stop + 2:
                break
            body = begin + (int(words[-2]) if kind == _MESSAGE_WITH_HEADERS else 0)
            reply = words[3] if len(words) == (5 if kind == _MESSAGE else 6) else b""
            work = self._receive(Arrival(int(words[2]), words[1], reply, data[begin:body], data[body:stop]))
            at = stop + 2
        self._data = data[at:]
        if work is not None:
            self._work = asyncio.ensure_future(work)
            self._work.add_done_callback(self._go_on)

    def _go_on(self, work: asyncio.Future[None]) -> None:
        self._work = None
        error = None if work.cancelled() else work.exception()
        if isinstance(error, Exception):
            self._end(error)
        else:
            self._take()

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(error)
