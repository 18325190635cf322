"""How the outside market fills resting orders, at their own prices.

Each function stops when the events are as many as one step may have.
"""

from __future__ import annotations

from mockexchange.matching.fills import FillWriter
from mockexchange.matching.house import HouseSide
from mockexchange.matching.queues import BookSide
from mockexchange.messages.events import BookEvent
from mockexchange.messages.market import Print


class RestingFiller:
    """Fills resting orders from the house, `max_events` events at most in a step."""

    __slots__ = ("_max_events", "_writer")

    def __init__(self, writer: FillWriter, max_events: int) -> None:
        self._writer = writer
        self._max_events = max_events

    def fill_reached(self, own: BookSide, house: HouseSide, cause: int, events: list[BookEvent]) -> bool:
        """Fill the orders that the house's best prices reach; return whether all were."""
        if not own.prices.ranks or not house.open.ranks:
            return True
        sign = own.prices.sign
        for order in own:
            remaining = order.remaining
            while remaining:
                level = house.best
                if level is None or level.price * sign > order.price * sign:
                    return True
                if len(events) >= self._max_events:
                    return False
                quantity = min(remaining, level.available)
                remaining -= quantity
                house.take(level, quantity)
                self._writer.fill_resting(order, remaining, quantity, cause, events)
        return True

    def fill_through(
        self, own: BookSide, house: HouseSide, update: Print, quantity: int, events: list[BookEvent]
    ) -> int:
        """Fill the orders that a print went strictly through, up to a quantity; return what it still owes them."""
        sign = own.prices.sign
        left = quantity
        owed = 0
        for order in own:
            if left == 0 or order.price * sign <= update.price * sign:
                break
            if len(events) >= self._max_events:
                owed = left
                break
            filled = min(order.remaining, left)
            left -= filled
            self._writer.fill_resting(order, order.remaining - filled, filled, update.cause, events)
        if left < quantity:
            house.take_by_print(update.price, quantity - left)
        return owed
