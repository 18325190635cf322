"""What every actor's shell is given, and what all of them do alike."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn

from infra.ports import (
    AppendUnknown,
    Bus,
    Clock,
    Fenced,
    Journal,
    JournalMessage,
    JournalUnavailable,
    Snapshot,
    Snapshots,
)

MAX_RECORD_BYTES: Final = 400_000
"""Bound of one journal record, well below the 512 kB a record may have."""

PROOF_LASTS_S: Final = 1.0
"""How long after a proof of being current an actor may answer reads without another."""


class Departure(Enum):
    """Why a process ends itself. The value says whether it is to be started again."""

    FENCED = "another incarnation serves", False
    ASLEEP = "nothing to do", False
    UNKNOWN_APPEND = "nobody knows whether an append was stored", True
    NOT_APPENDED = "what was decided could not be journaled", True
    BROKEN = "an invariant does not hold", True

    def __init__(self, text: str, is_restarted: bool) -> None:
        self.text = text
        self.is_restarted = is_restarted


@dataclass(frozen=True, slots=True)
class World:
    """The world as an actor sees it. `leave(why, detail)` ends the process at once and never returns."""

    journal: Journal
    bus: Bus
    snapshots: Snapshots
    clock: Clock
    leave: Callable[[Departure, str], NoReturn]


def run(world: World, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Run a task of an actor; an exception in it means a broken invariant and ends the process, loudly."""

    async def guarded() -> None:
        try:
            await work
        except Exception as error:
            traceback.print_exc()
            world.leave(Departure.BROKEN, f"{type(error).__name__}: {error}")

    return asyncio.get_running_loop().create_task(guarded())


async def let_others_go_first() -> None:
    """Return once what others were just told of has left the process: it takes them one turn, and one to be sent."""
    for _ in range(2):
        await asyncio.sleep(0)


def shard_snapshot(shard: int) -> str:
    """Return the name of a shard's snapshots, which the history writer reads too."""
    return f"accounts.{shard}"


async def save_snapshot(world: World, name: str, snapshot: Snapshot) -> None:
    """Save a snapshot; without a journal it is left for the next time, since it only saves time."""
    with suppress(JournalUnavailable):
        await world.snapshots.save(name, snapshot)


async def load_snapshots(world: World, name: str) -> list[Snapshot]:
    """Return the kept snapshots, newest first, waiting for the journal as long as it takes."""
    pauses = Pauses(world.clock)
    while True:
        try:
            return await world.snapshots.load(name)
        except JournalUnavailable:
            await pauses.wait()


class Pauses:
    """Growing pauses between tries, without end: every try is counted."""

    def __init__(self, clock: Clock, first_s: float = 0.02, longest_s: float = 1.0) -> None:
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self.tries = 0

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self.tries = 0

    async def wait(self) -> None:
        """Wait twice as long as the last time, up to the longest pause."""
        await self._clock.sleep(min(self._first_s * 2 ** min(self.tries, 16), self._longest_s))
        self.tries += 1


class Tenure:
    """One incarnation's hold on its journal subject: its appends, and the proof that it still is the one writer.

    A process that was stopped for a while cannot know that another took over. So before it answers a read it must
    have heard from the journal within `PROOF_LASTS_S`, by an acknowledged append or by asking.
    """

    def __init__(self, world: World, subject: str) -> None:
        self._world = world
        self._subject = subject
        self._proved_at = float("-inf")
        self._append: asyncio.Future[None] | None = None
        self.sequence = 0

    async def append(self, payload: bytes) -> int:
        """Append a record after the subject's last; return its sequence. One append at a time.

        Raises JournalUnavailable when it is known not to be stored; leaves when another incarnation writes the
        subject or nobody knows what became of the append.
        """
        assert self._append is None, "two appends in flight"
        self._append = asyncio.get_running_loop().create_future()
        began_at = self._world.clock.monotonic()
        try:
            self.sequence = await self._world.journal.append(self._subject, payload, self.sequence)
            self._proved_at = began_at
        except Fenced as failure:
            self._world.leave(Departure.FENCED, f"{self._subject}: {failure}")
        except AppendUnknown as failure:
            self._world.leave(Departure.UNKNOWN_APPEND, f"{self._subject}: {failure}")
        finally:
            self._append.set_result(None)
            self._append = None
        return self.sequence

    async def prove(self) -> None:
        """Return once this incarnation is known to be current; leave if it is not. Raises JournalUnavailable."""
        while self._world.clock.monotonic() - self._proved_at > PROOF_LASTS_S:
            if self._append is not None:
                await asyncio.shield(self._append)
                continue
            asked_at, before = self._world.clock.monotonic(), self.sequence
            last = await self._world.journal.last_sequence(self._subject)
            if self._append is not None or self.sequence != before:
                continue
            if last != before:
                self._world.leave(Departure.FENCED, f"{self._subject} is written by another incarnation")
            self._proved_at = asked_at


async def open_subject(world: World, subject: str, opening: Callable[[int], bytes]) -> int:
    """Append the record that begins an incarnation; return its sequence, the epoch.

    `opening(previous)` encodes the record. Waits for the journal as long as it takes.
    """
    pauses = Pauses(world.clock)
    while True:
        try:
            previous = await world.journal.last_sequence(subject)
            return await world.journal.append(subject, opening(previous), previous)
        except (JournalUnavailable, Fenced):
            # Fenced here means that a late append of the incarnation before came in between: ask and try again.
            await pauses.wait()


async def read_until(
    world: World, subjects: Sequence[str], start: int, end: int
) -> AsyncGenerator[JournalMessage, None]:
    """Yield the records of these subjects from `start` to `end`, where `end` is one of their sequences."""
    if start > end:
        return
    async with aclosing(world.journal.read(subjects, start)) as batches:
        async for batch in batches:
            for message in batch:
                if message.sequence <= end:
                    yield message
                if message.sequence >= end:
                    return


async def last_sequence(world: World, subject: str) -> int:
    """Return a subject's last sequence, waiting for the journal as long as it takes."""
    pauses = Pauses(world.clock)
    while True:
        try:
            return await world.journal.last_sequence(subject)
        except JournalUnavailable:
            await pauses.wait()
