"""What the gateway has heard of candles and statistics since it started."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Final

from infra.ports import Bus
from mockexchange.candle_views import decode_candle, decode_statistics
from mockexchange.candles import Candle, Interval, Statistics
from mockexchange.messages.subjects import market, token

_CANDLES: Final = market("*", "candle.*")
_STATISTICS: Final = market("*", "statistics")


class CandleMemory:
    """Keeps the last payloads as they came and reads them only when somebody asks."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._payloads: dict[str, bytes] = {}
        self._links = AsyncExitStack()

    async def start(self) -> None:
        """Begin to listen."""
        for subject in (_CANDLES, _STATISTICS):
            self._links.push_async_callback(await self._bus.subscribe(subject, self._hear))

    async def stop(self) -> None:
        """Listen no longer."""
        await self._links.aclose()

    def candle(self, symbol: str, interval: Interval) -> Candle | None:
        """Return the last candle that was heard, None if it had no trades or none was."""
        payload = self._payloads.get(market(symbol, f"candle.{interval}"))
        candle = None if payload is None else decode_candle(payload).candle
        return candle if candle is not None and candle.trades else None

    def statistics(self, symbol: str) -> Statistics | None:
        """Return the statistics of the last 24 hours as they were heard last."""
        payload = self._payloads.get(f"market.{token(symbol)}.statistics")
        return None if payload is None else decode_statistics(payload)

    def _hear(self, subject: str, payload: bytes) -> None:
        self._payloads[subject] = payload
