"""What an account's holdings have cost and earned: a fold of the journal, by the average cost method.

What is bought for cash costs what was paid, its fee included; what is sold leaves at its average cost, and earns what
came in for it beyond that. A trade between two assets neither of which is cash hands the cost on and earns nothing, so
that no price is needed. Money from outside costs what it was worth when it came, adjustments cost nothing. All in units
of the cash asset; cash itself costs what it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mockexchange.ledger.shard_fold import STARTING_FUNDS
from mockexchange.messages.codec import Record
from mockexchange.messages.events import (
    Adjusted,
    BookRecord,
    Deposited,
    FillSide,
    HistoryCleared,
    OrderFilled,
    RegistryRecord,
    ShardRecord,
    Withdrawn,
)
from mockexchange.messages.orders import HOUSE, Side
from mockexchange.messages.subjects import shard_of_subject
from mockexchange.registry import Registry


class Holding(msgspec.Struct, gc=False):
    """One asset of an account: its amount, what it cost, and what trading it has earned and cost in fees so far."""

    asset: str
    amount: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0


class Portfolio(msgspec.Struct):
    """The holdings of an account, and the worth of what came in and went out, at journal `sequence`.

    `starting` is what the starting funds of each asset were worth.
    """

    account: int
    cash: str
    sequence: int = 0
    deposits: int = 0
    withdrawals: int = 0
    starting: dict[str, int] = {}
    holdings: dict[str, Holding] = {}

    def holding(self, asset: str) -> Holding:
        """Return the live holding of an asset."""
        holding = self.holdings.get(asset)
        if holding is None:
            holding = self.holdings[asset] = Holding(asset)
        return holding

    @property
    def invested(self) -> int:
        """What was paid in beyond what was taken out."""
        return self.deposits - self.withdrawals

    def deposit(self, asset: str, amount: int, value: int, *, is_starting: bool = False) -> None:
        """Take in money from outside that is worth `value`."""
        self.deposits += value
        if is_starting:
            self.starting[asset] = self.starting.get(asset, 0) + value
        self._receive(asset, amount, value)

    def withdraw(self, asset: str, amount: int, value: int) -> None:
        """Let money out that is worth `value`; what it is worth beyond its cost was earned."""
        self.withdrawals += value
        cost = self._spend(asset, amount)
        if asset != self.cash:
            self.holding(asset).realized += value - cost

    def adjust(self, asset: str, amount: int) -> None:
        """Change a holding without a reason: what comes costs nothing, the cost of what goes is lost."""
        if amount >= 0:
            self._receive(asset, amount, 0)
        elif asset == self.cash:
            self._spend(asset, -amount)
        else:
            self.holding(asset).realized -= self._spend(asset, -amount)

    def trade(self, *, spent: str, spent_amount: int, received: str, received_amount: int, fee: int) -> None:
        """Exchange one asset for another; `fee` is taken from what is received."""
        cost = self._spend(spent, spent_amount)
        if received == self.cash:
            earning = self.holding(spent)
            earning.realized += received_amount - fee - cost
            earning.fees += fee
        else:
            self.holding(received).fees += cost * fee // received_amount
        self._receive(received, received_amount - fee, cost)

    def clear(self) -> None:
        """Begin anew with what is there; of the flows only the starting funds stay."""
        self.deposits, self.withdrawals = sum(self.starting.values()), 0
        for holding in self.holdings.values():
            holding.realized = holding.fees = 0
            holding.cost = 0 if holding.asset == self.cash else self.starting.get(holding.asset, 0)

    def _receive(self, asset: str, amount: int, cost: int) -> None:
        holding = self.holding(asset)
        holding.amount += amount
        if asset != self.cash:
            holding.cost += cost

    def _spend(self, asset: str, amount: int) -> int:
        """Take an amount out and return what it cost."""
        holding = self.holding(asset)
        assert amount <= holding.amount, (self.account, asset, amount, holding.amount)
        cost = amount if asset == self.cash else holding.cost * amount // holding.amount if amount else 0
        holding.amount -= amount
        if asset != self.cash:
            holding.cost -= cost
        return cost


class Portfolios:
    """The portfolios of all accounts that ever had money, and the registry they are told by."""

    def __init__(self, cash: str, known: Iterable[Portfolio] = ()) -> None:
        self.cash = cash
        self.registry = Registry()
        self.by_account = {portfolio.account: portfolio for portfolio in known}
        self.sequence = 0

    def apply(self, sequence: int, subject: str, record: Record) -> set[int]:
        """Fold one record; return the accounts whose money it moved."""
        self.sequence = sequence
        touched: set[int] = set()
        match record:
            case RegistryRecord():
                if sequence > self.registry.sequence:
                    self.registry.apply(sequence, record)
            case ShardRecord():
                for event in record.events:
                    if isinstance(event, Deposited | Withdrawn | Adjusted):
                        touched.add(self._moved(event))
                    elif isinstance(event, HistoryCleared):
                        touched |= self._cleared(shard_of_subject(subject))
            case BookRecord():
                for filled in record.events:
                    if isinstance(filled, OrderFilled):
                        touched |= self._filled(record.symbol, filled)
        for account in touched:
            self.by_account[account].sequence = sequence
        return touched

    def of(self, account: int) -> Portfolio:
        """Return the live portfolio of an account."""
        portfolio = self.by_account.get(account)
        if portfolio is None:
            portfolio = self.by_account[account] = Portfolio(account, self.cash)
        return portfolio

    def _moved(self, event: Deposited | Withdrawn | Adjusted) -> int:
        portfolio = self.of(event.account)
        match event:
            case Deposited(asset=asset, amount=amount, value=value, cause=cause):
                portfolio.deposit(asset, amount, value, is_starting=cause == STARTING_FUNDS)
            case Withdrawn(asset=asset, amount=amount, value=value):
                portfolio.withdraw(asset, amount, value)
            case Adjusted(asset=asset, amount=amount):
                portfolio.adjust(asset, amount)
        return event.account

    def _cleared(self, shard: int | None) -> set[int]:
        accounts = self.registry.accounts
        cleared = {account for account in self.by_account if accounts[account].shard == shard}
        for account in cleared:
            self.by_account[account].clear()
        return cleared

    def _filled(self, symbol: str, event: OrderFilled) -> set[int]:
        sides = ((event.taker, event.taker_side), (event.maker, event.taker_side.opposite))
        ours = [(filled, side) for filled, side in sides if filled.account != HOUSE]
        for filled, side in ours:
            self._traded(symbol, event, filled, side)
        return {filled.account for filled, _ in ours}

    def _traded(self, symbol: str, event: OrderFilled, filled: FillSide, side: Side) -> None:
        base, _, quote = symbol.partition("/")
        portfolio = self.of(filled.account)
        if side is Side.BUY:
            portfolio.trade(
                spent=quote, spent_amount=event.quote, received=base, received_amount=event.base, fee=filled.fee
            )
        else:
            portfolio.trade(
                spent=base, spent_amount=event.base, received=quote, received_amount=event.quote, fee=filled.fee
            )
