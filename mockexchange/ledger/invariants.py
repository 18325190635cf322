"""What must hold of a ledger after every record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mockexchange.ledger.account import Account
from mockexchange.ledger.errors import LedgerBroken
from mockexchange.messages.orders import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from mockexchange.ledger.ledger import Ledger


def check(ledger: Ledger) -> None:
    """Raise LedgerBroken with the figures of the first invariant that does not hold."""
    _check_sums(ledger)
    reserved = {}
    for account in ledger.accounts.values():
        _check_holds(account)
        _check_indexes(account)
        for order in account.open_orders.values():
            if order.status is OrderStatus.RESERVED:
                reserved[order.order_id] = order
    if reserved != ledger.reserved_orders or list(ledger.reserved_orders) != sorted(ledger.reserved_orders):
        raise LedgerBroken("the orders without outcome are not those that are reserved", {"shard": ledger.shard})
    if set(ledger.unfunded) != {account.account for account in ledger.accounts.values() if account.funds_due}:
        raise LedgerBroken("the accounts to fund are not those with funds due", {"shard": ledger.shard})


def shard_sums(ledger: Ledger) -> dict[str, int]:
    """Return the sum of everything on the shard by asset: all are zero in a sound ledger."""
    sums: Counter[str] = Counter()
    for internal in ledger.internal.values():
        sums.update(internal)
    for account in ledger.accounts.values():
        for balance in account.balances.values():
            sums[balance.asset] += balance.free + balance.held
    return dict(sums)


def _check_sums(ledger: Ledger) -> None:
    for asset, total in shard_sums(ledger).items():
        if total:
            raise LedgerBroken("a shard does not sum to zero", {"shard": ledger.shard, "asset": asset, "sum": total})


def _check_holds(account: Account) -> None:
    holds: Counter[str] = Counter()
    for order in account.open_orders.values():
        holds[order.hold_asset] += order.hold_left
    for asset in {*account.balances, *holds}:
        balance = account.balance(asset)
        if balance.held != holds[asset]:
            raise LedgerBroken(
                "money held is not that of the open orders",
                {"account": account.account, "asset": asset, "held": balance.held, "orders": holds[asset]},
            )
        if balance.free < 0:
            raise LedgerBroken("a balance is negative", {"account": account.account, "asset": asset})


def _check_indexes(account: Account) -> None:
    facts: dict[str, int | str] = {"account": account.account}
    orders = [*account.closed_orders.values(), *account.open_orders.values()]
    if account.by_command != {order.command_id: order for order in orders}:
        raise LedgerBroken("the index of commands is wrong", facts)
    if account.by_client_id != {order.client_order_id: order for order in orders if order.client_order_id}:
        raise LedgerBroken("the index of client order ids is wrong", facts)
    firsts = {order.list_client_order_id: order for order in orders if order.order_id == order.list_id}
    firsts.pop("", None)
    if account.by_list_id != firsts:
        raise LedgerBroken("the index of lists is wrong", facts)
    open_client_ids = [order.client_order_id for order in account.open_orders.values() if order.client_order_id]
    if len(open_client_ids) != len(set(open_client_ids)):
        raise LedgerBroken("two open orders have one client order id", facts)
    for order in orders:
        if order.is_open != (order.order_id in account.open_orders) or (not order.is_open and order.hold_left):
            raise LedgerBroken("an order's status is not where it stands", {**facts, "order_id": order.order_id})
    buys = {o.order_id for o in orders if o.is_open and o.order_type is OrderType.MARKET and o.side is Side.BUY}
    if set(account.market_buys) != buys:
        raise LedgerBroken("the index of market buys is wrong", facts)
