"""Reservations and the orders they begin, either made of the other."""

from __future__ import annotations

from typing import Final

from mockexchange.messages.events import OrderReserved
from mockexchange.messages.orders import Order, OrderStatus

SHARD_BASE: Final = 1024
"""Order ids are `counter * SHARD_BASE + shard`; those of the two orders of a list follow each other."""


def order_of(event: OrderReserved, sequence: int) -> Order:
    """Make the order that a reservation begins."""
    return Order(
        event.order_id,
        event.account,
        event.symbol,
        event.side,
        event.order_type,
        event.time_in_force,
        event.is_post_only,
        event.quantity,
        event.price,
        event.quote_amount,
        event.command_id,
        event.client_order_id,
        event.hold,
        event.hold,
        event.maker_rate,
        event.taker_rate,
        event.received_ns,
        event.reserved_ns,
        sequence=sequence,
        deadline_ns=event.deadline_ns,
        stop_price=event.stop_price,
        prevention=event.prevention,
        list_id=event.list_id,
        list_client_order_id=event.list_client_order_id,
        replaces=event.replaces,
        need=event.need,
        only_if_open=event.only_if_open,
        reserved_ns=event.reserved_ns,
    )


def reservation_of(order: Order) -> OrderReserved:
    """Return the event that began an order which has no outcome yet, as it stands in the journal."""
    assert order.status is OrderStatus.RESERVED
    return OrderReserved(
        order.order_id,
        order.account,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        order.is_post_only,
        order.quantity,
        order.price,
        order.quote_amount,
        order.command_id,
        order.client_order_id,
        order.hold,
        order.maker_rate,
        order.taker_rate,
        order.created_ns,
        order.reserved_ns,
        order.deadline_ns,
        order.need,
        order.stop_price,
        order.prevention,
        order.list_id,
        order.list_client_order_id,
        order.replaces,
        order.only_if_open,
    )
