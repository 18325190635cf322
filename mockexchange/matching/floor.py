"""What every decision of a book looks at: the journaled state, and the outside market beside it."""

from __future__ import annotations

import msgspec

from mockexchange.instruments import MILLION, Instrument
from mockexchange.matching.fills import FillWriter, TradeIds
from mockexchange.matching.house import HouseSide
from mockexchange.matching.outside import OutsideMarket
from mockexchange.matching.prices import BUY
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.matching.state import BookState
from mockexchange.matching.taking import Factors, Plan, Taker, offers, plan
from mockexchange.messages.market import Print
from mockexchange.messages.orders import Side


class BookLimits(msgspec.Struct, frozen=True):
    """Bounds of one step: fills it may make, and how many trade ids are reserved at once."""

    max_fills: int = 1000
    trade_id_block: int = 1_000_000


class Floor:
    """Where the orders of one symbol meet.

    `house` is the market that counts, of the outside or of an override. What the limit of fills has interrupted is
    remembered by `is_interrupted` and, where more must be known, by the order and the print it was about.
    """

    __slots__ = (
        "_band_down",
        "_band_up",
        "_factors",
        "house",
        "instrument",
        "interrupted_print",
        "interrupted_taker",
        "is_interrupted",
        "max_fills",
        "outside",
        "state",
        "trade_ids",
        "writer",
    )

    def __init__(self, instrument: Instrument, limits: BookLimits) -> None:
        self.instrument = instrument
        self.max_fills = limits.max_fills
        self.trade_ids = TradeIds(limits.trade_id_block)
        self.writer = FillWriter(instrument, self.trade_ids)
        self.state = BookState()
        self.outside = OutsideMarket()
        self.house = self.outside.house
        self.is_interrupted = False
        self.interrupted_taker = 0
        self.interrupted_print: Print | None = None
        self._factors = Factors(instrument.step_size, instrument.base_factor, instrument.quote_factor)
        self._band_down = instrument.band_down
        self._band_up = instrument.band_up

    @property
    def is_stale(self) -> bool:
        """Whether there is an outside market and it is not known now."""
        return self.instrument.feed and not self.outside.is_known and self.state.override is None

    @property
    def has_due(self) -> bool:
        """Whether an order is to be triggered; none is while the market is stale."""
        waiting = self.state.waiting
        return bool(waiting.reached or waiting.seen) and not self.is_stale

    def facing(self, side: Side) -> tuple[BookSide, HouseSide]:
        """Return what an order of this side trades with."""
        state, house = self.state, self.house
        return (state.asks, house.asks) if side is BUY else (state.bids, house.bids)

    def resting(self) -> tuple[tuple[BookSide, HouseSide], tuple[BookSide, HouseSide]]:
        """Return each side's resting orders with the side of the house that fills them."""
        state, house = self.state, self.house
        return (state.bids, house.asks), (state.asks, house.bids)

    def is_out_of_band(self, price: int) -> bool:
        """Whether a limit price is too far from the last price, or while none is known from the outside's best."""
        reference = self.state.last_price
        if not reference:
            best = self.house.bids.best or self.house.asks.best
            if best is None:
                return False
            reference = best.price
        down, up = self._band_down, self._band_up
        return price * MILLION < reference * down or bool(up and price * MILLION > reference * up)

    def plan(self, taker: Taker, own: BookSide, house: HouseSide, without: BookOrder | None = None) -> Plan:
        """Choose what a taker takes, as if the order `without` and the other of its list were gone."""
        available = offers(own, house)
        if without is not None:
            gone = without, without.partner
            available = (offer for offer in available if offer[3] is None or offer[3] not in gone)
        return plan(taker, available, self._factors, self.max_fills)
