"""Candles and rolling statistics, made of trades.

Two candles of one interval merge into one whatever the order they come in: the second of a trade, and within it its id,
say which trade was first and which last. So trades may arrive from several sources, and longer candles are made of
shorter ones. Trades that no book saw, since it slept, have no ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Side, Trade

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
DAY_MINUTES: Final = 24 * 60
NS_PER_MS: Final = 1_000_000

LAST_MS: Final = 32_503_680_000_000
"""No time beyond it, the year 3000, is reckoned with."""

_MONDAY_MS: Final = 4 * DAY_MS
"""The first Monday after the epoch, which was a Thursday."""

_BUY: Final = Side.BUY


class Interval(StrEnum):
    """How long a candle is, by the name that clients use."""

    SECOND = "1s"
    MINUTE = "1m"
    THREE_MINUTES = "3m"
    FIVE_MINUTES = "5m"
    QUARTER = "15m"
    HALF_HOUR = "30m"
    HOUR = "1h"
    TWO_HOURS = "2h"
    FOUR_HOURS = "4h"
    SIX_HOURS = "6h"
    EIGHT_HOURS = "8h"
    TWELVE_HOURS = "12h"
    DAY = "1d"
    THREE_DAYS = "3d"
    WEEK = "1w"
    MONTH = "1M"


_UNITS: Final = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
LENGTH_MS: Final = {each: int(each[:-1]) * _UNITS[each[-1]] for each in Interval if each is not Interval.MONTH}
"""Length of every interval but the month."""


class Candle(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What was traded from `open_ms` on, for one interval.

    Prices are in price units, `volume` in quantity units, `quote_volume` in quote asset units; the `taker_buy` ones
    count the trades whose taker bought. `last_quantity` and `last_ms` are of the last trade, `first_ms` of the first.
    The ids are of the trades that have one, -1 if none has. Where nothing was traded all prices are the last one
    before, and volumes are 0.
    """

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote_volume: int = 0
    trades: int = 0
    taker_buy_volume: int = 0
    taker_buy_quote_volume: int = 0
    first_id: int = -1
    last_id: int = -1
    last_quantity: int = 0
    last_ms: int = 0
    first_ms: int = 0


def bucket(interval: Interval, time_ms: int, offset_ms: int = 0) -> int:
    """Return when the candle of a time opens, in a time zone that is `offset_ms` ahead of UTC."""
    local = time_ms + offset_ms
    if interval is Interval.MONTH:
        return _month_open(_month_of(local)) - offset_ms
    shift = _MONDAY_MS if interval is Interval.WEEK else 0
    return local - (local - shift) % LENGTH_MS[interval] - offset_ms


def moved(interval: Interval, open_ms: int, count: int, offset_ms: int = 0) -> int:
    """Return when the candle opens that is `count` further than one that opens at `open_ms`; back if negative."""
    if interval is Interval.MONTH:
        return _month_open(_month_of(open_ms + offset_ms) + count) - offset_ms
    return open_ms + count * LENGTH_MS[interval]


def close_ms(interval: Interval, open_ms: int, offset_ms: int = 0) -> int:
    """Return the last millisecond of a candle."""
    return moved(interval, open_ms, 1, offset_ms) - 1


def source_of(interval: Interval, offset_ms: int) -> Interval:
    """Return the longest interval, itself if it can be, whose UTC candles make up those of a time zone."""
    if interval is not Interval.MONTH and offset_ms % LENGTH_MS[interval] == 0:
        return interval
    if interval is Interval.MONTH and not offset_ms:
        return interval
    length = DAY_MS if interval in _OF_DAYS else LENGTH_MS[interval]
    fitting = [each for each, ms in LENGTH_MS.items() if not length % ms and not offset_ms % ms and ms <= DAY_MS]
    return fitting[-1]


_OF_DAYS: Final = (Interval.THREE_DAYS, Interval.WEEK, Interval.MONTH)


def candle_of(trade: Trade, quote: int) -> Candle:
    """Return the one-second candle of a single trade, which is worth `quote` quote asset units."""
    time_ms = trade.time_ns // NS_PER_MS
    price, quantity, trade_id = trade.price, trade.quantity, trade.trade_id
    bought, bought_quote = (quantity, quote) if trade.taker_side is _BUY else (0, 0)
    return Candle(
        time_ms - time_ms % SECOND_MS,
        price,
        price,
        price,
        price,
        quantity,
        quote,
        1,
        bought,
        bought_quote,
        trade_id,
        trade_id,
        quantity,
        time_ms,
        time_ms,
    )


def flat_candle(open_ms: int, price: int) -> Candle:
    """Return the candle of an interval in which nothing was traded."""
    return Candle(open_ms, price, price, price, price)


def merged(one: Candle, other: Candle, open_ms: int) -> Candle:
    """Return the candle that holds the trades of both, which must have some and none in common."""
    first = other if is_before((other.first_ms, other.first_id), (one.first_ms, one.first_id)) else one
    last = one if is_before((other.last_ms, other.last_id), (one.last_ms, one.last_id)) else other
    return Candle(
        open_ms,
        first.open,
        one.high if one.high > other.high else other.high,
        one.low if one.low < other.low else other.low,
        last.close,
        one.volume + other.volume,
        one.quote_volume + other.quote_volume,
        one.trades + other.trades,
        one.taker_buy_volume + other.taker_buy_volume,
        one.taker_buy_quote_volume + other.taker_buy_quote_volume,
        _first_id(one.first_id, other.first_id),
        max(one.last_id, other.last_id),
        last.last_quantity,
        last.last_ms,
        first.first_ms,
    )


def is_before(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether a trade was made before another one; each is its time in milliseconds and its id, -1 without any.

    Within a second ids are truer than times: the clocks of two sources may differ a little.
    """
    return (one[0] // SECOND_MS, one[1]) < (other[0] // SECOND_MS, other[1])


def _first_id(one: int, other: int) -> int:
    return max(one, other) if one < 0 or other < 0 else min(one, other)


def combined(candles: Sequence[Candle], open_ms: int) -> Candle:
    """Return one candle of all trades of these, which are in order and have some each."""
    first, last = candles[0], candles[-1]
    return Candle(
        open_ms,
        first.open,
        max(candle.high for candle in candles),
        min(candle.low for candle in candles),
        last.close,
        sum(candle.volume for candle in candles),
        sum(candle.quote_volume for candle in candles),
        sum(candle.trades for candle in candles),
        sum(candle.taker_buy_volume for candle in candles),
        sum(candle.taker_buy_quote_volume for candle in candles),
        min((candle.first_id for candle in candles if candle.first_id >= 0), default=-1),
        max(candle.last_id for candle in candles),
        last.last_quantity,
        last.last_ms,
        first.first_ms,
    )


def aggregated(candles: Iterable[Candle], interval: Interval, offset_ms: int = 0) -> list[Candle]:
    """Return candles of a longer interval, made of shorter ones in order; intervals without trades are left out."""
    groups: dict[int, list[Candle]] = {}
    for candle in candles:
        if candle.trades:
            groups.setdefault(bucket(interval, candle.open_ms, offset_ms), []).append(candle)
    return [combined(group, open_ms) for open_ms, group in groups.items()]


def filled(
    rows: Iterable[Candle],
    interval: Interval,
    first_ms: int,
    last_ms: int,
    *,
    previous: int,
    offset_ms: int = 0,
) -> list[Candle]:
    """Return a candle for every interval that opens from `first_ms` to `last_ms`, flat where there is no row.

    `previous` is the price before; without one (0) the candles begin with the first row.
    """
    by_open = {row.open_ms: row for row in rows}
    candles: list[Candle] = []
    price = previous
    open_ms = first_ms
    while open_ms <= last_ms:
        row = by_open.get(open_ms)
        if row is not None:
            price = row.close
        if price:
            candles.append(row or flat_candle(open_ms, price))
        open_ms = moved(interval, open_ms, 1, offset_ms)
    return candles


class Statistics(msgspec.Struct, frozen=True, gc=False):
    """What was traded in a window that ends now. Units as in `Candle`.

    The window begins with a whole minute, so it is up to 59,999 ms longer than asked for. Without trades all prices are
    the last one before it, or 0 if there is none, and the trade ids -1. `previous_close` is the last price before it.
    """

    symbol: str
    open_ms: int
    close_ms: int
    open: int
    high: int
    low: int
    last: int
    last_quantity: int
    previous_close: int
    volume: int
    quote_volume: int
    trades: int
    first_id: int
    last_id: int

    @property
    def change(self) -> int:
        """How far the price went, in price units."""
        return self.last - self.open

    @property
    def change_percent(self) -> Decimal:
        """How far the price went in percent, with three decimals."""
        return rounded(100 * self.change, self.open, 3)

    def weighted_average(self, instrument: Instrument) -> Decimal:
        """Return the average price weighted by volume, with eight decimals; the last price without any."""
        return weighted_average(self.volume, self.quote_volume, self.last, instrument)


class AveragePrice(msgspec.Struct, frozen=True):
    """The average price of some minutes, weighted by volume; `last_ms` is the time of the last trade, 0 if none."""

    minutes: int
    price: Decimal
    last_ms: int


def window_open(minutes: int, now_ms: int) -> int:
    """Return when a rolling window of so many minutes begins."""
    return now_ms - now_ms % MINUTE_MS - minutes * MINUTE_MS


def statistics_of(
    symbol: str, candles: Sequence[Candle], *, open_ms: int, close_ms: int, previous: Candle | None
) -> Statistics:
    """Return the statistics of a window: its candles with trades, in order, and the last one before it."""
    before = 0 if previous is None else previous.close
    if not candles:
        quantity = 0 if previous is None else previous.last_quantity
        return Statistics(symbol, open_ms, close_ms, before, before, before, before, quantity, before, 0, 0, 0, -1, -1)
    whole = combined(candles, open_ms)
    return Statistics(
        symbol=symbol,
        open_ms=open_ms,
        close_ms=close_ms,
        open=whole.open,
        high=whole.high,
        low=whole.low,
        last=whole.close,
        last_quantity=whole.last_quantity,
        previous_close=before or whole.open,
        volume=whole.volume,
        quote_volume=whole.quote_volume,
        trades=whole.trades,
        first_id=whole.first_id,
        last_id=whole.last_id,
    )


def weighted_average(volume: int, quote_volume: int, last: int, instrument: Instrument) -> Decimal:
    """Return the average price of a volume, with eight decimals; the last price without any."""
    if not volume:
        return rounded(last, 10**instrument.price_scale, 8)
    # quote / 10^quote_scale / (volume / 10^quantity_scale)
    return rounded(quote_volume * 10**instrument.quantity_scale, volume * 10**instrument.quote_scale, 8)


def rounded(numerator: int, denominator: int, decimals: int) -> Decimal:
    """Return a fraction with so many decimals, rounded half up; 0 where the denominator is."""
    if not denominator:
        return Decimal(0).scaleb(-decimals)
    units, rest = divmod(abs(numerator) * 10**decimals, denominator)
    units += 2 * rest >= denominator
    return Decimal(-units if numerator < 0 else units).scaleb(-decimals)


def _month_of(time_ms: int) -> int:
    """Return the number of a month since the year 0."""
    date = datetime.fromtimestamp(time_ms // SECOND_MS, UTC)
    return date.year * 12 + date.month - 1


def _month_open(month: int) -> int:
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * SECOND_MS
