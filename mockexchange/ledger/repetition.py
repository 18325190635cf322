"""Whether a command that comes again has the same body as the first time."""

from __future__ import annotations

from typing import Final

from mockexchange.ledger.account import Transfer, TransferKind
from mockexchange.messages.commands import Deposit, PlaceOrder, SetBalance, Withdraw
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
    "client_order_id",
)
"""What a client says about an order. The reference price is not its own and may differ the second time."""


def differing_fields(request: PlaceOrder, first: Order | OrderReserved) -> list[str]:
    """Return the fields in which a command differs from the order it placed before."""
    return [name for name in CLIENT_FIELDS if getattr(request, name) != getattr(first, name)]


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
