"""Candles from before the first that was counted, page by page from the feed."""

from __future__ import annotations

from typing import Final

from infra.ports import Bus, Clock
from mockexchange.candles import DAY_MS, Candle, Interval, bucket, close_ms, moved
from mockexchange.messages.codec import decode_feed_candles, encode
from mockexchange.messages.market import CANDLES_AT_ONCE, CandlesWanted
from mockexchange.messages.subjects import feed_candles

REACHES: Final = (
    (Interval.MINUTE, DAY_MS, Interval.HOUR),
    (Interval.HOUR, 30 * DAY_MS, Interval.DAY),
    (Interval.DAY, 365 * DAY_MS, Interval.DAY),
)
"""How far back candles of an interval are asked for, and at whose edges they begin: those of the next longer one."""

TIMEOUT_S: Final = 2.0
TRIES: Final = 10
TRY_PAUSE_S: Final = 1.0
PAGE_PAUSE_S: Final = 0.05


class PastUnknown(Exception):
    """The feed does not answer, or does not know yet."""


class PastReader:
    """Asks the feed of one symbol, slowly. Calls raise PastUnknown."""

    def __init__(self, bus: Bus, clock: Clock, symbol: str) -> None:
        self._bus = bus
        self._clock = clock
        self._symbol = symbol

    async def read(self, until_ms: int) -> list[tuple[Interval, Candle]]:
        """Return candles that have no time in common, oldest first: days, then hours, then minutes until a time."""
        found: list[tuple[Interval, Candle]] = []
        end_ms = bucket(Interval.MINUTE, until_ms)
        for interval, reach_ms, edge in REACHES:
            candles = await self._pages(interval, bucket(interval, until_ms - reach_ms), end_ms - 1)
            begins_ms = bucket(edge, end_ms)
            if candles:
                # What is not whole at its beginning is left to the longer candles.
                begins_ms = min(begins_ms, bucket(edge, moved(edge, candles[0].open_ms - 1, 1)))
            found = [(interval, candle) for candle in candles if candle.open_ms >= begins_ms] + found
            end_ms = begins_ms
        return found

    async def _pages(self, interval: Interval, first_ms: int, last_ms: int) -> list[Candle]:
        """Return the candles with trades that open at `first_ms` or later and are over at `last_ms`."""
        candles: list[Candle] = []
        while first_ms < last_ms:
            next_ms = moved(interval, first_ms, CANDLES_AT_ONCE)
            page_ms = min(next_ms - 1, last_ms)
            page = await self._page(CandlesWanted(interval, first_ms, page_ms))
            candles += (each for each in page if close_ms(interval, each.open_ms) <= page_ms)
            first_ms = next_ms
            await self._clock.sleep(PAGE_PAUSE_S)
        return candles

    async def _page(self, wanted: CandlesWanted) -> list[Candle]:
        for _ in range(TRIES):
            answer = await self._bus.request(feed_candles(self._symbol), encode(wanted), TIMEOUT_S)
            candles: list[Candle] | None = None if answer is None else decode_feed_candles(answer)
            if candles is not None:
                return candles
            await self._clock.sleep(TRY_PAUSE_S)
        raise PastUnknown(self._symbol)
