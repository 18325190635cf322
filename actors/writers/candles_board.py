"""The candles of all symbols that are not over or not written yet, and their rolling statistics.

A trade goes into the candle of its second; once a second these are placed into the candles of every interval. A
candle that is stored but not at hand, since it was over long ago, must be fetched before more can be placed into it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from infra.read_model.candle_rows import RETENTION_MS, CandleKey, CandleRange, CandleRows
from mockexchange.candles import (
    DAY_MINUTES,
    LAST_MS,
    MINUTE_MS,
    Candle,
    Interval,
    Statistics,
    bucket,
    candle_of,
    combined,
    flat_candle,
    is_before,
    merged,
    moved,
    statistics_of,
    window_open,
)
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Trade

AT_HAND: Final = 3
"""So many candles of an interval stay at hand: trades of two sources come only a little out of order."""

CLOSINGS_AT_ONCE: Final = 10
"""After a pause of the writer no more than so many candles of an interval are said to be closed."""

_NONE: Final = frozenset[int]()
_INTERVALS: Final = tuple(Interval)


class Change(NamedTuple):
    """A candle to tell of."""

    instrument: Instrument
    interval: Interval
    candle: Candle
    is_closed: bool


class Turn(NamedTuple):
    """When the candle of an interval opened that is not over, and those that ended since the last look."""

    interval: Interval
    opens: int
    ended: list[int]


class SymbolCandles:
    """The candles of one symbol, by interval and then by when they open."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.seconds: dict[int, Candle] = {}
        self.rows: dict[Interval, dict[int, Candle]] = {interval: {} for interval in Interval}
        # No stored candle opens later than these.
        self.newest: dict[Interval, int] = dict.fromkeys(Interval, -1)
        self.last: Candle | None = None
        self.changed: dict[Interval, set[int]] = {}
        self.window = Window()

    def put(self, interval: Interval, candle: Candle) -> None:
        """Take a candle as it is now, and let go of the oldest at hand."""
        rows = self.rows[interval]
        rows[candle.open_ms] = candle
        self.newest[interval] = max(self.newest[interval], candle.open_ms)
        if len(rows) > AT_HAND:
            del rows[min(rows)]
        if self.last is None or not is_before(_end(candle), _end(self.last)):
            self.last = candle
        if interval is Interval.MINUTE:
            self.window.put(candle)


class Window:
    """The minutes of the last 24 hours, those that are over combined."""

    def __init__(self) -> None:
        self._minutes: dict[int, Candle] = {}
        self._past: Candle | None = None
        self._combined_at = -1
        self._previous: Candle | None = None

    def load(self, stored: CandleRows) -> None:
        """Begin with what is stored."""
        self._minutes = {row.open_ms: row for row in stored.rows}
        self._previous = stored.previous

    def put(self, candle: Candle) -> None:
        """Take a minute as it is now."""
        self._minutes[candle.open_ms] = candle
        if candle.open_ms < self._combined_at:
            self._combined_at = -1

    def statistics(self, symbol: str, now_ms: int) -> Statistics:
        """Return what was traded in the window that ends now."""
        minute = now_ms - now_ms % MINUTE_MS
        opens = window_open(DAY_MINUTES, now_ms)
        if self._combined_at != minute:
            self._combine(opens, minute)
        candles = [] if self._past is None else [self._past]
        # What a clock behind ours stamped with the next minute counts already.
        now = (self._minutes.get(minute), self._minutes.get(minute + MINUTE_MS))
        candles += [row for row in now if row is not None]
        return statistics_of(symbol, candles, open_ms=opens, close_ms=now_ms, previous=self._previous)

    def _combine(self, opens: int, minute: int) -> None:
        self._minutes = dict(sorted(self._minutes.items()))
        for open_ms in [open_ms for open_ms in self._minutes if open_ms < opens]:
            row = self._minutes.pop(open_ms)
            if self._previous is None or self._previous.open_ms <= open_ms:
                self._previous = row
        past = [row for open_ms, row in self._minutes.items() if open_ms < minute]
        self._past = combined(past, opens) if past else None
        self._combined_at = minute


class CandleBoard:
    """Candles of every symbol. `dirty` is what changed since it was written."""

    def __init__(self) -> None:
        self._symbols: dict[str, SymbolCandles] = {}
        self._absent: dict[CandleKey, Candle] = {}
        self._opens: dict[Interval, int] = {}
        self._told: dict[str, Statistics] = {}
        self._heard = 0
        self.dirty: dict[CandleKey, Candle] = {}

    @property
    def waiting(self) -> int:
        """How many candles wait to be placed or written."""
        return self._heard + len(self._absent) + len(self.dirty)

    # Beginning with what is stored.

    @staticmethod
    def wanted(symbol: str, now_ms: int) -> list[CandleRange]:
        """Return what must be known of a symbol: its minutes, and the last candle of every interval."""
        minutes = CandleRange(symbol, Interval.MINUTE, window_open(DAY_MINUTES, now_ms), LAST_MS)
        return [minutes, *(CandleRange(symbol, interval, LAST_MS, LAST_MS) for interval in Interval)]

    def load(self, instrument: Instrument, found: Sequence[CandleRows]) -> None:
        """Take what is stored of a symbol, in the order of `wanted`."""
        state = self._symbols[instrument.symbol] = SymbolCandles(instrument)
        for interval, stored in zip(Interval, found[1:], strict=True):
            if stored.previous is not None:
                state.put(interval, stored.previous)
        state.window.load(found[0])

    # Trades come in.

    def add(self, trade: Trade, instrument: Instrument, quote: int) -> None:
        """Count a trade that is worth `quote`."""
        self.add_second(candle_of(trade, quote), instrument)

    def add_second(self, candle: Candle, instrument: Instrument) -> None:
        """Count the trades of a second."""
        state = self._symbols.get(instrument.symbol)
        if state is None:
            state = self._symbols[instrument.symbol] = SymbolCandles(instrument)
        known = state.seconds.get(candle.open_ms)
        if known is None:
            self._heard += 1
        state.seconds[candle.open_ms] = candle if known is None else merged(known, candle, candle.open_ms)

    def place(self, now_ms: int) -> None:
        """Put what was counted since into the candles of every interval for which it is not too old."""
        self._heard = 0
        for symbol, state in self._symbols.items():
            seconds, state.seconds = state.seconds, {}
            for second in sorted(seconds):
                for interval in Interval:
                    open_ms = bucket(interval, second)
                    if open_ms >= now_ms - RETENTION_MS[interval]:
                        self._place(CandleKey(symbol, interval, open_ms), state, seconds[second])

    def add_past(
        self, past: Sequence[tuple[Interval, Candle]], instrument: Instrument, until_ms: int, now_ms: int
    ) -> None:
        """Put candles from before the first that is stored, which opens at `until_ms`, into all that are as long.

        They are in order and have no time in common.
        """
        state = self._symbols.setdefault(instrument.symbol, SymbolCandles(instrument))
        groups: dict[CandleKey, list[Candle]] = {}
        for length, candle in past:
            for interval in _INTERVALS[_INTERVALS.index(length) :]:
                open_ms = bucket(interval, candle.open_ms)
                if open_ms >= now_ms - RETENTION_MS[interval]:
                    groups.setdefault(CandleKey(instrument.symbol, interval, open_ms), []).append(candle)
        for key, candles in groups.items():
            whole = combined(candles, key.open_ms)
            if moved(key.interval, key.open_ms, 1) > until_ms:
                self._place(key, state, whole)
            else:
                self._put(key, state, whole)

    def _place(self, key: CandleKey, state: SymbolCandles, more: Candle) -> None:
        _, interval, open_ms = key
        known = self.dirty.get(key) or state.rows[interval].get(open_ms)
        if known is None and open_ms <= state.newest[interval]:
            waiting = self._absent.get(key)
            self._absent[key] = more if waiting is None else merged(waiting, more, open_ms)
            return
        self._put(key, state, merged(more, known, open_ms) if known is not None else _opened(more, open_ms))

    def _put(self, key: CandleKey, state: SymbolCandles, candle: Candle) -> None:
        state.put(key.interval, candle)
        state.changed.setdefault(key.interval, set()).add(key.open_ms)
        self.dirty[key] = candle

    # What is stored and not at hand.

    def absent(self) -> list[CandleKey]:
        """Return the candles that must be fetched, to be handed to `resolve`."""
        return list(self._absent)

    def resolve(self, stored: Mapping[CandleKey, Candle | None]) -> None:
        """Place what waited for these candles; None is one that is not stored."""
        for key, row in stored.items():
            more = self._absent.pop(key)
            candle = _opened(more, key.open_ms) if row is None else merged(row, more, key.open_ms)
            self._put(key, self._symbols[key.symbol], candle)

    def forget_written(self, rows: Mapping[CandleKey, Candle]) -> None:
        """Take note that candles were written as they were then."""
        for key, candle in rows.items():
            if self.dirty.get(key) is candle:
                del self.dirty[key]

    # What there is to tell.

    def changes(self, now_ms: int) -> Iterator[Change]:
        """Yield the candles that ended since the last time, then those that changed."""
        before, self._opens = self._opens, {interval: bucket(interval, now_ms) for interval in Interval}
        turns = [
            Turn(interval, opens, _opens_between(interval, before.get(interval, opens), opens))
            for interval, opens in self._opens.items()
        ]
        for state in self._symbols.values():
            changed, state.changed = state.changed, {}
            if state.last is not None:
                for turn in turns:
                    yield from _changes_of(state, turn, changed.get(turn.interval, _NONE))

    def statistics(self, now_ms: int) -> Iterator[tuple[Instrument, Statistics]]:
        """Yield the statistics that changed since the last time, of symbols that ever traded."""
        for symbol, state in self._symbols.items():
            if state.last is None:
                continue
            statistics = state.window.statistics(symbol, now_ms)
            told = self._told.get(symbol)
            if told is None or _content(told) != _content(statistics):
                self._told[symbol] = statistics
                yield state.instrument, statistics


def _opened(candle: Candle, open_ms: int) -> Candle:
    """Return a candle as one of a longer interval."""
    return candle if candle.open_ms == open_ms else combined([candle], open_ms)


def _opens_between(interval: Interval, first: int, until: int) -> list[int]:
    """Return when the candles open that ended since, the last few of them."""
    opens: list[int] = []
    while until > first and len(opens) < CLOSINGS_AT_ONCE:
        until = moved(interval, until, -1)
        opens.append(until)
    return opens[::-1]


def _changes_of(state: SymbolCandles, turn: Turn, changed: Collection[int]) -> Iterator[Change]:
    interval, opens, ended = turn
    rows = state.rows[interval]
    for open_ms in ended:
        candle = rows.get(open_ms) or flat_candle(open_ms, _price_before(state, interval, open_ms))
        yield Change(state.instrument, interval, candle, is_closed=True)
    for open_ms in sorted(changed):
        # What is long over is told only to those who ask.
        is_recent = open_ms >= opens or open_ms == moved(interval, opens, -1)
        if is_recent and open_ms not in ended and open_ms in rows:
            yield Change(state.instrument, interval, rows[open_ms], is_closed=open_ms < opens)


def _price_before(state: SymbolCandles, interval: Interval, open_ms: int) -> int:
    """Return the price at which a candle without trades stands."""
    rows = state.rows[interval]
    earlier = [opened for opened in rows if opened < open_ms]
    if earlier:
        return rows[max(earlier)].close
    if rows:
        return rows[min(rows)].open
    assert state.last is not None
    return state.last.close


def _end(candle: Candle) -> tuple[int, int]:
    return candle.last_ms, candle.last_id


def _content(statistics: Statistics) -> tuple[int, int, int, int]:
    return statistics.open_ms, statistics.trades, statistics.last_id, statistics.volume
