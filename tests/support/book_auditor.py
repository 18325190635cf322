"""Follows a book from outside, by its events alone, and knows what no book may do."""

from __future__ import annotations

import msgspec

from mockexchange.messages.events import (
    SCHEMA_VERSION,
    BookEvent,
    BookRecord,
    FillSide,
    HoldMoved,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    OrderTriggered,
    PriceOverridden,
    TradeIdsReserved,
)
from mockexchange.messages.orders import HOUSE, SelfTradePrevention, Side, Trade
from mockexchange.money import fee_of
from tests.support.trigger_auditor import TriggerAuditor


class BookAuditor:
    """Keeps every order's hold and what remains of it, and the journal as encoded records."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self.terms: dict[int, OrderReserved] = {}
        self._last_trade_id = 0
        self._trade_ids_until = 0
        self._traded_lists: dict[int, int] = {}
        self.holds: dict[int, int] = {}
        self.remaining: dict[int, int] = {}
        self.triggers = TriggerAuditor()
        self.journal: list[bytes] = []

    def reserve(self, order: OrderReserved) -> None:
        """Hear of an order before the book does."""
        self.terms[order.order_id] = order
        self.holds[order.order_id] = order.hold
        self.remaining[order.order_id] = order.quantity

    def hear(self, events: list[BookEvent], line: Trade | None = None) -> None:
        """Check one step of the book and journal it. The line of the tape comes before the fills of its step."""
        self._hear_blocks(events)
        if line is not None:
            self._hear_trade_id(line.trade_id)
            self.triggers.hear_print(line.price)
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
        match event:
            case OrderFilled():
                self._hear_fill(event)
            case OrderRejected(order_id) | OrderCanceled(order_id):
                assert self.holds.pop(order_id) == event.release
                self._forget(order_id)
            case OrderAccepted():
                self._hear_accepted(event)
            case OrderTriggered(order_id):
                self._hear_list(order_id)
                self.triggers.hear_triggered(event)
            case OrderAmended():
                self._hear_amended(event)
            case HoldMoved():
                self._hear_moved(event)
            case PriceOverridden(price):
                self.triggers.hear_price(price)

    def _hear_accepted(self, event: OrderAccepted) -> None:
        terms = self.terms[event.order_id]
        assert event.hold == self.holds[event.order_id]
        assert event.list_id or event.hold >= terms.need
        assert (event.stop_price, event.quantity) == (terms.stop_price, terms.quantity)
        if terms.order_type.is_conditional:
            self.triggers.hear_waiting(terms)

    def _hear_amended(self, event: OrderAmended) -> None:
        old = self.terms[event.order_id]
        assert event.quantity < old.quantity
        self.remaining[event.order_id] -= old.quantity - event.quantity
        assert event.remaining == self.remaining[event.order_id] > 0
        self.terms[event.order_id] = msgspec.structs.replace(old, quantity=event.quantity)
        self.holds[event.order_id] -= event.release
        assert event.release >= 0
        assert self.holds[event.order_id] > 0

    def _hear_moved(self, event: HoldMoved) -> None:
        giver, taker = self.terms[event.order_id], self.terms[event.to_order_id]
        assert (giver.account, giver.side) == (taker.account, taker.side) == (event.account, taker.side)
        assert event.amount > 0
        self.holds[event.order_id] -= event.amount
        assert self.holds[event.order_id] >= 0
        self.holds[event.to_order_id] += event.amount

    def _hear_fill(self, event: OrderFilled) -> None:
        self._hear_trade_id(event.trade_id)
        assert event.quantity > 0
        taker, maker = self.terms.get(event.taker.order_id), self.terms.get(event.maker.order_id)
        if taker is not None and maker is not None and taker.prevention is not SelfTradePrevention.NONE:
            assert taker.account != maker.account, "an order traded with another of its account"
        self._hear_side(event, event.taker, event.taker_side, is_taker=True)
        self._hear_side(event, event.maker, event.taker_side.opposite, is_taker=False)
        self.triggers.hear_price(event.price)

    def _hear_trade_id(self, trade_id: int) -> None:
        assert self._last_trade_id < trade_id <= self._trade_ids_until
        self._last_trade_id = trade_id

    def _hear_side(self, event: OrderFilled, side: FillSide, direction: Side, *, is_taker: bool) -> None:
        if side.order_id == 0:
            assert (side.account, side.fee, side.release, side.remaining) == (HOUSE, 0, 0, 0)
            return
        terms = self.terms[side.order_id]
        assert terms.side is direction
        self._hear_list(side.order_id)
        assert side.order_id not in self.triggers.waiting, f"order {side.order_id} trades but waits"
        is_buy = direction is Side.BUY
        assert not terms.price or (event.price <= terms.price if is_buy else event.price >= terms.price)
        rate = terms.taker_rate if is_taker else terms.maker_rate
        assert side.fee == fee_of(event.base if is_buy else event.quote, rate)
        assert side.release >= 0
        self.holds[side.order_id] -= side.release + (event.quote if is_buy else event.base)
        assert self.holds[side.order_id] >= 0
        self._hear_remaining(terms, side, event.quantity)

    def _hear_list(self, order_id: int) -> None:
        """Check that the other order of a list is gone when one trades or is triggered, and never did so itself."""
        list_id = self.terms[order_id].list_id
        if not list_id:
            return
        assert self._traded_lists.setdefault(list_id, order_id) == order_id, f"both orders of list {list_id} trade"
        assert not any(self.terms[other].list_id == list_id for other in self.holds if other != order_id)

    def _hear_remaining(self, terms: OrderReserved, side: FillSide, quantity: int) -> None:
        if terms.quantity:
            self.remaining[side.order_id] -= quantity
            assert side.remaining == self.remaining[side.order_id]
        else:
            assert side.remaining in (0, -1)
        if side.remaining == 0:
            assert self.holds.pop(side.order_id) == 0
            self._forget(side.order_id)

    def _forget(self, order_id: int) -> None:
        self.remaining.pop(order_id)
        self.triggers.waiting.pop(order_id, None)
