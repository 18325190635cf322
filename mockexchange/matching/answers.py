"""What the book says of an order that has reached it."""

from __future__ import annotations

from mockexchange.messages.events import OrderAccepted, OrderRejected, OrderReserved
from mockexchange.messages.refusals import RejectReason


def accepted(order: OrderReserved, shard: int) -> OrderAccepted:
    """Take a shard's order in."""
    return OrderAccepted(
        order.order_id,
        order.account,
        shard,
        order.side,
        order.order_type,
        order.time_in_force,
        order.price,
        order.quantity,
        order.quote_amount,
        order.hold,
        order.maker_rate,
        order.taker_rate,
    )


def rejected(order: OrderReserved, shard: int, reason: RejectReason) -> OrderRejected:
    """Refuse a shard's order and give its whole hold back."""
    return OrderRejected(order.order_id, order.account, shard, reason, order.hold)
