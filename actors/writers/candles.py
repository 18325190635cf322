"""The candle writer: candles and rolling statistics of all symbols, on the bus and in the read model.

Own trades come from the journal, so that each is counted once whatever dies when: the position stands beside the rows.
Prints of the outside market stand in no journal; they come from the bus, and what is missed of them is lost: from the
book while it is awake, and else by the second from the feed (see `outside_seconds`).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import AsyncExitStack, aclosing
from typing import Final

import msgspec

from actors.background import Background
from actors.runtime import Pauses
from actors.writers.candles_board import CandleBoard
from actors.writers.following import (
    AnotherJournal,
    Place,
    place_of,
    progress,
    read_on,
    read_registry,
    side_by_side,
)
from actors.writers.market import print_of
from actors.writers.outside_seconds import OutsideSeconds
from actors.writers.past_filler import PastFiller
from infra.ports import Bus, Clock, Journal, JournalMessage, JournalRewound, JournalUnavailable
from infra.read_model.candle_rows import CandleKey, CandlePosition, CandleRange
from infra.read_model.candle_store import CandleStore
from infra.read_model.store import HistoryUnavailable, PositionMoved
from mockexchange.candle_views import encode_candle, encode_statistics
from mockexchange.candles import NS_PER_MS, Candle
from mockexchange.messages.codec import decode_feed_prints, decode_record
from mockexchange.messages.events import BookRecord, OrderFilled, RegistryRecord, trade_of
from mockexchange.messages.subjects import BOOKS, REGISTRY, book_journal, feed_prints, market, symbol_of
from mockexchange.registry import Registry

SECOND_NS: Final = 1_000_000_000
GRACE_NS: Final = SECOND_NS // 5
"""Candles are closed so long after their end, since trades are heard a little after they were made."""

WRITE_PAUSE_S: Final = 1.0
ROWS_AT_ONCE: Final = 5_000
"""With so much to write the journal is read no further."""

MAX_WAITING: Final = 100_000
"""With so much to write, while the read model is away, prints are no longer counted."""

LONGEST_PAUSE_S: Final = 5.0

_log: Final = logging.getLogger(__name__)


class CandleWriter:
    """Counts trades, tells of candles once a second and writes them. See the module for what may be lost.

    An exception that `closed` raises means a broken journal.
    """

    def __init__(self, journal: Journal, bus: Bus, store: CandleStore, clock: Clock) -> None:
        self._journal = journal
        self._bus = bus
        self._store = store
        self._clock = clock
        self._name = secrets.token_hex(6)
        self._pauses = Pauses(clock, longest_s=LONGEST_PAUSE_S)
        self._registry = Registry()
        self._board = CandleBoard()
        self._outside = OutsideSeconds(self._now_ms())
        self._is_counting = False
        self._read = self._placed = Place()
        self._written: CandlePosition | None = None
        self._doubtful: CandlePosition | None = None
        self._writing = asyncio.Lock()
        self._end = 0
        self._links = AsyncExitStack()
        self._background = Background()
        self._counters = dict.fromkeys(
            ("trades", "prints", "seconds", "missed_prints", "rows", "failed_writes", "sessions", "rebuilds"), 0
        )

    async def start(self) -> None:
        """Begin to count."""
        self._outside = OutsideSeconds(self._now_ms())
        self._links.push_async_callback(await self._bus.subscribe(market("*", "print"), self._on_print))
        self._links.push_async_callback(await self._bus.subscribe(market("*", "ticker"), self._on_book))
        self._links.push_async_callback(await self._bus.subscribe(feed_prints("*"), self._on_prints))
        self._background.begin(self._run())

    async def stop(self) -> None:
        """Stop at once; prints of the last second are lost."""
        await self._links.aclose()
        await self._background.stop()

    async def closed(self) -> None:
        """Return once stopped; raise what broke the writer."""
        await self._background.closed()

    def status(self) -> dict[str, object]:
        """Return position, lag in records, and counters. A `failed_writes` that grows means that Valkey is away."""
        position = 0 if self._written is None else self._written.sequence
        is_following = self._is_counting and self._read.sequence >= self._end
        return {
            **self._background.status("following" if is_following else "catching up"),
            **progress(position, self._end),
            "waiting": self._board.waiting,
            **self._counters,
        }

    async def _run(self) -> None:
        while True:
            self._counters["sessions"] += 1
            try:
                await self._session()
            except (HistoryUnavailable, JournalUnavailable, JournalRewound, PositionMoved) as reason:
                _log.info("the candle writer begins a new session: %s: %s", type(reason).__name__, reason)
            except AnotherJournal as reason:
                _log.warning("the candles are of another journal: %s", reason)
                await self._wipe()
            finally:
                self._is_counting = False
            await self._pauses.wait()

    async def _session(self) -> None:
        await self._recover()
        self._pauses.reset()
        filler = PastFiller(self._board, self._store, self._bus, self._clock, write=self._write)
        filling = filler.run(self._registry, lambda: self._read.sequence >= self._end)
        await side_by_side(self._follow(), self._tell(), self._keep(), filling)

    # Finding its place.

    async def _recover(self) -> None:
        """Load what is stored, and make it this writer's."""
        await self._read_registry()
        self._end = await self._last_record()
        stored = await self._store.position()
        if stored is None or stored.sequence > await self._journal.end():
            self._counters["rebuilds"] += 1
            await self._store.wipe()
            stored = None
        place = Place() if stored is None else Place(stored.sequence, stored.checksum)
        # From here on another writer's writes fail, so that what is read now stays true.
        self._written = CandlePosition(*place, self._name, self._counters["sessions"] << 32)
        await self._store.write({}, stored, self._written)
        self._doubtful = None
        self._board = await self._load()
        self._read = self._placed = place
        self._is_counting = True

    async def _last_record(self) -> int:
        """Return where the last record stands that is to be counted."""
        subjects = [REGISTRY, *map(book_journal, self._registry.instruments)]
        return max([await self._journal.last_sequence(subject) for subject in subjects])

    async def _read_registry(self) -> None:
        if await self._journal.last_sequence(REGISTRY) < self._registry.subject_sequence:
            # The journal has lost what was read of it.
            self._registry = Registry()
        async with aclosing(read_registry(self._journal, self._registry.subject_sequence)) as messages:
            async for message in messages:
                self._take_registry(message)

    def _take_registry(self, message: JournalMessage) -> None:
        record = decode_record(message.subject, message.payload)
        assert isinstance(record, RegistryRecord)
        if message.sequence > self._registry.sequence:
            self._registry.apply(message.sequence, record)

    async def _load(self) -> CandleBoard:
        board = CandleBoard()
        now_ms = self._now_ms()
        for instrument in list(self._registry.instruments.values()):
            board.load(instrument, await self._store.candles(board.wanted(instrument.symbol, now_ms)))
        return board

    async def _wipe(self) -> None:
        self._registry = Registry()
        try:
            await self._store.wipe()
        except HistoryUnavailable as error:
            _log.warning("the candles cannot be deleted now: %s", error)

    # Counting.

    async def _follow(self) -> None:
        """Count own trades."""
        async with aclosing(read_on(self._journal, [REGISTRY, BOOKS], self._read)) as batches:
            async for batch in batches:
                for message in batch:
                    self._take(message)
                self._end = max(self._end, batch[-1].sequence)
                while self._board.waiting > ROWS_AT_ONCE:
                    await self._write()
                await asyncio.sleep(0)

    def _take(self, message: JournalMessage) -> None:
        if message.subject == REGISTRY:
            self._take_registry(message)
        else:
            record = decode_record(message.subject, message.payload)
            assert isinstance(record, BookRecord)
            self._count(record)
        self._read = place_of(message)

    def _count(self, record: BookRecord) -> None:
        for event in record.events:
            if isinstance(event, OrderFilled):
                self._board.add(trade_of(event, record), self._registry.instruments[record.symbol], event.quote)
                self._counters["trades"] += 1

    def _on_book(self, subject: str, _payload: bytes) -> None:
        self._outside.hear_book(symbol_of(subject.split(".")[1]), self._now_ms())

    def _on_prints(self, _subject: str, payload: bytes) -> None:
        try:
            self._outside.hear_feed(decode_feed_prints(payload))
        except msgspec.DecodeError:
            self._counters["missed_prints"] += 1

    def _count_outside(self, now_ms: int) -> None:
        """Count what the outside market did while books slept."""
        for symbol, candle in self._outside.take(now_ms):
            instrument = self._registry.instruments.get(symbol)
            if instrument is None or not instrument.feed or self._board.waiting > MAX_WAITING:
                self._counters["missed_prints"] += candle.trades
                continue
            self._board.add_second(candle, instrument)
            self._counters["seconds"] += 1

    def _on_print(self, subject: str, payload: bytes) -> None:
        """Count a print of the outside market; own trades come from the journal."""
        self._on_book(subject, payload)
        try:
            trade = print_of(payload)
        except (msgspec.DecodeError, ValueError, KeyError):
            self._counters["missed_prints"] += 1
            return
        instrument = self._registry.instruments.get(trade.symbol)
        if not self._is_counting or instrument is None or self._board.waiting > MAX_WAITING:
            self._counters["missed_prints"] += 1
            return
        self._board.add(trade, instrument, instrument.quote_amount(trade.price, trade.quantity))
        self._counters["prints"] += 1

    # Telling.

    async def _tell(self) -> None:
        """Tell every second, a little after it began, of what ended and what changed, once all is counted."""
        while True:
            past = (self._clock.now_ns() - GRACE_NS) % SECOND_NS
            await self._clock.sleep((SECOND_NS - past) / SECOND_NS)
            if self._read.sequence < self._end:
                # What is caught up with would be told as if it were all.
                continue
            now_ms = self._now_ms()
            self._place(now_ms)
            for instrument, interval, candle, is_closed in self._board.changes(now_ms):
                payload = encode_candle(candle, instrument, interval, is_closed=is_closed)
                self._bus.publish(market(instrument.symbol, f"candle.{interval}"), payload)
            for instrument, statistics in self._board.statistics(now_ms):
                payload = encode_statistics(statistics, instrument)
                self._bus.publish(market(instrument.symbol, "statistics"), payload)

    def _place(self, now_ms: int) -> None:
        self._count_outside(now_ms)
        self._board.place(now_ms)
        self._placed = self._read

    # Writing.

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(WRITE_PAUSE_S)
            await self._write()

    async def _write(self) -> bool:
        """Write what changed, with the position it stands at; leave it for later while the read model is away.

        Returns whether it was written; if not, it has waited.
        """
        async with self._writing:
            try:
                await self._settle_doubt()
                self._place(self._now_ms())
                while keys := self._board.absent():
                    self._board.resolve(await self._stored(keys))
                await self._write_rows(dict(self._board.dirty))
            except HistoryUnavailable as error:
                self._counters["failed_writes"] += 1
                _log.warning("candles cannot be written now: %s", error)
                await self._pauses.wait()
                return False
            self._pauses.reset()
            return True

    async def _write_rows(self, rows: dict[CandleKey, Candle]) -> None:
        assert self._written is not None
        if not rows and self._placed.sequence == self._written.sequence:
            if await self._store.position() != self._written:
                raise PositionMoved(self._written)
            return
        self._doubtful = CandlePosition(*self._placed, self._name, self._written.writes + 1)
        await self._store.write(rows, self._written, self._doubtful)
        self._written, self._doubtful = self._doubtful, None
        self._board.forget_written(rows)
        self._counters["rows"] += len(rows)

    async def _settle_doubt(self) -> None:
        """Find out whether a write happened whose answer was lost. What it wrote is written again either way."""
        if self._doubtful is not None:
            if await self._store.position() == self._doubtful:
                self._written = self._doubtful
            self._doubtful = None

    async def _stored(self, keys: list[CandleKey]) -> dict[CandleKey, Candle | None]:
        found = await self._store.candles([CandleRange(*key, key.open_ms) for key in keys])
        return {key: rows.rows[0] if rows.rows else None for key, rows in zip(keys, found, strict=True)}

    def _now_ms(self) -> int:
        return self._clock.now_ns() // NS_PER_MS
