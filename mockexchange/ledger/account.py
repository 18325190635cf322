"""One account: balances, open orders, and the bounded memory of what is over."""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import IntEnum

import msgspec

from mockexchange.ledger.changes import Filled
from mockexchange.ledger.limits import LedgerLimits
from mockexchange.messages.commands import Balance, Flow, TradeTotal
from mockexchange.messages.orders import Order, OrderType, Side


class TransferKind(IntEnum):
    """How money moved without an order."""

    DEPOSIT = 1
    WITHDRAWAL = 2
    ADJUSTMENT = 3


class Transfer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A deposit, withdrawal or adjustment that was folded, remembered for the sake of its command id."""

    command_id: str
    kind: TransferKind
    asset: str
    amount: int
    cause: str
    time_ns: int
    sequence: int


class Account:
    """State of one account.

    `open_orders` is in order-id order, `closed_orders` and `transfers` are in the order they ended. `by_client_id` has
    the latest order of a client order id, which is the open one where there is one; `shadowed` are the orders that had
    the client order id of an open order before it, by its order id. `by_list_id` has the first order of the latest list
    of a list's client order id. `market_buys` are the open market buys. `funds_due` are starting funds not posted yet,
    `starting_funds` those that were. `changed_ns` is when its last event was journaled.
    """

    __slots__ = (
        "account",
        "balances",
        "by_client_id",
        "by_command",
        "by_list_id",
        "changed_ns",
        "closed_orders",
        "deposits",
        "fills",
        "funds_due",
        "market_buys",
        "number",
        "open_orders",
        "shadowed",
        "starting_funds",
        "totals",
        "transfers",
        "withdrawals",
    )

    def __init__(self, account: int, funds_due: dict[str, int], limits: LedgerLimits) -> None:
        self.account = account
        self.number = 0
        self.changed_ns = 0
        self.balances: dict[str, Balance] = {}
        self.open_orders: dict[int, Order] = {}
        self.closed_orders: OrderedDict[int, Order] = OrderedDict()
        self.market_buys: dict[int, Order] = {}
        self.by_client_id: dict[str, Order] = {}
        self.shadowed: dict[int, Order] = {}
        self.by_list_id: dict[str, Order] = {}
        self.by_command: dict[str, Order] = {}
        self.transfers: OrderedDict[str, Transfer] = OrderedDict()
        self.fills: deque[Filled] = deque(maxlen=limits.fills)
        self.deposits: dict[str, Flow] = {}
        self.withdrawals: dict[str, Flow] = {}
        self.totals: dict[tuple[str, Side], TradeTotal] = {}
        self.funds_due = funds_due
        self.starting_funds: dict[str, Flow] = {}

    def next_number(self, time_ns: int) -> int:
        """Return the number of the event that tells of a change."""
        self.number += 1
        self.changed_ns = time_ns
        return self.number

    def balance(self, asset: str) -> Balance:
        """Return the live balance of an asset."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance(asset, 0, 0)
        return balance

    def total(self, symbol: str, side: Side) -> TradeTotal:
        """Return the live trade totals of one side of a symbol."""
        total = self.totals.get((symbol, side))
        if total is None:
            total = self.totals[symbol, side] = TradeTotal(symbol, side, 0, 0, 0, 0)
        return total

    def open(self, order: Order) -> None:
        """Take in an order that is open.

        Its client order id may be that of an open order which was given it by an amendment the intake had not heard of
        when it decided, because its shard died meanwhile: that one loses it.
        """
        holder = self.by_client_id.get(order.client_order_id)
        if holder is not None and holder.is_open:
            holder.client_order_id = ""
        self.open_orders[order.order_id] = order
        if order.order_type is OrderType.MARKET and order.side is Side.BUY:
            self.market_buys[order.order_id] = order
        self.index(order)

    def index(self, order: Order) -> None:
        """Make an order known by its ids."""
        self.by_command[order.command_id] = order
        if order.client_order_id:
            self._name(order)
        if order.list_client_order_id and order.order_id == order.list_id:
            self.by_list_id[order.list_client_order_id] = order

    def rename(self, order: Order, client_order_id: str) -> None:
        """Give an open order another client order id, unless that is empty or another open order's."""
        holder = self.by_client_id.get(client_order_id)
        if not client_order_id or (holder is not None and holder.is_open):
            return
        before = self.shadowed.pop(order.order_id, None)
        if before is not None and before.order_id in self.closed_orders:
            self.by_client_id[before.client_order_id] = before
        else:
            self.by_client_id.pop(order.client_order_id, None)
        order.client_order_id = client_order_id
        self._name(order)

    def _name(self, order: Order) -> None:
        """Make an order the one with its client order id."""
        before = self.by_client_id.get(order.client_order_id)
        if before is not None and order.is_open:
            self.shadowed[order.order_id] = before
        self.by_client_id[order.client_order_id] = order

    def close(self, order: Order, limit: int) -> None:
        """Move an order to those remembered, and forget the one that ended first beyond `limit`."""
        del self.open_orders[order.order_id]
        self.market_buys.pop(order.order_id, None)
        self.shadowed.pop(order.order_id, None)
        self.closed_orders[order.order_id] = order
        if len(self.closed_orders) > limit:
            self._forget_first_order()

    def remember(self, transfer: Transfer, limit: int) -> None:
        """Keep a transfer, and forget the first one beyond `limit`."""
        self.transfers[transfer.command_id] = transfer
        if len(self.transfers) > limit:
            self.transfers.popitem(last=False)

    def forget_before(self, time_ns: int) -> None:
        """Forget closed orders and transfers that ended before a time."""
        while self.closed_orders and next(iter(self.closed_orders.values())).finished_ns < time_ns:
            self._forget_first_order()
        while self.transfers and next(iter(self.transfers.values())).time_ns < time_ns:
            self.transfers.popitem(last=False)

    def clear_history(self) -> None:
        """Forget closed orders, fills and totals; of the flows only the starting funds stay."""
        while self.closed_orders:
            self._forget_first_order()
        self.fills.clear()
        self.totals.clear()
        self.withdrawals.clear()
        self.deposits = {flow.asset: Flow(flow.asset, flow.amount, flow.value) for flow in self.starting_funds.values()}

    def _forget_first_order(self) -> None:
        _, order = self.closed_orders.popitem(last=False)
        if self.by_command.get(order.command_id) is order:
            del self.by_command[order.command_id]
        if self.by_client_id.get(order.client_order_id) is order:
            del self.by_client_id[order.client_order_id]
        if self.by_list_id.get(order.list_client_order_id) is order:
            del self.by_list_id[order.list_client_order_id]
