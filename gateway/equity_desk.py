"""Equity over time and positions, as the equity writer keeps them; valued at the prices of now."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from gateway.auth import Caller
from gateway.failures import InvalidInput, NotAvailable
from gateway.floor import Floor
from gateway.money_desk import MoneyDesk
from infra.read_model.equity_rows import AccountEquity, EquitySample, thinned
from infra.read_model.equity_store import EquityHistory
from infra.read_model.store import HistoryUnavailable
from mockexchange.portfolio import Portfolio
from mockexchange.portfolio_views import PortfolioView, portfolio_view

T = TypeVar("T")

MAX_SAMPLES: Final = 2_000
LAST_MS: Final = 2**53
NS_PER_MS: Final = 1_000_000


class EquityDesk:
    """Reads equity. While the read model is away, or no writer keeps equity, all is NotAvailable."""

    def __init__(self, history: EquityHistory | None, floor: Floor, money: MoneyDesk) -> None:
        self._history = history
        self._floor = floor
        self._money = money

    async def portfolio(self, caller: Caller) -> PortfolioView:
        """Show the portfolio of an account as of the writer's last record, a second or two ago. Raises Failure."""
        return (await self.portfolios([caller.account]))[0]

    async def portfolios(self, accounts: Sequence[int]) -> list[PortfolioView]:
        """Show the portfolios of some accounts. Raises Failure."""
        rows = await _answered(self._reader.accounts_of(list(accounts)))
        return [self._shown(account, row) for account, row in zip(accounts, rows, strict=True)]

    async def samples(
        self, caller: Caller, *, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[EquitySample]:
        """Return samples oldest first, from the last up to `start_ms` on, thinned evenly to `limit`. Raises Failure."""
        if not 1 <= limit <= MAX_SAMPLES:
            raise InvalidInput("limit", f"must be 1 to {MAX_SAMPLES}")
        start, end = _time("start", start_ms, 0), _time("end", end_ms, LAST_MS)
        if start > end:
            raise InvalidInput("start", "must not be after end")
        reading = self._reader.samples(caller.account, start, end, self._now_ms())
        return thinned(await _answered(reading), limit)

    @property
    def _reader(self) -> EquityHistory:
        if self._history is None:
            raise NotAvailable("equity is not kept here")
        return self._history

    def _shown(self, account: int, row: AccountEquity | None) -> PortfolioView:
        portfolio = Portfolio(account, self._money.cash.code) if row is None else row.portfolio
        return portfolio_view(portfolio, self._floor.registry.assets, self._money.value, self._now_ms())

    def _now_ms(self) -> int:
        return self._floor.clock.now_ns() // NS_PER_MS


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except HistoryUnavailable as error:
        raise NotAvailable("equity cannot be read now") from error


def _time(field: str, given: int | None, otherwise: int) -> int:
    if given is None:
        return otherwise
    if not 0 <= given <= LAST_MS:
        raise InvalidInput(field, "must be milliseconds since the epoch")
    return given
