"""A connection to NATS that comes back by itself and tells who waits when it goes and when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple, TypeVar, cast

import nats.aio.client
from nats.errors import Error, MaxPayloadError, UnexpectedEOF
from nats.js.client import JetStreamContext

from infra.nats.inlet import Arrival, Inlet
from infra.ports import JournalUnavailable

_log: Final = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S: Final = 2
_RECONNECT_PAUSE_S: Final = 0.1
_PING_INTERVAL_S: Final = 2
_API_TIMEOUT_S: Final = 5.0
_SETTLE_TIMEOUT_S: Final = 2.0
_REMEMBERED_ERRORS: Final = 100
_PENDING_BYTES: Final = 8 * 1024 * 1024
_UNSENT_BYTES: Final = 4 * 1024 * 1024

EXPECTED_HEADER: Final = "Nats-Expected-Last-Subject-Sequence"
_RECORD_HEADERS: Final = f"NATS/1.0\r\n{EXPECTED_HEADER}:".encode()


class Message(NamedTuple):
    """What has arrived for a listener."""

    subject: str
    reply: str
    payload: bytes
    headers: dict[str, str] | None


T = TypeVar("T")
Listener = Callable[[Message], None]


class _Client(nats.aio.client.Client):
    _transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.listeners: dict[int, Listener] = {}

    async def _read_loop(self) -> None:
        reader, transport = self._transport._io_reader, self._transport._io_writer.transport
        inlet = Inlet(transport, self._receive, self._ps.parse)
        # What has come, or happened, since the connection was made has gone to the stream.
        inlet.data_received(bytes(reader._buffer))
        reader._buffer.clear()
        if reader.at_eof() or transport.is_closing():
            inlet.stop()
        try:
            error = await inlet.ended
        except asyncio.CancelledError:
            inlet.stop()
            return
        if error is None:
            error = UnexpectedEOF()
            await self._error_cb(error)
        await self._process_op_err(error)

    def _receive(self, arrival: Arrival) -> Awaitable[None] | None:
        # A listener is called at once. The queue and the task that the base class has for each subscription
        # cost as much as all that is done with a message.
        number, subject, reply, headers, payload = arrival
        listener = self.listeners.get(number)
        if listener is None:
            return self._process_msg(number, subject, reply, payload, headers)
        try:
            listener(Message(subject.decode(), reply.decode(), payload, _result_of(self._process_headers(headers))))
        except Exception as error:
            return self._error_cb(error)
        return None

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        # What is sent is written at once. The base class leaves it to a task, a turn of the event loop later and after
        # all that was to be done in this one; the loop itself gathers what is written in one turn.
        if force_flush or not self.is_connected or self._flusher_task is None or self._flusher_task.done():
            return await super()._flush_pending(force_flush)
        pending, self._pending, self._pending_data_size = self._pending, [], 0
        self._transport.writelines(pending)
        return None

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the server has not taken yet."""
        unsent: int = self._transport._io_writer.transport.get_write_buffer_size()
        return self._pending_data_size + unsent

    def publish_now(self, subject: str, reply: str, payload: bytes) -> None:
        """Send a message without headers, to subjects that are known to be valid; `publish` takes twice as long."""
        self._transport.write(self._encoded(subject, reply, payload))

    def publish_all_now(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send messages as `publish_now` does, in one piece: the transport takes as long for one as for many."""
        self._transport.write(b"".join([self._encoded(subject, "", payload) for subject, payload in messages]))

    def _encoded(self, subject: str, reply: str, payload: bytes) -> bytes:
        if len(payload) > self.max_payload:
            raise MaxPayloadError
        head = f"PUB {subject} {reply} {len(payload)}\r\n".encode()
        return b"%b%b\r\n" % (head, payload)

    async def _process_err(self, err_msg: str) -> None:
        # The base class closes for good on most errors the server names; a process that lives on without its
        # connection is worse than one that tries again.
        if "permissions violation" in err_msg:
            await super()._process_err(err_msg)
        else:
            await self._process_op_err(Error(f"nats: {err_msg}"))

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        # A record is delivered with the header it was appended with. Nobody needs it, and parsing it took
        # a third of the time of a replay.
        if not headers or headers.startswith(_RECORD_HEADERS):
            return None
        parsed: dict[str, str] | None = await super()._process_headers(headers)
        return parsed


class Connection:
    """One connection, shared by the journal, the bus and the snapshots of a process.

    Listeners are plain functions. They are called in the event loop, in the order in which they were added.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.client = _Client()
        self._lost: list[Callable[[], None]] = []
        self._restored: list[Callable[[], None]] = []
        self._was_open = False
        self._is_closing = False
        self._errors: set[str] = set()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now, as far as the client knows."""
        return self.client.is_connected

    def require(self) -> None:
        """Raise JournalUnavailable if there is no connection now; what is sent then would only wait."""
        if not self.client.is_connected:
            raise JournalUnavailable("no connection to NATS")

    def jetstream(self) -> JetStreamContext:
        """Return the JetStream interface of this connection."""
        return self.client.jetstream(timeout=_API_TIMEOUT_S)

    def on_lost(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the connection is lost or closed; the result removes it."""
        self._lost.append(listener)
        return lambda: self._lost.remove(listener)

    def on_restored(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the connection is back; the result removes it."""
        self._restored.append(listener)
        return lambda: self._restored.remove(listener)

    def send(self, subject: str, payload: bytes, reply: str = "", headers: dict[str, str] | None = None) -> bool:
        """Hand a message to the client without waiting; False if it was not taken and so will never be sent.

        That is the case without a connection and while the server does not take what was sent before.
        """
        if not self._has_room(len(payload)):
            return False
        if headers is None:
            self.client.publish_now(subject, reply, payload)
            return True
        # Publishing waits only for room in the client's buffer, and there is room.
        _result_of(self.client.publish(subject, payload, reply=reply, headers=headers))
        return True

    def send_all(self, messages: Sequence[tuple[str, bytes]]) -> bool:
        """Hand subjects and payloads to the client as `send` does, all or none."""
        if not self._has_room(sum(len(payload) for _, payload in messages)):
            return False
        self.client.publish_all_now(messages)
        return True

    async def listen(self, subject: str, listener: Listener) -> Callable[[], Awaitable[None]]:
        """Call `listener` with each message, in the order of arrival over all subjects; the result ends it.

        A listener returns soon, since nothing else arrives meanwhile. What it raises is logged.
        """
        subscription = await self.client.subscribe(subject)
        number = subscription._id
        self.client.listeners[number] = listener

        async def unsubscribe() -> None:
            # Without its listener a message finds the subscription gone, too, and is left alone.
            self.client.listeners.pop(number, None)
            with contextlib.suppress(Error):
                await subscription.unsubscribe()

        return unsubscribe

    async def settle(self) -> None:
        """Wait until the server knows all that was sent before, subscriptions above all; seconds at the most.

        The client's own `flush` does not tell: its ping overtakes what still stands in the client's buffer.
        """
        if self.client.is_connected:
            with contextlib.suppress(Error):
                # Nobody listens there, and the server says so in its turn.
                await self.client.request(self.client.new_inbox(), timeout=_SETTLE_TIMEOUT_S)

    async def open(self, url: str, user: str, password: str, timeout_s: float) -> None:
        """Connect; `url` may name several servers, separated by commas. Without a password the URL says who we are.

        Raises JournalUnavailable when no server accepts within `timeout_s`.
        """
        options: dict[str, Any] = {
            "servers": url.split(","),
            "user": user if password else None,
            "password": password or None,
            "name": self.name,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _RECONNECT_PAUSE_S,
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "ping_interval": _PING_INTERVAL_S,
            "pending_size": _PENDING_BYTES,
            "error_cb": self._note_error,
            "disconnected_cb": self._note_lost,
            "reconnected_cb": self._note_restored,
        }
        try:
            await asyncio.wait_for(self.client.connect(**options), timeout_s)
        except (TimeoutError, OSError, Error) as error:
            await self.close()
            raise JournalUnavailable(
                f"no connection to NATS at {_without_login(url)}: {'; '.join(sorted(self._errors)) or error}"
            ) from error
        self._was_open = True
        self._errors.clear()

    async def close(self) -> None:
        """Close for good."""
        self._is_closing = True
        await self.client.close()

    def _has_room(self, size: int) -> bool:
        return self.client.is_connected and self.client.unsent_bytes + size <= _UNSENT_BYTES

    async def _note_error(self, error: Exception) -> None:
        if not isinstance(error, (OSError, Error)):
            _log.error("%s: a handler of messages failed", self.name, exc_info=error)
            return
        # Every attempt to reconnect fails alike, so once is enough; whoever opens it is told by an exception.
        text = str(error) or type(error).__name__
        level = logging.WARNING if self._was_open and text not in self._errors else logging.DEBUG
        if len(self._errors) < _REMEMBERED_ERRORS:
            self._errors.add(text)
        _log.log(level, "%s: NATS: %s", self.name, text)

    async def _note_lost(self) -> None:
        if not self._is_closing:
            _log.warning("%s: connection to NATS lost", self.name)
        self._tell(self._lost)

    async def _note_restored(self) -> None:
        self._errors.clear()
        _log.warning("%s: connection to NATS restored", self.name)
        self._tell(self._restored)

    def _tell(self, listeners: list[Callable[[], None]]) -> None:
        for listener in tuple(listeners):
            listener()


def _result_of(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that does not wait for anything."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    raise AssertionError("it waits")


def _without_login(url: str) -> str:
    """Return URLs fit for a log."""
    return re.sub(r"//[^/@,]*@", "//", url)


async def connect(url: str, user: str, password: str, name: str, *, timeout_s: float = 10.0) -> Connection:
    """Connect to NATS; from then on the connection is restored without end. Raises JournalUnavailable.

    `name` stands in the server's monitoring and in the log.
    """
    connection = Connection(name)
    await connection.open(url, user, password, timeout_s)
    return connection
