"""The seconds in which one symbol's outside market traded."""

from __future__ import annotations

from collections import deque
from typing import Final

from mockexchange.candles import NS_PER_MS, SECOND_MS, Candle, candle_of, combined
from mockexchange.instruments import Instrument
from mockexchange.messages.market import FeedPrints, Print
from mockexchange.messages.orders import Trade

SECONDS_TOLD: Final = 5
"""Each second with prints is told so many times: with those that follow it."""


class PrintedSeconds:
    """Counts prints by the feed's own clock, since the venue's time may be that of a recording."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._now: Candle | None = None
        self._over: deque[Candle] = deque(maxlen=SECONDS_TOLD)
        self._number = 0
        self._told = 0

    def add(self, printed: Print, now_ns: int) -> None:
        """Count a print that is heard now."""
        price, quantity = printed.price, printed.quantity
        trade = Trade(-1, self.instrument.symbol, price, quantity, printed.taker_side, now_ns, is_outside=True)
        candle = candle_of(trade, self.instrument.quote_amount(price, quantity))
        self._end_unless(candle.open_ms)
        self._now = candle if self._now is None else combined([self._now, candle], candle.open_ms)

    def over(self, now_ns: int, epoch: int) -> FeedPrints | None:
        """Return what is to be told now; None unless another second with prints is over."""
        now_ms = now_ns // NS_PER_MS
        self._end_unless(now_ms - now_ms % SECOND_MS)
        if self._number == self._told:
            return None
        self._told = self._number
        return FeedPrints(self.instrument.symbol, epoch, self._number, list(self._over))

    def _end_unless(self, open_ms: int) -> None:
        """Close the second at hand unless it is the one that opens then."""
        if self._now is not None and self._now.open_ms != open_ms:
            self._over.append(self._now)
            self._number += 1
            self._now = None
