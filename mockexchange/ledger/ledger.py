"""What an accounts shard knows: a pure fold of the journal up to one sequence.

A live ledger, one folded from the start and one restored from a snapshot are equal at equal sequence.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import Final

from mockexchange.ledger import invariants, snapshot
from mockexchange.ledger.account import Account
from mockexchange.ledger.book_fold import BookFold
from mockexchange.ledger.changes import AccountEvent
from mockexchange.ledger.errors import LedgerBroken, MissingRecord
from mockexchange.ledger.limits import LedgerLimits
from mockexchange.ledger.reservations import SHARD_BASE
from mockexchange.ledger.shard_fold import STARTING_FUNDS, ShardFold, starting_funds_command
from mockexchange.messages.commands import AccountAnswer, Balance, Flow, TradeTotal
from mockexchange.messages.events import AccountCreated, BookRecord, Deposited, RegistryRecord, ShardRecord
from mockexchange.messages.orders import CLEARING, FEES, HOUSE, OUTSIDE, Fill, Order
from mockexchange.registry import Registry

SWEEP_NS: Final = 60 * 1_000_000_000
"""How often, by journal time, everything past its age is forgotten."""

MAX_TOTAL: Final = 2**63 - 1
"""Where totals stand still in answers, which carry 64-bit integers: they grow with trade, not with wealth."""


class Ledger:
    """The accounts of one shard.

    `internal` holds the sub-accounts HOUSE, FEES, OUTSIDE and CLEARING. `opened` is the sequence of the last
    ShardOpened, the shard's epoch; `cleared_by` the command of the last HistoryCleared. `reserved_orders` are those
    without outcome, in order-id order.
    """

    __slots__ = (
        "accounts",
        "cleared_by",
        "internal",
        "last_order_counter",
        "limits",
        "opened",
        "registry",
        "reserved_orders",
        "sequence",
        "shard",
        "subjects",
        "time_ns",
        "unfunded",
    )

    def __init__(self, shard: int, limits: LedgerLimits | None = None) -> None:
        self.shard = shard
        self.limits = limits or LedgerLimits()
        self.sequence = 0
        self.time_ns = 0
        self.registry = Registry()
        self.accounts: dict[int, Account] = {}
        self.internal: dict[int, dict[str, int]] = {HOUSE: {}, FEES: {}, OUTSIDE: {}, CLEARING: {}}
        self.opened = 0
        self.cleared_by = ""
        self.last_order_counter = 0
        self.subjects: dict[str, int] = {}
        self.unfunded: dict[int, Account] = {}
        self.reserved_orders: dict[int, Order] = {}

    def apply(
        self, sequence: int, subject: str, record: RegistryRecord | ShardRecord | BookRecord
    ) -> list[AccountEvent]:
        """Fold the record at a stream sequence; return what it changed, numbered per account without gaps.

        For each event: OrderChanged and Filled of each order, then one BalanceChanged for each account. A reservation
        changes a balance only: its order is shown from the book's word on. Raises
        MissingRecord before anything has changed, LedgerBroken when this ledger may not be used any more.
        """
        expected = self.subjects.get(subject, 0)
        if record.previous != expected:
            raise MissingRecord(subject, expected, record.previous)
        if sequence <= self.sequence:
            raise LedgerBroken("a record came out of order", {"sequence": sequence, "folded": self.sequence})
        changes: list[AccountEvent] = []
        match record:
            case BookRecord():
                changes = BookFold(self, sequence, record.time_ns).book_record(record)
            case ShardRecord():
                changes = ShardFold(self, sequence, record.time_ns).shard_record(record)
            case RegistryRecord():
                self._apply_registry(sequence, record)
        self.subjects[subject] = sequence
        self.sequence = sequence
        if record.time_ns > self.time_ns:
            self._advance(record.time_ns)
        return changes

    def post(self, internal: int, asset: str, amount: int) -> None:
        """Add to a sub-account."""
        sums = self.internal[internal]
        sums[asset] = sums.get(asset, 0) + amount

    def funds_due(self) -> list[Deposited]:
        """Return the deposits that post the starting funds of new accounts."""
        return [
            _starting_deposit(self.registry.accounts[account.account], asset)
            for account in self.unfunded.values()
            for asset in account.funds_due
        ]

    def unresolved(self) -> dict[str, list[Order]]:
        """Return the orders without outcome by symbol, in order-id order."""
        by_symbol: dict[str, list[Order]] = {}
        for order in self.reserved_orders.values():
            by_symbol.setdefault(order.symbol, []).append(order)
        return by_symbol

    def order(self, account: int, order_id: int) -> Order | None:
        """Return an open or remembered order."""
        owner = self.accounts.get(account)
        if owner is None:
            return None
        return owner.open_orders.get(order_id) or owner.closed_orders.get(order_id)

    def order_by_client_id(self, account: int, client_order_id: str) -> Order | None:
        """Return the open order with a client order id, else the latest remembered one."""
        owner = self.accounts.get(account)
        return owner.by_client_id.get(client_order_id) if owner is not None else None

    def order_by_command(self, account: int, command_id: str) -> Order | None:
        """Return the open or remembered order that a command placed."""
        owner = self.accounts.get(account)
        return owner.by_command.get(command_id) if owner is not None else None

    def list_orders(self, account: int, list_id: int, list_client_order_id: str = "") -> list[Order]:
        """Return the open or remembered orders of a list by its id or, when that is 0, by its client order id."""
        owner = self.accounts.get(account)
        if owner is None:
            return []
        if not list_id:
            first = owner.by_list_id.get(list_client_order_id)
            list_id = first.order_id if first is not None else 0
        orders = (self.order(account, list_id), self.order(account, list_id + SHARD_BASE))
        return [order for order in orders if order is not None and order.list_id == list_id > 0]

    def open_orders(self, account: int, symbol: str, before: int, limit: int) -> list[Order]:
        """Return open orders with ids below `before` (0: all), newest first, at most `limit` (0: all).

        An empty symbol means any.
        """
        owner = self.accounts.get(account)
        if owner is None:
            return []
        wanted = (
            order
            for order_id, order in reversed(owner.open_orders.items())
            if (not before or order_id < before) and (not symbol or order.symbol == symbol)
        )
        return list(islice(wanted, limit or None))

    def read_fills(self, account: int, symbol: str, limit: int) -> tuple[list[Fill], int]:
        """Return remembered fills, newest first, at most `limit` (0: all), and where to go on in the read model.

        An empty symbol means any. To go on is to read fills whose event has a lower number; 0 says that was all.
        """
        owner = self.accounts.get(account)
        if owner is None:
            return [], 0
        known = owner.fills
        wanted = (filled for filled in reversed(known) if not symbol or filled.fill.symbol == symbol)
        found = list(islice(wanted, limit + 1 if limit else None))
        shown = found[: limit or None]
        following = 0
        if len(found) > len(shown):
            following = shown[-1].number
        elif known and len(known) == known.maxlen:
            following = known[0].number
        return [filled.fill for filled in shown], following

    def fills_of(self, order: Order) -> list[Fill]:
        """Return the remembered fills of an order, oldest first."""
        if not order.filled or order.account not in self.accounts:
            return []
        fills = (filled.fill for filled in self.accounts[order.account].fills)
        return [fill for fill in fills if fill.order_id == order.order_id]

    def read_account(self, account: int) -> AccountAnswer:
        """Return balances, flows and trade totals. Raises KeyError for an account that is not of this shard."""
        owner = self.accounts[account]
        return AccountAnswer(
            account,
            [Balance(balance.asset, balance.free, balance.held) for balance in owner.balances.values()],
            [_bounded_flow(flow) for flow in owner.deposits.values()],
            [_bounded_flow(flow) for flow in owner.withdrawals.values()],
            [_bounded_total(total) for total in owner.totals.values()],
            owner.number,
            self.sequence,
            owner.changed_ns,
        )

    def check(self) -> None:
        """Raise LedgerBroken unless every invariant holds."""
        invariants.check(self)

    def state_hash(self) -> bytes:
        """Return a digest of the whole state; equal at equal sequence for whoever folded the same journal."""
        return hashlib.sha256(self.to_snapshot()).digest()

    def to_snapshot(self) -> bytes:
        """Encode the whole state."""
        return snapshot.encode(self)

    @classmethod
    def from_snapshot(cls, data: bytes, limits: LedgerLimits | None = None) -> Ledger:
        """Restore a state. Raises SnapshotUnknown for one of another version, msgspec.DecodeError for a damaged one."""
        ledger = cls(0, limits)
        snapshot.restore(ledger, data)
        return ledger

    def _apply_registry(self, sequence: int, record: RegistryRecord) -> None:
        self.registry.apply(sequence, record)
        for event in record.events:
            if isinstance(event, AccountCreated) and event.shard == self.shard and event.account not in self.accounts:
                due = {asset: amount for asset, amount in event.funds.items() if amount > 0}
                account = self.accounts[event.account] = Account(event.account, due, self.limits)
                if due:
                    self.unfunded[event.account] = account

    def _advance(self, time_ns: int) -> None:
        """Let journal time pass, and once in a while forget what is past its age."""
        is_due = time_ns // SWEEP_NS > self.time_ns // SWEEP_NS
        self.time_ns = time_ns
        if is_due:
            for account in self.accounts.values():
                account.forget_before(time_ns - self.limits.age_ns)


def _starting_deposit(created: AccountCreated, asset: str) -> Deposited:
    amount, value = created.funds[asset], created.values.get(asset, 0)
    return Deposited(starting_funds_command(asset), created.account, asset, amount, value, STARTING_FUNDS)


def _bounded_flow(flow: Flow) -> Flow:
    return Flow(flow.asset, min(flow.amount, MAX_TOTAL), min(flow.value, MAX_TOTAL))


def _bounded_total(total: TradeTotal) -> TradeTotal:
    return TradeTotal(
        total.symbol,
        total.side,
        total.orders,
        min(total.base_amount, MAX_TOTAL),
        min(total.quote_amount, MAX_TOTAL),
        min(total.fee, MAX_TOTAL),
    )
