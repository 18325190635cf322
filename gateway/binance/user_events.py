"""The user data stream's events, made of what `account.<id>.*` tells. Pure functions on plain views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.binance.errors import REFUSALS
from gateway.binance.order_views import (
    CANCELED,
    EXPIRED,
    EXPIRED_IN_MATCH,
    LIMIT_MAKER,
    NO_LIST,
    ZERO,
    execution_id,
    status_of,
)
from gateway.binance.symbols import PLACES, name_of
from mockexchange.messages.orders import OrderStatus
from mockexchange.messages.refusals import RejectReason
from mockexchange.views import AccountBalance, AccountOrder, FillView, OrderView

Json = dict[str, Any]

NO_TRADE: Final = -1

_STATUSES: Final = {
    "new": OrderStatus.NEW,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "partially_canceled": OrderStatus.CANCELED,
    "rejected": OrderStatus.REJECTED,
}
_REASONS: Final = {reason.value: reason for reason in RejectReason}
_OPEN: Final = frozenset({"new", "partially_filled"})
_ENDINGS: Final = {CANCELED: CANCELED, EXPIRED: EXPIRED, EXPIRED_IN_MATCH: "TRADE_PREVENTION", "REJECTED": "REJECTED"}
_REJECT_TEXTS: Final = {
    RejectReason.INSUFFICIENT_FUNDS: "INSUFFICIENT_BALANCES",
    RejectReason.WOULD_TAKE: "WOULD_MATCH_IMMEDIATELY",
    RejectReason.WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    RejectReason.INVALID_LIST: "OCO_BAD_PRICES",
}


def is_fill_of(told: AccountOrder) -> bool:
    """Whether a step is a trade, whose fill is told next: it has the number that follows."""
    return told.change.price is not None and not told.change.triggered


def execution_report(told: AccountOrder, fill: FillView | None, time_ms: int) -> Json | None:
    """Make the report of one step of an order, None where this dialect tells nothing.

    `fill` is that of a step that traded. A new order that the book rejects is an error of the request alone, unless it
    was to replace another: nobody else would tell then that the other is gone and this one did not come.
    """
    order, change = told.order, told.change
    reason = _REASONS[change.reason] if change.reason else None
    status = status_of(_STATUSES[change.status], reason)
    if status == "REJECTED" and order.replaces is None:
        return None
    is_amendment = change.amended_from is not None
    execution = "TRADE" if fill is not None else "REPLACED" if is_amendment else _ENDINGS.get(status, "NEW")
    is_canceled = execution == CANCELED
    # The order is shown as the whole record left it; what triggers it may come after this step.
    is_triggered = order.ts_trigger is not None and change.number > 1
    report: Json = {
        "e": "executionReport",
        "E": time_ms,
        "s": name_of(order.symbol),
        "c": order.client_order_id or "",
        "S": order.side.upper(),
        "o": LIMIT_MAKER if order.post_only else order.type.upper(),
        "f": order.time_in_force if order.limit_price else "GTC",
        "q": _padded(order.amount or change.filled),
        "p": _padded(order.limit_price),
        "P": _padded(order.stop_price),
        "F": ZERO,
        "g": int(order.list_id) if order.list_id else NO_LIST,
        "C": (change.amended_client_order_id or "") if is_amendment else "",
        "x": execution,
        "X": status,
        "r": _reject_text(reason) if execution == "REJECTED" else "NONE",
        "i": int(order.id),
        "l": ZERO,
        "z": _padded(change.filled),
        "L": ZERO,
        "n": "0",
        "N": None,
        "T": change.time,
        "t": NO_TRADE,
        "I": execution_id(int(order.id), change.number),
        "w": status in {"NEW", "PARTIALLY_FILLED"} and (order.stop_price is None or is_triggered),
        "m": False,
        "M": False,
        "O": order.ts_create,
        "Z": _padded(change.filled_notion),
        "Y": ZERO,
        "Q": _padded(order.quote_amount),
        "V": order.prevention.upper(),
    }
    if is_canceled:
        # A cancel has a client id of its own, and names the order's as the original.
        report["C"] = order.client_order_id or ""
    if order.stop_price is None:
        report["W"] = order.ts_create
    elif is_triggered:
        report["W"] = order.ts_trigger
    if fill is not None:
        _add_trade(report, fill)
    if status == EXPIRED_IN_MATCH:
        report["A"] = report["B"] = _padded(order.remaining)
    return report


def account_position(told: AccountBalance, time_ms: int) -> Json:
    """Make the event that shows the balances which changed."""
    return {
        "e": "outboundAccountPosition",
        "E": time_ms,
        "u": told.time,
        "B": [
            {"a": balance.asset, "f": _padded(balance.free), "l": _padded(balance.used)} for balance in told.balances
        ],
    }


def balance_update(told: AccountBalance, time_ms: int) -> Json | None:
    """Make the event that tells of money moved without an order, None where an order moved it."""
    if told.amount is None:
        return None
    return {
        "e": "balanceUpdate",
        "E": time_ms,
        "a": told.balances[0].asset,
        "d": _padded(told.amount),
        "T": told.time,
    }


def list_status(legs: Sequence[OrderView], time_ms: int) -> Json:
    """Make the event that tells of a list: at its start, and once none of its orders is open any more."""
    first = legs[0]
    is_open = any(leg.status in _OPEN for leg in legs)
    return {
        "e": "listStatus",
        "E": time_ms,
        "s": name_of(first.symbol),
        "g": int(first.list_id or NO_LIST),
        "c": "OCO",
        "l": "EXEC_STARTED" if is_open else "ALL_DONE",
        "L": "EXECUTING" if is_open else "ALL_DONE",
        "r": "NONE",
        "C": first.list_client_order_id or "",
        "T": max(leg.ts_update for leg in legs),
        "O": [{"s": name_of(leg.symbol), "i": int(leg.id), "c": leg.client_order_id or ""} for leg in legs],
    }


def _add_trade(report: Json, fill: FillView) -> None:
    report["l"] = _padded(fill.amount)
    report["L"] = _padded(fill.price)
    report["n"] = _padded(fill.fee)
    report["N"] = fill.fee_currency
    report["t"] = fill.trade_id
    report["m"] = fill.liquidity == "maker"
    report["M"] = True
    report["Y"] = _padded(fill.notion)


def _reject_text(reason: RejectReason | None) -> str:
    if reason is None:
        return "NONE"
    return _REJECT_TEXTS.get(reason, reason.name if reason in REFUSALS else "UNKNOWN")


def _padded(text: str | None) -> str:
    """Return a decimal text with eight places, or more where it has more."""
    if text is None:
        return ZERO
    whole, _, decimals = text.partition(".")
    if len(decimals) >= PLACES:
        return text
    return f"{whole}.{decimals}{'0' * (PLACES - len(decimals))}"
