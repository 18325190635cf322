"""Orders, fills and balances of the exchange's own API in the shape that ccxt gives to those of all exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

STATUSES: Final = {
    "new": "open",
    "partially_filled": "open",
    "filled": "closed",
    "canceled": "canceled",
    "partially_canceled": "canceled",
    "rejected": "rejected",
    "partially_rejected": "rejected",
    "expired": "expired",
    "partially_expired": "expired",
}


def read_order(exchange: Any, order: Mapping[str, Any]) -> Any:
    """Return an order as `safe_order` completes it."""
    has_filled = float(order["actual_filled"]) > 0
    return exchange.safe_order(
        {
            "info": order,
            "id": order["id"],
            "clientOrderId": order["client_order_id"],
            "timestamp": order["ts_create"],
            "datetime": exchange.iso8601(order["ts_create"]),
            "lastUpdateTimestamp": order["ts_update"],
            "lastTradeTimestamp": order["ts_update"] if has_filled else None,
            "symbol": order["symbol"],
            "type": order["type"],
            "timeInForce": "PO" if order["post_only"] else order["time_in_force"],
            "postOnly": order["post_only"],
            "side": order["side"],
            "price": order["limit_price"],
            "triggerPrice": order.get("stop_price"),
            "average": order["average"],
            "amount": order["amount"],
            "filled": order["actual_filled"],
            "remaining": order["remaining"],
            "cost": order["actual_notion"],
            "status": STATUSES.get(order["status"], order["status"]),
            "fee": _fee(exchange, order["actual_fee"], order["fee_currency"]) if has_filled else None,
            "trades": [],
        }
    )


def read_orders(exchange: Any, orders: list[Any], since: int | None, limit: int | None) -> Any:
    """Return orders, oldest first as ccxt has them."""
    return exchange.filter_by_symbol_since_limit(
        [read_order(exchange, order) for order in reversed(orders)], None, since, limit, since is None
    )


def read_fills(exchange: Any, fills: list[Any], since: int | None, limit: int | None) -> Any:
    """Return the trades of an account, oldest first."""
    return exchange.filter_by_symbol_since_limit(
        [_trade(exchange, fill) for fill in reversed(fills)], None, since, limit, since is None
    )


def read_balances(exchange: Any, balances: Mapping[str, Any]) -> Any:
    """Return balances by asset, with `free`, `used` and `total` beside them."""
    accounts = {asset: {name: row[name] for name in ("free", "used", "total")} for asset, row in balances.items()}
    return exchange.safe_balance({"info": balances, **accounts})


def _trade(exchange: Any, fill: Mapping[str, Any]) -> Any:
    return exchange.safe_trade(
        {
            "info": fill,
            "id": str(fill["trade_id"]),
            "order": fill["order_id"],
            "timestamp": fill["time"],
            "datetime": exchange.iso8601(fill["time"]),
            "symbol": fill["symbol"],
            "type": None,
            "side": fill["side"],
            "takerOrMaker": fill["liquidity"],
            "price": fill["price"],
            "amount": fill["amount"],
            "cost": fill["notion"],
            "fee": _fee(exchange, fill["fee"], fill["fee_currency"]),
        }
    )


def _fee(exchange: Any, cost: str, currency: str) -> dict[str, Any]:
    return {"cost": exchange.parse_number(cost), "currency": currency}
