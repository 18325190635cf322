"""The decisions of an accounts shard: each command is answered, promised, handed to a book, or waits for money."""

from __future__ import annotations

from actors.refusals import Refusals
from actors.shard_answers import SHARD_ITSELF, Amendment, Answers
from actors.shard_requests import Write, deadline_of, find, placement_answer
from actors.shard_step import Step
from actors.waiting import Waiter, cancel_answer
from infra.ports import Clock
from mockexchange.ledger.decisions import Amending, Joined, Known, KnownTransfer, MustWait, PromisedList
from mockexchange.ledger.identity import PLACEMENTS, Placement
from mockexchange.ledger.intake import Intake
from mockexchange.ledger.transfers import MoneyRequest
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.commands import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    ClearHistory,
    OrderAnswer,
    OrdersAnswer,
    Refused,
    SequenceAnswer,
    Unavailable,
)
from mockexchange.messages.events import Adjusted, Deposited, OrderReserved, Withdrawn
from mockexchange.messages.orders import Order
from mockexchange.messages.refusals import RejectReason


class Decisions:
    """Decides commands one by one, each into the step that is being made."""

    def __init__(
        self, intake: Intake, answers: Answers, clock: Clock, counters: dict[str, int], refusals: Refusals
    ) -> None:
        self._ledger = intake.ledger
        self._intake = intake
        self._answers = answers
        self._clock = clock
        self._parked: dict[int, list[tuple[Placement, Waiter]]] = {}
        self._counters = counters
        self._refusals = refusals

    def decide(self, step: Step, request: Write, waiter: Waiter) -> None:
        """Decide a command; its waiter is answered now or when its outcome is folded."""
        self._counters["commands"] += 1
        match request:
            case CancelOrder():
                self._cancel(step, request, waiter)
            case CancelAll():
                self._cancel_all(step, request, waiter)
            case AmendOrder():
                self._amend(step, request, waiter)
            case ClearHistory():
                self._clear_history(step, request, waiter)
            case _:
                self._promise(step, request, waiter)

    def unpark(self, account: int) -> list[tuple[Placement, Waiter]]:
        """Return what of an account waited for money, to be decided anew."""
        return self._parked.pop(account, [])

    def unpark_all(self) -> list[tuple[Placement, Waiter]]:
        """Return all that waited for money, to be decided anew."""
        return [entry for account in list(self._parked) for entry in self.unpark(account)]

    def refuse_parked(self) -> None:
        """Refuse the commands that are past their deadline, of which each counts as long as its last repetition."""
        now_ns = self._clock.now_ns()
        for account, parked in list(self._parked.items()):
            live = {request.command_id for request, _ in parked if deadline_of(request) >= now_ns}
            for request, waiter in parked:
                if request.command_id not in live:
                    waiter.answer(Refused(RejectReason.INSUFFICIENT_FUNDS))
            self._parked[account] = [entry for entry in parked if entry[0].command_id in live]
            if not live:
                del self._parked[account]

    def _promise(self, step: Step, request: Placement | MoneyRequest, waiter: Waiter) -> None:
        decision = self._intake.decide(request, self._clock.now_ns())
        match decision:
            case OrderReserved() | Deposited() | Withdrawn() | Adjusted():
                self._answers.expect(request.account, request.command_id, waiter)
                step.add(decision)
            case PromisedList(legs=legs):
                self._answers.expect(request.account, request.command_id, waiter)
                for leg in legs:
                    step.add(leg)
            case Joined():
                self._answers.expect(request.account, request.command_id, waiter)
            case Known(order):
                fills = self._ledger.fills_of(order)
                waiter.answer(placement_answer(self._ledger, order, fills, repeated=True))
            case KnownTransfer():
                waiter.answer(self._ledger.read_account(request.account))
            case MustWait():
                self._park(request, waiter)
            case Refused(RejectReason.INSUFFICIENT_FUNDS) if self._is_parked(request):
                # The same command waits for money and may get it: both have one answer.
                self._park(request, waiter)
            case Refused():
                self._refuse(request, waiter, decision)

    def _refuse(self, request: Write, waiter: Waiter, refused: Refused) -> None:
        self._counters["refused"] += 1
        symbol, account = getattr(request, "symbol", ""), getattr(request, "account", SHARD_ITSELF)
        self._refusals.note(self._clock.now_ns(), refused.reason, symbol, account, refused.detail)
        waiter.answer(refused)

    def _park(self, request: Placement | MoneyRequest, waiter: Waiter) -> None:
        """Let orders wait for money that market buys of the account hold in excess."""
        assert isinstance(request, PLACEMENTS)
        self._counters["parked"] += 1
        self._parked.setdefault(request.account, []).append((request, waiter))

    def _is_parked(self, request: Placement | MoneyRequest) -> bool:
        parked = self._parked.get(request.account, ())
        return isinstance(request, PLACEMENTS) and any(other.command_id == request.command_id for other, _ in parked)

    def _amend(self, step: Step, request: AmendOrder, waiter: Waiter) -> None:
        account, order_id, client_order_id = request.account, request.order_id, request.client_order_id
        if self._intake.promised_order(account, order_id, client_order_id) is not None:
            waiter.answer(Unavailable("the order is being placed"))
            return
        order = find(self._ledger, account, order_id, client_order_id)
        if order is not None and self._answers.join_amendment(request.command_id, order.order_id, waiter):
            return
        decision = self._intake.amend(request)
        match decision:
            case Amending(symbol, command):
                name = request.new_client_order_id
                amendment = Amendment(request.command_id, account, name, [waiter])
                self._answers.expect_amendment(command.order_id, amendment)
                step.amends.append((symbol, command))
            case Known(known):
                waiter.answer(OrderAnswer(known, repeated=True))
            case Refused():
                self._refuse(request, waiter, decision)

    def _cancel(self, step: Step, request: CancelOrder, waiter: Waiter) -> None:
        account, order_id, client_order_id = request.account, request.order_id, request.client_order_id
        if account not in self._ledger.accounts:
            waiter.answer(Refused(RejectReason.UNKNOWN_ACCOUNT))
            return
        promised = self._intake.promised_order(account, order_id, client_order_id)
        order = promised or find(self._ledger, account, order_id, client_order_id)
        if order is None:
            waiter.answer(Refused(RejectReason.UNKNOWN_ORDER))
        elif isinstance(order, Order) and not order.is_open:
            # It is done if this very command closed the order and its answer was lost.
            is_done = order.cancel_command_id == request.command_id
            late = Refused(RejectReason.ORDER_NOT_OPEN, order=order)
            waiter.answer(cancel_answer(self._ledger, order) if is_done else late)
        else:
            self._answers.expect_cancel(order.order_id, waiter)
            cancel = BookCancel(order.order_id, request.command_id, deadline_ns=request.deadline_ns)
            step.cancels.append((order.symbol, cancel))

    def _cancel_all(self, step: Step, request: CancelAll, waiter: Waiter) -> None:
        if request.account not in self._ledger.accounts:
            waiter.answer(Refused(RejectReason.UNKNOWN_ACCOUNT))
            return
        orders: list[Order | OrderReserved] = [
            *self._ledger.open_orders(request.account, request.symbol, 0, 0),
            *self._intake.promised_orders(request.account, request.symbol),
        ]
        if not orders:
            waiter.answer(OrdersAnswer([], self._ledger.sequence))
            return
        self._answers.expect_closing({order.order_id for order in orders}, waiter)
        for order in orders:
            cancel = BookCancel(order.order_id, request.command_id, request.by_admin, request.deadline_ns)
            step.cancels.append((order.symbol, cancel))

    def _clear_history(self, step: Step, request: ClearHistory, waiter: Waiter) -> None:
        events = None if step.events else self._intake.restore_funds(request.command_id)
        if events is None:
            waiter.answer(Unavailable("orders are still open"))
            return
        if not events:
            waiter.answer(SequenceAnswer(self._ledger.sequence))
            return
        self._answers.expect(SHARD_ITSELF, request.command_id, waiter)
        for event in events:
            step.add(event)
