"""Candles in memory: say what Valkey would hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from infra.read_model.candle_rows import RETENTION_MS, CandleKey, CandlePosition, CandleRange, CandleRows
from infra.read_model.store import PositionMoved
from mockexchange.candles import Candle, Interval


async def _nothing(_step: str) -> None:
    """Let every step succeed."""


class MemoryCandleStore:
    """Implements `infra.read_model.candle_store.CandleStore`.

    `at(step)` is awaited at `before read`, `before write` and `after write`; it may raise HistoryUnavailable.
    """

    def __init__(self, at: Callable[[str], Awaitable[None]] = _nothing) -> None:
        self.at = at
        self.stored: CandlePosition | None = None
        self.rows: dict[CandleKey, Candle] = {}

    def of(self, symbol: str, interval: Interval) -> list[Candle]:
        """Return the candles of a symbol, oldest first."""
        return [row for key, row in sorted(self.rows.items()) if key[:2] == (symbol, interval)]

    async def position(self) -> CandlePosition | None:
        await self.at("before read")
        return self.stored

    async def wipe(self) -> None:
        self.stored = None
        self.rows.clear()

    async def write(
        self, rows: Mapping[CandleKey, Candle], expected: CandlePosition | None, position: CandlePosition
    ) -> None:
        await self.at("before write")
        if self.stored != expected:
            raise PositionMoved(expected)
        self.rows.update(rows)
        for symbol, interval, open_ms in rows:
            for key in list(self.rows):
                if key[:2] == (symbol, interval) and key.open_ms < open_ms - RETENTION_MS[interval]:
                    del self.rows[key]
        self.stored = position
        await self.at("after write")

    async def candles(self, ranges: list[CandleRange]) -> list[CandleRows]:
        await self.at("before read")
        return [self._range(each) for each in ranges]

    async def next_candle(self, symbol: str, interval: Interval, from_ms: int) -> Candle | None:
        await self.at("before read")
        return next((row for row in self.of(symbol, interval) if row.open_ms >= from_ms), None)

    def _range(self, asked: CandleRange) -> CandleRows:
        rows = self.of(asked.symbol, asked.interval)
        before = [row for row in rows if row.open_ms < asked.first_ms]
        within = [row for row in rows if asked.first_ms <= row.open_ms <= asked.last_ms]
        return CandleRows(before[-1] if before else None, within)
