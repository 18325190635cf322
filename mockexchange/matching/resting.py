"""How the outside market fills resting orders, at their own prices."""

from __future__ import annotations

from mockexchange.matching.fills import FillWriter
from mockexchange.matching.house import HouseSide
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.messages.events import BookEvent
from mockexchange.messages.market import Print


class Step:
    """The events of one step of the book, and how many fills it may still make."""

    __slots__ = ("_left_list", "_writer", "events", "fills_left")

    def __init__(self, writer: FillWriter, max_fills: int) -> None:
        self._writer = writer
        self.events: list[BookEvent] = []
        self.fills_left = max_fills
        self._left_list: BookOrder | None = None

    def fill(self, order: BookOrder, remaining: int, quantity: int, cause: int) -> None:
        """Let the house take a quantity from a resting order, of which `remaining` is left then."""
        self.fills_left -= 1
        if order.partner is not None and order is not self._left_list:
            self._writer.leave_list(order, self.events)
            self._left_list = order
        self._writer.fill_resting(order, remaining, quantity, cause, self.events)


def fill_reached(own: BookSide, house: HouseSide, cause: int, step: Step) -> bool:
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
            if step.fills_left == 0:
                return False
            quantity = min(remaining, level.available)
            remaining -= quantity
            house.take(level, quantity)
            step.fill(order, remaining, quantity, cause)
    return True


def fill_through(own: BookSide, house: HouseSide, update: Print, quantity: int, step: Step) -> int:
    """Fill the orders that a print went strictly through, up to a quantity; return what it still owes them."""
    sign = own.prices.sign
    left = quantity
    owed = 0
    for order in own:
        if left == 0 or order.price * sign <= update.price * sign:
            break
        if step.fills_left == 0:
            owed = left
            break
        filled = min(order.remaining, left)
        left -= filled
        step.fill(order, order.remaining - filled, filled, update.cause)
    if left < quantity:
        house.take_by_print(update.price, quantity - left)
    return owed
