"""The journaled state of a book: a pure fold of its events.

It never decides anything, so a change of the matching rules never rewrites history.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from mockexchange.matching.prices import BUY
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.matching.triggers import Waiting
from mockexchange.messages.events import (
    AmendRejected,
    Applied,
    BookClosed,
    BookEvent,
    BookOpened,
    FillSide,
    HoldMoved,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    PriceOverridden,
    PriceReleased,
    TradeIdsReserved,
)
from mockexchange.messages.orders import OrderType, Side, TimeInForce

SNAPSHOT_VERSION: Final = 2
_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_GTC: Final = TimeInForce.GTC


class OrderState(msgspec.Struct, array_like=True, frozen=True):
    """An open order: its terms, and what is left of it.

    `reached` is the price that has reached the stop price of one that waits, 0 if none has.
    """

    terms: OrderAccepted
    remaining: int
    hold: int
    reached: int


class OverrideState(msgspec.Struct, array_like=True, frozen=True):
    """An administrator's price, and what accounts have left of its quantities."""

    price: int
    bid_quantity: int
    ask_quantity: int


class BookSnapshot(msgspec.Struct, array_like=True, frozen=True):
    """All that the journal has made of a book. Orders stand in the order of their age."""

    version: int
    applied: list[tuple[int, Applied]]
    trade_ids_until: int
    traded_price: int
    override: OverrideState | None
    orders: list[OrderState]


class BookState:
    """Resting and waiting orders, how far the shards' channels are worked off, and what else the journal says.

    `traded_price` is that of the last fill or override; in `last_price`, which is not journaled, prints count too.
    """

    __slots__ = (
        "_accepted",
        "applied",
        "asks",
        "bids",
        "last_price",
        "orders",
        "override",
        "trade_ids_until",
        "traded_price",
        "waiting",
    )

    def __init__(self) -> None:
        self.orders: dict[int, BookOrder] = {}
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self.waiting = Waiting()
        self.applied: dict[int, Applied] = {}
        self.trade_ids_until = 0
        self.traded_price = self.last_price = 0
        self.override: OverrideState | None = None
        self._accepted = 0

    @property
    def is_crossed(self) -> bool:
        """Whether resting orders match each other, which only a limit of fills leaves so."""
        bids, asks = self.bids.prices, self.asks.prices
        return bool(bids.ranks and asks.ranks) and bids.best >= asks.best

    def _side_of(self, order: BookOrder) -> BookSide:
        return self.bids if order.is_buy else self.asks

    def evolve(self, event: BookEvent) -> None:
        """Fold one event."""
        match event:
            case OrderAccepted():
                self._accept(event)
            case OrderFilled():
                self._fill(event)
            case OrderCanceled(order_id):
                self._remove(self.orders[order_id])
            case OrderRejected() | BookOpened() | BookClosed() | AmendRejected():
                pass
            case TradeIdsReserved(until):
                self.trade_ids_until = until
            case PriceOverridden(price, bid_quantity, ask_quantity):
                self.override = OverrideState(price, bid_quantity, ask_quantity)
                self._trade_at(price)
            case PriceReleased():
                self.override = None
            case OrderTriggered(order_id):
                self._trigger(self.orders.pop(order_id))
            case OrderAmended():
                self._amend(self.orders[event.order_id], event)
            case HoldMoved():
                self._move_hold(event)

    def _accept(self, event: OrderAccepted) -> None:
        self._accepted += 1
        self._put(BookOrder(event, event.quantity or -1, event.hold, self._accepted))

    def _put(self, order: BookOrder, reached: int = 0) -> None:
        terms = order.terms
        self.orders[terms.order_id] = order
        if terms.order_type is _LIMIT:
            if terms.time_in_force is _GTC:
                self._side_of(order).add(order)
        elif terms.order_type is not _MARKET:
            self.waiting.add(order, reached)
        if terms.list_id:
            self._join_list(order)

    def _join_list(self, order: BookOrder) -> None:
        """Make an order and the first of its list partners, if that is another and open."""
        first = self.orders.get(order.terms.list_id)
        if first is not None and first is not order:
            first.partner, order.partner = order, first

    def _trigger(self, order: BookOrder) -> None:
        """Make of an order that waited one that was accepted just now."""
        self.waiting.remove(order)
        self._accepted += 1
        order.age = self._accepted
        order_type = _LIMIT if order.terms.order_type.has_limit else _MARKET
        order.terms = msgspec.structs.replace(order.terms, order_type=order_type)
        self._put(order)

    def _amend(self, order: BookOrder, event: OrderAmended) -> None:
        order.hold -= event.release
        order.terms = msgspec.structs.replace(order.terms, quantity=event.quantity)
        if order.level is not None:
            self._side_of(order).reduce(order, event.remaining)
        else:
            order.remaining = event.remaining

    def _move_hold(self, event: HoldMoved) -> None:
        """Move held money; an order that is accepted next comes with what was moved to it."""
        self.orders[event.order_id].hold -= event.amount
        receiver = self.orders.get(event.to_order_id)
        if receiver is not None:
            receiver.hold += event.amount

    def _fill(self, event: OrderFilled) -> None:
        taker, maker = event.taker, event.maker
        if taker.order_id:
            self._settle(taker, event)
        if maker.order_id:
            self._settle(maker, event)
        if self.override is not None and not (taker.order_id and maker.order_id):
            self._use_override(self.override, event)
        self.traded_price = self.last_price = event.price
        if self.waiting.orders:
            self.waiting.reach(event.price)

    def _trade_at(self, price: int) -> None:
        self.traded_price = self.last_price = price
        if self.waiting.orders:
            self.waiting.reach(price)

    def _settle(self, side: FillSide, event: OrderFilled) -> None:
        """Book what a fill does to one order."""
        order = self.orders[side.order_id]
        order.hold -= side.release + (event.quote if order.is_buy else event.base)
        if side.remaining == 0:
            self._remove(order)
        elif order.level is not None:
            self._side_of(order).reduce(order, side.remaining)
        else:
            order.remaining = side.remaining

    def _remove(self, order: BookOrder) -> None:
        del self.orders[order.terms.order_id]
        if order.level is not None:
            self._side_of(order).remove(order)
        elif self.waiting.orders and order.terms.order_id in self.waiting.orders:
            self.waiting.remove(order)
        if order.partner is not None:
            order.partner.partner = None
            order.partner = None

    def _use_override(self, left: OverrideState, event: OrderFilled) -> None:
        """Book what an account took of the overridden market."""
        buyer = event.taker if event.taker_side is BUY else event.maker
        if buyer.order_id:
            self.override = OverrideState(left.price, left.bid_quantity, left.ask_quantity - event.quantity)
        else:
            self.override = OverrideState(left.price, left.bid_quantity - event.quantity, left.ask_quantity)

    def to_snapshot(self) -> bytes:
        """Encode the whole state."""
        return msgspec.msgpack.encode(
            BookSnapshot(
                SNAPSHOT_VERSION,
                sorted(self.applied.items()),
                self.trade_ids_until,
                self.traded_price,
                self.override,
                [self._order_state(order) for order in self.orders.values()],
            )
        )

    def _order_state(self, order: BookOrder) -> OrderState:
        reached = self.waiting.reached.get(order.terms.order_id, 0)
        return OrderState(order.terms, order.remaining, order.hold, reached)

    @classmethod
    def from_snapshot(cls, data: bytes) -> BookState:
        """Build the state from a snapshot. Raises msgspec.DecodeError, or ValueError for an unknown version."""
        snapshot = msgspec.msgpack.decode(data, type=BookSnapshot)
        if snapshot.version != SNAPSHOT_VERSION:
            raise ValueError(f"book snapshot of version {snapshot.version}, known is {SNAPSHOT_VERSION}")
        state = cls()
        state.applied = dict(snapshot.applied)
        state.trade_ids_until = snapshot.trade_ids_until
        state.traded_price = state.last_price = snapshot.traded_price
        state.override = snapshot.override
        for order in snapshot.orders:
            state._accepted += 1
            state._put(BookOrder(order.terms, order.remaining, order.hold, state._accepted), order.reached)
        return state

    def hash(self) -> bytes:
        """Return a digest of the state: equal states have equal digests."""
        return hashlib.sha256(self.to_snapshot()).digest()
