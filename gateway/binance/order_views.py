"""Orders and fills as this dialect's JSON: what REST and the WebSocket API answer. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from gateway.binance.strategies import strategy_of
from gateway.binance.symbols import NS_PER_MS, amount_text, name_of
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import (
    Fill,
    Order,
    OrderStatus,
    OrderStep,
    OrderType,
    SelfTradePrevention,
    Side,
)
from mockexchange.messages.refusals import RejectReason

# Indexed by the members' integer values, as in `mockexchange.views`.
SIDES: Final = ("", "BUY", "SELL")
TYPES: Final = ("", "LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
TIMES_IN_FORCE: Final = ("", "GTC", "IOC", "FOK")
PREVENTIONS: Final = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")

LIMIT_MAKER: Final = "LIMIT_MAKER"
CANCELED: Final = "CANCELED"
EXPIRED: Final = "EXPIRED"
EXPIRED_IN_MATCH: Final = "EXPIRED_IN_MATCH"
NO_LIST: Final = -1
ZERO: Final = "0.00000000"

_BUY: Final = Side.BUY
_STATUSES: Final = ("NEW", "NEW", "PARTIALLY_FILLED", "FILLED", CANCELED, "REJECTED")

CANCELED_REASONS: Final = frozenset(
    {RejectReason.CANCELED_BY_USER, RejectReason.CANCELED_BY_ADMIN, RejectReason.REPLACED}
)
"""Why an order is CANCELED; whatever else ends an order makes it expire."""

EXPIRING_REJECTIONS: Final = frozenset(
    {RejectReason.NOT_FILLABLE, RejectReason.NO_LIQUIDITY, RejectReason.HOLD_EXHAUSTED, RejectReason.FILL_LIMIT}
)
"""Rejections that are no errors in this dialect: the order was taken in, and expired without a trade."""

Json = dict[str, Any]


def status_of(status: OrderStatus, reason: RejectReason | None) -> str:
    """Return how an order's state is called; `reason` is why it ended."""
    if status <= OrderStatus.FILLED:
        return _STATUSES[status]
    if reason is RejectReason.SELF_TRADE:
        return EXPIRED_IN_MATCH
    if status is OrderStatus.REJECTED:
        return EXPIRED if reason in EXPIRING_REJECTIONS else _STATUSES[status]
    return CANCELED if reason in CANCELED_REASONS else EXPIRED


def type_of(order_type: OrderType, is_post_only: bool) -> str:
    """Return how a type is called: a post-only limit order is a LIMIT_MAKER."""
    return LIMIT_MAKER if is_post_only else TYPES[order_type]


def list_id_of(order: Order) -> int:
    """Return the id of an order's list, -1 if it has none."""
    return order.list_id or NO_LIST


def is_refused(order: Order) -> bool:
    """Whether an order was refused by the book, so that in this dialect there never was one but for its request."""
    return order.status is OrderStatus.REJECTED and order.reason not in EXPIRING_REJECTIONS


def is_working(order: Order) -> bool:
    """Whether an order is or was in the book, and does not wait for its stop price."""
    return not order.stop_price or order.triggered_ns > 0


# --- one order ---


def order_object(order: Order, instrument: Instrument) -> Json:
    """Show an order as a query answers it."""
    shown = _terms(order, instrument, order.client_order_id)
    shown["stopPrice"] = amount_text(order.stop_price, instrument.price_scale)
    shown["icebergQty"] = ZERO
    shown["time"] = order.created_ns // NS_PER_MS
    shown["updateTime"] = order.updated_ns // NS_PER_MS
    shown["isWorking"] = is_working(order)
    shown["workingTime"] = working_time(order)
    return shown


def placed_ack(order: Order) -> Json:
    """Show that an order was taken in."""
    return {
        "symbol": name_of(order.symbol),
        "orderId": order.order_id,
        "orderListId": list_id_of(order),
        "clientOrderId": order.client_order_id,
        "transactTime": order.updated_ns // NS_PER_MS,
    }


def placed_result(order: Order, instrument: Instrument) -> Json:
    """Show what became of an order that was placed."""
    shown = _terms(order, instrument, order.client_order_id)
    shown["transactTime"] = order.updated_ns // NS_PER_MS
    if order.stop_price:
        shown["stopPrice"] = amount_text(order.stop_price, instrument.price_scale)
    shown["workingTime"] = working_time(order)
    return shown


def placed_full(order: Order, instrument: Instrument, fills: Iterable[Fill]) -> Json:
    """Show what became of an order that was placed, with its trades."""
    shown = placed_result(order, instrument)
    shown["fills"] = [_fill_of_order(fill, instrument) for fill in fills]
    return shown


def canceled_object(order: Order, instrument: Instrument, cancel_id: str) -> Json:
    """Show an order that was canceled; `cancel_id` is the client id of the cancel."""
    shown = _terms(order, instrument, cancel_id)
    shown["origClientOrderId"] = order.client_order_id
    shown["transactTime"] = order.updated_ns // NS_PER_MS
    if order.stop_price:
        shown["stopPrice"] = amount_text(order.stop_price, instrument.price_scale)
    return shown


def working_time(order: Order) -> int:
    """Return since when an order is in the book, -1 while it waits for its stop price."""
    if order.stop_price:
        return order.triggered_ns // NS_PER_MS if order.triggered_ns else -1
    return order.created_ns // NS_PER_MS


def _terms(order: Order, instrument: Instrument, client_order_id: str) -> Json:
    quantity_scale, quote_scale = instrument.quantity_scale, instrument.quote_scale
    executed = amount_text(order.filled, quantity_scale)
    return {
        "symbol": name_of(order.symbol),
        "orderId": order.order_id,
        "orderListId": order.list_id or NO_LIST,
        "clientOrderId": client_order_id,
        "price": amount_text(order.price, instrument.price_scale),
        # An order by quote amount has the quantity that it came to.
        "origQty": amount_text(order.quantity, quantity_scale) if order.quantity else executed,
        "executedQty": executed,
        "origQuoteOrderQty": amount_text(order.quote_amount, quote_scale),
        "cummulativeQuoteQty": amount_text(order.filled_quote, quote_scale),
        "status": status_of(order.status, order.reason),
        # Orders without a limit have no time in force of their own here, and are told as GTC.
        "timeInForce": TIMES_IN_FORCE[order.time_in_force] if order.price else "GTC",
        "type": type_of(order.order_type, order.is_post_only),
        "side": SIDES[order.side],
        "selfTradePreventionMode": PREVENTIONS[order.prevention],
        **strategy_of(order.command_id),
    }


def _fill_of_order(fill: Fill, instrument: Instrument) -> Json:
    is_buy = fill.side is _BUY
    return {
        "price": amount_text(fill.price, instrument.price_scale),
        "qty": amount_text(fill.quantity, instrument.quantity_scale),
        "commission": amount_text(fill.fee, instrument.base_scale if is_buy else instrument.quote_scale),
        "commissionAsset": instrument.base if is_buy else instrument.quote,
        "tradeId": fill.trade_id,
    }


def trade_object(fill: Fill, instrument: Instrument) -> Json:
    """Show a fill as `myTrades` lists it."""
    is_buy = fill.side is _BUY
    return {
        "symbol": name_of(fill.symbol),
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": fill.list_id or NO_LIST,
        "price": amount_text(fill.price, instrument.price_scale),
        "qty": amount_text(fill.quantity, instrument.quantity_scale),
        "quoteQty": amount_text(fill.quote_amount, instrument.quote_scale),
        "commission": amount_text(fill.fee, instrument.base_scale if is_buy else instrument.quote_scale),
        "commissionAsset": instrument.base if is_buy else instrument.quote,
        "time": fill.time_ns // NS_PER_MS,
        "isBuyer": is_buy,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


# --- amendments ---


def execution_id(order_id: int, ordinal: int) -> int:
    """Return a number of its own for each step of an order."""
    return order_id * 1_000 + ordinal


def amended_object(order: Order, instrument: Instrument, before: str) -> Json:
    """Show an order that was amended; `before` is the client order id it had."""
    shown = _terms(order, instrument, order.client_order_id)
    shown["origClientOrderId"] = before
    shown["qty"] = shown.pop("origQty")
    shown["preventedQty"] = ZERO
    shown["quoteOrderQty"] = shown.pop("origQuoteOrderQty")
    shown["cumulativeQuoteQty"] = shown.pop("cummulativeQuoteQty")
    if order.stop_price:
        shown["stopPrice"] = amount_text(order.stop_price, instrument.price_scale)
    shown["workingTime"] = working_time(order)
    time_ms = order.updated_ns // NS_PER_MS
    answer: Json = {"transactTime": time_ms, "executionId": execution_id(order.order_id, order.steps)}
    return answer | {"amendedOrder": shown}


def amendment_objects(order: Order, steps: Sequence[OrderStep], instrument: Instrument) -> list[Json]:
    """Show the amendments among the steps of an order, oldest first."""
    amending = [(ordinal, step) for ordinal, step in enumerate(steps, start=1) if step.amended_from]
    if not amending:
        return []
    # What an amendment made of the order is what the next one found, and the last one left it as it is.
    after = [(step.amended_from, step.amended_client_order_id) for _, step in amending[1:]]
    after.append((order.quantity, order.client_order_id))
    return [
        {
            "symbol": name_of(order.symbol),
            "orderId": order.order_id,
            "executionId": execution_id(order.order_id, ordinal),
            "origClientOrderId": step.amended_client_order_id,
            "newClientOrderId": client_order_id,
            "origQty": amount_text(step.amended_from, instrument.quantity_scale),
            "newQty": amount_text(quantity, instrument.quantity_scale),
            "time": step.time_ns // NS_PER_MS,
        }
        for (ordinal, step), (quantity, client_order_id) in zip(amending, after, strict=True)
    ]


# --- lists ---


def list_object(legs: Sequence[Order]) -> Json:
    """Show a list by its orders."""
    first = legs[0]
    is_open = any(leg.is_open for leg in legs)
    return {
        "orderListId": first.list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if is_open else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if is_open else "ALL_DONE",
        "listClientOrderId": first.list_client_order_id,
        "transactionTime": (max if not is_open else min)(leg.updated_ns for leg in legs) // NS_PER_MS,
        "symbol": name_of(first.symbol),
        "orders": [
            {"symbol": name_of(leg.symbol), "orderId": leg.order_id, "clientOrderId": leg.client_order_id}
            for leg in legs
        ],
    }


def canceled_list(legs: Sequence[Order], instrument: Instrument, cancel_id: str) -> Json:
    """Show a list that was canceled."""
    return list_object(legs) | {"orderReports": [canceled_object(leg, instrument, cancel_id) for leg in legs]}


PREVENTION_MODES: Final = {PREVENTIONS[mode]: mode for mode in SelfTradePrevention}
