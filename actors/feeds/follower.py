"""The venue's rule for following a book from its stream, as a state without I/O.

A snapshot may come after differences that it does not hold yet: those are kept until it is there. Best bids and offers
run ahead of the differences, which are sent every 100 ms; where a difference is the older one, the best is said again
after it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from actors.feeds.grid import Grid
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print
from mockexchange.messages.orders import Side

_KEPT_DIFFERENCES: Final = 1_000
_MS: Final = 1_000_000

_Levels = list[tuple[str, str]]


class Snapshot(msgspec.Struct, frozen=True):
    """Answer of the venue's `/api/v3/depth`."""

    last: int = msgspec.field(name="lastUpdateId")
    bids: _Levels
    asks: _Levels


class Difference(msgspec.Struct, frozen=True):
    """Message of the `depth` stream: the levels that updates `first` to `last` changed."""

    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    bids: _Levels = msgspec.field(name="b")
    asks: _Levels = msgspec.field(name="a")


class Best(msgspec.Struct, frozen=True):
    """Message of the `bookTicker` stream."""

    update: int = msgspec.field(name="u")
    bid: str = msgspec.field(name="b")
    bid_quantity: str = msgspec.field(name="B")
    ask: str = msgspec.field(name="a")
    ask_quantity: str = msgspec.field(name="A")


class Trade(msgspec.Struct, frozen=True):
    """Message of the `trade` stream."""

    trade_id: int = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    time_ms: int = msgspec.field(name="T")
    is_buyer_maker: bool = msgspec.field(name="m")


class Follower:
    """Turns the venue's messages into market updates; nothing is said before the first snapshot."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._last = 0
        self._is_following = False
        self._early: deque[Difference] = deque(maxlen=_KEPT_DIFFERENCES)
        self._best: Best | None = None

    def follow(self, message: Snapshot | Difference | Best | Trade) -> list[MarketUpdate]:
        """Return what a message says about the market, in order."""
        match message:
            case Snapshot():
                return [] if self._is_following else self._begin(message)
            case Difference():
                return [*self._apply(message), *self._best_again()]
            case Best():
                self._best = message
                return self._best_again()
            case Trade():
                return self._trade(message) if self._is_following else []

    def _begin(self, snapshot: Snapshot) -> list[MarketUpdate]:
        self._is_following = True
        self._last = snapshot.last
        bids, asks = self._grid.levels(snapshot.bids), self._grid.levels(snapshot.asks)
        updates: list[MarketUpdate] = [DepthSnapshot(_there(bids), _there(asks), snapshot.last)]
        early, self._early = list(self._early), deque(maxlen=_KEPT_DIFFERENCES)
        for difference in early:
            if difference.last > snapshot.last:
                updates.extend(self._apply(difference))
        return [*updates, *self._best_again()]

    def _apply(self, difference: Difference) -> list[MarketUpdate]:
        if not self._is_following:
            self._early.append(difference)
            return []
        if difference.last <= self._last:
            return []
        if difference.first > self._last + 1:
            # Something is missing: the book is unknown until the next snapshot, for which this one may count.
            self._is_following = False
            self._early.append(difference)
            return [MarketSilent()]
        self._last = difference.last
        bids, asks = self._grid.levels(difference.bids), self._grid.levels(difference.asks)
        return [DepthUpdate(bids, asks, difference.last)]

    def _best_again(self) -> list[MarketUpdate]:
        """Return the last best bid and offer where it is newer than the depth."""
        best = self._best
        if best is None or not self._is_following or best.update <= self._last:
            return []
        grid = self._grid
        return [
            BestBidOffer(
                grid.price(best.bid),
                grid.quantity_of_something(best.bid_quantity),
                grid.price(best.ask),
                grid.quantity_of_something(best.ask_quantity),
                best.update,
            )
        ]

    def _trade(self, trade: Trade) -> list[MarketUpdate]:
        quantity = self._grid.quantity(trade.quantity)
        if quantity == 0:
            return []
        taker = Side.SELL if trade.is_buyer_maker else Side.BUY
        return [Print(self._grid.price(trade.price), quantity, taker, trade.trade_id, trade.time_ms * _MS)]


def _there(levels: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the levels whose quantity did not round down to nothing."""
    return [level for level in levels if level[1] > 0]
