"""Requests to the exchange's own API as data, for what Binance's has not. Whoever sends them may block or await."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from ccxt import ArgumentsRequired, InvalidOrder, NotSupported

Amount = str | int | float | Decimal
"""An amount or a price; a float is taken as Python prints it."""

MAX_ROWS: Final = 500


class Request(NamedTuple):
    """A request, whose answer `read` turns into what the caller gets."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    is_admin: bool = False
    read: Callable[[Any], Any] = lambda answer: answer

    def to_arguments(self, base_url: str, key: str) -> dict[str, Any]:
        """Return what ccxt's `fetch` takes."""
        headers = {"x-api-key": key} if key else {}
        body = None
        if self.body is not None:
            headers["content-type"] = "application/json"
            body = json.dumps(self.body)
        return {"url": base_url + self.path, "method": self.method, "headers": headers, "body": body}


def path_of(*parts: str | int, **query: Any) -> str:
    """Return a path of parts, each with what it must not hold escaped; a query value of None is left out."""
    path = "".join(f"/{quote(str(part), safe='')}" for part in parts)
    given = {name: _query_text(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def body_of(**fields: Any) -> dict[str, Any]:
    """Return a body without the fields that are None, and with amounts as exact text."""
    return {name: _body_value(value) for name, value in fields.items() if value is not None}


def amount_text(amount: Amount) -> str:
    """Write an amount as the digits that were meant: no float's noise, no exponent. Raises InvalidOrder."""
    try:
        value = Decimal(repr(amount)) if isinstance(amount, float) else Decimal(amount)
    except ArithmeticError as error:
        raise InvalidOrder(f"{amount!r} is not a number") from error
    if not value.is_finite():
        raise InvalidOrder(f"{amount!r} is not a finite number")
    return f"{value:f}"


def order_body(
    symbol: str,
    order_type: str,
    side: str,
    *,
    amount: Amount | None,
    price: Amount | None,
    params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of an order. Raises NotSupported for a parameter that only a signed request may have."""
    rest = dict(params or {})
    cost = rest.pop("cost", None) or rest.pop("quoteOrderQty", None)
    body = body_of(
        symbol=symbol,
        type=order_type.lower(),
        side=side.lower(),
        amount=None if amount is None or cost is not None else amount_text(amount),
        quote_amount=None if cost is None else amount_text(cost),
        limit_price=None if price is None or order_type.lower() == "market" else amount_text(price),
        time_in_force=rest.pop("timeInForce", None),
        post_only=rest.pop("postOnly", None),
        client_order_id=rest.pop("clientOrderId", None) or rest.pop("newClientOrderId", None),
    )
    if rest:
        raise NotSupported(f"{', '.join(rest)}: needs the API key's secret too")
    if order_type.lower() == "limit" and price is None:
        raise ArgumentsRequired("a limit order requires a price")
    return body


def _query_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _body_value(part) for name, part in value.items()}
    return amount_text(value) if isinstance(value, Decimal | float) else value
