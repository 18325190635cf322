"""Who waits for an outcome of an accounts shard, and what they are told once it is folded."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Final, NamedTuple

from actors.shard_requests import placement_answer
from actors.waiting import Closing, Waiter, cancel_answer
from mockexchange.ledger.changes import AccountEvent, Filled, OrderChanged
from mockexchange.ledger.intake import Intake
from mockexchange.ledger.ledger import Ledger
from mockexchange.messages.commands import OrderAnswer, Refused, SequenceAnswer, ShardAnswer
from mockexchange.messages.events import (
    Adjusted,
    AmendRejected,
    BookRecord,
    Deposited,
    HistoryCleared,
    OrderAmended,
    OrderReserved,
    ShardEvent,
    ShardOpened,
    ShardRecord,
    Withdrawn,
)
from mockexchange.messages.orders import Fill, Order
from mockexchange.messages.refusals import RejectReason

SHARD_ITSELF: Final = 0
"""In place of an account where a command is about the whole shard."""


class Amendment(NamedTuple):
    """An amendment that its book was told of, the client order id it is to give, and who waits for it."""

    command_id: str
    account: int
    client_order_id: str
    waiters: list[Waiter]


class Answers:
    """The open answers of one shard: by command, by order, and by journal sequence."""

    def __init__(self, ledger: Ledger, intake: Intake) -> None:
        self._ledger = ledger
        self._intake = intake
        self._commands: dict[tuple[int, str], list[Waiter]] = {}
        self._cancels: dict[int, list[Waiter]] = {}
        self._closings: dict[int, list[Closing]] = {}
        self._amendments: dict[int, list[Amendment]] = {}
        self._awaited: list[tuple[int, Waiter]] = []

    def expect(self, account: int, command_id: str, waiter: Waiter) -> None:
        """Answer with the outcome of a command, as those who wait for it already."""
        self._commands.setdefault((account, command_id), []).append(waiter)

    def expect_cancel(self, order_id: int, waiter: Waiter) -> None:
        """Answer once an order is closed."""
        self._cancels.setdefault(order_id, []).append(waiter)

    def expect_closing(self, order_ids: set[int], waiter: Waiter) -> None:
        """Answer once all of these orders are closed."""
        closing = Closing(waiter, set(order_ids))
        for order_id in order_ids:
            self._closings.setdefault(order_id, []).append(closing)

    def expect_amendment(self, order_id: int, amendment: Amendment) -> None:
        """Answer once the book has said what became of an amendment."""
        self._amendments.setdefault(order_id, []).append(amendment)

    def join_amendment(self, command_id: str, order_id: int, waiter: Waiter) -> bool:
        """Wait with those who wait for an amendment; return whether it is under way."""
        for amendment in self._amendments.get(order_id, ()):
            if amendment.command_id == command_id:
                amendment.waiters.append(waiter)
                return True
        return False

    def expect_sequence(self, sequence: int, waiter: Waiter) -> None:
        """Answer once the journal is folded up to a sequence."""
        self._awaited.append((sequence, waiter))
        self.tell_sequence()

    def fail(self, events: Iterable[ShardEvent], answer: ShardAnswer) -> None:
        """Answer the commands of events that did not come to be."""
        for event in events:
            for waiter in self._commands.pop(_command_of(event), ()):
                waiter.answer(answer)

    def tell(self, events: list[AccountEvent]) -> Iterable[int]:
        """Answer who waited for what a record changed; return the accounts of which an order ended."""
        decided: dict[int, Order] = {}
        fills: dict[int, list[Fill]] = {}
        for event in events:
            if isinstance(event, OrderChanged):
                decided[event.order.order_id] = event.order
            elif isinstance(event, Filled):
                fills.setdefault(event.fill.order_id, []).append(event.fill)
        ended: dict[int, None] = {}
        for order in decided.values():
            for waiter in self._commands.pop((order.account, order.command_id), ()):
                waiter.answer(placement_answer(self._ledger, order, fills.get(order.order_id, [])))
            if not order.is_open:
                self._tell_closed(order)
                ended[order.account] = None
        return ended

    def tell_amendments(self, record: BookRecord) -> None:
        """Answer the amendments that a book's record decides, before what it changed is told."""
        if not self._amendments:
            return
        for event in record.events:
            if isinstance(event, OrderAmended | AmendRejected) and event.shard == self._ledger.shard:
                self._tell_amended(event)

    def tell_transfers(self, record: ShardRecord) -> list[int]:
        """Answer the transfers of the shard's own record; return their accounts."""
        accounts = []
        for event in record.events:
            match event:
                case Deposited() | Withdrawn() | Adjusted():
                    accounts.append(event.account)
                    for waiter in self._commands.pop(_command_of(event), ()):
                        waiter.answer(self._ledger.read_account(event.account))
                case HistoryCleared():
                    for waiter in self._commands.pop(_command_of(event), ()):
                        waiter.answer(SequenceAnswer(self._ledger.sequence))
                case _:
                    pass
        return accounts

    def tell_sequence(self) -> None:
        """Answer who waited for a sequence that is folded."""
        if not self._awaited:
            return
        folded = self._ledger.sequence
        for sequence, waiter in self._awaited:
            if sequence <= folded:
                waiter.answer(SequenceAnswer(folded))
        self._awaited = [entry for entry in self._awaited if entry[0] > folded]

    def _tell_closed(self, order: Order) -> None:
        ledger = self._ledger
        for waiter in self._cancels.pop(order.order_id, ()):
            waiter.answer(cancel_answer(ledger, order))
        for closing in self._closings.pop(order.order_id, ()):
            closing.note(order, ledger.sequence)
        for amendment in self._amendments.pop(order.order_id, ()):
            self._end(amendment, Refused(RejectReason.ORDER_NOT_OPEN, order=order))

    def _tell_amended(self, event: OrderAmended | AmendRejected) -> None:
        pending = self._amendments.get(event.order_id, [])
        for amendment in pending:
            if amendment.command_id == event.command_id:
                self._end(amendment, self._amend_answer(amendment, event))
        left = [amendment for amendment in pending if amendment.command_id != event.command_id]
        if left:
            self._amendments[event.order_id] = left
        else:
            self._amendments.pop(event.order_id, None)

    def _amend_answer(self, amendment: Amendment, event: OrderAmended | AmendRejected) -> ShardAnswer:
        order = self._ledger.order(amendment.account, event.order_id)
        if isinstance(event, AmendRejected):
            return Refused(event.reason, order=order)
        assert order is not None, "an order that was just amended is remembered"
        return OrderAnswer(copy(order))

    def _end(self, amendment: Amendment, answer: ShardAnswer) -> None:
        self._intake.end_amendment(amendment.account, amendment.client_order_id)
        for waiter in amendment.waiters:
            waiter.answer(answer)


def _command_of(event: ShardEvent) -> tuple[int, str]:
    """Return whose command an event came from, and its id."""
    match event:
        case OrderReserved() | Deposited() | Withdrawn() | Adjusted():
            return event.account, event.command_id
        case HistoryCleared(command_id):
            return SHARD_ITSELF, command_id
        case ShardOpened(incarnation):
            return SHARD_ITSELF, incarnation
