"""What all orders of an account come to: notional, count, average size, fees and churn, whole and by side.

The gateway keeps the totals, so they cost the same after ten orders and after ten million.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from dashboard.live.board import Payload

MS_PER_HOUR: Final = 3_600_000
LEAST_HOURS: Final = Decimal(1) / 60
"""A rate is told over a minute at least."""

NOTHING: Final = "\N{EN DASH}"

_ZERO: Final = Decimal(0)


class Prices:
    """Values in the cash asset, by last prices."""

    def __init__(self, cash: str, tickers: Mapping[str, Payload]) -> None:
        self._cash = cash
        self._tickers = tickers

    def value(self, asset: str, amount: Decimal) -> Decimal | None:
        """Return what an amount is worth, None where there is no price."""
        if asset == self._cash or not amount:
            return amount
        ticker = self._tickers.get(f"{asset}/{self._cash}", {})
        last = ticker.get("last") or ticker.get("bid") or ticker.get("ask")
        return None if last is None else amount * Decimal(last)


def figures_of(orders: Payload, totals: Payload, capital: Payload, tickers: Mapping[str, Payload]) -> dict[str, Any]:
    """Return the figures as texts. `unpriced` names assets that count nothing, for want of a price."""
    prices, unpriced = Prices(orders["cash_asset"], tickers), set[str]()
    sides = {name: _side(totals[name], prices, unpriced) for name in ("BUY", "SELL")}
    both = tuple(buy + sell for buy, sell in zip(sides["BUY"], sides["SELL"], strict=True))
    hours = _hours(orders)
    deposits, equity = Decimal(capital["deposits"]), Decimal(capital["equity"])
    return {
        "said": "",
        "cash": orders["cash_asset"],
        "count": orders["count"],
        "first": orders["first"],
        "unpriced": sorted(unpriced),
        "columns": [_column(name, row, hours, deposits, equity) for name, row in (("All", both), *_named(sides))],
    }


def _named(sides: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [("Buys", sides["BUY"]), ("Sells", sides["SELL"])]


def _hours(orders: Payload) -> Decimal:
    if orders["first"] is None:
        return LEAST_HOURS
    passed = Decimal(int(time.time() * 1000) - orders["first"]) / MS_PER_HOUR
    return max(passed, LEAST_HOURS)


def _side(totals: Payload, prices: Prices, unpriced: set[str]) -> tuple[Decimal, Decimal, Decimal]:
    """Return notional, orders that traded, and fees."""

    def sum_up(by_base: Mapping[str, Mapping[str, str]]) -> Decimal:
        whole = _ZERO
        for by_asset in by_base.values():
            for asset, amount in by_asset.items():
                value = prices.value(asset, Decimal(amount))
                if value is None:
                    unpriced.add(asset)
                whole += value or _ZERO
        return whole

    count = sum((Decimal(count) for by_quote in totals["count"].values() for count in by_quote.values()), _ZERO)
    return sum_up(totals["notional"]), count, sum_up(totals["fee"])


def _column(name: str, row: tuple[Decimal, ...], hours: Decimal, deposits: Decimal, equity: Decimal) -> dict[str, str]:
    notional, count, fees = row
    days = hours / 24
    return {
        "name": name,
        "notional": f"{notional:,.2f}",
        "count": f"{int(count):,}",
        "average": f"{notional / count:,.2f}" if count else NOTHING,
        "fees": f"{fees:,.4f}",
        "capital churn": _times(notional, deposits, days),
        "equity churn": _times(notional, equity, days),
        "order churn": f"{count / hours:,.1f}",
        "fee burn": f"{fees / equity / days * 100:,.4f}" if equity > 0 else NOTHING,
    }


def _times(notional: Decimal, money: Decimal, days: Decimal) -> str:
    return f"{notional / money / days:,.3f}" if money > 0 else NOTHING
