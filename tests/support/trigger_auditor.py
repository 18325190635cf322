"""Knows which orders wait for their stop price and which of them are due, by what a book says alone."""

from __future__ import annotations

from dataclasses import dataclass

from mockexchange.messages.events import OrderReserved, OrderTriggered
from mockexchange.messages.orders import OrderType, Side


@dataclass
class Watched:
    """An order that waits, and the prices that have reached it: of a fill or an override, and of a print."""

    terms: OrderReserved
    journaled: int = 0
    printed: int = 0

    def is_reached(self, price: int) -> bool:
        is_stop_loss = self.terms.order_type in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
        if (self.terms.side is Side.SELL) is is_stop_loss:
            return price <= self.terms.stop_price
        return price >= self.terms.stop_price


class TriggerAuditor:
    """Orders stand in the order of their acceptance."""

    def __init__(self) -> None:
        self.waiting: dict[int, Watched] = {}
        self.triggered: set[int] = set()

    @property
    def due(self) -> list[int]:
        return [order_id for order_id, each in self.waiting.items() if each.journaled or each.printed]

    def hear_waiting(self, terms: OrderReserved) -> None:
        assert terms.order_id not in self.triggered
        self.waiting[terms.order_id] = Watched(terms)

    def hear_price(self, price: int) -> None:
        for each in self.waiting.values():
            if not each.journaled and each.is_reached(price):
                each.journaled = price

    def hear_print(self, price: int) -> None:
        for each in self.waiting.values():
            if not each.printed and each.is_reached(price):
                each.printed = price

    def hear_triggered(self, event: OrderTriggered) -> None:
        assert event.order_id not in self.triggered, f"order {event.order_id} is triggered twice"
        assert self.due[:1] == [event.order_id], f"order {event.order_id} is triggered before its turn"
        watched = self.waiting.pop(event.order_id)
        assert event.price == (watched.journaled or watched.printed)
        self.triggered.add(event.order_id)

    def forget_prints(self) -> None:
        """A book that has restarted knows no print."""
        for each in self.waiting.values():
            each.printed = 0
