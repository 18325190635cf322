"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from mockexchange.messages.events import OrderFilled, OrderReserved
from mockexchange.messages.orders import Side


@dataclass
class AuditedOrder:
    """An order as the records tell it. `status` is one of reserved, open, filled, canceled, rejected."""

    reserved: OrderReserved
    shard: int
    hold_left: int
    status: str = "reserved"
    filled: int = 0
    filled_quote: int = 0
    fee: int = 0
    trades: list[int] = field(default_factory=list)
    quantity: int = 0
    client_order_id: str = ""
    is_triggered: bool = False

    @property
    def is_open(self) -> bool:
        return self.status in {"reserved", "open"}

    @property
    def is_buy(self) -> bool:
        return self.reserved.side is Side.BUY


@dataclass
class AuditReport:
    """What the journal says. Balances are account -> asset -> (free, held), sub-accounts shard -> owner -> asset."""

    sequence: int = 0
    balances: dict[int, dict[str, tuple[int, int]]] = field(default_factory=dict)
    internal: dict[int, dict[int, dict[str, int]]] = field(default_factory=dict)
    sums: dict[int, dict[str, int]] = field(default_factory=dict)
    orders: dict[int, AuditedOrder] = field(default_factory=dict)
    trades: dict[str, list[OrderFilled]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @property
    def open_orders(self) -> dict[int, AuditedOrder]:
        return {order_id: order for order_id, order in self.orders.items() if order.is_open}
