"""What an actor needs of the world, as small interfaces.

The shells in `actors` are written against these; `infra` implements them for real servers, and the simulation for a
fake world driven by one seed. So what is simulated is what runs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol


class Fenced(Exception):
    """The expected sequence was wrong: another incarnation writes this subject. The process must exit."""


class AppendUnknown(Exception):
    """Nobody knows whether the append was stored. The process must exit and read the journal."""


class JournalUnavailable(Exception):
    """The journal cannot be reached; nothing was sent. Refuse and try again later."""


class JournalRewound(Exception):
    """The journal lost records that were read already. The process must exit and read it anew."""


class PeerLost(Exception):
    """A call to another actor failed; whether it was executed is not known."""


class JournalMessage(NamedTuple):
    """One record as stored."""

    sequence: int
    subject: str
    payload: bytes


class Journal(Protocol):
    """The one stream that is the truth."""

    @property
    def is_available(self) -> bool:
        """Whether the server is known to be reachable now."""

    async def append(self, subject: str, payload: bytes, expected: int) -> int:
        """Append one record; return its stream sequence once it is stored.

        `expected` is the stream sequence of the subject's last record (0: none).
        Raises JournalUnavailable (not sent), Fenced (not stored) or AppendUnknown.
        """

    async def last_sequence(self, subject: str) -> int:
        """Return the stream sequence of the subject's last record, 0 if none. Raises JournalUnavailable."""

    async def end(self) -> int:
        """Return the sequence of the stream's last record, 0 if empty. Raises JournalUnavailable."""

    def read(self, subjects: Sequence[str], start: int) -> AsyncGenerator[list[JournalMessage], None]:
        """Yield stored records of these subjects from stream sequence `start` on, in order, without end.

        A batch is never empty. Survives a lost connection; raises nothing but CancelledError and JournalRewound.
        Close it with `aclosing`.
        """


class Bus(Protocol):
    """Messages that may be lost."""

    def publish(self, subject: str, payload: bytes) -> None:
        """Send without waiting; dropped when there is no connection."""

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send subjects and payloads in this order without waiting; all are dropped when there is no connection."""

    async def subscribe(self, subject: str, handler: Callable[[str, bytes], None]) -> Callable[[], Awaitable[None]]:
        """Call `handler(subject, payload)` for each message; the result ends the subscription."""

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes | None:
        """Ask and return the first answer, or None when none comes in time."""

    async def serve(self, subject: str, handler: Callable[[str, bytes], bytes | None]) -> Callable[[], Awaitable[None]]:
        """Answer requests on `subject` with what `handler` returns (None: no answer)."""


class Snapshot(NamedTuple):
    """A state and the stream sequence up to which it holds the journal."""

    sequence: int
    payload: bytes


class Snapshots(Protocol):
    """Named states, the last two of each kept."""

    async def save(self, name: str, snapshot: Snapshot) -> None:
        """Store a snapshot and forget all but the last two of this name."""

    async def load(self, name: str) -> list[Snapshot]:
        """Return the kept snapshots of this name, newest first. Damaged ones are left out."""


class Clock(Protocol):
    """Wall time, and waiting."""

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never steps back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once that time has passed; the result calls it off, and costs less than a task that waits."""


class Books(Protocol):
    """The way to the order books, however they are started."""

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        """Hand an encoded `Delivery` to a book; return an encoded `DeliveryAnswer`. Raises PeerLost."""

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        """Ask an encoded `BookRequest`; return an encoded `BookAnswer`. Raises PeerLost."""

    async def renew(self, symbol: str) -> None:
        """Have the directory start or replace the book. Raises PeerLost."""


class Shards(Protocol):
    """The way to the accounts shards."""

    async def handle(self, shard: int, payload: bytes) -> bytes:
        """Hand over an encoded list of `ShardRequest`; return one of `ShardAnswer`. Raises PeerLost."""


class Directory(Protocol):
    """The way to the directory."""

    async def handle(self, payload: bytes) -> bytes:
        """Hand over an encoded `DirectoryRequest`; return an encoded `DirectoryAnswer`. Raises PeerLost."""


class Count(NamedTuple):
    """Something to count: `amount` is added to a counter that lives so long.

    A level is instead raised to `amount` where it is lower.
    """

    key: str
    amount: int
    life_s: int
    is_level: bool = False


class CountersUnavailable(Exception):
    """The store cannot be asked now."""


class Counters(Protocol):
    """A store of counters."""

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """Count; return the new value of each. Raises CountersUnavailable."""


class ListenKey(NamedTuple):
    """A token that stands for the private stream of an account.

    `key_id` is the API key it was asked for with, empty where none is needed.
    """

    token: str
    account: int
    key_id: str


class ListenKeysUnavailable(Exception):
    """The store cannot be asked now."""


class ListenKeys(Protocol):
    """Where listen keys are kept. Every call may raise ListenKeysUnavailable."""

    async def open(self, wanted: ListenKey, life_s: int) -> str:
        """Return the token of an API key of an account, which lives so long from now: the one it has, or the wanted."""

    async def find(self, token: str) -> ListenKey | None:
        """Return a listen key that is alive."""

    async def extend(self, token: str, life_s: int) -> bool:
        """Let a listen key live so long from now; return whether there is one."""

    async def close(self, token: str) -> bool:
        """End a listen key; return whether there was one."""
