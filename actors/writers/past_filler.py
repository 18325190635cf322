"""Fills in, once, what a symbol did before its first candle that was counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from actors.writers.candles_board import CandleBoard
from actors.writers.past_candles import PastReader, PastUnknown
from infra.ports import Bus, Clock
from infra.read_model.candle_store import CandleStore
from infra.read_model.store import HistoryUnavailable
from mockexchange.candle_views import encode_past
from mockexchange.candles import DAY_MS, HOUR_MS, MINUTE_MS, NS_PER_MS, Interval, bucket
from mockexchange.instruments import Instrument
from mockexchange.messages.subjects import market
from mockexchange.registry import Registry

PAUSE_S: Final = 10.0
"""Between two looks for symbols without a past; when the first comes, what the feed tells has begun to count."""

MOST_TRIES: Final = 30
"""A feed that does not answer is asked so often for a symbol's past, some ten minutes in all."""

ENOUGH_MS: Final = DAY_MS - HOUR_MS
"""Who has candles that are so old needs no others."""

_log: Final = logging.getLogger(__name__)


class PastFiller:
    """Fills the board of one session, and tells of it.

    `write` writes all that is in the board; if it cannot, it leaves it there, waits and returns False.
    """

    def __init__(
        self, board: CandleBoard, store: CandleStore, bus: Bus, clock: Clock, *, write: Callable[[], Awaitable[bool]]
    ) -> None:
        self._board = board
        self._store = store
        self._bus = bus
        self._clock = clock
        self._write = write
        self._done: set[str] = set()
        self._failures: Counter[str] = Counter()

    async def run(self, registry: Registry, is_following: Callable[[], bool]) -> None:
        """Look for symbols with a feed and without a past, without end. What fails is tried again later."""
        while True:
            await self._clock.sleep(PAUSE_S)
            for instrument in list(registry.instruments.values()):
                if instrument.feed and instrument.symbol not in self._done and is_following():
                    await self._try(instrument)

    async def _try(self, instrument: Instrument) -> None:
        symbol = instrument.symbol
        try:
            await self._fill(instrument)
        except (PastUnknown, HistoryUnavailable, msgspec.DecodeError) as reason:
            self._failures[symbol] += 1
            if self._failures[symbol] == MOST_TRIES:
                _log.warning("%s gets no candles of the past: %s", symbol, type(reason).__name__)
                self._done.add(symbol)
        else:
            self._done.add(symbol)

    async def _fill(self, instrument: Instrument) -> None:
        """Add a symbol's past all at once, so that it is written at once, and then is no longer missing."""
        await self._write()
        if self._board.dirty:
            # What is counted and not stored could be older than all that is.
            raise PastUnknown(instrument.symbol)
        first = await self._store.next_candle(instrument.symbol, Interval.MINUTE, 0)
        until_ms = self._now_ms() - MINUTE_MS if first is None else first.open_ms
        if until_ms <= self._now_ms() - ENOUGH_MS:
            return
        past = await PastReader(self._bus, self._clock, instrument.symbol).read(until_ms)
        if not past:
            return
        self._board.add_past(past, instrument, bucket(Interval.MINUTE, until_ms), self._now_ms())
        while not await self._write():
            _log.info("the past of %s waits to be written", instrument.symbol)
        self._bus.publish(market(instrument.symbol, "past"), encode_past(instrument.symbol, until_ms))

    def _now_ms(self) -> int:
        return self._clock.now_ns() // NS_PER_MS
