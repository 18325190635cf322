"""The order book of one symbol: it decides.

Commands and market updates give events; the caller evolves each of them, in order, before it decides anything else, and
journals them. What is not journaled is the outside market, and with it what has been taken of it; that alone changes
while deciding.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mockexchange.instruments import Instrument
from mockexchange.matching import changes
from mockexchange.matching.entry import Entry, expired
from mockexchange.matching.floor import BookLimits, Floor
from mockexchange.matching.house import House, HouseSide
from mockexchange.matching.invariants import check_house, check_matched, check_override, check_state
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.matching.resting import Step, fill_reached, fill_through
from mockexchange.matching.state import BookState
from mockexchange.matching.taking import Taker
from mockexchange.matching.view import best_level, best_levels, changed_levels
from mockexchange.messages.channel import BookAmend, BookCancel
from mockexchange.messages.events import (
    Applied,
    BookEvent,
    BookOpened,
    BookRecord,
    OrderReserved,
    PriceOverridden,
    PriceReleased,
)
from mockexchange.messages.market import MarketUpdate, Print
from mockexchange.messages.orders import Trade
from mockexchange.messages.refusals import RejectReason

Levels = list[tuple[int, int]]

DEFAULT_LIMITS: Final = BookLimits()


class OrderBook:
    """Matches the orders of one symbol with each other and with the outside market.

    `refused_updates` counts market updates that were ignored since they made no sense.
    """

    def __init__(self, instrument: Instrument, limits: BookLimits = DEFAULT_LIMITS) -> None:
        self.symbol = instrument.symbol
        self.instrument = instrument
        self.refused_updates = 0
        self._floor = Floor(instrument, limits)
        self._entry = Entry(self._floor)

    @property
    def open_orders(self) -> int:
        """How many orders rest or wait."""
        return len(self._floor.state.orders)

    @property
    def applied(self) -> dict[int, Applied]:
        """How far each shard's channel is worked off; the caller moves it on with each record."""
        return self._floor.state.applied

    @property
    def is_overridden(self) -> bool:
        """Whether an administrator's price stands in place of the outside market."""
        return self._floor.state.override is not None

    @property
    def is_stale(self) -> bool:
        """Whether there is an outside market and it is not known now."""
        return self._floor.is_stale

    @property
    def last_price(self) -> int:
        """The price of the last trade, print or override; 0 if there was none."""
        return self._floor.state.last_price

    def best(self) -> tuple[int, int, int, int]:
        """Return bid, bid quantity, ask and ask quantity of house and accounts together; 0 where there is none."""
        state, house = self._floor.state, self._floor.house
        return (*best_level(state.bids, house.bids), *best_level(state.asks, house.asks))

    def depth(self, limit: int) -> tuple[Levels, Levels]:
        """Return the best `limit` levels of bids and asks as (price, quantity) of house and accounts together."""
        state, house = self._floor.state, self._floor.house
        return best_levels(state.bids, house.bids, limit), best_levels(state.asks, house.asks, limit)

    def take_changed_levels(self) -> tuple[Levels, Levels]:
        """Return the levels of bids and asks touched since the last call, best first; quantity 0: gone."""
        state, house = self._floor.state, self._floor.house
        return changed_levels(state.bids, house.bids), changed_levels(state.asks, house.asks)

    def place(self, order: OrderReserved, shard: int, now_ns: int) -> list[BookEvent]:
        """Take in an order, which must not have been decided before."""
        return self._entry.place(order, shard, now_ns)

    def place_list(self, first: OrderReserved, second: OrderReserved, shard: int, now_ns: int) -> list[BookEvent]:
        """Take in both orders of a list, which must not have been decided before, or neither."""
        return self._entry.place_list((first, second), shard, now_ns)

    def cancel(self, cancel: BookCancel, shard: int) -> list[BookEvent]:
        """Cancel a shard's order, and the other of its list; nothing happens when it is not open there."""
        return changes.cancel(self._floor, cancel, shard)

    def amend(self, amend: BookAmend, shard: int, now_ns: int) -> list[BookEvent]:
        """Lower the quantity of a shard's order, which keeps its place, or say why not."""
        return [changes.amend(self._floor, amend, shard, now_ns)]

    def on_market(self, update: MarketUpdate) -> tuple[list[BookEvent], Trade | None]:
        """Hear what the outside market says: the fills it causes, and of a print the line for the tape.

        The line's trade id comes before those of the fills. While overridden the market is heard, but does not count.
        """
        if not self.instrument.feed:
            self.refused_updates += 1
            return [], None
        if isinstance(update, Print):
            return self._on_print(update)
        if not self._floor.outside.absorb(update):
            self.refused_updates += 1
            return [], None
        if self._floor.house is not self._floor.outside.house:
            self._floor.outside.house.forget_changes()
            return [], None
        step = Step(self._floor.writer, self._floor.max_fills)
        self._fill_reached(self._floor.outside.cause, step)
        return step.events, None

    def _on_print(self, update: Print) -> tuple[list[BookEvent], Trade | None]:
        if update.price <= 0 or update.quantity <= 0:
            self.refused_updates += 1
            return [], None
        if self._floor.house is not self._floor.outside.house:
            return [], None
        step = Step(self._floor.writer, self._floor.max_fills)
        trade_id = self._floor.trade_ids.draw(step.events)
        self._floor.state.last_price = update.price
        self._floor.state.waiting.see(update.price)
        if self._floor.outside.is_known:
            self._floor.outside.cause = update.cause
            for own, house in self._floor.resting():
                news = house.new_in_print(update.price, update.quantity)
                self._fill_through(own, house, update, news, step)
        trade = Trade(
            trade_id, self.symbol, update.price, update.quantity, update.taker_side, update.time_ns, is_outside=True
        )
        return step.events, trade

    def _fill_reached(self, cause: int, step: Step) -> None:
        for own, house in self._floor.resting():
            if not fill_reached(own, house, cause, step):
                self._floor.is_interrupted = True

    def _fill_through(self, own: BookSide, house: HouseSide, update: Print, quantity: int, step: Step) -> None:
        owed = fill_through(own, house, update, quantity, step)
        if owed:
            self._floor.is_interrupted = True
            self._floor.interrupted_print = msgspec.structs.replace(update, quantity=owed)

    def uncross(self) -> list[BookEvent]:
        """Go on with what a limit of fills interrupted, then with the orders that are to be triggered.

        Call it until it returns nothing, before other commands.
        """
        floor = self._floor
        if not floor.is_interrupted and not (floor.state.waiting.orders and floor.has_due):
            return []
        step = Step(floor.writer, floor.max_fills)
        taker = floor.state.orders.get(floor.interrupted_taker)
        if taker is not None:
            self._go_on(taker, step.events)
        taker = self._crossing_order()
        if not step.events and taker is not None:
            self._go_on(taker, step.events)
        if not step.events and floor.interrupted_print is not None:
            self._go_on_with_print(floor.interrupted_print, step)
        if not step.events:
            self._fill_reached(0 if self.is_overridden else floor.outside.cause, step)
        if not step.events:
            step.events += self._entry.trigger_next()
        floor.is_interrupted = bool(step.events)
        return step.events

    def _crossing_order(self) -> BookOrder | None:
        """Return the younger of the best bid and ask if they match."""
        bid, ask = self._floor.state.bids.first, self._floor.state.asks.first
        if bid is None or ask is None or bid.price < ask.price:
            return None
        return bid if bid.age > ask.age else ask

    def _go_on(self, order: BookOrder, events: list[BookEvent]) -> None:
        floor, terms = self._floor, order.terms
        own, house = floor.facing(terms.side)
        taker = Taker(terms, terms.shard, order.remaining, order.hold)
        chosen = floor.plan(taker, own, house)
        if chosen[0]:
            taker.hold = floor.writer.leave_list(order, events)
        floor.writer.take(taker, chosen, house, events)
        if chosen[1] is RejectReason.SELF_TRADE:
            events.append(expired(taker, RejectReason.SELF_TRADE))
        floor.interrupted_taker = taker.order_id if chosen[1] is RejectReason.FILL_LIMIT else 0

    def _go_on_with_print(self, update: Print, step: Step) -> None:
        self._floor.interrupted_print = None
        if self._floor.house is self._floor.outside.house and self._floor.outside.is_known:
            for own, house in self._floor.resting():
                self._fill_through(own, house, update, update.quantity, step)

    def override(self, price: int, bid_quantity: int, ask_quantity: int) -> list[BookEvent]:
        """Put a price in place of the outside market until released, anew with each call."""
        if price <= 0 or bid_quantity < 0 or ask_quantity < 0:
            raise ValueError(f"no market: {bid_quantity} at {price} against {ask_quantity}")
        step = Step(self._floor.writer, self._floor.max_fills)
        step.events.append(PriceOverridden(price, bid_quantity, ask_quantity))
        self._show(House.at_price(price, bid_quantity, ask_quantity))
        self._fill_reached(0, step)
        return step.events

    def release_override(self) -> list[BookEvent]:
        """Let the outside market count again; nothing happens when it does."""
        if self._floor.state.override is None:
            return []
        step = Step(self._floor.writer, self._floor.max_fills)
        step.events.append(PriceReleased())
        self._show(self._floor.outside.house)
        self._fill_reached(self._floor.outside.cause, step)
        return step.events

    def _show(self, house: House) -> None:
        """Put another house in place of the one that counts."""
        for own, old, new in zip(
            (self._floor.state.bids, self._floor.state.asks),
            (self._floor.house.bids, self._floor.house.asks),
            (house.bids, house.asks),
            strict=True,
        ):
            own.changed.update(old.changed, old.open, new.open)
            new.changed.clear()
        self._floor.house = house

    def evolve(self, event: BookEvent) -> None:
        """Fold one event, just decided or read from the journal."""
        self._floor.state.evolve(event)
        if type(event) is BookOpened:
            self._resume()

    def apply(self, record: BookRecord) -> None:
        """Fold a record read from the journal."""
        for event in record.events:
            self._floor.state.evolve(event)
        self._floor.state.applied.update(record.applied)
        self._resume()

    def _resume(self) -> None:
        """Bring in line with the journaled state what is not journaled."""
        state = self._floor.state
        self._floor.trade_ids.begin_after(state.trade_ids_until)
        left = state.override
        self._show(
            self._floor.outside.house
            if left is None
            else House.at_price(left.price, left.bid_quantity, left.ask_quantity)
        )
        self._floor.is_interrupted = True

    def to_snapshot(self) -> bytes:
        """Encode the journaled state."""
        return self._floor.state.to_snapshot()

    @classmethod
    def from_snapshot(cls, instrument: Instrument, data: bytes, limits: BookLimits = DEFAULT_LIMITS) -> OrderBook:
        """Build a book from a snapshot. Raises msgspec.DecodeError, or ValueError for an unknown version."""
        book = cls(instrument, limits)
        book._floor.state = BookState.from_snapshot(data)
        book._resume()
        return book

    def state_hash(self) -> bytes:
        """Return a digest of the journaled state."""
        return self._floor.state.hash()

    def check(self) -> None:
        """Raise AssertionError unless every invariant holds."""
        check_state(self._floor.state, self.instrument)
        check_house(self._floor.outside.house)
        check_house(self._floor.house)
        check_override(self._floor.state, self._floor.house)
        if not self._floor.is_interrupted:
            check_matched(self._floor.state, self._floor.house)
