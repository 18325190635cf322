"""/orders: place, cancel, read and list."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Reference, Schema
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response.base import ASGIResponse
from litestar.typing import FieldDefinition

from gateway.auth import Caller
from gateway.failures import CommandRefused, Failure, InvalidInput
from gateway.gateway import Gateway
from gateway.native.bodies import ExactBody, decode_body
from gateway.native.errors import tell
from gateway.native.requests import (
    Account,
    AuthorizedRequest,
    Cursor,
    Limit,
    Tail,
    check_cursor,
    check_time,
    gateway_of,
    idempotency_key,
    may_read,
    may_trade,
    page,
    page_size,
    parse_symbol,
)
from gateway.native.schemas import (
    SIDES,
    TYPES,
    BatchAnswer,
    BatchBody,
    CanceledOrder,
    OrderBody,
    OrderList,
    SideName,
    StatusName,
    TypeName,
    Verdict,
    new_order,
)
from gateway.new_orders import NewOrder, check_id, parse_order_id
from gateway.order_lists import ANY, STATUS_FILTERS, OrderQuery
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Order, OrderType, Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import to_text
from mockexchange.views import NS_PER_MS, OrderView, history_view, order_view, reserved_after_us

MAX_BATCH: Final = 500

Status = Annotated[
    StatusName | None, QueryParameter(description="Orders in this state; `open` means new or partly filled.")
]
ClientOrderId = Annotated[str | None, QueryParameter(description="The one order with this client order id.")]

Kind = Annotated[TypeName | None, QueryParameter(name="type", description="Orders of this type.")]
Asset = Annotated[str | None, QueryParameter(description="Orders that buy or sell this asset.")]
Start = Annotated[int, QueryParameter(description="Orders made at this time or later, in milliseconds.")]
End = Annotated[int, QueryParameter(description="Orders made before this time, in milliseconds; 0 for any.")]

_encode: Final = msgspec.json.Encoder().encode
_order_decoder: Final = msgspec.json.Decoder(OrderBody)


class _BatchOfOrders(ExactBody):
    """Reads a batch order by order, so that a bad one is refused for itself; documents it as what it should be."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Describe the body as a list of orders."""
        listed = FieldDefinition.from_annotation(list[OrderBody], kwarg_definition=field_definition.kwarg_definition)
        return super().create_openapi_schema(listed, handler_id, schema_creator)


@post(
    "/orders",
    status_code=200,
    dto=ExactBody,
    return_dto=None,
    before_request=may_trade,
    operation_id="placeOrder",
    responses={
        200: ResponseSpec(OrderView, generate_examples=False, description="Request fulfilled, document follows")
    },
)
async def place_order(request: AuthorizedRequest, data: JSONBody[OrderBody]) -> ASGIResponse:
    """Place an order; the answer shows it as it stands in the journal: resting, filled, or rejected by the book.

    The same `client_order_id` with the same body gives the first answer again; an `Idempotency-Key` does the same for
    orders without one.
    """
    placed = await gateway_of(request).orders.place(request.user, asked_order(data, idempotency_key(request)))
    # What is returned as a struct passes through two kinds of responses, and this is the busiest route.
    return ASGIResponse(body=_encode(order_view(placed.order, placed.instrument)), media_type=MediaType.JSON)


@post(
    "/orders/batch",
    status_code=200,
    dto=_BatchOfOrders,
    return_dto=None,
    before_request=may_trade,
    operation_id="placeOrders",
)
async def place_orders(request: AuthorizedRequest, data: JSONBody[list[msgspec.Raw] | BatchBody]) -> list[BatchAnswer]:
    """Place up to 500 orders, of any symbols; each is answered for itself, in the order asked."""
    raws = data.orders if isinstance(data, BatchBody) else data
    if len(raws) > MAX_BATCH:
        raise InvalidInput("orders", f"must be at most {MAX_BATCH}, are {len(raws)}")
    outcomes = await gateway_of(request).orders.place_many(request.user, [_read_order(raw) for raw in raws])
    return [
        BatchAnswer(error=tell(outcome).error)
        if isinstance(outcome, Failure)
        else BatchAnswer(order_view(outcome.order, outcome.instrument))
        for outcome in outcomes
    ]


@post("/orders/can_execute", status_code=200, dto=ExactBody, return_dto=None, before_request=may_read)
async def can_execute(request: AuthorizedRequest, data: JSONBody[OrderBody]) -> Verdict:
    """Say whether the free balance would pay for an order now. Nothing is placed."""
    asked = asked_order(data, "")
    if asked.limit_price is not None and asked.order_type is OrderType.MARKET:
        asked = msgspec.structs.replace(asked, order_type=OrderType.LIMIT)
    lack = await gateway_of(request).orders.shortfall(request.user, asked)
    return Verdict(not lack, lack or None)


@get("/orders", before_request=may_read, operation_id="listOrders")
async def list_orders(
    request: AuthorizedRequest,
    *,
    status: Status = None,
    symbol: FromQuery[str | None] = None,
    side: FromQuery[SideName | None] = None,
    client_order_id: ClientOrderId = None,
    kind: Kind = None,
    asset: Asset = None,
    start: Start = 0,
    end: End = 0,
    limit: Limit = None,
    tail: Tail = None,
    cursor: Cursor = 0,
    include_history: FromQuery[bool] = False,
    account: Account = None,
) -> Response[list[OrderView]]:
    """List orders, newest first. Open ones are told by the account's shard, all others by the read model.

    A page looks at a bounded number of orders: with filters that few fit it may be short, even empty, and still say
    where to go on.
    """
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    if client_order_id is not None:
        orders, following = await _with_client_id(gateway, caller, client_order_id), 0
    else:
        query = _query(status, symbol, side, page_size(limit, tail), check_cursor(cursor))._replace(
            order_type=TYPES[kind] if kind else None,
            base=(asset or "").strip().upper(),
            start_ns=check_time("start", start) * NS_PER_MS,
            end_ns=check_time("end", end) * NS_PER_MS,
        )
        orders, following = await _page_of(gateway, caller, status, query)
    return page(request, await _shown(gateway, caller, orders, include_history), following)


@get("/orders/list", before_request=may_read, operation_id="listOrderIds")
async def list_order_ids(
    request: AuthorizedRequest,
    *,
    status: Status = None,
    symbol: FromQuery[str | None] = None,
    side: FromQuery[SideName | None] = None,
    limit: Limit = None,
    tail: Tail = None,
    cursor: Cursor = 0,
) -> Response[OrderList]:
    """List the ids of orders, newest first."""
    query = _query(status, symbol, side, page_size(limit, tail), check_cursor(cursor))
    orders, following = await _page_of(gateway_of(request), request.user, status, query)
    return page(request, OrderList(len(orders), [str(order.order_id) for order in orders]), following)


@get("/orders/{order_id:str}", before_request=may_read, operation_id="getOrder")
async def get_order(
    request: AuthorizedRequest,
    order_id: FromPath[str],
    include_history: FromQuery[bool] = False,
    account: Account = None,
) -> OrderView:
    """Read one order."""
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    order = await gateway.lists.find(caller, parse_order_id(order_id))
    return (await _shown(gateway, caller, [order], include_history))[0]


@post("/orders/{order_id:str}/cancel", status_code=200, before_request=may_trade, operation_id="cancelOrder")
async def cancel_order(request: AuthorizedRequest, order_id: FromPath[str], account: Account = None) -> CanceledOrder:
    """Cancel an open order, and the other of its list; the answer also tells what money that gave back."""
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    order = await gateway.orders.cancel(caller, parse_order_id(order_id))
    instrument = await gateway.floor.instrument(order.symbol)
    listed = await gateway.orders.order_list(caller, order.list_id) if order.list_id else []
    return CanceledOrder(order_view(order, instrument), _freed(order, instrument, listed))


@delete("/orders/{order_id:str}", status_code=200, before_request=may_trade, operation_id="deleteOrder")
async def delete_order(request: AuthorizedRequest, order_id: FromPath[str]) -> OrderView:
    """Cancel an open order, and the other of its list."""
    gateway = gateway_of(request)
    order = await gateway.orders.cancel(request.user, parse_order_id(order_id))
    return order_view(order, await gateway.floor.instrument(order.symbol))


@delete("/orders", status_code=200, before_request=may_trade, operation_id="cancelAllOrders")
async def cancel_all_orders(request: AuthorizedRequest, symbol: FromQuery[str | None] = None) -> list[OrderView]:
    """Cancel all open orders, of one symbol or of all; the answer lists those that were canceled."""
    gateway = gateway_of(request)
    name = "" if symbol is None else (await gateway.floor.instrument(parse_symbol(symbol))).symbol
    return await _shown(gateway, request.user, await gateway.orders.cancel_all(request.user, name), False)


HANDLERS: Final = [
    place_order,
    place_orders,
    can_execute,
    list_orders,
    list_order_ids,
    get_order,
    cancel_order,
    delete_order,
    cancel_all_orders,
]


def asked_order(body: OrderBody, key: str) -> NewOrder:
    """Return the order that a body and an Idempotency-Key ask for."""
    if not key or body.client_order_id:
        return new_order(body)
    return new_order(body, f"i:{check_id('Idempotency-Key', key)}")


def _read_order(raw: msgspec.Raw) -> NewOrder | Failure:
    try:
        return new_order(decode_body(_order_decoder, raw))
    except InvalidInput as failure:
        return failure


def _query(status: str | None, symbol: str | None, side: str | None, limit: int, before: int) -> OrderQuery:
    return OrderQuery(
        status=STATUS_FILTERS.get(status, ANY) if status else ANY,
        symbol=parse_symbol(symbol) if symbol else "",
        side=SIDES[side] if side else None,
        before=before,
        limit=limit,
    )


async def _page_of(gateway: Gateway, caller: Caller, status: str | None, query: OrderQuery) -> tuple[list[Order], int]:
    """Return a page; no order of this exchange ever expires, nor is one rejected after a fill."""
    if status and status not in STATUS_FILTERS:
        return [], 0
    if query.symbol:
        await gateway.floor.instrument(query.symbol)
    return await gateway.lists.page(caller, query)


async def _with_client_id(gateway: Gateway, caller: Caller, client_order_id: str) -> list[Order]:
    check_id("client_order_id", client_order_id)
    try:
        return [await gateway.orders.order(caller, 0, client_order_id)]
    except CommandRefused as refusal:
        if refusal.reason is RejectReason.UNKNOWN_ORDER:
            return []
        raise


async def _shown(gateway: Gateway, caller: Caller, orders: list[Order], with_history: bool) -> list[OrderView]:
    shown = [order_view(order, await gateway.floor.instrument(order.symbol)) for order in orders]
    if with_history:
        histories = await gateway.history.steps(caller, orders)
        for view, order, steps in zip(shown, orders, histories, strict=True):
            view.reserved_us = reserved_after_us(order)
            view.history = history_view(order, steps, await gateway.floor.instrument(order.symbol))
    return shown


def _freed(order: Order, instrument: Instrument, listed: list[Order]) -> dict[str, str]:
    """Return the money that canceling gave back: what the rest of the order held, or all that its list did.

    A list and an order that is to buy at any price have not traded when they are canceled.
    """
    rest = order.quantity - order.filled
    is_buy = order.side is Side.BUY
    base = 0 if is_buy else instrument.base_amount(rest)
    quote = instrument.quote_amount(order.price, rest) if is_buy else 0
    if is_buy and (listed or not order.order_type.has_limit):
        quote = sum(each.hold for each in listed) or order.hold
    return {
        instrument.base: to_text(base, instrument.base_scale),
        instrument.quote: to_text(quote, instrument.quote_scale),
    }
