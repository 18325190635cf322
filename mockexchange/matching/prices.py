"""The prices of one side, sorted.

A flat sorted list beats a heap here: taking a price out leaves nothing behind, and a list of 100,000 prices takes a
new one in some microseconds, one near its best end in much less.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from mockexchange.messages.orders import Side

# Looking up a member of an enum takes longer than a whole step of the walk through a book.
BUY: Final = Side.BUY


class SortedPrices:
    """Distinct prices of one side, the best at the end.

    `ranks` holds price * sign in rising order, so that for bids and asks alike the higher rank is the better price.
    """

    __slots__ = ("ranks", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = 1 if side is BUY else -1
        self.ranks: list[int] = []

    @property
    def best(self) -> int:
        """The best price, 0 if there is none."""
        return self.ranks[-1] * self.sign if self.ranks else 0

    def __len__(self) -> int:
        return len(self.ranks)

    def __iter__(self) -> Iterator[int]:
        """Yield the prices, best first; the list must not change meanwhile."""
        sign = self.sign
        for rank in reversed(self.ranks):
            yield rank * sign

    def add(self, price: int) -> None:
        """Put in a price that is not there."""
        rank = price * self.sign
        ranks = self.ranks
        if not ranks or rank > ranks[-1]:
            ranks.append(rank)
        else:
            ranks.insert(bisect_left(ranks, rank), rank)

    def remove(self, price: int) -> None:
        """Take out a price that is there."""
        rank = price * self.sign
        ranks = self.ranks
        if ranks[-1] == rank:
            ranks.pop()
            return
        index = bisect_left(ranks, rank)
        if ranks[index] != rank:
            raise KeyError(price)
        del ranks[index]
