"""/orders: amend, replace, and lists of which one order cancels the other."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from gateway.failures import CommandRefused
from gateway.gateway import Gateway
from gateway.native.bodies import ExactBody
from gateway.native.orders import asked_order
from gateway.native.requests import AuthorizedRequest, gateway_of, idempotency_key, may_read, may_trade
from gateway.native.schemas import AmendBody, ListBody, OrderListView, ReplaceBody, ReplacedOrder
from gateway.new_orders import check_id, parse_order_id
from mockexchange.messages.orders import Order
from mockexchange.messages.refusals import RejectReason
from mockexchange.views import OrderView, order_view

ListClientOrderId = Annotated[str, QueryParameter(description="The `list_client_order_id` of the list.")]


@post(
    "/orders/{order_id:str}/amend",
    status_code=200,
    dto=ExactBody,
    return_dto=None,
    before_request=may_trade,
    operation_id="amendOrder",
)
async def amend_order(request: AuthorizedRequest, order_id: FromPath[str], data: JSONBody[AmendBody]) -> OrderView:
    """Lower the amount of an open order, which keeps its place in the queue."""
    name = data.client_order_id or ""
    placed = await gateway_of(request).orders.amend(request.user, parse_order_id(order_id), "", data.amount, name)
    return order_view(placed.order, placed.instrument)


@post(
    "/orders/{order_id:str}/replace",
    status_code=200,
    dto=ExactBody,
    return_dto=None,
    before_request=may_trade,
    operation_id="replaceOrder",
)
async def replace_order(
    request: AuthorizedRequest, order_id: FromPath[str], data: JSONBody[ReplaceBody]
) -> ReplacedOrder:
    """Cancel an order and place another of its symbol as one step, with the old one's money.

    The old order stays where the new one is refused for a reason known beforehand.
    """
    new = asked_order(data, idempotency_key(request))
    desk = gateway_of(request).orders
    placed, replaced = await desk.replace(request.user, new, parse_order_id(order_id), only_if_open=data.only_if_open)
    shown = order_view(replaced, placed.instrument) if replaced is not None else None
    return ReplacedOrder(order_view(placed.order, placed.instrument), shown)


@post(
    "/orders/lists",
    status_code=200,
    dto=ExactBody,
    return_dto=None,
    before_request=may_trade,
    operation_id="placeOrderList",
)
async def place_list(request: AuthorizedRequest, data: JSONBody[ListBody]) -> OrderListView:
    """Place two orders of which at most one trades: as soon as one does or is triggered the other is canceled.

    They hold money once. The book takes both or neither. The same `list_client_order_id` with the same body gives the
    first answer again; an `Idempotency-Key` does the same for lists without one.
    """
    first, second = (asked_order(body, "") for body in data.orders)
    key = idempotency_key(request)
    if key and not data.list_client_order_id:
        check_id("Idempotency-Key", key)
        first = msgspec.structs.replace(first, command_id=f"i:{key}")
        second = msgspec.structs.replace(second, command_id=f"j:{key}")
    desk = gateway_of(request).orders
    placed = await desk.place_list(request.user, first, second, data.list_client_order_id or "")
    return await _list_view(gateway_of(request), [each.order for each in placed])


@get("/orders/lists", before_request=may_read, operation_id="findOrderList")
async def find_list(request: AuthorizedRequest, list_client_order_id: ListClientOrderId) -> OrderListView:
    """Read the latest list with a client's id."""
    check_id("list_client_order_id", list_client_order_id)
    gateway = gateway_of(request)
    return await _list_view(gateway, await gateway.lists.find_list(request.user, 0, list_client_order_id))


@get("/orders/lists/{list_id:str}", before_request=may_read, operation_id="getOrderList")
async def get_list(request: AuthorizedRequest, list_id: FromPath[str]) -> OrderListView:
    """Read a list; its id is that of its first order."""
    gateway = gateway_of(request)
    return await _list_view(gateway, await gateway.lists.find_list(request.user, parse_order_id(list_id)))


@delete("/orders/lists/{list_id:str}", status_code=200, before_request=may_trade, operation_id="cancelOrderList")
async def cancel_list(request: AuthorizedRequest, list_id: FromPath[str]) -> OrderListView:
    """Cancel both orders of a list."""
    gateway = gateway_of(request)
    return await _list_view(gateway, await gateway.orders.cancel_list(request.user, parse_order_id(list_id)))


HANDLERS: Final = [amend_order, replace_order, place_list, find_list, get_list, cancel_list]


async def _list_view(gateway: Gateway, orders: list[Order]) -> OrderListView:
    """Show a list. Raises CommandRefused for one that is forgotten."""
    if not orders:
        raise CommandRefused(RejectReason.UNKNOWN_ORDER)
    instrument = await gateway.floor.instrument(orders[0].symbol)
    first = orders[0]
    shown = [order_view(order, instrument) for order in orders]
    return OrderListView(str(first.list_id), first.list_client_order_id or None, shown)
