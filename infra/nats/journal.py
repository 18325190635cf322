"""The journal on JetStream: fenced appends, and reading through `infra.nats.reader`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import count
from typing import Final

import msgspec
from nats.errors import Error
from nats.js.errors import NotFoundError

from infra.nats.connection import EXPECTED_HEADER, Connection, Message
from infra.nats.reader import JournalReader
from infra.ports import AppendUnknown, Fenced, JournalMessage, JournalUnavailable
from mockexchange.messages.subjects import JOURNAL_STREAM

APPEND_TIMEOUT_S: Final = 5.0
# A payload beyond the server's limit of 1 MiB would cost the connection.
MAX_PAYLOAD_BYTES: Final = 900_000

_NO_RESPONDERS: Final = "503"
_NO_MESSAGE: Final = 10037

# Error codes of JetStream, from its errors.json.
_WRONG_LAST_SEQUENCE: Final = {10071, 10164}
_STORE_FAILED: Final = 10077
_REFUSED_BEFORE_STORING: Final = {
    10002: "resource limits exceeded for account",
    10008: "system temporarily unavailable",
    10023: "insufficient resources",
    10028: "memory resources exceeded",
    10039: "JetStream not enabled for account",
    10047: "storage resources exceeded",
    10054: "message size exceeds maximum allowed",
    10076: "JetStream not enabled",
    10109: "sealed stream",
    10163: "expected last sequence temporarily unavailable",
    10167: "too many requests",
}
_LIMITS_OF_THE_STREAM: Final = {"maximum bytes exceeded", "maximum messages exceeded"}


class _Refusal(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Acknowledgement(msgspec.Struct):
    seq: int = 0
    error: _Refusal | None = None


_decode_acknowledgement: Final = msgspec.json.Decoder(_Acknowledgement).decode


class NatsJournal:
    """The stream `JOURNAL`, which `ensure_stream` has made.

    An append ends as unknown as soon as the connection is lost, or after `append_timeout_s`. Who only follows the
    journal and may lag a little reads with `linger_s`, at a fraction of the cost.
    """

    def __init__(
        self, connection: Connection, *, append_timeout_s: float = APPEND_TIMEOUT_S, linger_s: float = 0.0
    ) -> None:
        self._connection = connection
        self._append_timeout_s = append_timeout_s
        self._linger_s = linger_s
        self._inbox = ""
        self._tokens = count(1)
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        connection.on_lost(self._fail_waiting)

    @property
    def is_available(self) -> bool:
        """Whether there is a connection to the server."""
        return self._connection.is_connected

    async def append(self, subject: str, payload: bytes, expected: int) -> int:
        """Append one record; see `infra.ports.Journal`."""
        assert len(payload) <= MAX_PAYLOAD_BYTES, f"a record of {len(payload)} bytes is too large"
        answer = await self._publish(subject, payload, {EXPECTED_HEADER: str(expected)})
        return _sequence_of(answer)

    async def last_sequence(self, subject: str) -> int:
        """Return the stream sequence of the subject's last record, 0 if none."""
        self._connection.require()
        try:
            message = await self._connection.jetstream().get_last_msg(JOURNAL_STREAM, subject)
        except NotFoundError as error:
            if error.err_code == _NO_MESSAGE:
                return 0
            raise JournalUnavailable(str(error)) from error
        except Error as error:
            raise JournalUnavailable(str(error)) from error
        assert message.seq is not None
        return message.seq

    async def end(self) -> int:
        """Return the sequence of the stream's last record, 0 if empty."""
        self._connection.require()
        try:
            info = await self._connection.jetstream().stream_info(JOURNAL_STREAM)
        except Error as error:
            raise JournalUnavailable(str(error)) from error
        return info.state.last_seq

    async def read(self, subjects: Sequence[str], start: int) -> AsyncGenerator[list[JournalMessage], None]:
        """Yield stored records in order without end; see `infra.ports.Journal`."""
        reader = JournalReader(self._connection, subjects, start, linger_s=self._linger_s)
        try:
            while True:
                yield await reader.next_batch()
        finally:
            await reader.close()

    async def _publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> Message:
        await self._ensure_inbox()
        reply = f"{self._inbox}.{next(self._tokens)}"
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = answer
        try:
            if not self._connection.send(subject, payload, reply, headers):
                raise JournalUnavailable("no connection to NATS, or the server is not taking data")
            async with asyncio.timeout(self._append_timeout_s):
                return await answer
        except TimeoutError as error:
            raise AppendUnknown(f"no answer to an append within {self._append_timeout_s} s") from error
        finally:
            del self._waiting[reply]

    async def _ensure_inbox(self) -> None:
        if self._inbox:
            return
        self._connection.require()
        self._inbox = self._connection.client.new_inbox()
        await self._connection.listen(f"{self._inbox}.*", self._receive_answer)

    def _receive_answer(self, message: Message) -> None:
        answer = self._waiting.get(message.subject)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _fail_waiting(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(AppendUnknown("the connection was lost during an append"))


def _sequence_of(answer: Message) -> int:
    """Return the sequence an acknowledgement names, or raise what the server refused.

    Only refusals that the server gives before it touches its store count as not stored. After any other error
    the record may be found in the store.
    """
    if answer.headers is not None and answer.headers.get("Status") == _NO_RESPONDERS:
        raise JournalUnavailable("the journal's stream does not answer")
    acknowledgement = _decode_acknowledgement(answer.payload)
    refusal = acknowledgement.error
    if refusal is None:
        assert acknowledgement.seq > 0
        return acknowledgement.seq
    text = f"{refusal.description} ({refusal.err_code})"
    if refusal.err_code in _WRONG_LAST_SEQUENCE:
        raise Fenced(text)
    if refusal.err_code in _REFUSED_BEFORE_STORING:
        raise JournalUnavailable(text)
    if refusal.err_code == _STORE_FAILED and refusal.description in _LIMITS_OF_THE_STREAM:
        raise JournalUnavailable(text)
    raise AppendUnknown(text)
