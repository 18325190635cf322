"""How the actor of a book comes back: the newest snapshot that can be read, and the journal after it."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from actors.runtime import Departure, Tenure, World, last_sequence, load_snapshots, open_subject, read_until
from mockexchange.instruments import Instrument
from mockexchange.matching.book import OrderBook
from mockexchange.matching.floor import BookLimits
from mockexchange.messages.codec import decode_book_record, decode_registry_record, encode
from mockexchange.messages.events import SCHEMA_VERSION, BookOpened, BookRecord
from mockexchange.messages.subjects import REGISTRY, book_journal
from mockexchange.registry import Registry


def snapshot_name(symbol: str) -> str:
    """Return what the snapshots of a book are kept under."""
    return f"book.{symbol}"


async def recover(
    symbol: str, incarnation: str, world: World, tenure: Tenure, limits: BookLimits
) -> tuple[OrderBook, int]:
    """Begin an incarnation of a book; return it as the journal tells, and the epoch."""
    instrument = await _find_instrument(symbol, world)
    subject = book_journal(symbol)

    def opening(previous: int) -> bytes:
        opened = BookOpened(incarnation)
        return encode(BookRecord(SCHEMA_VERSION, previous, world.clock.now_ns(), symbol, {}, [opened]))

    epoch = await open_subject(world, subject, opening)
    book, tenure.sequence = await _load(instrument, epoch, world, limits)
    async for message in read_until(world, [subject], tenure.sequence + 1, epoch):
        record = decode_book_record(message.payload)
        if record.previous != tenure.sequence:
            world.leave(Departure.BROKEN, f"{subject} misses a record before {message.sequence}")
        book.apply(record)
        tenure.sequence = message.sequence
    return book, epoch


async def _load(instrument: Instrument, epoch: int, world: World, limits: BookLimits) -> tuple[OrderBook, int]:
    """Return a book of the newest snapshot that can be read, and its sequence."""
    for snapshot in await load_snapshots(world, snapshot_name(instrument.symbol)):
        # One that another version wrote is no loss: the journal holds everything.
        with suppress(ValueError, msgspec.DecodeError):
            if snapshot.sequence < epoch:
                return OrderBook.from_snapshot(instrument, snapshot.payload, limits), snapshot.sequence
    return OrderBook(instrument, limits), 0


async def _find_instrument(symbol: str, world: World) -> Instrument:
    registry = Registry()
    end = await last_sequence(world, REGISTRY)
    async for message in read_until(world, [REGISTRY], 1, end):
        registry.apply(message.sequence, decode_registry_record(message.payload))
    if symbol not in registry.instruments:
        world.leave(Departure.BROKEN, f"{symbol} is not listed")
    return registry.instruments[symbol]
