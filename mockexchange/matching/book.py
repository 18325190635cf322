"""The order book of one symbol: it decides.

Commands and market updates give events; the caller evolves each of them, in order, before it decides anything else, and
journals them. What is not journaled is the outside market, and with it what has been taken of it; that alone changes
while deciding.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mockexchange.instruments import Instrument
from mockexchange.matching.answers import accepted, rejected
from mockexchange.matching.fills import FillWriter, TradeIds
from mockexchange.matching.house import House, HouseSide
from mockexchange.matching.invariants import check_house, check_matched, check_override, check_state
from mockexchange.matching.outside import OutsideMarket
from mockexchange.matching.prices import BUY
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.matching.resting import Step, fill_reached, fill_through
from mockexchange.matching.state import BookState
from mockexchange.matching.taking import Plan, Taker, offers, plan
from mockexchange.matching.view import best_level, best_levels, changed_levels
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.events import (
    Applied,
    BookEvent,
    BookOpened,
    BookRecord,
    OrderCanceled,
    OrderReserved,
    PriceOverridden,
    PriceReleased,
)
from mockexchange.messages.market import MarketUpdate, Print
from mockexchange.messages.orders import OrderType, Side, TimeInForce, Trade
from mockexchange.messages.refusals import RejectReason

Levels = list[tuple[int, int]]


class BookLimits(msgspec.Struct, frozen=True):
    """Bounds of one step: fills it may make, and how many trade ids are reserved at once."""

    max_fills: int = 1000
    trade_id_block: int = 1_000_000


DEFAULT_LIMITS: Final = BookLimits()
_LIMIT: Final = OrderType.LIMIT
_GTC: Final = TimeInForce.GTC


class OrderBook:
    """Matches the orders of one symbol with each other and with the outside market.

    `refused_updates` counts market updates that were ignored since they made no sense.
    """

    def __init__(self, instrument: Instrument, limits: BookLimits = DEFAULT_LIMITS) -> None:
        self.symbol = instrument.symbol
        self.instrument = instrument
        self.refused_updates = 0
        self._limits = limits
        self._quote_factor = instrument.quote_factor
        self._trade_ids = TradeIds(limits.trade_id_block)
        self._writer = FillWriter(instrument, self._trade_ids)
        self._outside = OutsideMarket()
        self._interrupted = False
        self._interrupted_taker = 0
        self._interrupted_print: Print | None = None
        self._state = BookState()
        self._house = self._outside.house

    @property
    def open_orders(self) -> int:
        """How many orders rest."""
        return len(self._state.orders)

    @property
    def applied(self) -> dict[int, Applied]:
        """How far each shard's channel is worked off; the caller moves it on with each record."""
        return self._state.applied

    @property
    def is_overridden(self) -> bool:
        """Whether an administrator's price stands in place of the outside market."""
        return self._state.override is not None

    @property
    def is_stale(self) -> bool:
        """Whether there is an outside market and it is not known now."""
        return self.instrument.feed and not self._outside.is_known and self._state.override is None

    @property
    def last_price(self) -> int:
        """The price of the last trade, print or override; 0 if there was none."""
        return self._state.last_price

    def best(self) -> tuple[int, int, int, int]:
        """Return bid, bid quantity, ask and ask quantity of house and accounts together; 0 where there is none."""
        state, house = self._state, self._house
        return (*best_level(state.bids, house.bids), *best_level(state.asks, house.asks))

    def depth(self, limit: int) -> tuple[Levels, Levels]:
        """Return the best `limit` levels of bids and asks as (price, quantity) of house and accounts together."""
        state, house = self._state, self._house
        return best_levels(state.bids, house.bids, limit), best_levels(state.asks, house.asks, limit)

    def take_changed_levels(self) -> tuple[Levels, Levels]:
        """Return the levels of bids and asks touched since the last call, best first; quantity 0: gone."""
        state, house = self._state, self._house
        return changed_levels(state.bids, house.bids), changed_levels(state.asks, house.asks)

    def place(self, order: OrderReserved, shard: int, now_ns: int) -> list[BookEvent]:
        """Take in an order, which must not have been decided before."""
        if now_ns > order.deadline_ns:
            return [rejected(order, shard, RejectReason.TOO_LATE)]
        own, house = self._facing(order.side)
        if order.order_type is _LIMIT:
            if order.time_in_force is _GTC and not _is_offered(own, house, order.price):
                return [accepted(order, shard)]
        elif self.is_stale:
            return [rejected(order, shard, RejectReason.PRICE_STALE)]
        return self._place_taker(order, shard, own, house)

    def _facing(self, side: Side) -> tuple[BookSide, HouseSide]:
        """Return what an order of this side trades with."""
        state, house = self._state, self._house
        return (state.asks, house.asks) if side is BUY else (state.bids, house.bids)

    def _place_taker(self, order: OrderReserved, shard: int, own: BookSide, house: HouseSide) -> list[BookEvent]:
        taker = Taker(order, shard, order.quantity or -1, order.hold)
        chosen = self._plan(taker, own, house)
        matches, rest = chosen
        if order.is_post_only and matches:
            return [rejected(order, shard, RejectReason.WOULD_TAKE)]
        if rest is not None and order.time_in_force is TimeInForce.FOK:
            return [rejected(order, shard, RejectReason.NOT_FILLABLE)]
        events: list[BookEvent] = [accepted(order, shard)]
        self._writer.take(taker, chosen, house, events)
        if rest is None:
            return events
        if order.order_type is not _LIMIT or order.time_in_force is not _GTC:
            events.append(OrderCanceled(order.order_id, order.account, shard, "", rest, taker.hold))
        elif rest is RejectReason.FILL_LIMIT:
            self._interrupted = True
            self._interrupted_taker = order.order_id
        return events

    def _plan(self, taker: Taker, own: BookSide, house: HouseSide) -> Plan:
        step_size, max_fills = self.instrument.step_size, self._limits.max_fills
        return plan(taker, offers(own, house), step_size, self._quote_factor, max_fills)

    def cancel(self, cancel: BookCancel, shard: int) -> list[BookEvent]:
        """Cancel a shard's order; nothing happens when it is not open or not that shard's."""
        order = self._state.orders.get(cancel.order_id)
        if order is None or order.terms.shard != shard:
            return []
        reason = RejectReason.CANCELED_BY_ADMIN if cancel.by_admin else RejectReason.CANCELED_BY_USER
        return [OrderCanceled(cancel.order_id, order.terms.account, shard, cancel.command_id, reason, order.hold)]

    def on_market(self, update: MarketUpdate) -> tuple[list[BookEvent], Trade | None]:
        """Hear what the outside market says: the fills it causes, and of a print the line for the tape.

        The line's trade id comes before those of the fills. While overridden the market is heard, but does not count.
        """
        if not self.instrument.feed:
            self.refused_updates += 1
            return [], None
        if isinstance(update, Print):
            return self._on_print(update)
        if not self._outside.absorb(update):
            self.refused_updates += 1
            return [], None
        if self._house is not self._outside.house:
            self._outside.house.forget_changes()
            return [], None
        step = Step(self._writer, self._limits.max_fills)
        self._fill_reached(self._outside.cause, step)
        return step.events, None

    def _on_print(self, update: Print) -> tuple[list[BookEvent], Trade | None]:
        if update.price <= 0 or update.quantity <= 0:
            self.refused_updates += 1
            return [], None
        if self._house is not self._outside.house:
            return [], None
        step = Step(self._writer, self._limits.max_fills)
        trade_id = self._trade_ids.draw(step.events)
        self._state.last_price = update.price
        if self._outside.is_known:
            self._outside.cause = update.cause
            for own, house in self._resting():
                news = house.new_in_print(update.price, update.quantity)
                self._fill_through(own, house, update, news, step)
        trade = Trade(
            trade_id, self.symbol, update.price, update.quantity, update.taker_side, update.time_ns, is_outside=True
        )
        return step.events, trade

    def _resting(self) -> tuple[tuple[BookSide, HouseSide], tuple[BookSide, HouseSide]]:
        """Return each side's resting orders with the side of the house that fills them."""
        state, house = self._state, self._house
        return (state.bids, house.asks), (state.asks, house.bids)

    def _fill_reached(self, cause: int, step: Step) -> None:
        for own, house in self._resting():
            if not fill_reached(own, house, cause, step):
                self._interrupted = True

    def _fill_through(self, own: BookSide, house: HouseSide, update: Print, quantity: int, step: Step) -> None:
        owed = fill_through(own, house, update, quantity, step)
        if owed:
            self._interrupted = True
            self._interrupted_print = msgspec.structs.replace(update, quantity=owed)

    def uncross(self) -> list[BookEvent]:
        """Go on with what a limit of fills interrupted; call it until it returns nothing, before other commands."""
        if not self._interrupted:
            return []
        step = Step(self._writer, self._limits.max_fills)
        taker = self._state.orders.get(self._interrupted_taker)
        if taker is not None:
            self._go_on(taker, step.events)
        taker = self._crossing_order()
        if not step.events and taker is not None:
            self._go_on(taker, step.events)
        if not step.events and self._interrupted_print is not None:
            self._go_on_with_print(self._interrupted_print, step)
        if not step.events:
            self._fill_reached(0 if self.is_overridden else self._outside.cause, step)
        self._interrupted = bool(step.events)
        return step.events

    def _crossing_order(self) -> BookOrder | None:
        """Return the younger of the best bid and ask if they match."""
        bid, ask = self._state.bids.first, self._state.asks.first
        if bid is None or ask is None or bid.price < ask.price:
            return None
        return bid if bid.age > ask.age else ask

    def _go_on(self, order: BookOrder, events: list[BookEvent]) -> None:
        taker = Taker(order.terms, order.terms.shard, order.remaining, order.hold)
        own, house = self._facing(taker.side)
        chosen = self._plan(taker, own, house)
        self._writer.take(taker, chosen, house, events)
        self._interrupted_taker = taker.order_id if chosen[1] is RejectReason.FILL_LIMIT else 0

    def _go_on_with_print(self, update: Print, step: Step) -> None:
        self._interrupted_print = None
        if self._house is self._outside.house and self._outside.is_known:
            for own, house in self._resting():
                self._fill_through(own, house, update, update.quantity, step)

    def override(self, price: int, bid_quantity: int, ask_quantity: int) -> list[BookEvent]:
        """Put a price in place of the outside market until released, anew with each call."""
        if price <= 0 or bid_quantity < 0 or ask_quantity < 0:
            raise ValueError(f"no market: {bid_quantity} at {price} against {ask_quantity}")
        step = Step(self._writer, self._limits.max_fills)
        step.events.append(PriceOverridden(price, bid_quantity, ask_quantity))
        self._show(House.at_price(price, bid_quantity, ask_quantity))
        self._fill_reached(0, step)
        return step.events

    def release_override(self) -> list[BookEvent]:
        """Let the outside market count again; nothing happens when it does."""
        if self._state.override is None:
            return []
        step = Step(self._writer, self._limits.max_fills)
        step.events.append(PriceReleased())
        self._show(self._outside.house)
        self._fill_reached(self._outside.cause, step)
        return step.events

    def _show(self, house: House) -> None:
        """Put another house in place of the one that counts."""
        for own, old, new in zip(
            (self._state.bids, self._state.asks),
            (self._house.bids, self._house.asks),
            (house.bids, house.asks),
            strict=True,
        ):
            own.changed.update(old.changed, old.open, new.open)
            new.changed.clear()
        self._house = house

    def evolve(self, event: BookEvent) -> None:
        """Fold one event, just decided or read from the journal."""
        self._state.evolve(event)
        if type(event) is BookOpened:
            self._resume()

    def apply(self, record: BookRecord) -> None:
        """Fold a record read from the journal."""
        for event in record.events:
            self._state.evolve(event)
        self._state.applied.update(record.applied)
        self._resume()

    def _resume(self) -> None:
        """Bring in line with the journaled state what is not journaled."""
        state = self._state
        self._trade_ids.begin_after(state.trade_ids_until)
        left = state.override
        self._show(
            self._outside.house if left is None else House.at_price(left.price, left.bid_quantity, left.ask_quantity)
        )
        self._interrupted = True

    def to_snapshot(self) -> bytes:
        """Encode the journaled state."""
        return self._state.to_snapshot()

    @classmethod
    def from_snapshot(cls, instrument: Instrument, data: bytes, limits: BookLimits = DEFAULT_LIMITS) -> OrderBook:
        """Build a book from a snapshot. Raises msgspec.DecodeError, or ValueError for an unknown version."""
        book = cls(instrument, limits)
        book._state = BookState.from_snapshot(data)
        book._resume()
        return book

    def state_hash(self) -> bytes:
        """Return a digest of the journaled state."""
        return self._state.hash()

    def check(self) -> None:
        """Raise AssertionError unless every invariant holds."""
        check_state(self._state, self.instrument)
        check_house(self._outside.house)
        check_house(self._house)
        check_override(self._state, self._house)
        if not self._interrupted:
            check_matched(self._state, self._house)


def _is_offered(own: BookSide, house: HouseSide, price: int) -> bool:
    """Whether a side offers something at a limit price of the other."""
    rank = price * own.prices.sign
    ranks, house_ranks = own.prices.ranks, house.open.ranks
    return (bool(ranks) and ranks[-1] >= rank) or (bool(house_ranks) and house_ranks[-1] >= rank)
