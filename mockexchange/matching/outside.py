"""What the book knows of the outside market."""

from __future__ import annotations

from mockexchange.matching.house import House
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
        if isinstance(update, DepthSnapshot):
            is_sane = self.house.absorb_snapshot(update)
            self.is_known |= is_sane
        elif not self.is_known:
            return True
        elif isinstance(update, DepthUpdate):
            is_sane = self.house.absorb_update(update)
        else:
            is_sane = self.house.absorb_best(update)
        if is_sane:
            self.cause = update.cause
        return is_sane
