"""How one record changes a ledger: double entry, each event of a shard or a book posted once.

`docs/architecture.md` has the postings of a fill. Whatever leaves or enters an account has its counter-leg in one of
the shard's sub-accounts, so the shard sums to zero per asset after every event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mockexchange.ledger.account import Account, Transfer, TransferKind
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, Filled, OrderChanged
from mockexchange.ledger.errors import LedgerBroken
from mockexchange.messages.commands import Balance, Flow
from mockexchange.messages.events import (
    Adjusted,
    BookRecord,
    Deposited,
    FillSide,
    HistoryCleared,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    ShardOpened,
    ShardRecord,
    Withdrawn,
)
from mockexchange.messages.orders import (
    CLEARING,
    FEES,
    HOUSE,
    OUTSIDE,
    Fill,
    Order,
    OrderStatus,
    OrderStep,
    Side,
)

if TYPE_CHECKING:
    from mockexchange.ledger.ledger import Ledger

SHARD_BASE: Final = 1024
"""Order ids are `counter * SHARD_BASE + shard`."""

STARTING_FUNDS: Final = "starting funds"
"""The cause of the deposits that post an account's starting funds."""


class Fold:
    """One record on its way into a ledger; `changes` collects what it did to accounts."""

    __slots__ = ("changes", "ledger", "sequence", "time_ns")

    def __init__(self, ledger: Ledger, sequence: int, time_ns: int) -> None:
        self.ledger = ledger
        self.sequence = sequence
        self.time_ns = time_ns
        self.changes: list[AccountEvent] = []

    def shard_record(self, record: ShardRecord) -> None:
        """Fold a record of the shard's own journal."""
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

    def book_record(self, record: BookRecord) -> None:
        """Fold a record of a book; only the sides that live on this shard are posted."""
        shard = self.ledger.shard
        for event in record.events:
            match event:
                case OrderAccepted():
                    if event.shard == shard:
                        self._accepted(event)
                case OrderFilled():
                    if shard in {event.taker.shard, event.maker.shard}:
                        self._filled(event, record.symbol)
                case OrderCanceled():
                    if event.shard == shard:
                        self._ended(event, OrderStatus.CANCELED, "canceled")
                case OrderRejected():
                    if event.shard == shard:
                        self._ended(event, OrderStatus.REJECTED, "rejected")
                case _:
                    pass

    # The shard's own events.

    def _reserved(self, event: OrderReserved) -> None:
        ledger = self.ledger
        counter, shard = divmod(event.order_id, SHARD_BASE)
        if counter <= ledger.last_order_counter or shard != ledger.shard:
            raise LedgerBroken(
                "an order id does not rise", {"order_id": event.order_id, "last_counter": ledger.last_order_counter}
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
        if event.hold <= 0 or balance.free < 0:
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

    # Events of books.

    def _accepted(self, event: OrderAccepted) -> None:
        account, order = self._open_order(event.account, event.order_id)
        self._answered(order)
        self._step(account, order, OrderStep(self.time_ns, OrderStatus.NEW, hold_left=order.hold_left))

    def _ended(self, event: OrderCanceled | OrderRejected, status: OrderStatus, cause: str) -> None:
        account, order = self._open_order(event.account, event.order_id)
        if status is OrderStatus.REJECTED:
            self._answered(order)
        elif order.status is OrderStatus.RESERVED:
            raise LedgerBroken("an order was canceled before it was accepted", {"order_id": order.order_id})
        balance = account.balance(order.hold_asset)
        self._consume_hold(order, balance, 0, event.release)
        order.reason = event.reason
        if isinstance(event, OrderCanceled):
            order.cancel_command_id = event.command_id
        self._step(account, order, OrderStep(self.time_ns, status, reason=event.reason))
        if event.release:
            self._balance_changed(account, cause, balance)

    def _filled(self, event: OrderFilled, symbol: str) -> None:
        shard = self.ledger.shard
        taker = maker = None
        if event.taker.shard == shard and event.taker.account != HOUSE:
            taker = self._side_filled(event, symbol, event.taker, event.maker)
        if event.maker.shard == shard and event.maker.account != HOUSE:
            maker = self._side_filled(event, symbol, event.maker, event.taker)
        base, _, quote = symbol.partition("/")
        if taker is not None:
            self._balance_changed(taker, "filled", taker.balances[base], taker.balances[quote])
        if maker is not None and maker is not taker:
            self._balance_changed(maker, "filled", maker.balances[base], maker.balances[quote])

    def _side_filled(self, event: OrderFilled, symbol: str, side: FillSide, other: FillSide) -> Account:
        account, order = self._open_order(side.account, side.order_id)
        is_maker = side is event.maker
        self._check_fill(event, symbol, side, order, is_maker=is_maker)
        if order.side is Side.BUY:
            spent, received = event.quote, event.base
        else:
            spent, received = event.base, event.quote
        if not 0 <= side.fee <= received:
            raise LedgerBroken("a fee exceeds what was received", {"order_id": order.order_id, "fee": side.fee})
        self._consume_hold(order, account.balance(order.hold_asset), spent, side.release)
        account.balance(order.fee_asset).free += received - side.fee
        ledger = self.ledger
        ledger.post(FEES, order.fee_asset, side.fee)
        if other.account == HOUSE or other.shard != ledger.shard:
            counterparty = HOUSE if other.account == HOUSE else CLEARING
            ledger.post(counterparty, order.hold_asset, spent)
            ledger.post(counterparty, order.fee_asset, -received)
        self._record_fill(account, order, event, side.fee, is_maker=is_maker, is_last=side.remaining == 0)
        return account

    def _check_fill(self, event: OrderFilled, symbol: str, side: FillSide, order: Order, *, is_maker: bool) -> None:
        taker_side = event.taker_side.opposite if is_maker else event.taker_side
        if order.symbol != symbol or order.side is not taker_side or order.status is OrderStatus.RESERVED:
            raise LedgerBroken("a fill does not fit its order", {"order_id": order.order_id, "trade": event.trade_id})
        left = order.quantity - order.filled - event.quantity
        if order.quantity and (side.remaining != left or left < 0):
            raise LedgerBroken(
                "a fill leaves another quantity than it says",
                {"order_id": order.order_id, "trade": event.trade_id, "remaining": side.remaining},
            )

    def _record_fill(
        self, account: Account, order: Order, event: OrderFilled, fee: int, *, is_maker: bool, is_last: bool
    ) -> None:
        total = account.total(order.symbol, order.side)
        total.orders += order.filled == 0
        total.base_amount += event.base
        total.quote_amount += event.quote
        total.fee += fee
        order.filled += event.quantity
        order.filled_quote += event.quote
        order.fee += fee
        status = OrderStatus.FILLED if is_last else OrderStatus.PARTIALLY_FILLED
        step = OrderStep(self.time_ns, status, event.price, event.quantity, event.quote, fee, order.hold_left)
        self._step(account, order, step)
        fill = Fill(
            event.trade_id,
            order.order_id,
            order.account,
            order.symbol,
            order.side,
            event.price,
            event.quantity,
            event.base,
            event.quote,
            fee,
            is_maker,
            self.time_ns,
            order.client_order_id,
            self.sequence,
        )
        account.fills.append(fill)
        account.number += 1
        self.changes.append(Filled(account.account, account.number, self.sequence, fill))

    # What they share.

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
        account.number += 1
        self.changes.append(
            OrderChanged(
                account.account,
                account.number,
                self.sequence,
                order,
                step,
                order.steps,
                order.filled,
                order.filled_quote,
            )
        )

    def _balance_changed(self, account: Account, cause: str, *balances: Balance, amount: int = 0) -> None:
        account.number += 1
        shown = [Balance(balance.asset, balance.free, balance.held) for balance in balances]
        self.changes.append(
            BalanceChanged(account.account, account.number, self.sequence, shown, cause, self.time_ns, amount)
        )


def starting_funds_command(asset: str) -> str:
    """Return the command id of the deposit that posts an account's starting funds in an asset."""
    return f"starting-funds:{asset}"


def order_of(event: OrderReserved, sequence: int) -> Order:
    """Make the order that a reservation begins."""
    return Order(
        event.order_id,
        event.account,
        event.symbol,
        event.side,
        event.order_type,
        event.time_in_force,
        event.is_post_only,
        event.quantity,
        event.price,
        event.quote_amount,
        event.command_id,
        event.client_order_id,
        event.hold,
        event.hold,
        event.maker_rate,
        event.taker_rate,
        event.received_ns,
        event.reserved_ns,
        sequence=sequence,
        deadline_ns=event.deadline_ns,
    )


def reservation_of(order: Order) -> OrderReserved:
    """Return the event that began an order which has no outcome yet, as it stands in the journal."""
    assert order.status is OrderStatus.RESERVED
    return OrderReserved(
        order.order_id,
        order.account,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        order.is_post_only,
        order.quantity,
        order.price,
        order.quote_amount,
        order.command_id,
        order.client_order_id,
        order.hold,
        order.maker_rate,
        order.taker_rate,
        order.created_ns,
        order.updated_ns,
        order.deadline_ns,
    )


def _movement(event: Deposited | Withdrawn | Adjusted) -> tuple[int, TransferKind]:
    """Return what an event adds to the free balance, and its kind."""
    match event:
        case Deposited():
            return event.amount, TransferKind.DEPOSIT
        case Withdrawn():
            return -event.amount, TransferKind.WITHDRAWAL
        case Adjusted():
            return event.amount, TransferKind.ADJUSTMENT
