"""The write side of candles in Valkey: rows and position in one script, as in `valkey_store`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from infra.read_model import keys
from infra.read_model.candle_reader import CandleReader
from infra.read_model.candle_rows import (
    CANDLES_VERSION,
    RETENTION_MS,
    CandleKey,
    CandlePosition,
    CandleRange,
    CandleRows,
    decode_candle_position,
    encode_candle,
)
from infra.read_model.rows import encode
from infra.read_model.store import PositionMoved
from infra.read_model.valkey_store import KEYS_AT_ONCE
from mockexchange.candles import Candle, Interval

# ARGV: the expected position, the new one, then for each row its key, when it opens, what is too old, and itself.
_GUARDED: Final = """
if (server.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
for at = 3, #ARGV, 4 do
  local key, open = ARGV[at], ARGV[at + 1]
  server.call('ZREMRANGEBYSCORE', key, open, open)
  server.call('ZADD', key, open, ARGV[at + 3])
  server.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[at + 2])
end
server.call('SET', KEYS[1], ARGV[2])
return 1
"""


class CandleStore(Protocol):
    """The candles as their writer sees them. Every call ends within seconds; all may raise HistoryUnavailable."""

    async def position(self) -> CandlePosition | None:
        """Return how far the journal is counted; None when nothing is, or by another version."""

    async def wipe(self) -> None:
        """Delete all candles, the position first."""

    async def write(
        self, rows: Mapping[CandleKey, Candle], expected: CandlePosition | None, position: CandlePosition
    ) -> None:
        """Write candles as they are now and the position at once, if the position still is `expected`.

        Raises PositionMoved, and then nothing is written. After HistoryUnavailable it may have happened: then the
        position tells.
        """

    async def candles(self, ranges: list[CandleRange]) -> list[CandleRows]:
        """Return what is stored of each range."""

    async def next_candle(self, symbol: str, interval: Interval, from_ms: int) -> Candle | None:
        """Return the first stored candle that opens at `from_ms` or later."""


class ValkeyCandleStore(CandleReader):
    """Implements `CandleStore`."""

    async def position(self) -> CandlePosition | None:
        """Return how far the journal is counted, None when nothing is or by another version."""
        stored = await self._call("GET", keys.CANDLE_POSITION)
        try:
            position = None if stored is None else decode_candle_position(stored)
        except msgspec.DecodeError:
            return None
        return position if position is not None and position.version == CANDLES_VERSION else None

    async def wipe(self) -> None:
        """Delete all candles, the position first, so that what is half deleted is never taken for whole."""
        await self._call("UNLINK", keys.CANDLE_POSITION)
        cursor = b"0"
        while True:
            cursor, found = await self._call("SCAN", cursor, "MATCH", f"{keys.CANDLES}*", "COUNT", KEYS_AT_ONCE)
            if found:
                await self._call("UNLINK", *found)
            if int(cursor) == 0:
                return

    async def write(
        self, rows: Mapping[CandleKey, Candle], expected: CandlePosition | None, position: CandlePosition
    ) -> None:
        """Write candles and position at once, if the position still is `expected`."""
        parts: list[str | bytes | int] = [b"" if expected is None else encode(expected), encode(position)]
        for (symbol, interval, open_ms), candle in rows.items():
            too_old = f"({open_ms - RETENTION_MS[interval]}"
            parts += (keys.candles(symbol, interval), open_ms, too_old, encode_candle(candle))
        # The client tries again when a connection breaks, though the first try may have been done.
        is_done = await self._call("EVAL", _GUARDED, 1, keys.CANDLE_POSITION, *parts)
        if not is_done and await self.position() != position:
            raise PositionMoved(expected)
