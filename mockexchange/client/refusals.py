"""What the exchange's own API refuses, as the errors that ccxt's users catch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import ccxt

_BY_CODE: Final[dict[str, Any]] = {
    "insufficient_funds": ccxt.InsufficientFunds,
    "unknown_symbol": ccxt.BadSymbol,
    "unknown_order": ccxt.OrderNotFound,
    "order_not_open": ccxt.OrderNotFound,
    "duplicate_client_order_id": ccxt.DuplicateOrderId,
    "duplicate_command": ccxt.DuplicateOrderId,
    "would_take": ccxt.OrderImmediatelyFillable,
    "would_trigger": ccxt.OrderImmediatelyFillable,
    "not_fillable": ccxt.OrderNotFillable,
    "no_price": ccxt.OrderNotFillable,
    "price_stale": ccxt.OrderNotFillable,
    "too_many_open_orders": ccxt.InvalidOrder,
    "not_authenticated": ccxt.AuthenticationError,
    "not_permitted": ccxt.PermissionDenied,
}
_ORDER_FIELDS: Final = {"amount", "quote_amount", "limit_price", "stop_price", "side", "type", "time_in_force"}
_BY_STATUS: Final[dict[int, Any]] = {
    401: ccxt.AuthenticationError,
    403: ccxt.PermissionDenied,
    409: ccxt.OperationRejected,
    429: ccxt.RateLimitExceeded,
    503: ccxt.ExchangeNotAvailable,
}


def raise_refusal(name: str, status: int, answer: Any) -> None:
    """Raise the error that an answer of the exchange's own API stands for; return if it is no such answer."""
    if status < 400 or not isinstance(answer, Mapping) or not isinstance(answer.get("error"), Mapping):
        return
    error = answer["error"]
    raise _class_of(status, error)(f"{name} {error.get('message', answer.get('detail', ''))}")


def raise_rejection(name: str, order: Mapping[str, Any]) -> None:
    """Raise the error that an order stands for which the book did not take; return if it took it."""
    if order["status"] == "rejected":
        raise _BY_CODE.get(str(order["reason"]), ccxt.InvalidOrder)(f"{name} order {order['id']}: {order['comment']}")


def _class_of(status: int, error: Mapping[str, Any]) -> Any:
    code, field = str(error.get("code", "")), error.get("field")
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status == 503 and error.get("may_have_executed"):
        # Of the two, only this one tells a bot that the order may exist.
        return ccxt.RequestTimeout
    if status == 503 and "under maintenance" in str(error.get("message")):
        return ccxt.OnMaintenance
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 404:
        return {"symbol": ccxt.BadSymbol, "id": ccxt.OrderNotFound}.get(str(field), ccxt.BadRequest)
    if field in _ORDER_FIELDS:
        return ccxt.InvalidOrder
    return ccxt.BadRequest if status < 500 else ccxt.ExchangeError
