"""What all writers that follow the journal do alike: read on from their place, and say how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from typing import NamedTuple
from zlib import crc32

from infra.ports import Journal, JournalMessage
from mockexchange.messages.subjects import REGISTRY


class AnotherJournal(Exception):
    """The record at the position is not the one that was taken there."""


class Place(NamedTuple):
    """How far the journal is taken: a sequence, and a checksum of the record that stands there; 0 for nothing yet."""

    sequence: int = 0
    checksum: int = 0


def place_of(message: JournalMessage) -> Place:
    """Return the place of who has taken this record."""
    return Place(message.sequence, crc32(message.payload))


def progress(written: int, end: int) -> dict[str, object]:
    """Describe how far a writer is, who has written up to a record of a journal that ends there."""
    end = max(end, written)
    return {"position": written, "end": end, "lag": end - written}


async def side_by_side(*work: Coroutine[None, None, None]) -> None:
    """Do all of this until one fails; raise what it raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for one in work:
                tasks.create_task(one)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def read_on(
    journal: Journal, subjects: Sequence[str], place: Place
) -> AsyncGenerator[list[JournalMessage], None]:
    """Yield the records after a place, in batches. Raises AnotherJournal when another record stands there."""
    is_known = not place.sequence
    async with aclosing(journal.read(subjects, max(place.sequence, 1))) as batches:
        async for batch in batches:
            if is_known:
                yield batch
                continue
            first, *others = batch
            if place_of(first) != place:
                raise AnotherJournal(place)
            is_known = True
            if others:
                yield others


async def read_registry(journal: Journal, after: int = 0) -> AsyncGenerator[JournalMessage, None]:
    """Yield the registry's records after a sequence, up to the last that there is now."""
    last = await journal.last_sequence(REGISTRY)
    if last <= after:
        return
    async with aclosing(journal.read([REGISTRY], after + 1)) as batches:
        async for batch in batches:
            for message in batch:
                yield message
            if batch[-1].sequence >= last:
                return
