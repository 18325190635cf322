"""Two ways to read a stream in its order, each through a short-lived consumer on the server.

Pushed, each record comes as soon as it is stored. Fetched, the first of some comes at once and those behind it together
a moment later, which costs reader and server a fraction of the work where there are many.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from infra.nats.connection import Connection, Message
from infra.ports import JournalMessage

HEARTBEAT_S: Final = 1.0

_BUFFER_BYTES: Final = 8 * 1024 * 1024
_DELIVERY: Final = "$JS.ACK."
_NEXT: Final = "$JS.API.CONSUMER.MSG.NEXT"
_AT_ONCE: Final = 1_000
_AT_ONCE_BYTES: Final = 4 * 1024 * 1024
_EXPIRES_S: Final = 2.5
_ANSWER_TIMEOUT_S: Final = 3.0
_INACTIVE_S: Final = 30.0

# What the server says while it waits, and when a request ends: nothing more, time is up, or the next is too large.
_IDLE: Final = "100"
_ENDS: Final = {"404", "408"}
_TOO_LARGE: Final = "409"
_SIZE: Final = "Message Size Exceeds MaxBytes"


class Place(NamedTuple):
    """A record's stream sequence, and the time at which the server stored it."""

    sequence: int
    stored: str


class Buffer:
    """Records that arrived and were not taken yet."""

    def __init__(self) -> None:
        self.records: list[JournalMessage] = []
        self._bytes = 0
        self._sign = asyncio.Event()
        self._when_empty: Callable[[], None] | None = None

    def put(self, record: JournalMessage) -> None:
        """Add a record, and wake the one who waits."""
        self.records.append(record)
        self._bytes += len(record.payload)
        self._sign.set()

    def take(self) -> list[JournalMessage]:
        """Return all that has arrived."""
        records, self.records = self.records, []
        self._bytes = 0
        if self._when_empty is not None:
            self._when_empty()
            self._when_empty = None
        return records

    def give_sign(self) -> None:
        """Wake the one who waits."""
        self._sign.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for a record or a sign; False if neither came in time."""
        self._sign.clear()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._sign.wait()
        except TimeoutError:
            return False

    def do_with_room(self, action: Callable[[], None]) -> None:
        """Do something now or, where too much is untaken, once it is taken; only the last such action is kept."""
        if self._bytes > _BUFFER_BYTES:
            self._when_empty = action
        else:
            action()


class Consumer(ABC):
    """Reads from the record `last` on, or from the start; `last` moves with what was read.

    It is over when it has missed something or hears nothing; the next one then goes on from `last`.
    """

    def __init__(self, connection: Connection, buffer: Buffer, last: Place | None) -> None:
        self._connection = connection
        self._buffer = buffer
        self._anchor = last
        self._number = 0
        self._stop_listening: Callable[[], Awaitable[None]] | None = None
        self.last = last
        self.is_over = False
        self.is_rewound = False

    @abstractmethod
    async def start(self, stream: str, subjects: list[str], start: int) -> None:
        """Have the server send from the last record read on, or from `start`. Raises nats.errors.Error."""

    def end(self) -> None:
        """Take nothing more from this consumer."""
        self.is_over = True
        self._buffer.give_sign()

    async def close(self) -> None:
        """Unsubscribe; the server forgets the consumer when nobody listens."""
        self.is_over = True
        if self._stop_listening is not None:
            await self._stop_listening()

    @abstractmethod
    def _heed(self, message: Message) -> None:
        """Hear what the server says beside the records."""

    async def _make(self, inbox: str, stream: str, config: ConsumerConfig, start: int) -> None:
        """Listen, and make the consumer on the server. Raises nats.errors.Error."""
        self._stop_listening = await self._connection.listen(inbox, self._receive)
        config.name = inbox.rpartition(".")[2]
        config.deliver_policy = DeliverPolicy.BY_START_SEQUENCE
        config.opt_start_seq = self.last.sequence if self.last is not None else start
        config.ack_policy = AckPolicy.NONE
        config.max_deliver = 1
        config.mem_storage = True
        config.num_replicas = 1
        await self._connection.jetstream().add_consumer(stream, config)

    def _receive(self, message: Message) -> None:
        if self.is_over:
            return
        if not message.reply.startswith(_DELIVERY):
            self._compare(message)
            return
        sequence, number, stored = _place_tokens(message.reply)
        if int(number) != self._number + 1:
            self.end()
            return
        self._number += 1
        place = Place(int(sequence), stored)
        if self._anchor is not None:
            self._check_anchor(place)
        else:
            self.last = place
            self._keep(JournalMessage(place.sequence, message.subject, message.payload))

    def _keep(self, record: JournalMessage) -> None:
        """Keep a record for the reader."""
        self._buffer.put(record)

    def _compare(self, message: Message) -> None:
        """Compare a heartbeat's count with ours; what it says is a sign of life in any case."""
        counted = (message.headers or {}).get("Nats-Last-Consumer")
        if counted is not None and int(counted) != self._number:
            self.end()
            return
        self._heed(message)
        self._buffer.give_sign()

    def _check_anchor(self, place: Place) -> None:
        self.is_rewound = place != self._anchor
        self._anchor = None
        if self.is_rewound:
            self.end()


class PushedConsumer(Consumer):
    """Takes what the server sends by itself."""

    async def start(self, stream: str, subjects: list[str], start: int) -> None:
        """Have the server send from the last record read on, or from `start`. Raises nats.errors.Error."""
        inbox = self._connection.client.new_inbox()
        config = ConsumerConfig(
            deliver_subject=inbox, filter_subjects=subjects, flow_control=True, idle_heartbeat=HEARTBEAT_S
        )
        await self._make(inbox, stream, config, start)

    def _heed(self, message: Message) -> None:
        """Answer a request of the flow control, else the server stops."""
        answer_to = message.reply or (message.headers or {}).get("Nats-Consumer-Stalled")
        if answer_to:
            self._buffer.do_with_room(lambda: self._answer(answer_to))

    def _answer(self, subject: str) -> None:
        self._connection.send(subject, b"")


class FetchingConsumer(Consumer):
    """Waits for one record, lingers, and then asks for all there are; the reader gets them together."""

    def __init__(self, connection: Connection, buffer: Buffer, last: Place | None, linger_s: float) -> None:
        super().__init__(connection, buffer, last)
        self._linger_s = linger_s
        self._inbox = connection.client.new_inbox()
        self._wanted = 0
        self._fetched: list[JournalMessage] = []
        self._is_all = False
        self._answered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, stream: str, subjects: list[str], start: int) -> None:
        """Ask for records from the last one read on, or from `start`. Raises nats.errors.Error."""
        config = ConsumerConfig(filter_subjects=subjects, inactive_threshold=_INACTIVE_S)
        await self._make(self._inbox, stream, config, start)
        self._task = asyncio.create_task(self._fetch(f"{_NEXT}.{stream}.{config.name}"))

    async def close(self) -> None:
        """Ask for nothing more; the server forgets the consumer after a while."""
        await super().close()
        self._hand_over()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _fetch(self, subject: str) -> None:
        one = msgspec.json.encode(
            {"batch": 1, "expires": round(_EXPIRES_S * 1e9), "idle_heartbeat": round(HEARTBEAT_S * 1e9)}
        )
        rest = msgspec.json.encode({"batch": _AT_ONCE, "max_bytes": _AT_ONCE_BYTES, "no_wait": True})
        while not self.is_over:
            await self._ask(subject, one, 1)
            if self._wanted:
                continue
            await asyncio.sleep(self._linger_s)
            self._is_all = False
            while not (self._is_all or self.is_over):
                await self._ask(subject, rest, _AT_ONCE)
                self._hand_over()

    async def _ask(self, subject: str, request: bytes, count: int) -> None:
        """Ask for so many records, once those before are taken; return when they came or the server has no more."""
        room = asyncio.Event()
        self._buffer.do_with_room(room.set)
        await room.wait()
        self._wanted = count
        self._answered.clear()
        self._connection.send(subject, request, self._inbox)
        try:
            async with asyncio.timeout(_EXPIRES_S + _ANSWER_TIMEOUT_S):
                await self._answered.wait()
        except TimeoutError:
            self.end()

    def end(self) -> None:
        """Take nothing more from this consumer."""
        self._hand_over()
        super().end()
        self._answered.set()

    def _keep(self, record: JournalMessage) -> None:
        self._fetched.append(record)

    def _hand_over(self) -> None:
        """Give the reader what was fetched."""
        fetched, self._fetched = self._fetched, []
        for record in fetched:
            self._buffer.put(record)

    def _receive(self, message: Message) -> None:
        before = self._number
        super()._receive(message)
        self._wanted -= self._number - before
        if self._wanted <= 0:
            self._answered.set()

    def _heed(self, message: Message) -> None:
        """Hear that a request has ended."""
        headers = message.headers or {}
        status = headers.get("Status")
        if status == _IDLE:
            return
        if status in _ENDS:
            self._is_all = True
        elif status != _TOO_LARGE or headers.get("Description") != _SIZE:
            self.end()
        self._answered.set()


def _place_tokens(reply: str) -> list[str]:
    """Return stream sequence, consumer's number and storing time from a delivery's reply subject.

    `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<number>.<time>.<pending>`; the newer form has the domain
    and the account's hash before the stream and may have more tokens at the end.
    """
    tokens = reply.split(".")
    return tokens[5:8] if len(tokens) == 9 else tokens[7:10]
