"""What was: orders, lists and trades of the account, oldest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from gateway.binance.errors import BinanceError
from gateway.binance.operation import Inquiry, Operation, Security, names
from gateway.binance.order_lists import group_by_list
from gateway.binance.order_views import Json, is_refused, list_object, order_object, trade_object
from gateway.binance.parameters import Parameters
from gateway.binance.symbols import NS_PER_MS, find_instrument
from gateway.failures import CommandRefused
from gateway.past import Past
from mockexchange.messages.orders import Fill, Order
from mockexchange.messages.refusals import RejectReason

MAX_ROWS: Final = 1_000
DEFAULT_ROWS: Final = 500
DAY_MS: Final = 24 * 3600 * 1000
LEGS: Final = 2
DISORDER_NS: Final = 60 * 10**9
"""Orders stand by their ids, and may have been asked for in another order, but not by more than this."""


class Span(NamedTuple):
    """Bounds in time, in nanoseconds; None: none."""

    start_ns: int | None
    end_ns: int | None

    def holds(self, time_ns: int) -> bool:
        """Whether a time lies within."""
        return (self.start_ns is None or time_ns >= self.start_ns) and (self.end_ns is None or time_ns <= self.end_ns)


def read_span(parameters: Parameters) -> Span:
    """Read `startTime` and `endTime`, which may be a day apart. Raises BinanceError."""
    start, end = parameters.optional_time_ms("startTime"), parameters.optional_time_ms("endTime")
    if start is not None and end is not None:
        if end < start:
            raise BinanceError(-1128, "Start time is greater than end time.")
        if end - start > DAY_MS:
            raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")
    # All within the last millisecond counts.
    end_ns = None if end is None else (end + 1) * NS_PER_MS - 1
    return Span(None if start is None else start * NS_PER_MS, end_ns)


# --- orders ---


async def _all_orders(inquiry: Inquiry) -> Sequence[Json]:
    parameters = inquiry.parameters
    instrument = await find_instrument(inquiry.gateway, parameters.text("symbol"))
    from_id = parameters.optional_integer("orderId")
    orders = await _orders(inquiry, instrument.symbol, from_id)
    return [order_object(order, instrument) for order in orders]


async def _orders(inquiry: Inquiry, symbol: str, from_id: int | None) -> list[Order]:
    span, limit = read_span(inquiry.parameters), _limit(inquiry)
    past = await inquiry.gateway.history.past_orders(inquiry.account, symbol)

    def fits(order: Order) -> bool:
        return span.holds(order.created_ns) and not is_refused(order)

    return await _chosen(past, span, from_id, limit, fits)


async def _chosen(
    past: Past[Order], span: Span, from_id: int | None, limit: int, fits: Callable[[Order], bool]
) -> list[Order]:
    """Return the first orders from an id or a time on, or else the last ones."""
    if from_id is not None:
        return await past.after(await past.first_at(lambda order: order.order_id >= from_id), limit, fits)
    start_ns, end_ns = span
    end = past.count
    if end_ns is not None:
        end = await past.first_at(lambda order: order.created_ns > end_ns + DISORDER_NS)
    if start_ns is None:
        return await past.before(end, limit, fits)
    place = await past.first_at(lambda order: order.created_ns >= start_ns - DISORDER_NS)
    return await past.after(place, limit, fits, end)


async def _all_lists(inquiry: Inquiry) -> Sequence[Json]:
    from_id = inquiry.parameters.optional_integer("fromId")
    span, limit = read_span(inquiry.parameters), _limit(inquiry)
    if from_id is not None and span != (None, None):
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    past = await inquiry.gateway.history.past_orders(inquiry.account, "")

    def fits(order: Order) -> bool:
        return order.list_id > 0 and span.holds(order.created_ns) and not is_refused(order)

    # A list may be cut in two where reading begins or ends; one more order than needed makes up for that.
    whole = _whole(await _chosen(past, span, from_id, LEGS * limit + 1, fits))
    is_newest = from_id is None and span.start_ns is None
    return [list_object(legs) for legs in (whole[-limit:] if is_newest else whole[:limit])]


def _whole(legs: Sequence[Order]) -> list[list[Order]]:
    return [each for each in group_by_list(legs) if len(each) == LEGS]


# --- trades ---


async def _my_trades(inquiry: Inquiry) -> Sequence[Json]:
    parameters = inquiry.parameters
    instrument = await find_instrument(inquiry.gateway, parameters.text("symbol"))
    order_id = parameters.optional_integer("orderId")
    if order_id is None:
        fills = await _fills(inquiry, instrument.symbol)
    else:
        fills = await _fills_of_order(inquiry, instrument.symbol, order_id)
    return [trade_object(fill, instrument) for fill in fills]


async def _fills(inquiry: Inquiry, symbol: str) -> list[Fill]:
    parameters, limit = inquiry.parameters, _limit(inquiry)
    span, from_id = read_span(parameters), parameters.optional_integer("fromId")
    start_ns, end_ns = span
    if from_id is not None and span != (None, None):
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    past = await inquiry.gateway.history.past_fills(inquiry.account, symbol)
    if from_id is not None:
        return await past.after(await past.first_at(lambda fill: fill.trade_id >= from_id), limit)
    if start_ns is not None:
        place = await past.first_at(lambda fill: fill.time_ns >= start_ns)
        return [fill for fill in await past.after(place, limit) if span.holds(fill.time_ns)]
    end = past.count if end_ns is None else await past.first_at(lambda fill: fill.time_ns > end_ns)
    return await past.before(end, limit)


async def _fills_of_order(inquiry: Inquiry, symbol: str, order_id: int) -> list[Fill]:
    """Return the fills of one order, nothing for one that does not exist."""
    span, limit = read_span(inquiry.parameters), _limit(inquiry)
    from_id = inquiry.parameters.integer("fromId", default=0)
    try:
        order = await inquiry.gateway.lists.find(inquiry.account, order_id)
    except CommandRefused as refused:
        if refused.reason is RejectReason.UNKNOWN_ORDER:
            return []
        raise
    if order.symbol != symbol or not order.filled:
        return []
    past = await inquiry.gateway.history.past_fills(inquiry.account, symbol)
    place = await past.first_at(lambda fill: fill.time_ns >= order.created_ns - DISORDER_NS)
    end = past.count
    if order.finished_ns:
        end = await past.first_at(lambda fill: fill.time_ns > order.finished_ns)

    def fits(fill: Fill) -> bool:
        return fill.order_id == order_id and fill.trade_id >= from_id and span.holds(fill.time_ns)

    return await past.after(place, limit, fits, end)


def _limit(inquiry: Inquiry) -> int:
    return inquiry.parameters.limit(default=DEFAULT_ROWS, most=MAX_ROWS)


def _trades_weight(parameters: Parameters) -> int:
    return 5 if "orderId" in parameters else 20


_ORDERS: Final = names("symbol orderId startTime endTime limit")
_LISTS: Final = names("fromId startTime endTime limit")
_TRADES: Final = names("symbol orderId startTime endTime fromId limit")

OPERATIONS: Final = [
    Operation("GET", "/api/v3/allOrders", "allOrders", Security.READ, 20, _all_orders, takes=_ORDERS),
    Operation("GET", "/api/v3/allOrderList", "allOrderLists", Security.READ, 20, _all_lists, takes=_LISTS),
    Operation("GET", "/api/v3/myTrades", "myTrades", Security.READ, _trades_weight, _my_trades, takes=_TRADES),
]
