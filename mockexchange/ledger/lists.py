"""Whether two orders go together as a list of which one cancels the other."""

from __future__ import annotations

from typing import Final

from mockexchange.messages.commands import PlaceOrder, Refused
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason

SHARED: Final = ("account", "symbol", "side", "quantity")


def check_list(legs: tuple[PlaceOrder, PlaceOrder]) -> Refused | None:
    """Return why two orders make no list, or None.

    Both wait or rest until they trade. One must be conditional, and a rising price must reach one of them, a falling
    price the other: else one would always come before the other, which would be of no use.
    """
    first, second = legs
    for field in SHARED:
        if getattr(first, field) != getattr(second, field):
            return Refused(RejectReason.INVALID_LIST, f"{field}: differs between the orders")
    if first.command_id == second.command_id:
        return Refused(RejectReason.INVALID_LIST, "command_id: is the same for both orders")
    if first.client_order_id and first.client_order_id == second.client_order_id:
        return Refused(RejectReason.INVALID_LIST, "client_order_id: is the same for both orders")
    for leg in legs:
        if leg.order_type is OrderType.MARKET or leg.quote_amount:
            return Refused(RejectReason.INVALID_LIST, "type: a market order waits for nothing")
        if leg.order_type is OrderType.LIMIT and leg.time_in_force is not TimeInForce.GTC:
            return Refused(RejectReason.INVALID_LIST, "time_in_force: a limit order of a list rests")
    if not (first.order_type.is_conditional or second.order_type.is_conditional):
        return Refused(RejectReason.INVALID_LIST, "type: one of the orders must be a stop or take-profit order")
    return _check_relation(first, second)


def _check_relation(first: PlaceOrder, second: PlaceOrder) -> Refused | None:
    is_reached_by_rise, is_second_reached_by_rise = _is_reached_by_rise(first), _is_reached_by_rise(second)
    if is_reached_by_rise == is_second_reached_by_rise:
        return Refused(RejectReason.INVALID_LIST, "type: both orders are reached from the same side")
    upper, lower = (first, second) if is_reached_by_rise else (second, first)
    if _reached_at(upper) <= _reached_at(lower):
        field = "stop_price" if upper.order_type.is_conditional else "limit_price"
        return Refused(RejectReason.INVALID_LIST, f"{field}: must be above the price of the other order")
    return None


def _is_reached_by_rise(order: PlaceOrder) -> bool:
    """Whether a rising price reaches an order: a resting sell, or a conditional one that waits for a rise."""
    if order.order_type.is_conditional:
        return order.order_type.rises_to_trigger(order.side)
    return order.side is Side.SELL


def _reached_at(order: PlaceOrder) -> int:
    return order.stop_price or order.price
