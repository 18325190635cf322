"""Candles as rows of the read model, how long they are kept, and where their writer stands."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec

from mockexchange.candles import DAY_MS, HOUR_MS, Candle, Interval
from mockexchange.messages.orders import Trade

CANDLES_VERSION: Final = 2
"""Version of the names and encodings of candles; those of another version are deleted and built anew."""

_I = Interval

RETENTION_MS: Final = {
    _I.SECOND: HOUR_MS,
    # A week, which is the longest rolling window, and a day for what was before it.
    _I.MINUTE: 8 * DAY_MS,
    _I.THREE_MINUTES: 8 * DAY_MS,
    _I.FIVE_MINUTES: 14 * DAY_MS,
    _I.QUARTER: 30 * DAY_MS,
    _I.HALF_HOUR: 30 * DAY_MS,
    _I.HOUR: 90 * DAY_MS,
    _I.TWO_HOURS: 90 * DAY_MS,
    _I.FOUR_HOURS: 180 * DAY_MS,
    _I.SIX_HOURS: 180 * DAY_MS,
    _I.EIGHT_HOURS: 180 * DAY_MS,
    _I.TWELVE_HOURS: 365 * DAY_MS,
    _I.DAY: 3_650 * DAY_MS,
    _I.THREE_DAYS: 3_650 * DAY_MS,
    _I.WEEK: 3_650 * DAY_MS,
    _I.MONTH: 3_650 * DAY_MS,
}
"""How long candles are kept: 34,000 rows or 7 MB of Valkey's memory for a symbol that always trades."""


class CandlePosition(msgspec.Struct, array_like=True, frozen=True):
    """How far the journal is counted: `sequence`, and a checksum of the record that stands there (0: none yet).

    `writer` and `writes` are unique to every write, so that a second writer is noticed, and an answer that was lost.
    """

    sequence: int
    checksum: int
    writer: str
    writes: int
    version: int = CANDLES_VERSION


class CandleKey(NamedTuple):
    """Names one candle."""

    symbol: str
    interval: Interval
    open_ms: int


class CandleRange(NamedTuple):
    """Asks for the candles of a symbol that open from `first_ms` to `last_ms`."""

    symbol: str
    interval: Interval
    first_ms: int
    last_ms: int


class CandleRows(NamedTuple):
    """Stored candles in order, and the one before them, if there is any. What had no trades is not stored."""

    previous: Candle | None
    rows: list[Candle]


class CandleHistory(Protocol):
    """The read side of candles and tapes. Every call may raise HistoryUnavailable."""

    async def candles(self, ranges: list[CandleRange]) -> list[CandleRows]:
        """Return what is stored of each range, in one round trip."""

    async def next_candle(self, symbol: str, interval: Interval, from_ms: int) -> Candle | None:
        """Return the first stored candle that opens at `from_ms` or later."""

    async def trades_after(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        """Return the tape from a trade id on, oldest first."""

    async def trades_between(self, symbol: str, start_ms: int, end_ms: int, limit: int) -> list[Trade]:
        """Return the tape of a time window, both ends included, oldest first."""


# JSON, since volumes of a month may not fit into the 64 bits that msgpack has for an integer.
encode_candle: Final = msgspec.json.Encoder().encode
decode_candle: Final = msgspec.json.Decoder(Candle).decode
decode_candle_position: Final = msgspec.msgpack.Decoder(CandlePosition).decode
