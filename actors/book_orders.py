"""The orders of a shard's call, as the book is to decide them."""

from __future__ import annotations

from collections.abc import Iterator

from mockexchange.messages.channel import Delivery
from mockexchange.messages.codec import decode_reserved
from mockexchange.messages.events import OrderReserved


def undecided(delivery: Delivery, last_order_id: int) -> Iterator[list[OrderReserved]]:
    """Yield the orders above the last that was decided: each by itself, but both of a list together."""
    first: OrderReserved | None = None
    for raw in delivery.orders:
        order = decode_reserved(raw)
        if order.order_id <= last_order_id:
            continue
        if first is not None and order.list_id == first.order_id:
            yield [first, order]
            first = None
            continue
        if first is not None:
            yield [first]
        first = order if order.list_id == order.order_id else None
        if first is None:
            yield [order]
    if first is not None:
        yield [first]
