"""How a record of the shard itself changes its ledger."""

from __future__ import annotations

from typing import Final

from mockexchange.ledger.account import Account, Transfer, TransferKind
from mockexchange.ledger.changes import AccountEvent
from mockexchange.ledger.errors import LedgerBroken
from mockexchange.ledger.posting import Posting
from mockexchange.ledger.reservations import SHARD_BASE, order_of
from mockexchange.messages.commands import Flow
from mockexchange.messages.events import (
    Adjusted,
    Deposited,
    HistoryCleared,
    OrderReserved,
    ShardOpened,
    ShardRecord,
    Withdrawn,
)
from mockexchange.messages.orders import OUTSIDE

STARTING_FUNDS: Final = "starting funds"
"""The cause of the deposits that post an account's starting funds."""


class ShardFold(Posting):
    """Folds holds and transfers."""

    __slots__ = ()

    def shard_record(self, record: ShardRecord) -> list[AccountEvent]:
        """Fold a record of the shard's own journal; return what it changed."""
        for event in record.events:
            match event:
                case OrderReserved():
                    self._reserved(event)
                case Deposited() | Withdrawn() | Adjusted():
                    self._transferred(event)
                case ShardOpened():
                    self.ledger.opened = self.sequence
                case HistoryCleared(command_id):
                    self.ledger.cleared_by = command_id
                    for account in self.ledger.accounts.values():
                        account.clear_history()
        return self.changes

    def _reserved(self, event: OrderReserved) -> None:
        ledger = self.ledger
        counter, shard = divmod(event.order_id, SHARD_BASE)
        if counter <= ledger.last_order_counter or shard != ledger.shard:
            raise LedgerBroken(
                "an order id does not rise", {"order_id": event.order_id, "last_counter": ledger.last_order_counter}
            )
        if event.list_id not in {0, event.order_id, event.order_id - SHARD_BASE}:
            raise LedgerBroken(
                "the orders of a list are not neighbours", {"order_id": event.order_id, "list_id": event.list_id}
            )
        ledger.last_order_counter = counter
        account = self._account(event.account)
        if event.command_id in account.by_command or event.command_id in account.transfers:
            raise LedgerBroken("a command took effect twice", {"command_id": event.command_id})
        order = order_of(event, self.sequence)
        account.open(order)
        ledger.reserved_orders[order.order_id] = order
        balance = account.balance(order.hold_asset)
        balance.free -= event.hold
        balance.held += event.hold
        # The second order of a list and one that replaces another may live on the other's hold.
        is_hold = event.hold > 0 or (event.hold == 0 and (event.replaces or event.list_id not in {0, event.order_id}))
        if not is_hold or balance.free < 0:
            raise LedgerBroken(
                "a hold exceeds the free balance",
                {"order_id": order.order_id, "hold": event.hold, "free": balance.free},
            )
        self._balance_changed(account, "reserved", balance)

    def _transferred(self, event: Deposited | Withdrawn | Adjusted) -> None:
        account = self._account(event.account)
        if event.command_id in account.transfers or event.command_id in account.by_command:
            raise LedgerBroken("a command took effect twice", {"command_id": event.command_id})
        amount, kind = _movement(event)
        if kind is TransferKind.DEPOSIT and event.cause == STARTING_FUNDS:
            self._starting_funds(account, event)
        if not isinstance(event, Adjusted):
            flows = account.deposits if kind is TransferKind.DEPOSIT else account.withdrawals
            flow = flows.setdefault(event.asset, Flow(event.asset, 0, 0))
            flow.amount += event.amount
            flow.value += event.value
        balance = account.balance(event.asset)
        balance.free += amount
        self.ledger.post(OUTSIDE, event.asset, -amount)
        if balance.free < 0:
            raise LedgerBroken(
                "a transfer exceeds the free balance", {"command_id": event.command_id, "free": balance.free}
            )
        account.remember(
            Transfer(event.command_id, kind, event.asset, event.amount, event.cause, self.time_ns, self.sequence),
            self.ledger.limits.transfers,
        )
        self._balance_changed(account, event.cause, balance, amount=amount)

    def _starting_funds(self, account: Account, event: Deposited | Withdrawn | Adjusted) -> None:
        if account.funds_due.pop(event.asset, None) != event.amount:
            raise LedgerBroken("starting funds that are not due", {"account": account.account, "asset": event.asset})
        value = event.value if isinstance(event, Deposited) else 0
        account.starting_funds[event.asset] = Flow(event.asset, event.amount, value)
        if not account.funds_due:
            del self.ledger.unfunded[account.account]


def starting_funds_command(asset: str) -> str:
    """Return the command id of the deposit that posts an account's starting funds in an asset."""
    return f"starting-funds:{asset}"


def _movement(event: Deposited | Withdrawn | Adjusted) -> tuple[int, TransferKind]:
    """Return what an event adds to the free balance, and its kind."""
    match event:
        case Deposited():
            return event.amount, TransferKind.DEPOSIT
        case Withdrawn():
            return -event.amount, TransferKind.WITHDRAWAL
        case Adjusted():
            return event.amount, TransferKind.ADJUSTMENT
