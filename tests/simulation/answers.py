"""Which answers are allowed: those the journal bears out, given what was asked before and what was known already."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from mockexchange.messages.codec import encode
from mockexchange.messages.commands import (
    AccountAnswer,
    AmendOrder,
    AwaitSequence,
    CancelAll,
    CancelOrder,
    Deposit,
    FillsAnswer,
    OrderAnswer,
    OrdersAnswer,
    PlaceList,
    PlaceOrder,
    ReadAccount,
    ReadFills,
    ReadList,
    ReadOpenOrders,
    ReadOrder,
    Refused,
    ReplaceOrder,
    SequenceAnswer,
    SetBalance,
    Unavailable,
    Withdraw,
)
from mockexchange.messages.events import Adjusted, Deposited, OrderAmended, OrderReserved, Withdrawn
from mockexchange.messages.orders import Order, OrderStatus
from mockexchange.messages.refusals import RejectReason
from tests.simulation.clients import Heard
from tests.simulation.truth import Truth, without_sequence

Effecting = PlaceOrder | PlaceList | ReplaceOrder | Deposit | Withdraw | SetBalance


class AnswerAuditor:
    """Compares all that clients heard with the truth; `violations` says what must not be."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.violations: list[str] = []

    def check(self, everything: Iterable[Heard]) -> None:
        """Check all answers."""
        commands: dict[tuple[int, str], list[Heard]] = {}
        for heard in everything:
            if isinstance(heard.request, Effecting):
                commands.setdefault((heard.account, heard.request.command_id), []).append(heard)
            if isinstance(heard.request, CancelOrder | CancelAll | AmendOrder):
                self._check_cancel(heard, heard.request)
            if heard.answer is not None:
                self._check_answer(heard)
        for (account, command_id), attempts in commands.items():
            self._check_effects(account, command_id, attempts)

    def _blame(self, what: str, heard: Heard) -> None:
        self.violations.append(f"{what}: {heard}")

    def _check_cancel(self, heard: Heard, request: CancelOrder | CancelAll | AmendOrder) -> None:
        if self.truth.canceled_ns.get((heard.account, request.command_id), 0) > request.deadline_ns:
            self._blame("a cancel or an amendment was done after its deadline", heard)
        is_done = (heard.account, request.command_id) in self.truth.canceled_ns
        is_refused = isinstance(heard.answer, Refused) and heard.answer.reason is not RejectReason.UNKNOWN_ORDER
        if isinstance(request, AmendOrder) and is_done and is_refused:
            self._blame("an amendment that was done was refused", heard)

    # Commands that take effect once.

    def _check_effects(self, account: int, command_id: str, attempts: list[Heard]) -> None:
        effects = self.truth.commands.get((account, command_id), [])
        for (earlier, _), (later, _) in pairwise(effects):
            if not self.truth.is_cleared(account, earlier, later):
                self._blame(f"a command took effect at {earlier} and at {later}", attempts[0])
        for sequence, event in effects:
            mine = [heard for heard in attempts if _is_same(heard.request, event)]
            if not any(
                _may_have_executed(heard) or self.truth.is_cleared(account, sequence, heard.end) for heard in mine
            ):
                self._blame(f"a refusal left a trace at {sequence}", attempts[0])
        for heard in attempts:
            self._check_acknowledged(heard, effects)
            self._check_refused(heard, effects)

    def _check_acknowledged(self, heard: Heard, effects: list[tuple[int, object]]) -> None:
        """Check that what was acknowledged is in the journal, as this very command."""
        answer = heard.answer
        mine = [(sequence, event) for sequence, event in effects if _is_same(heard.request, event)]
        if isinstance(answer, OrderAnswer | OrdersAnswer):
            order = answer.order if isinstance(answer, OrderAnswer) else answer.orders[0]
            ids = [event.order_id for _, event in mine if isinstance(event, OrderReserved)]
            if order.order_id not in ids:
                self._blame("a command was answered with another's order, or one that is not in the journal", heard)
        elif isinstance(answer, AccountAnswer) and not any(sequence <= answer.sequence for sequence, _ in mine):
            self._blame("a transfer was answered without it", heard)

    def _check_refused(self, heard: Heard, effects: list[tuple[int, object]]) -> None:
        """Check that what was done before, and is remembered, is not refused."""
        answer = heard.answer
        before = [effect for effect in effects if effect[0] <= heard.begin]
        if not isinstance(answer, Refused) or not before:
            return
        sequence, event = before[-1]
        if self.truth.is_cleared(heard.account, sequence, heard.end):
            return
        if _is_same(heard.request, event):
            self._blame(f"a command that was done at {sequence} was refused", heard)
        elif answer.reason is not RejectReason.DUPLICATE_COMMAND:
            self._blame("an id that was used before was refused for another reason", heard)

    # One answer at a time.

    def _check_answer(self, heard: Heard) -> None:
        request, answer = heard.request, heard.answer
        if heard.is_quiet and isinstance(answer, Unavailable):
            self._blame("no answer though nothing fails", heard)
        match answer:
            case OrderAnswer(order, fills, repeated):
                self._check_order(heard, order)
                if answer.replaced is not None:
                    self._check_order(heard, answer.replaced)
                if isinstance(request, AmendOrder) and not self._is_amended(request, order):
                    self._blame("an amendment was answered with an order that does not show it", heard)
                is_first = isinstance(request, PlaceOrder | ReplaceOrder) and not repeated
                if is_first and fills != self.truth.fills.get((order.order_id, order.sequence), []):
                    self._blame("an order was answered with other fills than it had", heard)
            case AccountAnswer():
                self._check_account(heard, answer)
            case OrdersAnswer():
                self._check_orders(heard, answer)
            case FillsAnswer():
                self._check_fills(heard, answer)
            case Refused(_, _, order) if order is not None:
                self._check_order(heard, order)
        self._check_freshness(heard)

    def _is_amended(self, request: AmendOrder, order: Order) -> bool:
        """Whether an order shows an amendment, or another that was done after it in the same record."""
        if order.amended_by == request.command_id:
            is_named = request.new_client_order_id in ("", order.client_order_id)
            return is_named and order.quantity == request.quantity
        events = self.truth.book_events.get(order.symbol, [])
        done = [event for sequence, event in events if sequence == order.sequence and isinstance(event, OrderAmended)]
        commands = [event.command_id for event in done if event.order_id == order.order_id]
        return request.command_id in commands and order.amended_by == commands[-1]

    def _check_order(self, heard: Heard, order: Order) -> None:
        if order.sequence > heard.end:
            self._blame("an answer was given before it was journaled", heard)
        elif self.truth.order_at(order.order_id, order.sequence) != encode(order):
            self._blame("an order was never in the state that was answered", heard)
        if isinstance(heard.request, PlaceOrder | PlaceList) and order.status is OrderStatus.RESERVED:
            self._blame("an order was answered before its outcome", heard)

    def _check_account(self, heard: Heard, answer: AccountAnswer) -> None:
        state = self.truth.account_at(answer.account, answer.sequence)
        if state is None or state.answer != without_sequence(answer) or answer.account != heard.account:
            self._blame(
                f"an account was never in the state that was answered, at {answer.sequence} it was {state}", heard
            )
        if answer.sequence > heard.end:
            self._blame("an answer was given before it was journaled", heard)

    def _check_orders(self, heard: Heard, answer: OrdersAnswer) -> None:
        if answer.sequence > heard.end:
            self._blame("an answer was given before it was journaled", heard)
        for order in answer.orders:
            self._check_order(heard, order)
        state = self.truth.account_at(heard.account, answer.sequence)
        shown = () if state is None else state.open_orders
        request = heard.request
        if isinstance(request, ReadOpenOrders):
            wanted = [order_id for order_id, symbol in shown if request.symbol in ("", symbol)]
            if [order.order_id for order in answer.orders] != wanted[: request.limit]:
                self._blame(f"the open orders at {answer.sequence} were {wanted}", heard)
            if any(self.truth.order_at(order.order_id, answer.sequence) != encode(order) for order in answer.orders):
                self._blame("an open order is shown in another state than at the answer's sequence", heard)
        elif isinstance(request, PlaceList | ReadList):
            self._check_list(heard, answer)
        else:
            self._check_canceled(heard, answer, shown)

    def _check_list(self, heard: Heard, answer: OrdersAnswer) -> None:
        ids = [order.order_id for order in answer.orders]
        if any(order.list_id != ids[0] for order in answer.orders) or len(ids) > 2:
            self._blame("the orders of a list are not one list", heard)

    def _check_canceled(self, heard: Heard, answer: OrdersAnswer, still_open: tuple[tuple[int, str], ...]) -> None:
        request = heard.request
        # The second order of a cancel is the other one of the list, which may have traded before.
        said = answer.orders[:1] if isinstance(request, CancelOrder) else answer.orders
        if any(order.status is not OrderStatus.CANCELED for order in said):
            self._blame("an order was answered as canceled which is not", heard)
        if isinstance(request, CancelOrder):
            listed = {order.list_id for order in answer.orders}
            if not said or not _is_named(request, said[0]) or (len(answer.orders) != 1 and listed == {0}):
                self._blame("another order was canceled than was asked for", heard)
        elif isinstance(request, CancelAll):
            for order_id, symbol in still_open:
                if request.symbol in ("", symbol) and self._is_known(order_id, heard.seen):
                    self._blame(f"order {order_id} is open after all were canceled", heard)

    def _check_fills(self, heard: Heard, answer: FillsAnswer) -> None:
        for fill in answer.fills:
            if fill not in self.truth.fills.get((fill.order_id, fill.sequence), []) or fill.account != heard.account:
                self._blame("a fill was shown that never was", heard)
        if answer.sequence > heard.end or any(fill.sequence > answer.sequence for fill in answer.fills):
            self._blame("an answer was given before it was journaled", heard)

    def _check_freshness(self, heard: Heard) -> None:
        """Check that an answer shows all that its client knew when it asked, through whatever gateway."""
        request, answer = heard.request, heard.answer
        match request, answer:
            case ((ReadAccount() | ReadOpenOrders() | ReadFills()), (AccountAnswer() | OrdersAnswer() | FillsAnswer())):
                if answer.sequence < heard.seen:
                    self._blame("a read does not show what was acknowledged before", heard)
            case ReadOrder(), OrderAnswer(order):
                known = self.truth.order_at(order.order_id, heard.seen)
                now = self.truth.order_at(order.order_id, order.sequence)
                later = self.truth.order_at(order.order_id, max(order.sequence, heard.seen))
                if known is not None and now != later:
                    self._blame("a read does not show what was acknowledged before", heard)
            case (
                (ReadOrder() | CancelOrder() | AmendOrder() | ReplaceOrder()),
                Refused(RejectReason.UNKNOWN_ORDER),
            ):
                if request.order_id and self._is_remembered(request.order_id, heard):
                    self._blame("an order that was acknowledged is not known", heard)
            case AwaitSequence(sequence), SequenceAnswer() if not sequence <= answer.sequence <= heard.end:
                self._blame("a sequence was announced too early", heard)
            case _, Refused(RejectReason.UNKNOWN_ACCOUNT):
                self._blame("an account is not known", heard)

    def _is_remembered(self, order_id: int, heard: Heard) -> bool:
        return self._is_known(order_id, heard.seen) and not self.truth.is_cleared(heard.account, 0, heard.end)

    def _is_known(self, order_id: int, sequence: int) -> bool:
        return self.truth.order_at(order_id, sequence) is not None


def _is_named(request: CancelOrder, order: Order) -> bool:
    if request.order_id:
        return request.order_id == order.order_id
    return request.client_order_id == order.client_order_id


def _may_have_executed(heard: Heard) -> bool:
    match heard.answer:
        case Refused():
            return False
        case Unavailable(_, may_execute):
            return may_execute
        case _:
            return True


def _is_same(request: object, event: object) -> bool:
    """Whether an event of the journal is what a request asked for."""
    match request, event:
        case PlaceOrder(), OrderReserved():
            return _terms(request) == _terms(event) and not event.list_id and not event.replaces
        case PlaceList(legs=legs), OrderReserved():
            return _terms(legs[0]) == _terms(event) and event.list_id == event.order_id
        case ReplaceOrder(place=place), OrderReserved():
            return _terms(place) == _terms(event) and bool(event.replaces)
        case Deposit(), Deposited():
            return (request.asset, request.amount) == (event.asset, event.amount)
        case Withdraw(), Withdrawn():
            return (request.asset, request.amount) == (event.asset, event.amount)
        case SetBalance(), Adjusted():
            return request.asset == event.asset
        case _:
            return False


def _terms(order: PlaceOrder | OrderReserved) -> tuple[object, ...]:
    return (
        order.account,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        order.is_post_only,
        order.quantity,
        order.price,
        order.quote_amount,
        order.client_order_id,
        order.stop_price,
        order.prevention,
    )
