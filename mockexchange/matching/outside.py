"""What the book knows of the outside market."""

from __future__ import annotations

from mockexchange.matching.house import House, Levels, best_prices
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent


class OutsideMarket:
    """The mirrored depth, whether it is known now, and the venue's sequence it stands at.

    Until a snapshot comes, and again after a silence, nothing is known and changes say nothing.
    """

    __slots__ = ("cause", "house", "is_known")

    def __init__(self) -> None:
        self.house = House()
        self.is_known = False
        self.cause = 0

    def absorb(self, update: DepthSnapshot | DepthUpdate | BestBidOffer | MarketSilent) -> bool:
        """Take note of an update; return False, and change nothing, when it makes no sense."""
        if isinstance(update, MarketSilent):
            self.house.clear()
            self.is_known = False
            return True
        bids, asks = _levels(update)
        if not _is_sane(bids, asks):
            return False
        if isinstance(update, DepthSnapshot):
            self.house.replace(bids, asks)
            self.is_known = True
        elif not self.is_known:
            return True
        else:
            if isinstance(update, BestBidOffer):
                self.house.forget_better(bids, asks)
            self.house.display(bids, asks)
        self.cause = update.cause
        return True


def _levels(update: DepthSnapshot | DepthUpdate | BestBidOffer) -> tuple[Levels, Levels]:
    """Return what an update says of bids and of asks."""
    if not isinstance(update, BestBidOffer):
        return update.bids, update.asks
    bids = [(update.bid, update.bid_quantity)] if update.bid_quantity else []
    asks = [(update.ask, update.ask_quantity)] if update.ask_quantity else []
    return bids, asks


def _is_sane(bids: Levels, asks: Levels) -> bool:
    """Whether prices are positive, quantities not negative and the sides do not cross."""
    for levels in (bids, asks):
        for price, quantity in levels:
            if price <= 0 or quantity < 0:
                return False
    best_bid, best_ask = best_prices(bids, asks)
    return not best_ask or best_bid < best_ask
