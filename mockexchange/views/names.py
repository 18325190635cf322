"""What things are called where people see them, and the units of time there."""

from __future__ import annotations

from typing import Final

from mockexchange.messages.orders import OrderStatus

# Indexed by the members' integer values: a tuple is read several times faster than a dictionary of enum members.
SIDE_NAMES: Final = ("", "buy", "sell")
TYPE_NAMES: Final = ("", "limit", "market", "stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit")
TIME_IN_FORCE_NAMES: Final = ("", "GTC", "IOC", "FOK")
PREVENTION_NAMES: Final = ("none", "expire_taker", "expire_maker", "expire_both")
STATUS_NAMES: Final = ("new", "new", "partially_filled", "filled", "canceled", "rejected")

NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1_000

_CANCELED: Final = OrderStatus.CANCELED


def status_name(status: OrderStatus, filled: int) -> str:
    """Name a status as people read it: a canceled order that had fills is `partially_canceled`."""
    if status is _CANCELED and filled:
        return "partially_canceled"
    return STATUS_NAMES[status]
