"""The history writer: follows the whole journal and keeps the read model in step with it.

Its place is the position that stands beside the rows, nothing else. Wherever it loses its place it begins a new
session: ledgers are brought to the position, from the shards' snapshots where these help, and folding goes on.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress
from typing import Final

import msgspec

from actors.background import Background
from actors.runtime import Pauses, shard_snapshot
from actors.writers.following import AnotherJournal, progress, read_registry, side_by_side
from actors.writers.history_fold import HistoryFold, ShardsGrew, is_clearing
from infra.ports import Clock, Journal, JournalMessage, JournalRewound, JournalUnavailable, Snapshots
from infra.read_model.rows import Position
from infra.read_model.store import HistoryStore, HistoryUnavailable, PositionMoved
from mockexchange.ledger import Ledger, SnapshotUnknown
from mockexchange.messages.codec import decode_record, decode_registry_record
from mockexchange.messages.events import ShardsConfigured
from mockexchange.messages.subjects import JOURNAL_ALL

ROWS_AT_ONCE: Final = 2_000
"""A transaction is closed once it holds so many rows; one record may go beyond."""

RECORDS_AT_ONCE: Final = 200
"""After so many records the others of the process have a turn, since folding what is written already never waits."""

WATCH_PAUSE_S: Final = 2.0
"""How often the writer looks whether the rows still are where it left them."""

LONGEST_PAUSE_S: Final = 5.0

_log: Final = logging.getLogger(__name__)


class HistoryWriter:
    """Writes orders, steps, fills, balances and trades. Each record is in the rows once, whatever dies when.

    While the read model cannot be reached it waits and reads no further. An exception that `closed` raises means a
    broken journal or ledger.
    """

    def __init__(self, journal: Journal, store: HistoryStore, clock: Clock, snapshots: Snapshots) -> None:
        self._journal = journal
        self._snapshots = snapshots
        self._store = store
        self._clock = clock
        self._pauses = Pauses(clock, longest_s=LONGEST_PAUSE_S)
        self._written: Position | None = None
        self._fold = HistoryFold([], None)
        self._is_foreign = False
        self._is_following = False
        self._end = 0
        self._counters = {"rows": 0, "transactions": 0, "sessions": 0, "rebuilds": 0, "failed_writes": 0}
        self._rate = _Rate(clock)
        self._background = Background()

    async def start(self) -> None:
        """Begin to follow the journal."""
        self._background.begin(self._run())

    async def stop(self) -> None:
        """Stop at once; what is not written will be folded again."""
        await self._background.stop()

    async def closed(self) -> None:
        """Return once stopped; raise what broke the writer."""
        await self._background.closed()

    def status(self) -> dict[str, object]:
        """Return position, lag in records, and counters. A `failed_writes` that grows means that Valkey is away."""
        position = 0 if self._written is None else self._written.sequence
        return {
            **self._background.status("following" if self._is_following else "catching up"),
            **progress(position, self._end),
            "rows_per_second": self._rate.per_second,
            **self._counters,
        }

    async def _run(self) -> None:
        while True:
            self._counters["sessions"] += 1
            try:
                await self._session()
            except (HistoryUnavailable, JournalUnavailable, JournalRewound, PositionMoved, ShardsGrew) as reason:
                _log.info("the history writer begins a new session: %s: %s", type(reason).__name__, reason)
            except AnotherJournal as reason:
                _log.warning("the read model holds another journal's history: %s", reason)
                self._is_foreign = True
            await self._pauses.wait()

    async def _session(self) -> None:
        self._fold = await self._recover()
        await side_by_side(self._follow(), self._watch())

    async def _follow(self) -> None:
        async with aclosing(self._journal.read([JOURNAL_ALL], self._fold.start)) as batches:
            async for batch in batches:
                self._end = max(self._end, batch[-1].sequence)
                for count, message in enumerate(batch, start=1):
                    await self._take(message)
                    if count % RECORDS_AT_ONCE == 0:
                        await asyncio.sleep(0)
                await self._write()
                self._is_following = batch[-1].sequence >= self._end

    async def _watch(self) -> None:
        """Notice rows that were lost although nothing is being written."""
        while True:
            await self._clock.sleep(WATCH_PAUSE_S)
            before = self._written
            with suppress(HistoryUnavailable):
                stored = await self._store.position()
                if before is not None and (stored is None or stored.sequence < before.sequence):
                    raise PositionMoved(before)

    # Finding its place.

    async def _recover(self) -> HistoryFold:
        """Return a fold that continues where the rows stand, after wiping rows that no journal continues."""
        self._is_following = False
        self._end = await self._journal.end()
        self._written = await self._store.position()
        if self._written is None or self._written.sequence > self._end or self._is_foreign:
            self._counters["rebuilds"] += 1
            await self._store.wipe()
            self._written, self._is_foreign = None, False
        ledgers = [await self._ledger(shard) for shard in range(await self._shards())]
        return HistoryFold(ledgers, self._written)

    async def _shards(self) -> int:
        """Return the number of shards that the registry names now."""
        shards = 0
        async with aclosing(read_registry(self._journal)) as messages:
            async for message in messages:
                for event in decode_registry_record(message.payload).events:
                    shards = event.count if isinstance(event, ShardsConfigured) else shards
        return shards

    async def _ledger(self, shard: int) -> Ledger:
        """Return the newest ledger of a shard that is not beyond the position."""
        position = 0 if self._written is None else self._written.sequence
        if position:
            for snapshot in await self._snapshots.load(shard_snapshot(shard)):
                with suppress(SnapshotUnknown, msgspec.DecodeError):
                    ledger = Ledger.from_snapshot(snapshot.payload)
                    if ledger.sequence <= position:
                        return ledger
        return Ledger(shard)

    # Following.

    async def _take(self, message: JournalMessage) -> None:
        record = decode_record(message.subject, message.payload)
        if is_clearing(record):
            # What came before is deleted, so it must be written before.
            await self._write()
        self._fold.apply_decoded(message, record)
        if self._fold.rows.count >= ROWS_AT_ONCE or self._fold.rows.cleared:
            await self._write()

    async def _write(self) -> None:
        """Write what was folded, trying until the read model takes it."""
        position = self._fold.position
        if position is None or position == self._written:
            return
        rows = self._fold.take()
        while True:
            try:
                await self._store.write(rows, self._written, position)
                break
            except HistoryUnavailable as error:
                self._counters["failed_writes"] += 1
                _log.warning("history cannot be written now: %s", error)
                await self._pauses.wait()
                await self._look_ahead()
        self._pauses.reset()
        self._written = position
        self._counters["rows"] += rows.count
        self._counters["transactions"] += 1
        self._rate.count(rows.count)

    async def _look_ahead(self) -> None:
        """Find out how far the journal has gone on meanwhile."""
        with suppress(JournalUnavailable):
            self._end = max(self._end, await self._journal.end())


class _Rate:
    """Rows written per second, over about the last second in which any were."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._rows = 0
        self.per_second = 0

    def count(self, rows: int) -> None:
        self._rows += rows
        passed = self._clock.monotonic() - self._began
        if passed >= 1.0:
            self.per_second = round(self._rows / passed)
            self._began += passed
            self._rows = 0
