"""Portfolios as people see them: decimal strings, and ratios that are null where they mean nothing.

The numbers are those of MockExchange's capital view: profit is what an account is worth beyond what was paid in, gross
before fees; RVPI is equity, DPI what was taken out and TVPI both, each by what was paid in. The return on investment is
net profit by what is still invested, or by equity once more was taken out than paid in (`roi_basis`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import msgspec

from mockexchange.instruments import Asset
from mockexchange.money import to_text
from mockexchange.portfolio import Holding, Portfolio

RATIO_SCALE: Final = 6

Value = Callable[[str, int], int | None]
"""Tells what an amount of an asset is worth in the cash asset's units, None without a price."""


class PositionView(msgspec.Struct):
    """One asset of an account. Values are in the cash asset; those that need a price are null without one."""

    asset: str
    amount: str
    price: str | None
    value: str | None
    share: str | None
    average_cost: str | None
    cost: str
    unrealized: str | None
    realized: str
    fees: str


class PortfolioView(msgspec.Struct):
    """What an account is worth and earned, in the cash asset, as of `sequence` of the journal."""

    account: int
    cash_asset: str
    time: int
    sequence: int
    equity: str
    cash: str
    deposits: str
    withdrawals: str
    invested: str
    profit_gross: str
    profit_net: str
    fees: str
    realized: str
    unrealized: str
    roi_gross: str | None
    roi_net: str | None
    roi_basis: str
    rvpi: str | None
    dpi: str | None
    tvpi: str | None
    positions: list[PositionView]
    unpriced: list[str]


def equity_of(portfolio: Portfolio, value: Value) -> int:
    """Return what all holdings are worth; those without a price count nothing."""
    return sum(value(each.asset, each.amount) or 0 for each in portfolio.holdings.values() if each.amount)


def portfolio_view(portfolio: Portfolio, assets: Mapping[str, Asset], value: Value, time_ms: int) -> PortfolioView:
    """Show a portfolio at the prices of now, the most valuable position first."""
    scale = _scale(assets, portfolio.cash)
    equity = equity_of(portfolio, value)
    holdings = [each for each in portfolio.holdings.values() if each.amount or each.realized or each.fees]
    holdings.sort(key=lambda each: (-(value(each.asset, each.amount) or 0), each.asset))
    fees = sum(each.fees for each in holdings)
    net = equity - portfolio.invested
    rest = [each for each in holdings if each.asset != portfolio.cash]
    unrealized = sum(worth - each.cost for each in rest if (worth := value(each.asset, each.amount)) is not None)
    basis = portfolio.invested if portfolio.invested > 0 else equity
    paid = portfolio.deposits
    return PortfolioView(
        account=portfolio.account,
        cash_asset=portfolio.cash,
        time=time_ms,
        sequence=portfolio.sequence,
        equity=to_text(equity, scale),
        cash=to_text(portfolio.holdings[portfolio.cash].amount if portfolio.cash in portfolio.holdings else 0, scale),
        deposits=to_text(paid, scale),
        withdrawals=to_text(portfolio.withdrawals, scale),
        invested=to_text(portfolio.invested, scale),
        profit_gross=to_text(net + fees, scale),
        profit_net=to_text(net, scale),
        fees=to_text(fees, scale),
        realized=to_text(sum(each.realized for each in rest), scale),
        unrealized=to_text(unrealized, scale),
        roi_gross=_ratio(net + fees, basis),
        roi_net=_ratio(net, basis),
        roi_basis="cost" if portfolio.invested > 0 else "value",
        rvpi=_ratio(equity, paid),
        dpi=_ratio(portfolio.withdrawals, paid),
        tvpi=_ratio(equity + portfolio.withdrawals, paid),
        positions=[_position(each, portfolio.cash, assets, value, equity) for each in holdings],
        unpriced=[each.asset for each in holdings if each.amount and value(each.asset, each.amount) is None],
    )


def _position(holding: Holding, cash: str, assets: Mapping[str, Asset], value: Value, equity: int) -> PositionView:
    scale, cash_scale = _scale(assets, holding.asset), _scale(assets, cash)
    worth, one = value(holding.asset, holding.amount), value(holding.asset, 10**scale)
    is_cash = holding.asset == cash
    cost = holding.amount if is_cash else holding.cost
    average = cost * 10**scale // holding.amount if holding.amount and not is_cash else None
    return PositionView(
        asset=holding.asset,
        amount=to_text(holding.amount, scale),
        price=None if one is None else to_text(one, cash_scale),
        value=None if worth is None else to_text(worth, cash_scale),
        share=None if worth is None else _ratio(worth, equity),
        average_cost=None if average is None else to_text(average, cash_scale),
        cost=to_text(cost, cash_scale),
        unrealized=None if worth is None else to_text(worth - cost, cash_scale),
        realized=to_text(holding.realized, cash_scale),
        fees=to_text(holding.fees, cash_scale),
    )


def _scale(assets: Mapping[str, Asset], code: str) -> int:
    asset = assets.get(code)
    return (Asset(code) if asset is None else asset).scale


def _ratio(part: int, whole: int) -> str | None:
    if whole <= 0:
        return None
    return str((Decimal(part) / Decimal(whole)).quantize(Decimal(1).scaleb(-RATIO_SCALE), ROUND_HALF_EVEN))


encode_portfolio: Final = msgspec.json.Encoder().encode
