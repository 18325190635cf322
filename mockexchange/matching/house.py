"""The outside market inside the book: what it displays, and what our accounts have taken of that.

Volatile: nothing here is journaled, only the fills it causes. The house never trades with itself: where a newer
word on one side crosses older words on the other, the older ones go.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from mockexchange.matching.prices import SortedPrices
from mockexchange.messages.orders import Side

Levels = list[tuple[int, int]]


class HouseLevel:
    """A price of the outside market.

    `taken` is what accounts took of `displayed`, by depth or by a print; `given` is the part of it that depth gave and
    no print has told of yet.
    """

    __slots__ = ("displayed", "given", "price", "taken")

    def __init__(self, price: int) -> None:
        self.price = price
        self.displayed = 0
        self.taken = 0
        self.given = 0

    @property
    def available(self) -> int:
        """What accounts may still take."""
        left = self.displayed - self.taken
        return left if left > 0 else 0


class HouseSide:
    """One side of the outside market. `open` are the prices with something available, `known` all."""

    __slots__ = ("changed", "known", "levels", "open")

    def __init__(self, side: Side) -> None:
        self.levels: dict[int, HouseLevel] = {}
        self.known = SortedPrices(side)
        self.open = SortedPrices(side)
        self.changed: set[int] = set()

    @property
    def best(self) -> HouseLevel | None:
        """The best level with something available."""
        return self.levels[self.open.best] if self.open.ranks else None

    def available_at(self, price: int) -> int:
        """Return what may be taken at a price."""
        level = self.levels.get(price)
        return level.available if level is not None else 0

    def display(self, price: int, quantity: int) -> None:
        """Take note of what depth says about a price; 0 removes the level and all memory of it."""
        if quantity == 0:
            if price in self.levels:
                self._forget(price)
            return
        level = self._level(price)
        was_open = level.displayed > level.taken
        level.displayed = quantity
        level.taken = min(level.taken, quantity)
        level.given = min(level.given, level.taken)
        self._note(level, was_open)

    def replace(self, levels: Levels) -> None:
        """Take note of a whole snapshot: what it does not name is gone."""
        named = {price for price, quantity in levels if quantity}
        for price in [price for price in self.levels if price not in named]:
            self._forget(price)
        for price, quantity in levels:
            self.display(price, quantity)

    def clear(self) -> None:
        """Forget everything."""
        for price in list(self.levels):
            self._forget(price)

    def forget_better(self, price: int) -> None:
        """Forget the levels better than a price."""
        known = self.known
        self._forget_from(bisect_right(known.ranks, price * known.sign))

    def forget_crossed(self, price: int) -> None:
        """Forget the levels that a price of the other side reaches."""
        known = self.known
        self._forget_from(bisect_left(known.ranks, price * known.sign))

    def take(self, level: HouseLevel, quantity: int) -> None:
        """Let an account take from what is displayed."""
        level.taken += quantity
        level.given += quantity
        self._note(level, was_open=True)

    def new_in_print(self, price: int, quantity: int) -> int:
        """Return how much of a print is news, and strike off it what depth had already given at its price."""
        level = self.levels.get(price)
        if level is None:
            return quantity
        known = min(quantity, level.given)
        level.given -= known
        return quantity - known

    def take_by_print(self, price: int, quantity: int) -> None:
        """Remember at the print's price what a print filled, so that the depth after it does not fill it again."""
        level = self._level(price)
        was_open = level.displayed > level.taken
        level.taken += quantity
        self._note(level, was_open)

    def _level(self, price: int) -> HouseLevel:
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = HouseLevel(price)
            self.known.add(price)
        return level

    def _note(self, level: HouseLevel, was_open: bool) -> None:
        """Keep `open` and `changed` true after a change of one level."""
        is_open = level.displayed > level.taken
        if is_open and not was_open:
            self.open.add(level.price)
        elif was_open and not is_open:
            self.open.remove(level.price)
        if is_open or was_open:
            self.changed.add(level.price)

    def _forget(self, price: int) -> None:
        level = self.levels.pop(price)
        self.known.remove(price)
        if level.displayed > level.taken:
            self.open.remove(price)
            self.changed.add(price)

    def _forget_from(self, index: int) -> None:
        sign = self.known.sign
        for rank in self.known.ranks[index:]:
            self._forget(rank * sign)


class House:
    """Both sides of a mirrored market."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = HouseSide(Side.BUY)
        self.asks = HouseSide(Side.SELL)

    @classmethod
    def at_price(cls, price: int, bid_quantity: int, ask_quantity: int) -> House:
        """Make a market of a single price."""
        house = cls()
        house.bids.display(price, bid_quantity)
        house.asks.display(price, ask_quantity)
        return house

    def clear(self) -> None:
        """Forget everything."""
        self.bids.clear()
        self.asks.clear()

    def forget_changes(self) -> None:
        """Drop what is remembered for those who follow changes; for a house nobody sees."""
        self.bids.changed.clear()
        self.asks.changed.clear()

    def replace(self, bids: Levels, asks: Levels) -> None:
        """Take note of the whole displayed depth."""
        self.bids.replace(bids)
        self.asks.replace(asks)

    def display(self, bids: Levels, asks: Levels) -> None:
        """Take note of displayed quantities; older ones of the other side that these cross are gone."""
        best_bid, best_ask = best_prices(bids, asks)
        if best_bid:
            self.asks.forget_crossed(best_bid)
        if best_ask:
            self.bids.forget_crossed(best_ask)
        for price, quantity in bids:
            self.bids.display(price, quantity)
        for price, quantity in asks:
            self.asks.display(price, quantity)

    def forget_better(self, bids: Levels, asks: Levels) -> None:
        """Forget the levels better than these."""
        for price, _ in bids:
            self.bids.forget_better(price)
        for price, _ in asks:
            self.asks.forget_better(price)


def best_prices(bids: Levels, asks: Levels) -> tuple[int, int]:
    """Return the best displayed prices among these levels, 0 where there are none."""
    best_bid = max((price for price, quantity in bids if quantity), default=0)
    best_ask = min((price for price, quantity in asks if quantity), default=0)
    return best_bid, best_ask
