"""Reading the journal: an ordered push consumer over several subjects that heals itself.

The server pushes in the order of the stream, without acknowledgements. Each delivery carries the consumer's own
gapless number; a gap, silence beyond the heartbeat or a lost connection end the consumer, and a new one starts
at the last record read. That record then comes once more: if another stands in its place, the server has lost
records that were read already, and the reader must not go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from infra.nats.connection import Connection
from infra.ports import JournalMessage, JournalRewound
from mockexchange.messages.subjects import JOURNAL_STREAM

_log: Final = logging.getLogger(__name__)

_HEARTBEAT_S: Final = 1.0
_SILENCE_S: Final = 3.0
_RETRY_S: Final = 0.25
_BUFFER_BYTES: Final = 8 * 1024 * 1024
_DELIVERY: Final = "$JS.ACK."


class _Place(NamedTuple):
    """A record's stream sequence, and the time at which the server stored it."""

    sequence: int
    stored: str


class JournalReader:
    """Reads some subjects from a stream sequence on. Close it when done."""

    def __init__(
        self, connection: Connection, subjects: Sequence[str], start: int, *, stream: str = JOURNAL_STREAM
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._start = max(start, 1)
        self._buffer = _Buffer()
        self._consumer: _Consumer | None = None
        self._stop_listening = connection.on_restored(self._end_consumer)

    async def next_batch(self) -> list[JournalMessage]:
        """Return all records that have arrived, waiting for the first. Raises JournalRewound."""
        while not self._buffer.records:
            if self._consumer is None or self._consumer.is_over:
                await self._renew()
            elif not await self._buffer.wait(_SILENCE_S):
                _log.warning("%s: the journal is silent", self._connection.name)
                self._consumer.end()
        return self._buffer.take()

    async def close(self) -> None:
        """Stop reading."""
        self._stop_listening()
        if self._consumer is not None:
            await self._consumer.close()

    async def _renew(self) -> None:
        last = None
        if self._consumer is not None:
            last = self._consumer.last
            await self._consumer.close()
            if self._consumer.is_rewound:
                raise JournalRewound(last)
        self._consumer = _Consumer(self._connection, self._buffer, last)
        try:
            await self._consumer.start(self._stream, self._subjects, self._start)
        except Error as error:
            _log.info("%s: the journal cannot be read now: %s", self._connection.name, error)
            self._consumer.end()
            await self._buffer.wait(_RETRY_S)

    def _end_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.end()


class _Buffer:
    """Records that arrived and were not taken yet."""

    def __init__(self) -> None:
        self.records: list[JournalMessage] = []
        self._bytes = 0
        self._sign = asyncio.Event()
        self._room = asyncio.Event()

    def put(self, record: JournalMessage) -> None:
        self.records.append(record)
        self._bytes += len(record.payload)
        self._sign.set()

    def take(self) -> list[JournalMessage]:
        records, self.records = self.records, []
        self._bytes = 0
        self._room.set()
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

    async def wait_for_room(self) -> None:
        """Wait while too much is untaken; the server stops sending when it is not answered."""
        while self._bytes > _BUFFER_BYTES:
            self._room.clear()
            await self._room.wait()


class _Consumer:
    """A short-lived consumer on the server and the subscription that receives from it."""

    def __init__(self, connection: Connection, buffer: _Buffer, last: _Place | None) -> None:
        self._connection = connection
        self._buffer = buffer
        self._anchor = last
        self._number = 0
        self._subscription: Subscription | None = None
        self.last = last
        self.is_over = False
        self.is_rewound = False

    async def start(self, stream: str, subjects: list[str], start: int) -> None:
        """Have the server send from the last record read on, or from `start`. Raises nats.errors.Error."""
        client = self._connection.client
        inbox = client.new_inbox()
        self._subscription = await client.subscribe(inbox, cb=self._receive)
        config = ConsumerConfig(
            name=inbox.rpartition(".")[2],
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self.last.sequence if self.last is not None else start,
            filter_subjects=subjects,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            flow_control=True,
            idle_heartbeat=_HEARTBEAT_S,
            mem_storage=True,
            num_replicas=1,
        )
        await self._connection.jetstream().add_consumer(stream, config)

    def end(self) -> None:
        """Take nothing more from this consumer."""
        self.is_over = True
        self._buffer.give_sign()

    async def close(self) -> None:
        """Unsubscribe; the server forgets the consumer when nobody listens."""
        self.is_over = True
        if self._subscription is not None:
            with contextlib.suppress(Error):
                await self._subscription.unsubscribe()

    async def _receive(self, message: Msg) -> None:
        if self.is_over:
            return
        if not message.reply.startswith(_DELIVERY):
            self._heed(message)
            return
        sequence, number, stored = _place_tokens(message.reply)
        if int(number) != self._number + 1:
            self.end()
            return
        self._number += 1
        place = _Place(int(sequence), stored)
        if self._anchor is not None:
            self._check_anchor(place)
            return
        self.last = place
        self._buffer.put(JournalMessage(place.sequence, message.subject, message.data))
        await self._buffer.wait_for_room()

    def _check_anchor(self, place: _Place) -> None:
        self.is_rewound = place != self._anchor
        self._anchor = None
        if self.is_rewound:
            self.end()

    def _heed(self, message: Msg) -> None:
        """Answer a request of the flow control; compare a heartbeat's count with ours."""
        headers = message.headers or {}
        counted = headers.get("Nats-Last-Consumer")
        if counted is not None and int(counted) != self._number:
            self.end()
            return
        answer_to = message.reply or headers.get("Nats-Consumer-Stalled")
        if answer_to:
            self._connection.send(answer_to, b"")
        self._buffer.give_sign()


def _place_tokens(reply: str) -> list[str]:
    """Return stream sequence, consumer's number and storing time from a delivery's reply subject.

    `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<number>.<time>.<pending>`; the newer form has the domain
    and the account's hash before the stream and may have more tokens at the end.
    """
    tokens = reply.split(".")
    return tokens[5:8] if len(tokens) == 9 else tokens[7:10]
