"""The accounts' resting orders of one side: a queue for each price.

A queue is a doubly linked list through its orders, so a cancel anywhere in it costs the same and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from mockexchange.matching.prices import BUY, SortedPrices
from mockexchange.messages.events import OrderAccepted
from mockexchange.messages.orders import Side


class BookOrder:
    """An order the book has accepted.

    `remaining` is -1 for one by quote amount; `age` rises with acceptance, and anew when the order is triggered, from
    when on its terms are those of a limit or market order. `partner` is the other order of its list while that is open.
    """

    __slots__ = ("age", "following", "hold", "is_buy", "level", "partner", "preceding", "price", "remaining", "terms")

    def __init__(self, terms: OrderAccepted, remaining: int, hold: int, age: int) -> None:
        self.terms = terms
        self.is_buy = terms.side is BUY
        self.price = terms.price
        self.remaining = remaining
        self.hold = hold
        self.age = age
        self.level: PriceLevel | None = None
        self.partner: BookOrder | None = None
        self.preceding: BookOrder | None = None
        self.following: BookOrder | None = None


class PriceLevel:
    """The orders at one price, oldest first. `quantity` is the sum of what remains of them."""

    __slots__ = ("head", "price", "quantity", "tail")

    def __init__(self, price: int) -> None:
        self.price = price
        self.quantity = 0
        self.head: BookOrder | None = None
        self.tail: BookOrder | None = None

    def __iter__(self) -> Iterator[BookOrder]:
        order = self.head
        while order is not None:
            yield order
            order = order.following

    def append(self, order: BookOrder) -> None:
        """Queue an order behind all others."""
        last = self.tail
        order.preceding = last
        if last is None:
            self.head = order
        else:
            last.following = order
        self.tail = order
        order.level = self
        self.quantity += order.remaining

    def remove(self, order: BookOrder) -> None:
        """Take an order out, wherever it stands."""
        preceding, following = order.preceding, order.following
        if preceding is None:
            self.head = following
        else:
            preceding.following = following
        if following is None:
            self.tail = preceding
        else:
            following.preceding = preceding
        order.level = order.preceding = order.following = None
        self.quantity -= order.remaining


class BookSide:
    """One side of the accounts' book. `changed` collects the prices whose quantity changed."""

    __slots__ = ("changed", "levels", "prices")

    def __init__(self, side: Side) -> None:
        self.prices = SortedPrices(side)
        self.levels: dict[int, PriceLevel] = {}
        self.changed: set[int] = set()

    def __iter__(self) -> Iterator[BookOrder]:
        """Yield all orders in priority; the side must not change meanwhile."""
        levels = self.levels
        for price in self.prices:
            yield from levels[price]

    @property
    def first(self) -> BookOrder | None:
        """The order that trades next."""
        prices = self.prices
        return self.levels[prices.best].head if prices.ranks else None

    def quantity_at(self, price: int) -> int:
        """Return what rests at a price."""
        level = self.levels.get(price)
        return level.quantity if level is not None else 0

    def add(self, order: BookOrder) -> None:
        """Let an order rest at its price."""
        price = order.price
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = PriceLevel(price)
            self.prices.add(price)
        level.append(order)
        self.changed.add(price)

    def reduce(self, order: BookOrder, remaining: int) -> None:
        """Set what remains of a resting order, which stays in its place."""
        level = self.levels[order.price]
        level.quantity -= order.remaining - remaining
        order.remaining = remaining
        self.changed.add(order.price)

    def remove(self, order: BookOrder) -> None:
        """Take a resting order out."""
        price = order.price
        level = self.levels[price]
        level.remove(order)
        if level.head is None:
            del self.levels[price]
            self.prices.remove(price)
        self.changed.add(price)
