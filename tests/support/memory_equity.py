"""Equity in memory: say what Valkey would hold."""

from __future__ import annotations

from infra.read_model.equity_rows import (
    LEVELS,
    AccountEquity,
    EquityPosition,
    EquityRows,
    EquitySample,
    decode_account,
)
from infra.read_model.store import HistoryUnavailable, PositionMoved


class MemoryEquityStore:
    """Implements `EquityStore` and `EquityHistory` of `infra.read_model.equity_store`; `is_available` turns it off."""

    def __init__(self) -> None:
        self.is_available = True
        self.stored: EquityPosition | None = None
        self.accounts: dict[int, bytes] = {}
        self.levels: dict[tuple[int, str], list[EquitySample]] = {}
        self.heard: dict[str, bytes] = {}
        self.writes = 0

    def of(self, account: int) -> AccountEquity:
        """Return what is stored of an account."""
        return decode_account(self.accounts[account])

    def level(self, account: int, name: str) -> list[int]:
        """Return the equities of a level, oldest first."""
        return [sample.equity for sample in self.levels.get((account, name), [])]

    async def position(self) -> EquityPosition | None:
        self._check()
        return self.stored

    async def every_account(self) -> list[AccountEquity]:
        self._check()
        return [decode_account(row) for row in self.accounts.values()]

    async def account(self, account: int) -> AccountEquity | None:
        return (await self.accounts_of([account]))[0]

    async def accounts_of(self, accounts: list[int]) -> list[AccountEquity | None]:
        self._check()
        rows = [self.accounts.get(account) for account in accounts]
        return [None if row is None else decode_account(row) for row in rows]

    async def samples(self, account: int, start_ms: int, end_ms: int, now_ms: int) -> list[EquitySample]:
        row = await self.account(account)
        kept = {sample.time_ms: sample for level in LEVELS for sample in self.levels.get((account, level.name), [])}
        if row is not None and row.last is not None:
            kept[row.last.time_ms] = row.last
        samples = [kept[time_ms] for time_ms in sorted(kept) if time_ms <= end_ms]
        before = [sample for sample in samples if sample.time_ms <= start_ms]
        return before[-1:] + [sample for sample in samples if sample.time_ms > start_ms]

    async def tickers(self) -> dict[str, bytes]:
        return self.heard

    async def forget_accounts(self) -> None:
        self._check()
        self.stored = None
        self.accounts.clear()

    async def write(self, rows: EquityRows, expected: EquityPosition | None, position: EquityPosition) -> None:
        self._check()
        if self.stored != expected:
            raise PositionMoved(expected)
        self.writes += 1
        self.stored = position
        self.accounts |= rows.accounts
        for account, level, sample in rows.samples:
            self.levels.setdefault((account, level.name), []).append(sample)

    def _check(self) -> None:
        if not self.is_available:
            raise HistoryUnavailable("off")
