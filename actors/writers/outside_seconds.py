"""Which of the outside market's seconds count: those in which the book of the symbol slept.

An awake book tells of every print itself, with a trade id, and speaks at least once a second. So a second is the book's
if the book said anything in it, or both before and after it without a silence of more than `SILENT_MS` between. Where
it fell silent, what the feed tells waits until it is known whether the book goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from mockexchange.candles import SECOND_MS, Candle
from mockexchange.messages.market import FeedPrints

SILENT_MS: Final = 5_000
"""A book that says nothing for longer sleeps. One that only was held up for longer has its prints counted twice."""

MAX_WAITING_SECONDS: Final = 60
"""So many seconds of a symbol wait while nothing is counted; older ones are lost."""


class _Symbol:
    """When a book was heard, and what of its feed waits; the book may have spoken until this began to listen."""

    __slots__ = ("epoch", "heard_ms", "latest_ms", "number", "waiting", "woke_ms")

    def __init__(self, began_ms: int) -> None:
        self.woke_ms = self.heard_ms = self.latest_ms = began_ms
        self.epoch = self.number = 0
        self.waiting: deque[Candle] = deque(maxlen=MAX_WAITING_SECONDS)


class OutsideSeconds:
    """Times are of the clock of whoever listens, in milliseconds; it begins to listen at `began_ms`."""

    def __init__(self, began_ms: int) -> None:
        self._began_ms = began_ms
        self._symbols: dict[str, _Symbol] = {}

    def hear_book(self, symbol: str, now_ms: int) -> None:
        """Note that the book said something."""
        state = self._of(symbol)
        if now_ms - state.heard_ms > SILENT_MS:
            state.woke_ms = now_ms
        state.heard_ms = now_ms

    def hear_feed(self, prints: FeedPrints) -> None:
        """Take the seconds that are told for the first time; of another epoch, those later than any known one."""
        state = self._of(prints.symbol)
        if prints.epoch == state.epoch:
            new = min(prints.number - state.number, len(prints.candles))
            fresh = prints.candles[-new:] if new > 0 else []
        else:
            fresh = [candle for candle in prints.candles if candle.open_ms > state.latest_ms]
        if fresh:
            state.epoch, state.number, state.latest_ms = prints.epoch, prints.number, fresh[-1].open_ms
            state.waiting.extend(fresh)

    def take(self, now_ms: int) -> Iterator[tuple[str, Candle]]:
        """Yield the seconds that are known to count by now, with their symbols."""
        for symbol, state in self._symbols.items():
            # A clock that was set back must not make a sleeping book speak in the future.
            state.heard_ms = min(state.heard_ms, now_ms)
            is_silent = now_ms - state.heard_ms > SILENT_MS
            for _ in range(len(state.waiting)):
                candle = state.waiting.popleft()
                if candle.open_ms + SECOND_MS <= state.woke_ms or (is_silent and candle.open_ms > state.heard_ms):
                    yield symbol, candle
                elif candle.open_ms > state.heard_ms:
                    state.waiting.append(candle)

    def _of(self, symbol: str) -> _Symbol:
        state = self._symbols.get(symbol)
        if state is None:
            state = self._symbols[symbol] = _Symbol(self._began_ms)
        return state
