"""Limits in Binance's words: headers, `rateLimits` objects, and what is said to those who ask too much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from gateway.binance.errors import BinanceError
from gateway.binance.operation import NO_NAMES, Inquiry, Operation, Security
from gateway.binance.parameters import Parameters
from gateway.gateway import Gateway
from gateway.rate_limits import Limiter, LimitExceeded, Rule, Used

TOO_MANY: Final = 429
BANNED: Final = 418

_INTERVALS: Final = {10: ("SECOND", 10), 60: ("MINUTE", 1), 300: ("MINUTE", 5), 86_400: ("DAY", 1)}
_TYPES: Final = {"weight": "REQUEST_WEIGHT", "raw": "RAW_REQUESTS", "orders": "ORDERS"}
_HEADERS: Final = {
    ("weight", 60): ("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M"),
    ("orders", 10): ("X-MBX-ORDER-COUNT-10S",),
    ("orders", 86_400): ("X-MBX-ORDER-COUNT-1D",),
}


async def count_request(gateway: Gateway, address: str, operation: Operation, parameters: Parameters) -> list[Used]:
    """Count a request of an address; return what it has used up. Raises BinanceError, also where it is none."""
    try:
        weight = operation.weigh(parameters)
    except BinanceError:
        # What cannot be answered counts as well, else there would be no bound on it.
        await _count(gateway, address, 1)
        raise
    return await _count(gateway, address, weight)


async def _count(gateway: Gateway, address: str, weight: int) -> list[Used]:
    try:
        return await gateway.limiter.count_request(address, weight)
    except LimitExceeded as exceeded:
        raise _too_many(exceeded) from exceeded


async def count_orders(gateway: Gateway, account: int, orders: int) -> list[Used]:
    """Count orders of an account; return what it has used up. Raises BinanceError."""
    if not orders:
        return []
    try:
        return await gateway.limiter.count_orders(account, orders)
    except LimitExceeded as exceeded:
        raise _too_many_orders(exceeded) from exceeded


def headers_of(used: Iterable[Used]) -> dict[str, str]:
    """Return the headers that tell what a client has used up."""
    return {name: str(item.total) for item in used for name in _HEADERS.get((item.rule.name, item.rule.seconds), ())}


def rate_limits(used: Iterable[Used]) -> list[dict[str, Any]]:
    """Return what a client has used up as `rateLimits` of a body."""
    return [rule_object(item.rule) | {"count": item.total} for item in used]


def rules_of(limiter: Limiter) -> list[dict[str, Any]]:
    """Return all limits that there are, as `exchangeInfo` lists them."""
    return [rule_object(rule) for rule in (limiter.weight, *limiter.orders, limiter.raw) if rule.limit]


def rule_object(rule: Rule) -> dict[str, Any]:
    """Return a limit as an object."""
    interval, number = _INTERVALS[rule.seconds]
    return {
        "rateLimitType": _TYPES[rule.name],
        "interval": interval,
        "intervalNum": number,
        "limit": rule.limit,
    }


async def _rate_limit_order(inquiry: Inquiry) -> Sequence[Any]:
    return rate_limits(await inquiry.gateway.limiter.count_orders(inquiry.account.account, 0))


OPERATIONS: Final = [
    Operation(
        "GET",
        "/api/v3/rateLimit/order",
        "account.rateLimits.orders",
        Security.READ,
        40,
        _rate_limit_order,
        takes=NO_NAMES,
    )
]


def _too_many(exceeded: LimitExceeded) -> BinanceError:
    headers = _headers(exceeded)
    if exceeded.banned_until_s:
        return BinanceError(
            -1003,
            f"Way too much request weight used; IP banned until {exceeded.banned_until_s * 1_000}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
            BANNED,
            headers,
        )
    interval, number = _INTERVALS[exceeded.rule.seconds]
    if exceeded.rule.name == "raw":
        text = f"Too many requests; current limit is {exceeded.rule.limit} requests per {number} {interval}. "
    else:
        text = (
            f"Too much request weight used; current limit is {exceeded.rule.limit} request weight per "
            f"{number} {interval}. "
        )
    text += "Please use WebSocket Streams for live updates to avoid polling the API."
    return BinanceError(-1003, text, TOO_MANY, headers)


def _too_many_orders(exceeded: LimitExceeded) -> BinanceError:
    interval, number = _INTERVALS[exceeded.rule.seconds]
    text = f"Too many new orders; current limit is {exceeded.rule.limit} orders per {number} {interval}."
    return BinanceError(-1015, text, TOO_MANY, _headers(exceeded))


def _headers(exceeded: LimitExceeded) -> dict[str, str]:
    return {"Retry-After": str(exceeded.retry_after_s)} | headers_of(exceeded.used)
