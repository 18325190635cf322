"""Orders as they are typed in, as the gateway takes them, and in words what became of them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

TYPES: Final = {
    "limit": "Limit",
    "market": "Market",
    "stop_loss": "Stop",
    "stop_loss_limit": "Stop limit",
    "take_profit": "Take profit",
    "take_profit_limit": "Take profit limit",
    "oco": "One cancels the other",
}
MAX_LENGTH: Final = 40


class Terms(NamedTuple):
    """An order as it was typed in; `unit` is base or quote, for the amount of a market order."""

    symbol: str
    side: str
    kind: str
    price: str | None
    amount: str | None
    unit: str
    stop: str | None
    time_in_force: str
    is_post_only: bool


def request_of(terms: Terms) -> tuple[str, dict[str, Any]]:
    """Return path and body to post. Raises ValueError with a text for people."""
    if terms.kind == "oco":
        legs = (terms._replace(kind="limit", time_in_force="GTC", is_post_only=False), terms._replace(kind="stop_loss"))
        return "/orders/lists", {"orders": [_body(leg) for leg in legs]}
    return "/orders", _body(terms)


def _body(terms: Terms) -> dict[str, Any]:
    kind = terms.kind
    body: dict[str, Any] = {"symbol": terms.symbol, "side": terms.side, "type": kind}
    is_in_quote = kind == "market" and terms.unit == "quote"
    body["quote_amount" if is_in_quote else "amount"] = number("Amount", terms.amount)
    if kind == "limit" or kind.endswith("_limit"):
        body |= {"limit_price": number("Price", terms.price), "time_in_force": terms.time_in_force}
    if kind == "limit" and terms.is_post_only:
        body["post_only"] = True
    if kind not in {"limit", "market"}:
        body["stop_price"] = number("Stop price", terms.stop)
    return body


def number(name: str, text: str | None) -> str:
    """Return a positive decimal as it was typed. Raises ValueError with a text for people."""
    cleaned = (text or "").strip().replace(",", ".")
    try:
        if len(cleaned) <= MAX_LENGTH and Decimal(cleaned).is_finite() and Decimal(cleaned) > 0:
            return cleaned
    except InvalidOperation:
        pass
    raise ValueError(f"{name}: enter a number greater than 0.")


def told(done: Any) -> str:
    """Return in a sentence what the gateway has done."""
    if isinstance(done, list):
        return f"Orders canceled: {len(done)}."
    if "orders" in done:
        return " ".join(map(_told_order, done["orders"]))
    return _told_order(done.get("canceled_order") or done.get("order") or done)


def _told_order(order: dict[str, Any]) -> str:
    text = f"Order {order['id']}: {order['status'].replace('_', ' ')}"
    if order.get("reason"):
        text += f" ({order['reason'].replace('_', ' ')})"
    if order.get("average") and Decimal(order["actual_filled"] or 0):
        text += f", {order['actual_filled']} at {order['average']}"
    return f"{text}."
