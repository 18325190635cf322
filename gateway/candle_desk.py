"""Candles, rolling statistics and the tape read forward: what the read model holds, and what was heard since."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from gateway.candle_memory import CandleMemory
from gateway.failures import InvalidInput, NotAvailable
from infra.ports import Clock
from infra.read_model.candle_rows import CandleHistory, CandleRange, CandleRows
from infra.read_model.store import HistoryUnavailable
from mockexchange.candles import (
    DAY_MINUTES,
    HOUR_MS,
    LAST_MS,
    MINUTE_MS,
    NS_PER_MS,
    AveragePrice,
    Candle,
    Interval,
    Statistics,
    aggregated,
    bucket,
    filled,
    moved,
    source_of,
    statistics_of,
    weighted_average,
    window_open,
)
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Trade

MAX_CANDLES: Final = 1_000
MAX_WINDOW_MINUTES: Final = 7 * DAY_MINUTES
MIN_OFFSET_MS: Final = -12 * HOUR_MS
MAX_OFFSET_MS: Final = 14 * HOUR_MS
FRESH_MS: Final = 90_000
"""Statistics are said anew every minute; older ones are reckoned from the rows instead."""

T = TypeVar("T")


class CandleDesk:
    """Reads candles. While the read model is away, all but statistics that were heard lately is NotAvailable."""

    def __init__(self, history: CandleHistory, memory: CandleMemory, clock: Clock) -> None:
        self._history = history
        self._memory = memory
        self._clock = clock

    async def candles(
        self,
        instrument: Instrument,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
        offset_ms: int = 0,
    ) -> list[Candle]:
        """Return candles oldest first, the one of now included, without a gap from the first that is kept on.

        With `start_ms` those that open from then on, at most `limit`; without it the last `limit` that open up to
        `end_ms` or now. `offset_ms` is how far ahead of UTC the time zone is in which days and longer begin.
        """
        _check_page(limit, offset_ms)
        last = bucket(interval, min(self._now_ms(), _time(end_ms, LAST_MS)), offset_ms)
        if start_ms is None:
            first = moved(interval, last, 1 - limit, offset_ms)
        else:
            first = await self._first_open(instrument.symbol, interval, _time(start_ms, 0), offset_ms)
            last = min(last, moved(interval, first, limit - 1, offset_ms))
        if first > last:
            return []
        found = await self._within(instrument.symbol, interval, first, last, offset_ms)
        price = found.previous.close if found.previous else 0
        return filled(found.rows, interval, first, last, previous=price, offset_ms=offset_ms)

    async def statistics(self, instrument: Instrument) -> Statistics:
        """Return the statistics of the last 24 hours."""
        return (await self.all_statistics([instrument]))[0]

    async def all_statistics(self, instruments: Sequence[Instrument]) -> list[Statistics]:
        """Return the statistics of the last 24 hours of some instruments, in one round trip at most."""
        heard = {each.symbol: self._fresh(each.symbol) for each in instruments}
        missing = [each for each in instruments if heard[each.symbol] is None]
        reckoned = await self.all_rolling(missing, DAY_MINUTES) if missing else []
        known = {each.symbol: each for each in (*reckoned, *filter(None, heard.values()))}
        return [known[each.symbol] for each in instruments]

    async def rolling(self, instrument: Instrument, minutes: int) -> Statistics:
        """Return the statistics of the last `minutes`, at most a week."""
        return (await self.all_rolling([instrument], minutes))[0]

    async def all_rolling(self, instruments: Sequence[Instrument], minutes: int) -> list[Statistics]:
        """Return the statistics of the last `minutes` of some instruments, in one round trip."""
        if not 1 <= minutes <= MAX_WINDOW_MINUTES:
            raise InvalidInput("window", f"must be 1 minute to {MAX_WINDOW_MINUTES} minutes")
        now = self._now_ms()
        opens = window_open(minutes, now)
        # Whole hours are read as such, and only what is before the first of them minute by minute.
        hour = -(-opens // HOUR_MS) * HOUR_MS
        ranges = [
            asked
            for each in instruments
            for asked in (
                CandleRange(each.symbol, Interval.MINUTE, opens, min(hour, now + 1) - 1),
                CandleRange(each.symbol, Interval.HOUR, hour, now),
            )
        ]
        found = await self._read(ranges)
        return [
            statistics_of(
                each.symbol,
                [*by_minute.rows, *by_hour.rows],
                open_ms=opens,
                close_ms=now,
                previous=by_minute.previous or _whole_before(by_hour.previous, opens),
            )
            for each, by_minute, by_hour in zip(instruments, found[::2], found[1::2], strict=True)
        ]

    async def average_price(self, instrument: Instrument, minutes: int = 5) -> AveragePrice:
        """Return the average price of the last minutes; without trades in them, the last price."""
        now = self._now_ms()
        asked = CandleRange(instrument.symbol, Interval.MINUTE, window_open(minutes, now), now)
        found = (await self._read([asked]))[0]
        last = found.rows[-1] if found.rows else found.previous
        volume = sum(row.volume for row in found.rows)
        quote = sum(row.quote_volume for row in found.rows)
        price = weighted_average(volume, quote, last.close if last else 0, instrument)
        return AveragePrice(minutes, price, last.last_ms if last else 0)

    async def trades_after(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        """Return the tape from a trade id on, oldest first."""
        return await self._ask(self._history.trades_after(symbol, from_id, limit))

    async def trades_between(self, symbol: str, start_ms: int, end_ms: int, limit: int) -> list[Trade]:
        """Return the tape of a time window, both ends included, oldest first."""
        return await self._ask(self._history.trades_between(symbol, start_ms, end_ms, limit))

    async def _first_open(self, symbol: str, interval: Interval, start_ms: int, offset_ms: int) -> int:
        """Return when the first candle opens that is asked for: none before the first that is kept."""
        first = bucket(interval, start_ms, offset_ms)
        if first < start_ms:
            first = moved(interval, first, 1, offset_ms)
        source = source_of(interval, offset_ms)
        earliest = await self._ask(self._history.next_candle(symbol, source, 0)) or self._memory.candle(symbol, source)
        return first if earliest is None else max(first, bucket(interval, earliest.open_ms, offset_ms))

    async def _within(self, symbol: str, interval: Interval, first: int, last: int, offset_ms: int) -> CandleRows:
        """Return the candles with trades of a range, made of shorter ones where the time zone cuts them otherwise."""
        source = source_of(interval, offset_ms)
        end = moved(interval, last, 1, offset_ms) - 1
        found = (await self._read([CandleRange(symbol, source, first, end)]))[0]
        if source is interval:
            return found
        return CandleRows(found.previous, aggregated(found.rows, interval, offset_ms))

    async def _read(self, ranges: list[CandleRange]) -> list[CandleRows]:
        """Return what is stored, and what was heard since."""
        stored = await self._ask(self._history.candles(ranges))
        return [self._with_live(asked, found) for asked, found in zip(ranges, stored, strict=True)]

    def _with_live(self, asked: CandleRange, found: CandleRows) -> CandleRows:
        live = self._memory.candle(asked.symbol, asked.interval)
        if live is None or live.open_ms > asked.last_ms:
            return found
        if live.open_ms < asked.first_ms:
            return found if _is_ahead(found.previous, live) else CandleRows(live, found.rows)
        rows = [row for row in found.rows if row.open_ms != live.open_ms or _is_ahead(row, live)]
        if not any(row.open_ms == live.open_ms for row in rows):
            rows = sorted([*rows, live], key=_open_ms)
        return CandleRows(found.previous, rows)

    def _fresh(self, symbol: str) -> Statistics | None:
        heard = self._memory.statistics(symbol)
        return heard if heard is not None and self._now_ms() - heard.close_ms <= FRESH_MS else None

    def _now_ms(self) -> int:
        return self._clock.now_ns() // NS_PER_MS

    @staticmethod
    async def _ask(question: Awaitable[T]) -> T:
        try:
            return await question
        except HistoryUnavailable as error:
            raise NotAvailable("market history is not available") from error


def _check_page(limit: int, offset_ms: int) -> None:
    if not 1 <= limit <= MAX_CANDLES:
        raise InvalidInput("limit", f"must be 1 to {MAX_CANDLES}")
    if not MIN_OFFSET_MS <= offset_ms <= MAX_OFFSET_MS or offset_ms % MINUTE_MS:
        raise InvalidInput("time_zone", "must be whole minutes, from -12:00 to +14:00")


def _time(time_ms: int | None, otherwise: int) -> int:
    return otherwise if time_ms is None else min(max(time_ms, 0), LAST_MS)


def _is_ahead(stored: Candle | None, live: Candle) -> bool:
    """Return whether a stored candle is later than one that was heard, or holds as much of the same interval."""
    return stored is not None and (stored.open_ms, stored.trades) >= (live.open_ms, live.trades)


def _whole_before(previous: Candle | None, opens: int) -> Candle | None:
    """Return an hour's candle if it lies before a window as a whole."""
    return previous if previous is not None and previous.open_ms + HOUR_MS <= opens else None


def _open_ms(candle: Candle) -> int:
    return candle.open_ms
