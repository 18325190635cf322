"""What an order that is to be replaced lends the one that comes in its place."""

from __future__ import annotations

from typing import NamedTuple

from mockexchange.ledger.account import Account
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.promises import Promises
from mockexchange.messages.commands import ReplaceOrder
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.orders import Order, Side


class Replacement(NamedTuple):
    """An order to be replaced. `lends` is what it holds, less what others that are to replace it count on."""

    order_id: int
    symbol: str
    side: Side
    is_open: bool
    lends: int


def find_replaced(ledger: Ledger, account: Account, promises: Promises, request: ReplaceOrder) -> Replacement | None:
    """Find the order that a command is to replace, known or promised."""
    order_id, name = request.order_id, request.client_order_id
    promised = promises.orders.get(order_id) if order_id else promises.client_ids.get(name)
    if promised is not None:
        lends = promised.hold - _counted_on(ledger, promises, promised)
        return Replacement(promised.order_id, promised.symbol, promised.side, is_open=True, lends=max(0, lends))
    order = ledger.order(account.account, order_id) if order_id else account.by_client_id.get(name)
    if order is None:
        return None
    lends = max(0, order.hold_left - _counted_on(ledger, promises, order)) if order.is_open else 0
    return Replacement(order.order_id, order.symbol, order.side, order.is_open, lends)


def _counted_on(ledger: Ledger, promises: Promises, order: Order | OrderReserved) -> int:
    """Return how much of an order's hold others count on that are to replace it and have no outcome yet."""
    undecided: list[Order | OrderReserved] = [*ledger.reserved_orders.values(), *promises.orders.values()]
    return sum(
        each.need - each.hold for each in undecided if each.replaces == order.order_id and each.side is order.side
    )
