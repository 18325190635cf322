"""Candles from before the exchange began, as a venue tells them through ccxt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any, Final

from mockexchange.candles import Candle, Interval, close_ms
from mockexchange.instruments import Instrument

PASTS_KEPT: Final = 6
"""Candles are kept of so many symbols and intervals, while they are read page by page."""


class VenuePast:
    """What is asked of a venue, one symbol and interval after the other."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Interval], list[Candle]] = {}
        self._wanted: asyncio.Queue[tuple[str, Interval]] = asyncio.Queue(PASTS_KEPT)

    def read(self, symbol: str, interval: Interval, first_ms: int, last_ms: int) -> list[Candle] | None:
        """Return the known candles that open in a window; None before the venue answered, who is asked then."""
        known = self._known.get((symbol, interval))
        if known is not None:
            return [candle for candle in known if first_ms <= candle.open_ms <= last_ms]
        with suppress(asyncio.QueueFull):
            self._wanted.put_nowait((symbol, interval))
        return None

    async def run(self, ask: Callable[[str, Interval], Awaitable[list[Candle]]]) -> None:
        """Ask for what is wanted, without end; `ask` must not fail."""
        while True:
            key = await self._wanted.get()
            if key not in self._known:
                while len(self._known) >= PASTS_KEPT:
                    del self._known[next(iter(self._known))]
                self._known[key] = await ask(*key)


def candles_of(rows: Sequence[Sequence[Any]], interval: Interval, instrument: Instrument) -> list[Candle]:
    """Return what makes sense of ccxt's rows, which are open time, open, high, low, close and volume; oldest first.

    Candles without volume are left out. How many trades there were the venue does not say, nor what each was worth:
    it counts as one, at the middle price, whose taker sold.
    """
    found = {candle.open_ms: candle for row in rows if (candle := _candle(row, interval, instrument)) is not None}
    return [found[open_ms] for open_ms in sorted(found)]


def _candle(row: Sequence[Any], interval: Interval, instrument: Instrument) -> Candle | None:
    try:
        open_ms = int(row[0])
        opened, high, low, close = (_units(number, instrument.price_scale, instrument.tick_size) for number in row[1:5])
        volume = _units(row[5], instrument.quantity_scale, instrument.step_size)
    except (TypeError, ValueError, LookupError, OverflowError, InvalidOperation):
        return None
    if not 0 < low <= min(opened, close) <= max(opened, close) <= high or volume <= 0:
        return None
    quote = instrument.quote_amount((high + low) // 2, volume)
    last_ms = close_ms(interval, open_ms)
    return Candle(open_ms, opened, high, low, close, volume, quote, 1, first_ms=open_ms, last_ms=last_ms)


def _units(number: Any, scale: int, step: int) -> int:
    """Return a number in units, rounded down to a step. Raises ValueError, InvalidOperation or OverflowError."""
    units = int(Decimal(str(number)).scaleb(scale).to_integral_value(ROUND_DOWN))
    return units - units % step
