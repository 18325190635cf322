"""What every event of a record does to a ledger in the same way: double entry, and the account's numbered changes.

`docs/architecture.md` has the postings of a fill. Whatever leaves or enters an account has its counter-leg in one of
the shard's sub-accounts, so the shard sums to zero per asset after every event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockexchange.ledger.account import Account
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, OrderChanged
from mockexchange.ledger.errors import LedgerBroken
from mockexchange.messages.commands import Balance
from mockexchange.messages.orders import Order, OrderStatus, OrderStep

if TYPE_CHECKING:
    from mockexchange.ledger.ledger import Ledger


class Posting:
    """One record on its way into a ledger; `changes` collects what it did to accounts."""

    __slots__ = ("changes", "ledger", "sequence", "time_ns")

    def __init__(self, ledger: Ledger, sequence: int, time_ns: int) -> None:
        self.ledger = ledger
        self.sequence = sequence
        self.time_ns = time_ns
        self.changes: list[AccountEvent] = []

    def _account(self, account: int) -> Account:
        try:
            return self.ledger.accounts[account]
        except KeyError:
            raise LedgerBroken("an account is not of this shard", {"account": account}) from None

    def _open_order(self, account_id: int, order_id: int) -> tuple[Account, Order]:
        account = self._account(account_id)
        try:
            return account, account.open_orders[order_id]
        except KeyError:
            raise LedgerBroken(
                "an order is not open", {"order_id": order_id, "account": account_id, "sequence": self.sequence}
            ) from None

    def _answered(self, order: Order) -> None:
        """Take an order off those without outcome."""
        if self.ledger.reserved_orders.pop(order.order_id, None) is None:
            raise LedgerBroken("an order has two outcomes", {"order_id": order.order_id, "sequence": self.sequence})

    @staticmethod
    def _consume_hold(order: Order, balance: Balance, spent: int, release: int) -> None:
        """Take both from the hold and give the release back. A book can do nothing else to the money of an order."""
        order.hold_left -= spent + release
        balance.held -= spent + release
        balance.free += release
        if release < 0 or spent < 0 or order.hold_left < 0 or balance.held < 0:
            raise LedgerBroken(
                "an event of a book took more than the hold, or lowered a free balance",
                {"order_id": order.order_id, "spent": spent, "release": release, "hold_left": order.hold_left},
            )

    def _step(self, account: Account, order: Order, step: OrderStep) -> None:
        """Move an order on. Its first step is what the book said to it: nobody waits to hear of the hold alone."""
        order.status = step.status
        order.updated_ns = self.time_ns
        order.sequence = self.sequence
        order.steps += 1
        if step.status > OrderStatus.PARTIALLY_FILLED:
            if order.hold_left:
                raise LedgerBroken(
                    "an order ended with a hold left", {"order_id": order.order_id, "hold_left": order.hold_left}
                )
            order.finished_ns = self.time_ns
            account.close(order, self.ledger.limits.closed_orders)
        self.changes.append(
            OrderChanged(
                account.account,
                account.next_number(self.time_ns),
                self.sequence,
                order,
                step,
                order.steps,
                order.filled,
                order.filled_quote,
            )
        )

    def _balance_changed(self, account: Account, cause: str, *balances: Balance, amount: int = 0) -> None:
        number = account.next_number(self.time_ns)
        shown = [Balance(balance.asset, balance.free, balance.held) for balance in balances]
        self.changes.append(BalanceChanged(account.account, number, self.sequence, shown, cause, self.time_ns, amount))
