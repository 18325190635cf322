"""The account: balances, what it may do, and what trading costs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from gateway.auth import Permission
from gateway.binance.operation import Inquiry, Operation, Security, Weigh, names
from gateway.binance.order_views import ZERO, Json
from gateway.binance.parameters import Parameters
from gateway.binance.symbols import NS_PER_MS, amount_text, find_instrument, name_of
from mockexchange.money import RATE_ONE, RATE_SCALE

BASIS_POINTS: Final = 10_000


async def _account(inquiry: Inquiry) -> Json:
    gateway, caller = inquiry.gateway, inquiry.account
    answer = await gateway.money.account(caller)
    parts = gateway.parts
    may_trade = Permission.TRADE.value in caller.permissions
    return {
        "makerCommission": _basis_points(parts.maker_rate),
        "takerCommission": _basis_points(parts.taker_rate),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(inquiry),
        "canTrade": may_trade,
        "canWithdraw": may_trade,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": answer.changed_ns // NS_PER_MS,
        "accountType": "SPOT",
        "balances": await _balances(inquiry, {each.asset: (each.free, each.held) for each in answer.balances}),
        "permissions": ["SPOT"],
        "uid": caller.account,
    }


async def _balances(inquiry: Inquiry, owned: dict[str, tuple[int, int]]) -> list[Json]:
    """Show all assets that are listed, or those that the account has something of."""
    assets = inquiry.gateway.floor.registry.assets
    if inquiry.parameters.flag("omitZeroBalances"):
        codes = sorted(code for code, amounts in owned.items() if any(amounts))
    else:
        codes = sorted(assets.keys() | owned.keys())
    shown = []
    for code in codes:
        scale = (await inquiry.gateway.floor.asset(code)).scale
        free, held = owned.get(code, (0, 0))
        shown.append({"asset": code, "free": amount_text(free, scale), "locked": amount_text(held, scale)})
    return shown


async def _commission(inquiry: Inquiry) -> Json:
    instrument = await find_instrument(inquiry.gateway, inquiry.parameters.text("symbol"))
    none = dict.fromkeys(("maker", "taker", "buyer", "seller"), ZERO)
    return {
        "symbol": name_of(instrument.symbol),
        "standardCommission": _rates(inquiry),
        "specialCommission": none,
        "taxCommission": none,
        "discount": _no_discount(),
    }


def commission_for_order(inquiry: Inquiry) -> Json:
    """Show what an order would cost that was only tried."""
    rates = _rates(inquiry)
    none = {"maker": ZERO, "taker": ZERO}
    return {
        "standardCommissionForOrder": {name: rates[name] for name in none},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": _no_discount(),
    }


def _rates(inquiry: Inquiry) -> dict[str, str]:
    parts = inquiry.gateway.parts
    return {
        "maker": amount_text(parts.maker_rate, RATE_SCALE),
        "taker": amount_text(parts.taker_rate, RATE_SCALE),
        "buyer": ZERO,
        "seller": ZERO,
    }


def _no_discount() -> Json:
    return {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": ZERO}


def _basis_points(rate: int) -> int:
    return rate * BASIS_POINTS // RATE_ONE


async def _nothing_of_symbol(inquiry: Inquiry) -> Sequence[Any]:
    await find_instrument(inquiry.gateway, inquiry.parameters.text("symbol"))
    return []


async def _filters(inquiry: Inquiry) -> Json:
    """Show what limits this account beside what all symbols have: nothing does."""
    await find_instrument(inquiry.gateway, inquiry.parameters.text("symbol"))
    return {"exchangeFilters": [], "symbolFilters": [], "assetFilters": []}


def _prevented_weight(parameters: Parameters) -> int:
    return 2 if "preventedMatchId" in parameters else 20


def _of_symbol(
    path: str, name: str, weight: int | Weigh, handle: Callable[[Inquiry], Awaitable[Any]], takes: str
) -> Operation:
    return Operation("GET", f"/api/v3/{path}", name, Security.READ, weight, handle, takes=names(f"symbol {takes}"))


OPERATIONS: Final = [
    Operation("GET", "/api/v3/account", "account.status", Security.READ, 20, _account, takes=names("omitZeroBalances")),
    _of_symbol("account/commission", "account.commission", 20, _commission, ""),
    _of_symbol("myFilters", "myFilters", 40, _filters, ""),
    _of_symbol(
        "myPreventedMatches",
        "myPreventedMatches",
        _prevented_weight,
        _nothing_of_symbol,
        "preventedMatchId orderId fromPreventedMatchId limit",
    ),
    _of_symbol(
        "myAllocations",
        "myAllocations",
        20,
        _nothing_of_symbol,
        "startTime endTime fromAllocationId limit orderId",
    ),
]
