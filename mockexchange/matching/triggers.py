"""Orders that wait for their stop price.

Once a price has reached an order it stays due, wherever the price goes before its turn comes. A price that the journal
tells, of a fill or an override, makes orders due in the journaled state; a print does so only as long as this process
lives, since prints are not journaled.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heappop, heappush

from mockexchange.matching.queues import BookOrder


class Ladder:
    """The orders that wait for one direction of the price, the next one to be reached at the end.

    `sign` is 1 where a price at or below the stop price reaches an order, -1 where one at or above it does.
    """

    __slots__ = ("entries", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.entries: list[tuple[int, int, int]] = []

    def add(self, order: BookOrder) -> None:
        """Put an order in."""
        insort(self.entries, self._entry(order))

    def remove(self, order: BookOrder) -> None:
        """Take an order out that is there."""
        entry = self._entry(order)
        index = bisect_left(self.entries, entry)
        if self.entries[index] != entry:
            raise KeyError(order.terms.order_id)
        del self.entries[index]

    def reached(self, price: int) -> Iterator[tuple[int, int]]:
        """Yield age and order id of those a price reaches; the last entry may be taken out meanwhile."""
        rank = price * self.sign
        for index in range(len(self.entries) - 1, -1, -1):
            stop, age, order_id = self.entries[index]
            if stop < rank:
                return
            yield age, order_id

    def _entry(self, order: BookOrder) -> tuple[int, int, int]:
        return order.terms.stop_price * self.sign, order.age, order.terms.order_id


class Waiting:
    """All orders that wait, and the prices that made some of them due: `reached` by the journal, `seen` by prints."""

    __slots__ = ("_falling", "_queue", "_rising", "orders", "reached", "seen")

    def __init__(self) -> None:
        self.orders: dict[int, BookOrder] = {}
        self.reached: dict[int, int] = {}
        self.seen: dict[int, int] = {}
        self._falling = Ladder(1)
        self._rising = Ladder(-1)
        self._queue: list[tuple[int, int]] = []

    @property
    def ladders(self) -> tuple[Ladder, Ladder]:
        """Those that wait for a falling price, and those that wait for a rising one."""
        return self._falling, self._rising

    def ladder_of(self, order: BookOrder) -> Ladder:
        """Return where an order stands until the journal reaches it."""
        return self._rising if order.terms.order_type.rises_to_trigger(order.terms.side) else self._falling

    def add(self, order: BookOrder, reached: int = 0) -> None:
        """Let an order wait; `reached` is the price that had reached it, 0 if none had."""
        self.orders[order.terms.order_id] = order
        if reached:
            self.reached[order.terms.order_id] = reached
            heappush(self._queue, (order.age, order.terms.order_id))
        else:
            self.ladder_of(order).add(order)

    def remove(self, order: BookOrder) -> None:
        """Let an order wait no longer."""
        order_id = order.terms.order_id
        del self.orders[order_id]
        self.seen.pop(order_id, None)
        if self.reached.pop(order_id, None) is None:
            self.ladder_of(order).remove(order)

    def reach(self, price: int) -> None:
        """Take note of a price that the journal tells."""
        for ladder in self.ladders:
            for age, order_id in ladder.reached(price):
                ladder.entries.pop()
                self.reached[order_id] = price
                heappush(self._queue, (age, order_id))

    def see(self, price: int) -> None:
        """Take note of the price of a print."""
        for ladder in self.ladders:
            for age, order_id in ladder.reached(price):
                if order_id not in self.seen:
                    self.seen[order_id] = price
                    heappush(self._queue, (age, order_id))

    def next_due(self) -> tuple[BookOrder, int] | None:
        """Return the oldest order that is due, and the price that reached it."""
        while self._queue:
            order_id = self._queue[0][1]
            price = self.reached.get(order_id) or self.seen.get(order_id)
            if price is not None:
                return self.orders[order_id], price
            heappop(self._queue)
        return None
