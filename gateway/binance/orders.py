"""Orders, one at a time: place, test, query, cancel, amend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.binance.account import commission_for_order
from gateway.binance.errors import UNKNOWN_ORDER_SENT, BinanceError, describe, refusal
from gateway.binance.operation import Inquiry, Operation, Security, names
from gateway.binance.order_requests import NEW_ORDER, Response, client_id, either, read_order
from gateway.binance.order_views import (
    Json,
    amended_object,
    amendment_objects,
    canceled_list,
    canceled_object,
    is_refused,
    list_object,
    order_object,
    placed_ack,
    placed_full,
    placed_result,
)
from gateway.binance.parameters import Parameters, missing
from gateway.binance.symbols import find_instrument, quantity_units
from gateway.failures import CommandRefused, Failure
from gateway.order_desk import Placed
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Order, OrderStatus
from mockexchange.messages.refusals import RejectReason

NOT_CANCELED: Final = "Order was not canceled due to cancel restrictions."

_RESTRICTIONS: Final = {"ONLY_NEW": OrderStatus.NEW, "ONLY_PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED}

# --- placing ---


async def _place(inquiry: Inquiry) -> Json:
    asked = await read_order(inquiry)
    return show_placed(await inquiry.gateway.orders.place(inquiry.account, asked.new), asked.response)


def show_placed(placed: Placed, response: Response) -> Json:
    """Show an order that was placed. Raises CommandRefused where the book rejected it."""
    order = placed.order
    if is_refused(order):
        assert order.reason is not None
        raise CommandRefused(order.reason)
    if response is Response.ACK:
        return placed_ack(order)
    if response is Response.RESULT:
        return placed_result(order, placed.instrument)
    return placed_full(order, placed.instrument, placed.fills)


async def _test(inquiry: Inquiry) -> Json:
    asked = await read_order(inquiry)
    # Whether there is money for it is no part of the test.
    await inquiry.gateway.orders.shortfall(inquiry.account, asked.new)
    return commission_for_order(inquiry) if inquiry.parameters.flag("computeCommissionRates") else {}


def _test_weight(parameters: Parameters) -> int:
    return 20 if "computeCommissionRates" in parameters else 1


# --- finding ---


async def find_order(
    inquiry: Inquiry, instrument: Instrument, id_name: str, client_id_name: str, *, is_for_reading: bool = False
) -> Order:
    """Return the order that the parameters name, open or not; each name that is sent must fit. Raises Failure.

    By its client id alone one that its shard has forgotten is found for reading only: nothing can be done to it.
    """
    parameters = inquiry.parameters
    order_id = parameters.optional_integer(id_name)
    client_order_id = parameters.optional_text(client_id_name)
    if order_id is None and client_order_id is None:
        raise either(client_id_name, id_name)
    if order_id is None:
        order = await _find_named(inquiry, instrument.symbol, client_order_id or "", is_for_reading)
    elif order_id == 0:
        raise refusal(RejectReason.UNKNOWN_ORDER)
    else:
        order = await inquiry.gateway.lists.find(inquiry.account, order_id)
    if order.symbol != instrument.symbol or client_order_id not in (None, order.client_order_id):
        raise refusal(RejectReason.UNKNOWN_ORDER)
    return order


async def _find_named(inquiry: Inquiry, symbol: str, client_order_id: str, is_for_reading: bool) -> Order:
    gateway, caller = inquiry.gateway, inquiry.account
    if is_for_reading:
        return await gateway.lists.find_named(caller, symbol, client_order_id)
    return await gateway.orders.order(caller, 0, client_order_id)


async def _query(inquiry: Inquiry) -> Json:
    instrument = await find_instrument(inquiry.gateway, inquiry.parameters.text("symbol"))
    order = await find_order(inquiry, instrument, "orderId", "origClientOrderId", is_for_reading=True)
    return order_object(order, instrument)


async def _open_orders(inquiry: Inquiry) -> Sequence[Json]:
    gateway = inquiry.gateway
    name = inquiry.parameters.optional_text("symbol")
    symbol = "" if name is None else (await find_instrument(gateway, name)).symbol
    orders, _ = await gateway.lists.all_open(inquiry.account, symbol)
    return [order_object(order, await gateway.floor.instrument(order.symbol)) for order in reversed(orders)]


# --- canceling ---


async def _cancel(inquiry: Inquiry) -> Json:
    instrument = await find_instrument(inquiry.gateway, inquiry.parameters.text("symbol"))
    cancel_id = client_id(inquiry.parameters, "newClientOrderId")
    order = await order_to_cancel(inquiry, instrument, "orderId", "origClientOrderId")
    return canceled_object(await _canceled(inquiry, order), instrument, cancel_id)


async def order_to_cancel(inquiry: Inquiry, instrument: Instrument, id_name: str, client_id_name: str) -> Order:
    """Return an open order that the restrictions let cancel. Raises Failure."""
    only = inquiry.parameters.choice("cancelRestrictions", _RESTRICTIONS, None)
    try:
        order = await find_order(inquiry, instrument, id_name, client_id_name)
    except Failure as failure:
        raise unknown_to_cancel(failure) from failure
    if not order.is_open:
        raise BinanceError(-2011, UNKNOWN_ORDER_SENT)
    if only is not None and order.status is not only:
        raise BinanceError(-2011, NOT_CANCELED)
    return order


async def _canceled(inquiry: Inquiry, order: Order) -> Order:
    try:
        return (await inquiry.gateway.orders.cancel_order(inquiry.account, order))[0]
    except CommandRefused as failure:
        raise unknown_to_cancel(failure) from failure


def unknown_to_cancel(failure: Failure) -> Failure:
    """Return the failure of a cancel: what a query calls non-existent is unknown to it."""
    is_unknown = describe(failure).code == -2013
    return BinanceError(-2011, UNKNOWN_ORDER_SENT) if is_unknown else failure


async def _cancel_all(inquiry: Inquiry) -> Sequence[Json]:
    gateway, caller = inquiry.gateway, inquiry.account
    instrument = await find_instrument(gateway, inquiry.parameters.text("symbol"))
    canceled = sorted(await gateway.orders.cancel_all(caller, instrument.symbol), key=lambda order: order.order_id)
    if not canceled:
        raise BinanceError(-2011, UNKNOWN_ORDER_SENT)
    cancel_id = client_id(inquiry.parameters, "newClientOrderId")
    shown: dict[int, Json] = {}
    for order in canceled:
        if not order.list_id:
            shown[order.order_id] = canceled_object(order, instrument, cancel_id)
        elif order.list_id not in shown:
            legs = await gateway.orders.order_list(caller, order.list_id)
            shown[order.list_id] = canceled_list(legs, instrument, cancel_id)
    return list(shown.values())


# --- amending ---


async def _amend(inquiry: Inquiry) -> Json:
    gateway, parameters = inquiry.gateway, inquiry.parameters
    instrument = await find_instrument(gateway, parameters.text("symbol"))
    quantity = parameters.decimal("newQty")
    if quantity is None:
        raise missing("newQty")
    quantity_units(instrument, quantity)
    new_id = client_id(parameters, "newClientOrderId")
    before = await find_order(inquiry, instrument, "orderId", "origClientOrderId")
    placed = await gateway.orders.amend(inquiry.account, before.order_id, "", quantity, new_id)
    answer = amended_object(placed.order, instrument, before.client_order_id)
    if before.list_id:
        answer["listStatus"] = list_object(await gateway.orders.order_list(inquiry.account, before.list_id))
    return answer


async def _amendments(inquiry: Inquiry) -> Sequence[Json]:
    parameters, gateway = inquiry.parameters, inquiry.gateway
    instrument = await find_instrument(gateway, parameters.text("symbol"))
    order_id = parameters.integer("orderId")
    limit = parameters.limit(default=500, most=1_000)
    from_id = parameters.integer("fromExecutionId", default=0)
    order = await gateway.lists.find(inquiry.account, order_id)
    if order.symbol != instrument.symbol:
        raise refusal(RejectReason.UNKNOWN_ORDER)
    steps = (await gateway.history.steps(inquiry.account, [order]))[0]
    shown = amendment_objects(order, steps, instrument)
    return [each for each in shown if each["executionId"] >= from_id][:limit]


def _open_weight(parameters: Parameters) -> int:
    return 6 if "symbol" in parameters else 80


_PATH: Final = "/api/v3/order"
_OPEN: Final = "/api/v3/openOrders"

_TESTED: Final = names(f"{NEW_ORDER} computeCommissionRates")
_ONE: Final = names("symbol orderId origClientOrderId")
_CANCELED: Final = names("symbol orderId origClientOrderId newClientOrderId cancelRestrictions")
_AMENDED: Final = names("symbol orderId origClientOrderId newClientOrderId newQty")
_AMENDMENTS: Final = names("symbol orderId fromExecutionId limit")
_SYMBOL: Final = names("symbol")

OPERATIONS: Final = [
    Operation("POST", _PATH, "order.place", Security.TRADE, 1, _place, 1, names(NEW_ORDER)),
    Operation("POST", f"{_PATH}/test", "order.test", Security.TRADE, _test_weight, _test, takes=_TESTED),
    Operation("GET", _PATH, "order.status", Security.READ, 4, _query, takes=_ONE),
    Operation("DELETE", _PATH, "order.cancel", Security.TRADE, 1, _cancel, takes=_CANCELED),
    Operation(
        "PUT", f"{_PATH}/amend/keepPriority", "order.amend.keepPriority", Security.TRADE, 4, _amend, takes=_AMENDED
    ),
    Operation("GET", f"{_PATH}/amendments", "order.amendments", Security.READ, 4, _amendments, takes=_AMENDMENTS),
    Operation("GET", _OPEN, "openOrders.status", Security.READ, _open_weight, _open_orders, takes=_SYMBOL),
    Operation("DELETE", _OPEN, "openOrders.cancelAll", Security.TRADE, 1, _cancel_all, takes=_SYMBOL),
]
