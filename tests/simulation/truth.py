"""What the journal says, folded once more from its beginning: every state that an answer may show."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from actors.account_stream import publish_account_events
from actors.writers.history_fold import is_clearing
from infra.ports import JournalMessage
from mockexchange.ledger import Filled, Ledger, OrderChanged
from mockexchange.matching.book import OrderBook
from mockexchange.messages.codec import Record, decode_record, encode
from mockexchange.messages.commands import AccountAnswer
from mockexchange.messages.events import (
    BookEvent,
    BookRecord,
    HistoryCleared,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    RegistryRecord,
    ShardRecord,
)
from mockexchange.messages.orders import CLEARING, FEES, HOUSE, OUTSIDE, Fill, Order
from mockexchange.messages.refusals import RejectReason
from mockexchange.messages.subjects import shard_of_subject
from tests.support.audit_report import AuditReport

CHECK_EVERY = 40
"""All invariants of a ledger are checked after so many records; its sums by the auditor after each event."""


@dataclass(slots=True)
class AccountState:
    """An account after the record at `sequence`: as it would be answered but for the sequence, and its open orders."""

    sequence: int
    number: int
    answer: bytes
    open_orders: tuple[tuple[int, str], ...]


@dataclass
class Truth:
    """Everything an answer may be compared with. States are in the order of the journal."""

    shards: list[Ledger]
    books: dict[str, OrderBook] = field(default_factory=dict)
    order_states: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    accounts: dict[int, list[AccountState]] = field(default_factory=dict)
    fills: dict[tuple[int, int], list[Fill]] = field(default_factory=dict)
    commands: dict[tuple[int, str], list[tuple[int, object]]] = field(default_factory=dict)
    published: dict[tuple[str, int], bytes] = field(default_factory=dict)
    trades: dict[str, dict[int, int]] = field(default_factory=dict)
    deadlines: dict[int, int] = field(default_factory=dict)
    clears: dict[int, list[int]] = field(default_factory=dict)
    book_events: dict[str, list[tuple[int, BookEvent]]] = field(default_factory=dict)
    canceled_ns: dict[tuple[int, str], int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def order_at(self, order_id: int, sequence: int) -> bytes | None:
        """Return the state of an order up to a sequence."""
        states = self.order_states.get(order_id, [])
        place = bisect_right(states, sequence, key=lambda state: state[0])
        return states[place - 1][1] if place else None

    def is_cleared(self, account: int, after: int, until: int) -> bool:
        """Whether the history of an account began anew after a sequence and until another."""
        shard = self.shards[0].registry.accounts[account].shard
        return any(after < sequence <= until for sequence in self.clears[shard])

    def account_at(self, account: int, sequence: int) -> AccountState | None:
        """Return the state of an account up to a sequence."""
        states = self.accounts.get(account, [])
        place = bisect_right(states, sequence, key=lambda state: state.sequence)
        return states[place - 1] if place else None


class _Recorder:
    """A bus that remembers what a shard would have published."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            self.truth.published[subject, number_of(payload)] = payload


class _Numbered(msgspec.Struct):
    number: int


_decode_number = msgspec.json.Decoder(_Numbered).decode


def number_of(payload: bytes) -> int:
    """Return the number of an account message."""
    return _decode_number(payload).number


def fold(records: Sequence[JournalMessage], shards: int) -> Truth:
    """Fold a journal. What does not fold is a violation, and ends it."""
    truth = Truth([Ledger(shard) for shard in range(shards)])
    truth.clears = {shard: [] for shard in range(shards)}
    recorder = _Recorder(truth)
    for record in records:
        try:
            _fold_record(truth, recorder, record, decode_record(record.subject, record.payload))
        except Exception as error:
            truth.violations.append(f"record {record.sequence} cannot be folded: {type(error).__name__}: {error}")
            break
    return truth


def _fold_record(truth: Truth, recorder: _Recorder, message: JournalMessage, record: Record) -> None:
    owner = shard_of_subject(message.subject)
    for ledger in truth.shards:
        if owner is not None and owner != ledger.shard:
            continue
        _fold_into(truth, recorder, ledger, message, record)
    match record:
        case BookRecord():
            _fold_book(truth, message.sequence, record)
            _compare_clearing(truth, message.sequence)
        case ShardRecord():
            for event in record.events:
                command = getattr(event, "command_id", "")
                account = getattr(event, "account", 0)
                truth.commands.setdefault((account, command), []).append((message.sequence, event))
                if isinstance(event, OrderReserved):
                    truth.deadlines[event.order_id] = event.deadline_ns
                elif isinstance(event, HistoryCleared) and owner is not None:
                    truth.clears[owner].append(message.sequence)


def _fold_into(truth: Truth, recorder: _Recorder, ledger: Ledger, message: JournalMessage, record: Record) -> None:
    events = ledger.apply(message.sequence, message.subject, record)
    publish_account_events(recorder, ledger.registry, events)  # type: ignore[arg-type]
    touched: dict[int, int] = {}
    for event in events:
        expected = touched.get(event.account) or _last_number(truth, event.account)
        if event.number != expected + 1:
            truth.violations.append(f"account {event.account} has event {event.number} after {expected}")
        touched[event.account] = event.number
        if isinstance(event, OrderChanged):
            _note_order(truth, message.sequence, event.order)
        elif isinstance(event, Filled):
            truth.fills.setdefault((event.fill.order_id, message.sequence), []).append(event.fill)
    if isinstance(record, ShardRecord):
        for change in record.events:
            if isinstance(change, OrderReserved):
                _note_order(truth, message.sequence, ledger.accounts[change.account].open_orders[change.order_id])
    if isinstance(record, RegistryRecord) or is_clearing(record):
        touched.update({account: owner.number for account, owner in ledger.accounts.items()})
    for account, number in touched.items():
        truth.accounts.setdefault(account, []).append(_state(ledger, account, message.sequence, number))
    if message.sequence % CHECK_EVERY == 0:
        ledger.check()


def _note_order(truth: Truth, sequence: int, order: Order) -> None:
    """Note the state of an order after the whole record."""
    states = truth.order_states.setdefault(order.order_id, [])
    if states and states[-1][0] == sequence:
        states.pop()
    states.append((sequence, encode(order)))


def _last_number(truth: Truth, account: int) -> int:
    states = truth.accounts.get(account)
    return states[-1].number if states else 0


def _state(ledger: Ledger, account: int, sequence: int, number: int) -> AccountState:
    orders = ledger.accounts[account].open_orders.values()
    shown = tuple((order.order_id, order.symbol) for order in reversed(orders))
    return AccountState(sequence, number, without_sequence(ledger.read_account(account)), shown)


def without_sequence(answer: AccountAnswer) -> bytes:
    """Encode an account's state without the journal sequence, which moves on though nothing changes."""
    return encode(msgspec.structs.replace(answer, sequence=0))


def _fold_book(truth: Truth, sequence: int, record: BookRecord) -> None:
    book = truth.books.get(record.symbol)
    if book is None:
        instrument = truth.shards[0].registry.instruments[record.symbol]
        book = truth.books[record.symbol] = OrderBook(instrument)
    book.apply(record)
    trades = truth.trades.setdefault(record.symbol, {})
    truth.book_events.setdefault(record.symbol, []).extend((sequence, event) for event in record.events)
    for event in record.events:
        match event:
            case OrderFilled(trade_id):
                trades[trade_id] = sequence
            case OrderCanceled(_, account, _, command_id) | OrderAmended(_, account, _, command_id) if command_id:
                truth.canceled_ns[account, command_id] = record.time_ns
            case OrderAccepted(order_id) if record.time_ns > truth.deadlines[order_id]:
                truth.violations.append(f"order {order_id} was accepted after its deadline, at sequence {sequence}")
            case OrderRejected(order_id, _, _, RejectReason.TOO_LATE) if record.time_ns <= truth.deadlines[order_id]:
                truth.violations.append(f"order {order_id} was not too late at sequence {sequence}")


def _compare_clearing(truth: Truth, sequence: int) -> None:
    totals: dict[str, int] = {}
    for ledger in truth.shards:
        for asset, amount in ledger.internal[CLEARING].items():
            totals[asset] = totals.get(asset, 0) + amount
    for asset, total in totals.items():
        if total:
            truth.violations.append(f"clearing sums to {total} {asset} at sequence {sequence}")


def compare(truth: Truth, report: AuditReport) -> list[str]:
    """Return where the ledgers say otherwise than the auditor, who shares nothing with them."""
    differences = []
    for ledger in truth.shards:
        for owner in (HOUSE, FEES, OUTSIDE, CLEARING):
            audited = report.internal.get(ledger.shard, {}).get(owner, {})
            if _without_zeros(audited) != _without_zeros(ledger.internal[owner]):
                differences.append(
                    f"sub-account {owner} of shard {ledger.shard} is {ledger.internal[owner]}, not {audited}"
                )
        for number, account in ledger.accounts.items():
            mine = {asset: (balance.free, balance.held) for asset, balance in account.balances.items()}
            audited_balances = report.balances.get(number, {})
            if mine != {asset: amounts for asset, amounts in audited_balances.items() if asset in mine or any(amounts)}:
                differences.append(f"account {number} has {mine}, not {audited_balances}")
            orders = [*account.open_orders.values(), *account.closed_orders.values()]
            for order in orders:
                audited_order = report.orders[order.order_id]
                figures = (order.filled, order.filled_quote, order.fee, order.hold_left)
                if figures != (
                    audited_order.filled,
                    audited_order.filled_quote,
                    audited_order.fee,
                    audited_order.hold_left,
                ):
                    differences.append(f"order {order} is {audited_order}")
    return differences


def _without_zeros(amounts: dict[str, int]) -> dict[str, int]:
    return {asset: amount for asset, amount in amounts.items() if amount}
