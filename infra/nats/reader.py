"""Reading the journal: an ordered consumer over several subjects that heals itself.

The server sends in the order of the stream, without acknowledgements. Each delivery carries the consumer's own
gapless number; a gap, silence beyond the heartbeat or a lost connection end the consumer, and a new one starts
at the last record read. That record then comes once more: if another stands in its place, the server has lost
records that were read already, and the reader must not go on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from nats.errors import Error

from infra.nats.connection import Connection
from infra.nats.consumers import Buffer, Consumer, FetchingConsumer, Place, PushedConsumer
from infra.ports import JournalMessage, JournalRewound
from mockexchange.messages.subjects import JOURNAL_STREAM

_log: Final = logging.getLogger(__name__)

_SILENCE_S: Final = 3.0
_RETRY_S: Final = 0.25


class JournalReader:
    """Reads some subjects from a stream sequence on. Close it when done.

    With `linger_s`, what is stored within so long after a record comes together.
    """

    def __init__(
        self,
        connection: Connection,
        subjects: Sequence[str],
        start: int,
        *,
        stream: str = JOURNAL_STREAM,
        linger_s: float = 0.0,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._start = max(start, 1)
        self._linger_s = linger_s
        self._buffer = Buffer()
        self._consumer: Consumer | None = None
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
        self._consumer = self._next_consumer(last)
        try:
            await self._consumer.start(self._stream, self._subjects, self._start)
        except Error as error:
            _log.info("%s: the journal cannot be read now: %s", self._connection.name, error)
            self._consumer.end()
            await self._buffer.wait(_RETRY_S)

    def _next_consumer(self, last: Place | None) -> Consumer:
        if self._linger_s:
            return FetchingConsumer(self._connection, self._buffer, last, self._linger_s)
        return PushedConsumer(self._connection, self._buffer, last)

    def _end_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.end()
