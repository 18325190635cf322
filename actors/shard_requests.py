"""What an accounts shard is asked: which requests change it, until when, and how the others are answered."""

from __future__ import annotations

from copy import copy
from typing import Final

from mockexchange.ledger.identity import PLACEMENTS, Placement, legs_of
from mockexchange.ledger.ledger import Ledger
from mockexchange.messages.commands import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    ClearHistory,
    Deposit,
    FillsAnswer,
    OrderAnswer,
    OrdersAnswer,
    ReadAccount,
    ReadFills,
    ReadList,
    ReadOpenOrders,
    ReadOrder,
    Refused,
    SetBalance,
    ShardAnswer,
    ShardRequest,
    Withdraw,
)
from mockexchange.messages.orders import Fill, Order
from mockexchange.messages.refusals import RejectReason

Write = Placement | AmendOrder | CancelOrder | CancelAll | Deposit | Withdraw | SetBalance | ClearHistory
WRITES: Final = (*PLACEMENTS, AmendOrder, CancelOrder, CancelAll, Deposit, Withdraw, SetBalance, ClearHistory)

Read = ReadAccount | ReadOrder | ReadOpenOrders | ReadFills | ReadList


def deadline_of(request: ShardRequest) -> int:
    """Return until when a command may be executed, 0 where it does not say."""
    if isinstance(request, PLACEMENTS):
        return legs_of(request)[0].deadline_ns
    return request.deadline_ns if isinstance(request, AmendOrder | CancelOrder | CancelAll) else 0


def read(ledger: Ledger, request: Read) -> ShardAnswer:
    """Answer a question from the ledger."""
    if request.account not in ledger.accounts:
        return Refused(RejectReason.UNKNOWN_ACCOUNT)
    match request:
        case ReadAccount(account):
            return ledger.read_account(account)
        case ReadOpenOrders(account, symbol, before, limit):
            return OrdersAnswer(ledger.open_orders(account, symbol, before, limit), ledger.sequence)
        case ReadFills(account, symbol, limit):
            return FillsAnswer(*ledger.read_fills(account, symbol, limit), ledger.sequence)
        case ReadOrder(account, order_id, client_order_id):
            order = find(ledger, account, order_id, client_order_id)
            return Refused(RejectReason.UNKNOWN_ORDER) if order is None else OrderAnswer(order)
        case ReadList(account, list_id, list_client_order_id):
            orders = ledger.list_orders(account, list_id, list_client_order_id)
            return OrdersAnswer(orders, ledger.sequence) if orders else Refused(RejectReason.UNKNOWN_ORDER)


def find(ledger: Ledger, account: int, order_id: int, client_order_id: str) -> Order | None:
    """Return an order by its id or, when that is 0, by its client order id."""
    if order_id:
        return ledger.order(account, order_id)
    return ledger.order_by_client_id(account, client_order_id)


def placement_answer(ledger: Ledger, order: Order, fills: list[Fill], *, repeated: bool = False) -> ShardAnswer:
    """Answer the command that placed an order, which has an outcome; of a list both are shown.

    The orders are shown as they are now: the answer may leave after the ledger has gone on.
    """
    if order.list_id:
        orders = ledger.list_orders(order.account, order.list_id)
        return OrdersAnswer([copy(each) for each in orders], ledger.sequence)
    replaced = ledger.order(order.account, order.replaces) if order.replaces else None
    return OrderAnswer(copy(order), fills, repeated, copy(replaced) if replaced is not None else None)
