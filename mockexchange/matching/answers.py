"""What the book says of an order that has reached it."""

from __future__ import annotations

from mockexchange.matching.queues import BookOrder
from mockexchange.messages.events import OrderAccepted, OrderCanceled, OrderRejected, OrderReserved
from mockexchange.messages.refusals import RejectReason


def accepted(order: OrderReserved, shard: int, hold: int) -> OrderAccepted:
    """Take a shard's order in with what it holds."""
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
        hold,
        order.maker_rate,
        order.taker_rate,
        order.stop_price,
        order.prevention,
        order.list_id,
    )


def rejected(order: OrderReserved, shard: int, reason: RejectReason) -> OrderRejected:
    """Refuse a shard's order and give its whole hold back."""
    return OrderRejected(order.order_id, order.account, shard, reason, order.hold)


def canceled(order: BookOrder, command_id: str, reason: RejectReason, release: int) -> OrderCanceled:
    """Close an open order and give back what is left of its hold."""
    terms = order.terms
    return OrderCanceled(terms.order_id, terms.account, terms.shard, command_id, reason, release)
