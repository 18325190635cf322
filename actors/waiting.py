"""Who waits for what: the open answers of an accounts shard."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from mockexchange.ledger.ledger import Ledger
from mockexchange.messages.commands import OrdersAnswer, Refused, ShardAnswer, Unavailable
from mockexchange.messages.orders import Order, OrderStatus
from mockexchange.messages.refusals import RejectReason


class Batch:
    """The answers to one call, each filled in when it is known; the call is answered with the last."""

    __slots__ = ("_left", "answers", "done", "expires_at")

    def __init__(self, size: int, expires_at: float) -> None:
        self.answers: list[ShardAnswer | None] = [None] * size
        self.expires_at = expires_at
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = size
        if not size:
            self.done.set_result(None)

    def answer(self, index: int, answer: ShardAnswer) -> None:
        """Fill in one answer; a second one, or one that comes after the batch has expired, counts nothing."""
        if self.answers[index] is not None:
            return
        self.answers[index] = answer
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)

    def expire(self, detail: str) -> None:
        """Answer all that is open with "maybe": the command may still execute until its deadline."""
        for index, answer in enumerate(self.answers):
            if answer is None:
                self.answer(index, Unavailable(detail, may_execute=True))


class Waiter(NamedTuple):
    """One place in a batch."""

    batch: Batch
    place: int

    def answer(self, answer: ShardAnswer) -> None:
        """Fill in this place."""
        self.batch.answer(self.place, answer)


class Closing:
    """Somebody waits until all of some orders are closed."""

    __slots__ = ("_canceled", "_left", "_waiter")

    def __init__(self, waiter: Waiter, order_ids: set[int]) -> None:
        self._waiter = waiter
        self._left = order_ids
        self._canceled: list[Order] = []

    def note(self, order: Order, sequence: int) -> None:
        """Note that one of the orders is closed; answer after the last, with those that were canceled."""
        self._left.discard(order.order_id)
        if order.status is OrderStatus.CANCELED:
            self._canceled.append(order)
        if not self._left:
            self._waiter.answer(OrdersAnswer(self._canceled, sequence))


def cancel_answer(ledger: Ledger, order: Order) -> ShardAnswer:
    """Answer a cancel from the state of its order, which is closed; the other order of its list comes second."""
    if order.status is not OrderStatus.CANCELED:
        return Refused(RejectReason.ORDER_NOT_OPEN, order=order)
    listed = ledger.list_orders(order.account, order.list_id) if order.list_id else []
    return OrdersAnswer([order, *(other for other in listed if other is not order)], ledger.sequence)
