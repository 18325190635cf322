"""Equity in Valkey. Portfolios, samples and position are written by one script, as in `valkey_store`."""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec
from valkey.asyncio import Valkey

from infra.read_model import keys
from infra.read_model.equity_rows import (
    EQUITY_VERSION,
    LEVELS,
    AccountEquity,
    EquityPosition,
    EquityRows,
    EquitySample,
    decode_account,
    decode_equity_position,
    decode_sample,
    encode_row,
)
from infra.read_model.store import HistoryUnavailable, PositionMoved
from infra.read_model.valkey_store import KEYS_AT_ONCE, WRITE_TIMEOUT_S, call, reachable

READ_TIMEOUT_S: Final = 1.0

# KEYS: position, portfolios. ARGV: the expected position, the new one, how many parts are of portfolios, those (account
# and row in turn), then for each sample its key, its time, before when all is too old, and itself.
_GUARDED: Final = """
if (server.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
local last = 3 + tonumber(ARGV[3])
for at = 4, last, 2 do server.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]) end
for at = last + 1, #ARGV, 4 do
  server.call('ZADD', ARGV[at], ARGV[at + 1], ARGV[at + 3])
  server.call('ZREMRANGEBYSCORE', ARGV[at], '-inf', ARGV[at + 2])
end
server.call('SET', KEYS[1], ARGV[2])
return 1
"""


class EquityHistory(Protocol):
    """Equity as it is read. Every call may raise HistoryUnavailable."""

    async def account(self, account: int) -> AccountEquity | None:
        """Return the portfolio and the last sample of an account, None before it had money."""

    async def accounts_of(self, accounts: list[int]) -> list[AccountEquity | None]:
        """Return those of several accounts."""

    async def samples(self, account: int, start_ms: int, end_ms: int, now_ms: int) -> list[EquitySample]:
        """Return what is kept from the last sample up to `start_ms` on, until `end_ms`, oldest first."""


class EquityStore(Protocol):
    """Equity as its writer sees it. Every call ends within seconds; all may raise HistoryUnavailable."""

    async def position(self) -> EquityPosition | None:
        """Return how far the journal is folded; None when nothing is, or by another version."""

    async def every_account(self) -> list[AccountEquity]:
        """Return what is stored of all accounts."""

    async def tickers(self) -> dict[str, bytes]:
        """Return the last `market.<symbol>.ticker` payload of each symbol."""

    async def forget_accounts(self) -> None:
        """Delete position and portfolios. Samples stay: no journal can tell them again."""

    async def write(self, rows: EquityRows, expected: EquityPosition | None, position: EquityPosition) -> None:
        """Write rows and position at once, if the position still is `expected`; else raises PositionMoved."""


class EquityReader:
    """Implements `EquityHistory`, on a Valkey that answers within `timeout_s`."""

    def __init__(self, valkey: Valkey, *, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._valkey = valkey
        self._timeout_s = timeout_s

    async def account(self, account: int) -> AccountEquity | None:
        """Return the portfolio and the last sample of an account, None before it had money."""
        return (await self.accounts_of([account]))[0]

    async def accounts_of(self, accounts: list[int]) -> list[AccountEquity | None]:
        """Return those of several accounts."""
        if not accounts:
            return []
        rows = await self._call("HMGET", keys.EQUITY_ACCOUNTS, *accounts)
        return [None if row is None else _account(row) for row in rows]

    async def samples(self, account: int, start_ms: int, end_ms: int, now_ms: int) -> list[EquitySample]:
        """Return what is kept from the last sample up to `start_ms` on, until `end_ms`, oldest first.

        Of each stretch of time the finest level that still has all of it is read.
        """
        row = await self.account(account)
        found = [] if row is None or row.last is None else [row.last]
        until = now_ms + 1
        pipeline = self._valkey.pipeline(transaction=False)
        for level in LEVELS:
            name, since = keys.equity(account, level.name), now_ms - level.kept_ms
            first = max(since, start_ms)
            top = min(until - 1, end_ms)
            await call(pipeline, "ZRANGEBYSCORE", name, first, top)
            await call(pipeline, "ZREVRANGEBYSCORE", name, min(start_ms, top), since, "LIMIT", 0, 1)
            until = min(until, since)
        async with reachable(self._timeout_s):
            answers = await pipeline.execute()
        found += [_sample(member) for members in answers for member in members]
        by_time = sorted({sample.time_ms: sample for sample in found if sample.time_ms <= end_ms}.items())
        samples = [sample for _, sample in by_time]
        before = [sample for sample in samples if sample.time_ms <= start_ms]
        return before[-1:] + [sample for sample in samples if sample.time_ms > start_ms]

    async def _call(self, *parts: str | bytes | int) -> Any:
        async with reachable(self._timeout_s):
            return await call(self._valkey, *parts)


class ValkeyEquityStore(EquityReader):
    """Implements `EquityStore`."""

    def __init__(self, valkey: Valkey, *, timeout_s: float = WRITE_TIMEOUT_S) -> None:
        super().__init__(valkey, timeout_s=timeout_s)

    async def position(self) -> EquityPosition | None:
        """Return how far the journal is folded, None when nothing is or by another version."""
        stored = await self._call("GET", keys.EQUITY_POSITION)
        try:
            position = None if stored is None else decode_equity_position(stored)
        except msgspec.DecodeError:
            return None
        return position if position is not None and position.version == EQUITY_VERSION else None

    async def every_account(self) -> list[AccountEquity]:
        """Return what is stored of all accounts."""
        rows: dict[bytes, bytes] = {}
        cursor = b"0"
        while True:
            cursor, found = await self._call("HSCAN", keys.EQUITY_ACCOUNTS, cursor, "COUNT", KEYS_AT_ONCE)
            rows |= found
            if int(cursor) == 0:
                return [_account(row) for row in rows.values()]

    async def tickers(self) -> dict[str, bytes]:
        """Return the last ticker payload of each symbol."""
        return {symbol.decode(): payload for symbol, payload in (await self._call("HGETALL", keys.TICKERS)).items()}

    async def forget_accounts(self) -> None:
        """Delete position and portfolios."""
        await self._call("UNLINK", keys.EQUITY_POSITION)
        await self._call("UNLINK", keys.EQUITY_ACCOUNTS)

    async def write(self, rows: EquityRows, expected: EquityPosition | None, position: EquityPosition) -> None:
        """Write rows and position at once, if the position still is `expected`."""
        parts: list[str | bytes | int] = [b"" if expected is None else encode_row(expected), encode_row(position)]
        parts.append(2 * len(rows.accounts))
        for account, row in rows.accounts.items():
            parts += (account, row)
        for account, level, sample in rows.samples:
            too_old = f"({sample.time_ms - level.kept_ms}"
            parts += (keys.equity(account, level.name), sample.time_ms, too_old, encode_row(sample))
        done = await self._call("EVAL", _GUARDED, 2, keys.EQUITY_POSITION, keys.EQUITY_ACCOUNTS, *parts)
        # The client tries again when a connection breaks, though the first try may have been done.
        if not done and await self.position() != position:
            raise PositionMoved(expected)


def _account(row: bytes) -> AccountEquity:
    try:
        return decode_account(row)
    except msgspec.DecodeError as error:
        raise HistoryUnavailable("a portfolio was written by another version; it is being replaced") from error


def _sample(row: bytes) -> EquitySample:
    try:
        return decode_sample(row)
    except msgspec.DecodeError as error:
        raise HistoryUnavailable("a sample was written by another version") from error
