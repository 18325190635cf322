"""The read side of candles, and of the tape where it is read forward."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from valkey.asyncio import Valkey

from infra.read_model import keys
from infra.read_model.candle_rows import CandleRange, CandleRows, decode_candle
from infra.read_model.rows import decode_trade
from infra.read_model.store import HistoryUnavailable
from infra.read_model.valkey_store import call, reachable
from mockexchange.candles import NS_PER_MS, Candle, Interval
from mockexchange.messages.orders import Trade

READ_TIMEOUT_S: Final = 1.0


class CandleReader:
    """Implements `CandleHistory`, on a Valkey that answers within `timeout_s`."""

    def __init__(self, valkey: Valkey, *, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._valkey = valkey
        self._timeout_s = timeout_s

    async def candles(self, ranges: list[CandleRange]) -> list[CandleRows]:
        """Return what is stored of each range, in one round trip."""
        pipeline = self._valkey.pipeline(transaction=False)
        for each in ranges:
            name = keys.candles(each.symbol, each.interval)
            await call(pipeline, "ZREVRANGEBYSCORE", name, f"({each.first_ms}", "-inf", "LIMIT", 0, 1)
            await call(pipeline, "ZRANGEBYSCORE", name, each.first_ms, each.last_ms)
        async with reachable(self._timeout_s):
            answers = await pipeline.execute()
        before, within = answers[::2], answers[1::2]
        return [
            CandleRows(_candle(previous[0]) if previous else None, [_candle(row) for row in rows])
            for previous, rows in zip(before, within, strict=True)
        ]

    async def next_candle(self, symbol: str, interval: Interval, from_ms: int) -> Candle | None:
        """Return the first stored candle that opens at `from_ms` or later."""
        name = keys.candles(symbol, interval)
        found = await self._call("ZRANGEBYSCORE", name, from_ms, "+inf", "LIMIT", 0, 1)
        return _candle(found[0]) if found else None

    async def trades_after(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        """Return the tape from a trade id on, oldest first."""
        rows = await self._call("ZRANGEBYSCORE", keys.tape(symbol), from_id, "+inf", "LIMIT", 0, limit)
        return [_trade(row) for row in rows]

    async def trades_between(self, symbol: str, start_ms: int, end_ms: int, limit: int) -> list[Trade]:
        """Return the tape of a time window, both ends included, oldest first."""
        first = await self._first_at(symbol, start_ms)
        if first is None:
            return []
        trades = await self.trades_after(symbol, first, limit)
        return [trade for trade in trades if start_ms <= trade.time_ns // NS_PER_MS <= end_ms]

    async def _first_at(self, symbol: str, start_ms: int) -> int | None:
        """Return the id of the first trade at a time or later, by halving the tape, whose times rise with its ids."""
        low, high = 0, int(await self._call("ZCARD", keys.tape(symbol)))
        found = None
        while low < high:
            middle = (low + high) // 2
            rows = await self._call("ZRANGE", keys.tape(symbol), middle, middle)
            if rows and (trade := _trade(rows[0])).time_ns // NS_PER_MS >= start_ms:
                found, high = trade.trade_id, middle
            elif rows:
                low = middle + 1
            else:
                high = middle
        return found

    async def _call(self, *parts: str | bytes | int) -> Any:
        async with reachable(self._timeout_s):
            return await call(self._valkey, *parts)


def _candle(row: bytes) -> Candle:
    try:
        return decode_candle(row)
    except msgspec.DecodeError as error:
        raise HistoryUnavailable("a candle was written by another version; it is being replaced") from error


def _trade(row: bytes) -> Trade:
    try:
        return decode_trade(row)
    except msgspec.DecodeError as error:
        raise HistoryUnavailable("a trade was written by another version; it is being replaced") from error
