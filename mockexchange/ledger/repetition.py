"""Whether a command that comes again has the same body as the first time."""

from __future__ import annotations

from typing import Final

from mockexchange.ledger.account import Transfer, TransferKind
from mockexchange.messages.commands import Deposit, PlaceList, PlaceOrder, ReplaceOrder, SetBalance, Withdraw
from mockexchange.messages.events import Adjusted, Deposited, OrderReserved, Withdrawn
from mockexchange.messages.orders import Order

CLIENT_FIELDS: Final = (
    "symbol",
    "side",
    "order_type",
    "time_in_force",
    "is_post_only",
    "quantity",
    "price",
    "quote_amount",
    "stop_price",
    "prevention",
    "client_order_id",
)
"""What a client says about an order. The reference price is not its own and may differ the second time."""


AMENDED_FIELDS: Final = {"quantity": "placed_quantity", "client_order_id": "placed_client_order_id"}
"""What an amendment changes, and where an amended order says what it was placed with."""


def differing_fields(request: PlaceOrder, first: Order | OrderReserved) -> list[str]:
    """Return the fields in which a command differs from the order it placed before."""
    moved = AMENDED_FIELDS if isinstance(first, Order) and first.amended_by else {}
    return [name for name in CLIENT_FIELDS if getattr(request, name) != getattr(first, moved.get(name, name))]


def differing_in_kind(request: PlaceOrder | PlaceList | ReplaceOrder, first: Order | OrderReserved) -> list[str]:
    """Return in what a command differs from the one that placed an order: in its list or what it replaces."""
    list_id = first.order_id if isinstance(request, PlaceList) else 0
    list_name = request.list_client_order_id if isinstance(request, PlaceList) else ""
    differing = []
    if (first.list_id, first.list_client_order_id) != (list_id, list_name):
        differing.append("list")
    if isinstance(request, ReplaceOrder):
        is_same = first.replaces == request.order_id if request.order_id else first.replaces
        if not is_same or first.only_if_open is not request.only_if_open:
            differing.append("replaces")
    elif first.replaces:
        differing.append("replaces")
    return differing


def is_same_transfer(
    request: Deposit | Withdraw | SetBalance, first: Transfer | Deposited | Withdrawn | Adjusted
) -> bool:
    """Whether a command says the same as the transfer it made before.

    The amount of an adjustment depends on the moment, so a SetBalance is known by its cause, which names the target.
    """
    if request.asset != first.asset:
        return False
    match request:
        case Deposit():
            return _kind(first) is TransferKind.DEPOSIT and request.amount == first.amount
        case Withdraw():
            return _kind(first) is TransferKind.WITHDRAWAL and request.amount == first.amount
        case SetBalance():
            return _kind(first) is TransferKind.ADJUSTMENT and first.cause == set_balance_cause(request.free)


def set_balance_cause(free: int) -> str:
    """Return the cause of the adjustment that sets a free balance to so many units."""
    return f"balance set to {free} units"


def _kind(first: Transfer | Deposited | Withdrawn | Adjusted) -> TransferKind:
    match first:
        case Transfer():
            return first.kind
        case Deposited():
            return TransferKind.DEPOSIT
        case Withdrawn():
            return TransferKind.WITHDRAWAL
        case Adjusted():
            return TransferKind.ADJUSTMENT
