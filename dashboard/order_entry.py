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
PROFIT_LEGS: Final = {"limit": "Limit", "take_profit": "Take profit", "take_profit_limit": "TP limit"}
"""What may take the profit where one order cancels the other: an order that rests, or one that waits for a price."""

STOP_LEGS: Final = {"stop_loss": "Stop", "stop_loss_limit": "Stop limit"}
MAX_LENGTH: Final = 40


class Legs(NamedTuple):
    """What only two orders need of which one cancels the other; the profit's limit and the stop are as of others."""

    profit_kind: str = "limit"
    profit_price: str | None = None
    stop_kind: str = "stop_loss"
    stop_limit: str | None = None


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
    legs: Legs = Legs()


def request_of(terms: Terms) -> tuple[str, dict[str, Any]]:
    """Return path and body to post. Raises ValueError with a text for people."""
    if terms.kind == "oco":
        return "/orders/lists", {"orders": [_profit_leg(terms), _stop_leg(terms)]}
    return "/orders", _body(terms)


def _profit_leg(terms: Terms) -> dict[str, Any]:
    kind = terms.legs.profit_kind
    if kind not in PROFIT_LEGS:
        raise ValueError("Profit by: choose one of the list.")
    leg = terms._replace(kind=kind, stop=terms.legs.profit_price, time_in_force="GTC", is_post_only=False)
    return _body(leg, "Take profit at")


def _stop_leg(terms: Terms) -> dict[str, Any]:
    kind = terms.legs.stop_kind
    if kind not in STOP_LEGS:
        raise ValueError("Stop by: choose one of the list.")
    return _body(terms._replace(kind=kind, price=terms.legs.stop_limit, time_in_force="GTC"), limit_name="Stop limit")


def _body(terms: Terms, stop_name: str = "Stop price", limit_name: str = "Price") -> dict[str, Any]:
    kind = terms.kind
    body: dict[str, Any] = {"symbol": terms.symbol, "side": terms.side, "type": kind}
    is_in_quote = kind == "market" and terms.unit == "quote"
    body["quote_amount" if is_in_quote else "amount"] = number("Amount", terms.amount)
    if kind == "limit" or kind.endswith("_limit"):
        body |= {"limit_price": number(limit_name, terms.price), "time_in_force": terms.time_in_force}
    if kind == "limit" and terms.is_post_only:
        body["post_only"] = True
    if kind not in {"limit", "market"}:
        body["stop_price"] = number(stop_name, terms.stop)
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
