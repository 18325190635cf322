"""/overview/equity, /overview/positions, /overview/accounts: what accounts were and are worth, and what they earned."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from gateway.equity_desk import MAX_SAMPLES
from gateway.native.requests import (
    Account,
    AuthorizedRequest,
    Cursor,
    Limit,
    check_cursor,
    gateway_of,
    may_administer,
    may_read,
    page,
    page_size,
)
from mockexchange.portfolio_views import PortfolioView

DEFAULT_SAMPLES: Final = 500

Start = Annotated[int | None, QueryParameter(description="From when, in milliseconds since the epoch.")]
End = Annotated[int | None, QueryParameter(description="Until when, in milliseconds since the epoch.")]
Samples = Annotated[
    int, QueryParameter(description=f"How many, 1 to {MAX_SAMPLES}; where there are more, they are thinned evenly.")
]


class EquityPoint(msgspec.Struct):
    """What an account was worth at a time, and what was paid in beyond what was taken out, in the cash asset."""

    time: int
    equity: str
    invested: str


class AccountOverview(msgspec.Struct):
    """An account and its portfolio."""

    account: int
    name: str
    portfolio: PortfolioView


@get("/overview/equity", before_request=may_read, operation_id="listEquity")
async def list_equity(
    request: AuthorizedRequest,
    start: Start = None,
    end: End = None,
    limit: Samples = DEFAULT_SAMPLES,
    account: Account = None,
) -> list[EquityPoint]:
    """List what the account was worth, oldest first: a point holds until the next. The first may be before `start`."""
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    samples = await gateway.equity.samples(caller, start_ms=start, end_ms=end, limit=limit)
    text = gateway.money.cash_text
    return [EquityPoint(sample.time_ms, text(sample.equity), text(sample.invested)) for sample in samples]


@get("/overview/positions", before_request=may_read, operation_id="getPositions")
async def get_positions(request: AuthorizedRequest, account: Account = None) -> PortfolioView:
    """Show the account's positions with average cost, realized and unrealized profit, and its capital."""
    gateway = gateway_of(request)
    return await gateway.equity.portfolio(gateway.auth.acting_for(request.user, account))


@get("/overview/accounts", before_request=may_administer, operation_id="listPortfolios")
async def list_portfolios(
    request: AuthorizedRequest, limit: Limit = None, cursor: Cursor = 0
) -> Response[list[AccountOverview]]:
    """List the portfolios of all accounts, by account."""
    gateway = gateway_of(request)
    size, cursor = page_size(limit, None), check_cursor(cursor)
    known = gateway.floor.registry.accounts
    numbers = sorted(number for number in known if number > cursor)
    shown = numbers[:size]
    portfolios = await gateway.equity.portfolios(shown)
    rows = [
        AccountOverview(number, known[number].name, portfolio)
        for number, portfolio in zip(shown, portfolios, strict=True)
    ]
    return page(request, rows, shown[-1] if len(numbers) > size else 0)


HANDLERS: Final = [list_equity, get_positions, list_portfolios]
