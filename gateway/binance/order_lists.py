"""Lists of two orders of which one cancels the other: place, query, cancel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from gateway.binance.errors import UNKNOWN_ORDER_SENT, BinanceError, refusal
from gateway.binance.operation import NO_NAMES, Inquiry, Operation, Security, names
from gateway.binance.order_requests import (
    KINDS,
    RESPONSES,
    SIDES,
    Kind,
    Response,
    client_id,
    either,
    optional_client_id,
    read_prevention,
    read_price,
    read_time_in_force,
    refuse_unsupported,
)
from gateway.binance.order_views import LIMIT_MAKER, Json, canceled_list, list_object
from gateway.binance.orders import show_placed
from gateway.binance.parameters import Parameters, missing
from gateway.binance.strategies import mark
from gateway.binance.symbols import find_instrument, quantity_units
from gateway.failures import CommandRefused, Failure
from gateway.new_orders import NewOrder
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Order, OrderType, Side
from mockexchange.messages.refusals import RejectReason

_STOPS: Final = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})
_LEG_KINDS: Final = {name: kind for name, kind in KINDS.items() if name not in {"LIMIT", "MARKET"}}

NO_CONTINGENT: Final = "At least one OCO order must be contingent."


class LegNames(NamedTuple):
    """What the parameters of one leg are called; empty: there is none."""

    client_id: str
    price: str
    stop_price: str
    time_in_force: str
    iceberg: str
    trailing: str
    strategy_id: str
    strategy_type: str

    @classmethod
    def of_prefix(cls, prefix: str) -> LegNames:
        """Return the names that begin with a prefix."""
        ends = (
            "ClientOrderId",
            "Price",
            "StopPrice",
            "TimeInForce",
            "IcebergQty",
            "TrailingDelta",
            "StrategyId",
            "StrategyType",
        )
        return cls._make(f"{prefix}{end}" for end in ends)


ABOVE: Final = LegNames.of_prefix("above")
BELOW: Final = LegNames.of_prefix("below")
LIMIT: Final = LegNames(
    "limitClientOrderId",
    "price",
    "",
    "",
    "limitIcebergQty",
    "trailingDelta",
    "limitStrategyId",
    "limitStrategyType",
)
STOP: Final = LegNames(
    "stopClientOrderId",
    "stopLimitPrice",
    "stopPrice",
    "stopLimitTimeInForce",
    "stopIcebergQty",
    "trailingDelta",
    "stopStrategyId",
    "stopStrategyType",
)


async def _place_oco(inquiry: Inquiry) -> Json:
    parameters = inquiry.parameters
    instrument = await find_instrument(inquiry.gateway, parameters.text("symbol"))
    list_id = client_id(parameters, "listClientOrderId")
    side = parameters.choice("side", SIDES)
    above = _read_leg(inquiry, instrument, side, parameters.choice("aboveType", _LEG_KINDS), ABOVE)
    below = _read_leg(inquiry, instrument, side, parameters.choice("belowType", _LEG_KINDS), BELOW)
    _check_legs(side, above, below)
    return await _place_legs(inquiry, (above, below), list_id)


async def _place_old_oco(inquiry: Inquiry) -> Json:
    """Place a list as it was asked for before its legs were above and below: one limit, one stop."""
    parameters = inquiry.parameters
    instrument = await find_instrument(inquiry.gateway, parameters.text("symbol"))
    list_id = client_id(parameters, "listClientOrderId")
    side = parameters.choice("side", SIDES)
    stop_kind = KINDS["STOP_LOSS_LIMIT" if STOP.price in parameters else "STOP_LOSS"]
    limit = _read_leg(inquiry, instrument, side, KINDS[LIMIT_MAKER], LIMIT)
    stop = _read_leg(inquiry, instrument, side, stop_kind, STOP)
    _check_legs(side, *((stop, limit) if side is Side.BUY else (limit, stop)))
    # The stop comes first, as it did there.
    return await _place_legs(inquiry, (stop, limit), list_id)


def _read_leg(inquiry: Inquiry, instrument: Instrument, side: Side, kind: Kind, leg: LegNames) -> NewOrder:
    parameters = inquiry.parameters
    refuse_unsupported(parameters, leg.iceberg, leg.trailing)
    return NewOrder(
        symbol=instrument.symbol,
        side=side,
        order_type=kind.order_type,
        time_in_force=read_time_in_force(parameters, leg.time_in_force, kind),
        is_post_only=kind.is_post_only,
        amount=_read_quantity(parameters, instrument),
        limit_price=read_price(parameters, leg.price, instrument, is_needed=kind.order_type.has_limit),
        client_order_id=client_id(parameters, leg.client_id),
        command_id=mark(inquiry.gateway.floor.mint(), parameters, leg.strategy_id, leg.strategy_type),
        stop_price=read_price(parameters, leg.stop_price, instrument, is_needed=kind.order_type.is_conditional),
        prevention=read_prevention(parameters),
    )


def _check_legs(side: Side, above: NewOrder, below: NewOrder) -> None:
    """Raise BinanceError unless the legs lie on both sides of the price: the loss a stop stops is the far one."""
    loss, profit = (above, below) if side is Side.BUY else (below, above)
    if above.order_type is below.order_type is OrderType.LIMIT:
        raise BinanceError(-2010, NO_CONTINGENT)
    if loss.order_type not in _STOPS or profit.order_type in _STOPS or not _reach(above) > _reach(below):
        raise refusal(RejectReason.INVALID_LIST)
    if above.client_order_id == below.client_order_id:
        raise refusal(RejectReason.DUPLICATE_CLIENT_ORDER_ID)


def _reach(leg: NewOrder) -> Decimal:
    """Return the price at which a leg begins to trade."""
    price = leg.limit_price if leg.stop_price is None else leg.stop_price
    assert price is not None
    return price


async def _place_legs(inquiry: Inquiry, legs: tuple[NewOrder, NewOrder], list_id: str) -> Json:
    response = inquiry.parameters.choice("newOrderRespType", RESPONSES, Response.RESULT)
    placed = await inquiry.gateway.orders.place_list(inquiry.account, *legs, list_client_order_id=list_id)
    reports = [show_placed(each, response) for each in placed]
    return list_object([each.order for each in placed]) | {"orderReports": reports}


def _read_quantity(parameters: Parameters, instrument: Instrument) -> Decimal:
    quantity = parameters.decimal("quantity")
    if quantity is None:
        raise missing("quantity")
    quantity_units(instrument, quantity)
    return quantity


# --- lists that exist ---


async def find_list(inquiry: Inquiry, client_id_name: str) -> list[Order]:
    """Return the orders of the list that the parameters name. Raises Failure."""
    parameters = inquiry.parameters
    list_id = parameters.optional_integer("orderListId")
    list_client_id = optional_client_id(parameters, client_id_name)
    if list_id is None and list_client_id is None:
        raise either(client_id_name, "orderListId")
    if list_id == 0:
        raise refusal(RejectReason.UNKNOWN_ORDER)
    legs = await inquiry.gateway.lists.find_list(inquiry.account, list_id or 0, list_client_id or "")
    if list_client_id not in (None, legs[0].list_client_order_id):
        raise refusal(RejectReason.UNKNOWN_ORDER)
    return legs


async def _query(inquiry: Inquiry) -> Json:
    return list_object(await find_list(inquiry, "origClientOrderId"))


async def _cancel(inquiry: Inquiry) -> Json:
    gateway, parameters = inquiry.gateway, inquiry.parameters
    instrument = await find_instrument(gateway, parameters.text("symbol"))
    cancel_id = client_id(parameters, "newClientOrderId")
    unknown = BinanceError(-2011, UNKNOWN_ORDER_SENT)
    try:
        legs = await find_list(inquiry, "listClientOrderId")
        chosen = next((leg for leg in legs if leg.is_open), None)
        if chosen is None or chosen.symbol != instrument.symbol:
            raise unknown
        canceled = await gateway.orders.cancel_order(inquiry.account, chosen)
    except (CommandRefused, BinanceError) as failure:
        raise _as_cancel(failure, unknown) from failure
    by_id = {leg.order_id: leg for leg in (*legs, *canceled)}
    return canceled_list([by_id[order_id] for order_id in sorted(by_id)], instrument, cancel_id)


def _as_cancel(failure: Failure, unknown: BinanceError) -> Failure:
    is_unknown = isinstance(failure, CommandRefused) and failure.reason is RejectReason.UNKNOWN_ORDER
    return unknown if is_unknown or (isinstance(failure, BinanceError) and failure.code == -2013) else failure


async def _open_lists(inquiry: Inquiry) -> Sequence[Json]:
    orders, _ = await inquiry.gateway.lists.all_open(inquiry.account)
    return [list_object(legs) for legs in group_by_list(reversed(orders))]


def group_by_list(orders: Iterable[Order]) -> list[list[Order]]:
    """Return orders by the lists they are of, in order; those of none are left out."""
    lists: dict[int, list[Order]] = {}
    for order in orders:
        if order.list_id:
            lists.setdefault(order.list_id, []).append(order)
    return list(lists.values())


_COMMON: Final = "symbol side quantity listClientOrderId newOrderRespType selfTradePreventionMode"
_OCO: Final = names(f"{_COMMON} aboveType belowType {' '.join(ABOVE + BELOW)}")
_OLD_OCO: Final = names(f"{_COMMON} {' '.join(LIMIT + STOP)}")
_ONE: Final = names("orderListId origClientOrderId")
_CANCELED: Final = names("symbol orderListId listClientOrderId newClientOrderId")

OPERATIONS: Final = [
    Operation("POST", "/api/v3/orderList/oco", "orderList.place.oco", Security.TRADE, 1, _place_oco, 2, _OCO),
    Operation("POST", "/api/v3/order/oco", "orderList.place", Security.TRADE, 1, _place_old_oco, 2, _OLD_OCO),
    Operation("GET", "/api/v3/orderList", "orderList.status", Security.READ, 4, _query, takes=_ONE),
    Operation("DELETE", "/api/v3/orderList", "orderList.cancel", Security.TRADE, 1, _cancel, takes=_CANCELED),
    Operation("GET", "/api/v3/openOrderList", "openOrderLists.status", Security.READ, 6, _open_lists, takes=NO_NAMES),
]
