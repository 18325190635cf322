"""What ids say: whether a command was seen before, and whether the ids of new orders are free."""

from __future__ import annotations

from typing import Final

from mockexchange.ledger.account import Account, Transfer
from mockexchange.ledger.decisions import Joined, Known, KnownTransfer, Promised
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.promises import Promises
from mockexchange.ledger.repetition import differing_fields, differing_in_kind, is_same_transfer
from mockexchange.ledger.reservations import SHARD_BASE
from mockexchange.ledger.transfers import MoneyRequest
from mockexchange.messages.commands import PlaceList, PlaceOrder, Refused, ReplaceOrder
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.orders import Order, OrderStatus
from mockexchange.messages.refusals import RejectReason

Placement = PlaceOrder | PlaceList | ReplaceOrder
PLACEMENTS: Final = (PlaceOrder, PlaceList, ReplaceOrder)


def legs_of(request: Placement) -> tuple[PlaceOrder, ...]:
    """Return the orders that a command places."""
    match request:
        case PlaceOrder():
            return (request,)
        case PlaceList(legs=legs):
            return legs
        case ReplaceOrder(place=place):
            return (place,)


def earlier_answer(
    account: Account, promises: Promises, request: Placement | MoneyRequest
) -> Refused | Known | KnownTransfer | Joined | None:
    """Return what a command id that was seen before is answered with, or None for a new one."""
    command_id = request.command_id
    first: Order | Transfer | Promised | None = (
        account.by_command.get(command_id) or account.transfers.get(command_id) or promises.events.get(command_id)
    )
    if first is None:
        return None
    if isinstance(request, PLACEMENTS):
        if not isinstance(first, Order | OrderReserved):
            return Refused(RejectReason.DUPLICATE_COMMAND, "used before for a transfer")
        differing = _differing(account, promises, request, first)
        if differing:
            return Refused(RejectReason.DUPLICATE_COMMAND, f"differs in {', '.join(differing)}")
    elif isinstance(first, Order | OrderReserved) or not is_same_transfer(request, first):
        return Refused(RejectReason.DUPLICATE_COMMAND, "used before for another command")
    match first:
        case Order() if first.status is not OrderStatus.RESERVED:
            return Known(first)
        case Transfer():
            return KnownTransfer(first)
        case _:
            return Joined(command_id)


def _differing(account: Account, promises: Promises, request: Placement, first: Order | OrderReserved) -> list[str]:
    differing = differing_in_kind(request, first) + differing_fields(legs_of(request)[0], first)
    if isinstance(request, PlaceList) and not differing:
        second_id = first.order_id + SHARD_BASE
        second = (
            promises.orders.get(second_id) or account.open_orders.get(second_id) or account.closed_orders.get(second_id)
        )
        # The other order of a list may be forgotten a moment before the first.
        differing = differing_fields(request.legs[1], second) if second is not None else []
    return differing


def duplicate_ids(ledger: Ledger, account: Account, promises: Promises, request: Placement) -> Refused | None:
    """Return why the ids of new orders cannot be used, or None."""
    for leg in legs_of(request):
        duplicate = duplicate_client_id(account, promises, leg.client_order_id)
        if duplicate is not None:
            return duplicate
        # That of the command is new, but the second order of a list has one of its own.
        if leg.command_id in account.by_command or leg.command_id in promises.events:
            return Refused(RejectReason.DUPLICATE_COMMAND, "used before for another command")
    name = request.list_client_order_id if isinstance(request, PlaceList) else ""
    if not name:
        return None
    if name in promises.list_ids or any(order.is_open for order in ledger.list_orders(account.account, 0, name)):
        return Refused(RejectReason.DUPLICATE_CLIENT_ORDER_ID, f"list_client_order_id: {name}")
    return None


def duplicate_client_id(account: Account, promises: Promises, client_order_id: str) -> Refused | None:
    """Return why a client order id cannot be used, or None: it may be again once its order is closed."""
    if not client_order_id:
        return None
    order = account.by_client_id.get(client_order_id)
    is_promised = client_order_id in promises.client_ids or client_order_id in promises.names
    if is_promised or (order is not None and order.is_open):
        return Refused(RejectReason.DUPLICATE_CLIENT_ORDER_ID, f"client_order_id: {client_order_id}")
    return None
