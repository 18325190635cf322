"""Follows a book from outside, by its events alone, and knows what no book may do."""

from __future__ import annotations

import msgspec

from mockexchange.messages.events import (
    SCHEMA_VERSION,
    BookEvent,
    BookRecord,
    FillSide,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    TradeIdsReserved,
)
from mockexchange.messages.orders import HOUSE, Side, Trade
from mockexchange.money import fee_of


class BookAuditor:
    """Keeps every order's hold and what remains of it, and the journal as encoded records."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._terms: dict[int, OrderReserved] = {}
        self._last_trade_id = 0
        self._trade_ids_until = 0
        self.holds: dict[int, int] = {}
        self.remaining: dict[int, int] = {}
        self.journal: list[bytes] = []

    def reserve(self, order: OrderReserved) -> None:
        """Hear of an order before the book does."""
        self._terms[order.order_id] = order
        self.holds[order.order_id] = order.hold
        self.remaining[order.order_id] = order.quantity

    def hear(self, events: list[BookEvent], line: Trade | None = None) -> None:
        """Check one step of the book and journal it. The line of the tape comes before the fills of its step."""
        self._hear_blocks(events)
        if line is not None:
            self._hear_trade_id(line.trade_id)
        for event in events:
            self._hear_event(event)
        if events:
            record = BookRecord(SCHEMA_VERSION, 0, 0, self._symbol, {}, events)
            self.journal.append(msgspec.msgpack.encode(record))

    def records(self) -> list[BookRecord]:
        """Return the journal as a reader decodes it."""
        return [msgspec.msgpack.decode(payload, type=BookRecord) for payload in self.journal]

    def _hear_blocks(self, events: list[BookEvent]) -> None:
        for event in events:
            if isinstance(event, TradeIdsReserved):
                assert event.until > self._trade_ids_until
                self._trade_ids_until = event.until

    def _hear_event(self, event: BookEvent) -> None:
        if isinstance(event, OrderFilled):
            self._hear_trade_id(event.trade_id)
            assert event.quantity > 0
            self._hear_side(event, event.taker, event.taker_side, is_taker=True)
            self._hear_side(event, event.maker, event.taker_side.opposite, is_taker=False)
        elif isinstance(event, OrderRejected | OrderCanceled):
            assert self.holds.pop(event.order_id) == event.release
            self.remaining.pop(event.order_id)

    def _hear_trade_id(self, trade_id: int) -> None:
        assert self._last_trade_id < trade_id <= self._trade_ids_until
        self._last_trade_id = trade_id

    def _hear_side(self, event: OrderFilled, side: FillSide, direction: Side, *, is_taker: bool) -> None:
        if side.order_id == 0:
            assert (side.account, side.fee, side.release, side.remaining) == (HOUSE, 0, 0, 0)
            return
        terms = self._terms[side.order_id]
        assert terms.side is direction
        is_buy = direction is Side.BUY
        assert not terms.price or (event.price <= terms.price if is_buy else event.price >= terms.price)
        rate = terms.taker_rate if is_taker else terms.maker_rate
        assert side.fee == fee_of(event.base if is_buy else event.quote, rate)
        assert side.release >= 0
        self.holds[side.order_id] -= side.release + (event.quote if is_buy else event.base)
        assert self.holds[side.order_id] >= 0
        self._hear_remaining(terms, side, event.quantity)

    def _hear_remaining(self, terms: OrderReserved, side: FillSide, quantity: int) -> None:
        if terms.quantity:
            self.remaining[side.order_id] -= quantity
            assert side.remaining == self.remaining[side.order_id]
        else:
            assert side.remaining in (0, -1)
        if side.remaining == 0:
            assert self.holds.pop(side.order_id) == 0
            self.remaining.pop(side.order_id)
