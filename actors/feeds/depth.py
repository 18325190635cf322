"""The outside market as the feed last showed it, so that it can be shown again from the start."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import islice
from typing import Final

from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print

SNAPSHOT_LEVELS: Final = 1_000
"""A snapshot shows at most so many levels of a side, the best ones."""

Level = tuple[int, int]


class _Side:
    """Levels of one side, keyed so that the best key is the greatest: the price for bids, its negative for asks."""

    __slots__ = ("_keys", "_quantities", "_sign")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._quantities: dict[int, int] = {}

    def replace(self, levels: list[Level]) -> None:
        self._quantities = {self._sign * price: quantity for price, quantity in levels if quantity > 0}
        self._keys = sorted(self._quantities)

    def put(self, price: int, quantity: int) -> None:
        key = self._sign * price
        is_known = key in self._quantities
        if quantity > 0:
            self._quantities[key] = quantity
            if not is_known:
                insort(self._keys, key)
        elif is_known:
            del self._quantities[key]
            del self._keys[bisect_left(self._keys, key)]

    def put_best(self, price: int, quantity: int) -> None:
        """Show a level as the best: what was displayed beyond it is gone."""
        if quantity == 0:
            return
        key = self._sign * price
        while self._keys and self._keys[-1] > key:
            del self._quantities[self._keys.pop()]
        self.put(price, quantity)

    def best(self) -> Level:
        if not self._keys:
            return (0, 0)
        return (self._sign * self._keys[-1], self._quantities[self._keys[-1]])

    def levels(self, limit: int) -> list[Level]:
        return [(self._sign * key, self._quantities[key]) for key in islice(reversed(self._keys), limit)]


class OutsideDepth:
    """Displayed depth of one symbol; `is_known` is False before the first snapshot and while the market is silent."""

    def __init__(self) -> None:
        self._bids = _Side(1)
        self._asks = _Side(-1)
        self._cause = 0
        self.last_price = 0
        self.is_known = False

    def apply(self, update: MarketUpdate) -> None:
        """Take in what the market says."""
        match update:
            case DepthSnapshot(bids, asks, cause):
                self._bids.replace(bids)
                self._asks.replace(asks)
                self._cause = cause
                self.is_known = True
            case DepthUpdate(bids, asks, cause):
                for price, quantity in bids:
                    self._bids.put(price, quantity)
                for price, quantity in asks:
                    self._asks.put(price, quantity)
                self._cause = cause
            case BestBidOffer(bid, bid_quantity, ask, ask_quantity, cause):
                self._bids.put_best(bid, bid_quantity)
                self._asks.put_best(ask, ask_quantity)
                self._cause = cause
            case Print(price):
                self.last_price = price
            case MarketSilent():
                self._bids.replace([])
                self._asks.replace([])
                self.is_known = False

    def best(self) -> tuple[Level, Level]:
        """Return the best bid and the best ask; an empty side is (0, 0)."""
        return self._bids.best(), self._asks.best()

    def snapshot(self) -> DepthSnapshot:
        """Return what is displayed now, best levels first."""
        return DepthSnapshot(self._bids.levels(SNAPSHOT_LEVELS), self._asks.levels(SNAPSHOT_LEVELS), self._cause)
