"""What the portfolio page shows, made of balances, prices and the portfolio that the equity writer tells.

Balances move with every event and prices with every tick; what holdings cost and earned follows within a second. What
an account earned is always reckoned from one portfolio, so that money on its way is never shown as a profit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from dashboard.live.board import Payload

NOTHING: Final = Decimal(0)
PLACES: Final = Decimal("0.01")
PRICE_IS_OLD_MS: Final = 2_000


class Valued(NamedTuple):
    """An asset of the account with its value in the cash asset; None where it has no price."""

    asset: str
    free: Decimal
    used: Decimal
    price: Decimal | None
    position: Payload

    @property
    def total(self) -> Decimal:
        """Free and frozen."""
        return self.free + self.used

    def value(self, amount: Decimal) -> Decimal:
        """Return what an amount is worth, nothing without a price."""
        return NOTHING if self.price is None else amount * self.price


def picture_of(balances: Mapping[str, Payload], portfolio: Payload, tickers: Mapping[str, Payload]) -> dict[str, Any]:
    """Return what the page shows; amounts are texts."""
    cash = portfolio["cash_asset"]
    positions = {row["asset"]: row for row in portfolio["positions"]}
    rows = []
    for asset in sorted({*balances, *positions}):
        balance = balances.get(asset, {"free": "0", "used": "0"})
        row = positions.get(asset, {})
        price = price_of(asset, cash, row, portfolio["time"], tickers)
        rows.append(Valued(asset, Decimal(balance["free"]), Decimal(balance["used"]), price, row))
    rows.sort(key=lambda row: (-row.value(row.total), row.asset))
    equity = sum((row.value(row.total) for row in rows), NOTHING)
    return {
        "account": portfolio["account"],
        "time": portfolio["time"],
        "cash": cash,
        "money": _money(rows, cash, equity),
        "rows": [_row(row, balances, cash, equity) for row in rows],
        "capital": capital_of(rows, portfolio, cash),
        "unpriced": [row.asset for row in rows if row.price is None and row.total],
    }


def price_of(asset: str, cash: str, position: Payload, told_ms: int, tickers: Mapping[str, Payload]) -> Decimal | None:
    """Return the newest price known: the ticker's last, brought between bid and ask, else what the writer told."""
    if asset == cash:
        return Decimal(1)
    ticker = tickers.get(f"{asset}/{cash}", {})
    told = position.get("price")
    price = ticker.get("last") or ticker.get("bid") or ticker.get("ask")
    if told and (not price or ticker["time"] + PRICE_IS_OLD_MS < told_ms):
        return _shortened(told)
    if not price:
        return None
    found = Decimal(price)
    if ticker.get("bid"):
        found = max(found, Decimal(ticker["bid"]))
    return min(found, Decimal(ticker["ask"])) if ticker.get("ask") else found


def capital_of(rows: Iterable[Valued], portfolio: Payload, cash: str) -> dict[str, Any]:
    """Return MockExchange's capital view at the prices of now; ratios are None where they mean nothing."""
    held = {row.asset: Decimal(row.position["amount"]) for row in rows if row.position}
    prices = {row.asset: row.price or NOTHING for row in rows}
    equity = sum((amount * prices[asset] for asset, amount in held.items()), NOTHING)
    in_cash = held.get(cash, NOTHING)
    deposits, withdrawals = Decimal(portfolio["deposits"]), Decimal(portfolio["withdrawals"])
    fees, invested = Decimal(portfolio["fees"]), deposits - withdrawals
    net = equity - invested
    basis = invested if invested > 0 else equity
    unrealized = sum((_unrealized(row) or NOTHING for row in rows if row.asset != cash), NOTHING)
    return {
        "equity": text(equity),
        "deposits": text(deposits),
        "withdrawals": text(withdrawals),
        "invested": text(invested),
        "gross": text(net + fees),
        "net": text(net),
        "fees": text(fees),
        "realized": text(Decimal(portfolio["realized"])),
        "unrealized": text(unrealized),
        "cash": text(in_cash),
        "volatile": text(equity - in_cash),
        "basis": "cost" if invested > 0 else "value",
        "roi_gross": ratio(net + fees, basis),
        "roi_net": ratio(net, basis),
        "rvpi": ratio(equity, deposits),
        "dpi": ratio(withdrawals, deposits),
        "tvpi": ratio(equity + withdrawals, deposits),
    }


def text(value: Decimal) -> str:
    """Write a value in the cash asset with two decimals."""
    return f"{value.quantize(PLACES):f}"


def ratio(part: Decimal, whole: Decimal) -> str | None:
    """Return one value by another, None where that means nothing."""
    return f"{part / whole:.4f}" if whole > 0 else None


def _money(rows: list[Valued], cash: str, equity: Decimal) -> dict[str, str]:
    in_cash = [row for row in rows if row.asset == cash]
    others = [row for row in rows if row.asset != cash]
    free_cash = sum((row.free for row in in_cash), NOTHING)
    frozen_cash = sum((row.used for row in in_cash), NOTHING)
    free_assets = sum((row.value(row.free) for row in others), NOTHING)
    frozen_assets = sum((row.value(row.used) for row in others), NOTHING)
    return {
        "equity": text(equity),
        "cash": text(free_cash + frozen_cash),
        "free": text(free_cash + free_assets),
        "frozen": text(frozen_cash + frozen_assets),
        "free_cash": text(free_cash),
        "frozen_cash": text(frozen_cash),
        "free_assets": text(free_assets),
        "frozen_assets": text(frozen_assets),
    }


def _unrealized(row: Valued) -> Decimal | None:
    if row.price is None or not row.position:
        return None
    return Decimal(row.position["amount"]) * row.price - Decimal(row.position["cost"])


def _shortened(price: str) -> Decimal:
    """Return a price without zeros at its end, but with two decimals at least."""
    whole, _, part = price.partition(".")
    return Decimal(f"{whole}.{part.rstrip('0').ljust(2, '0')}")


def _cost(average: Decimal, price: Decimal | None) -> str:
    """Write an average cost with the decimals of the price."""
    return f"{average if price is None else average.quantize(price):f}"


def _row(row: Valued, balances: Mapping[str, Payload], cash: str, equity: Decimal) -> dict[str, Any]:
    is_cash = row.asset == cash
    unrealized = None if is_cash else _unrealized(row)
    balance = balances.get(row.asset, {})
    average = row.position.get("average_cost")
    return {
        "asset": row.asset,
        "is_cash": is_cash,
        "free": balance.get("free", "0"),
        "used": balance.get("used", "0"),
        "total": balance.get("total", "0"),
        "price": None if row.price is None or is_cash else f"{row.price:f}",
        "value": None if row.price is None else text(row.value(row.total)),
        "share": None if row.price is None else ratio(row.value(row.total), equity),
        "average_cost": None if average is None else _cost(Decimal(average), row.price),
        "unrealized": None if unrealized is None else text(unrealized),
        "realized": None if is_cash else text(Decimal(row.position.get("realized", "0"))),
    }
