"""What an intake promised to one account and the ledger has not seen yet."""

from __future__ import annotations

from mockexchange.ledger.decisions import Promised
from mockexchange.messages.events import Adjusted, Deposited, OrderReserved, Withdrawn
from mockexchange.messages.orders import OrderType, Side


def hold_asset(event: OrderReserved) -> str:
    """Return the asset a reservation holds."""
    base, _, quote = event.symbol.partition("/")
    return quote if event.side is Side.BUY else base


class Promises:
    """Promised events of one account, by every id they are asked for.

    `leaving` and `arriving` are what they take from and bring to its free balances. `names` are client order ids that
    amendments under way are to give, `list_ids` those of promised lists.
    """

    __slots__ = ("arriving", "client_ids", "events", "leaving", "list_ids", "names", "orders")

    def __init__(self) -> None:
        self.events: dict[str, Promised] = {}
        self.orders: dict[int, OrderReserved] = {}
        self.client_ids: dict[str, OrderReserved] = {}
        self.names: set[str] = set()
        self.list_ids: set[str] = set()
        self.leaving: dict[str, int] = {}
        self.arriving: dict[str, int] = {}

    def add(self, event: Promised) -> None:
        """Take in a promise."""
        self.events[event.command_id] = event
        if isinstance(event, OrderReserved):
            self.orders[event.order_id] = event
            if event.client_order_id:
                self.client_ids[event.client_order_id] = event
            if event.list_client_order_id:
                self.list_ids.add(event.list_client_order_id)
        self._count(event, 1)

    def remove(self, command_id: str) -> None:
        """Forget a promise, if it was made."""
        event = self.events.pop(command_id, None)
        if event is None:
            return
        if isinstance(event, OrderReserved):
            del self.orders[event.order_id]
            if event.client_order_id:
                del self.client_ids[event.client_order_id]
            self.list_ids.discard(event.list_client_order_id)
        self._count(event, -1)

    def market_buy_holds(self, asset: str) -> int:
        """Return what promised market buys hold of an asset."""
        return sum(
            event.hold
            for event in self.orders.values()
            if event.order_type is OrderType.MARKET and event.side is Side.BUY and hold_asset(event) == asset
        )

    def _count(self, event: Promised, sign: int) -> None:
        match event:
            case OrderReserved():
                asset, change = hold_asset(event), -event.hold
            case Withdrawn():
                asset, change = event.asset, -event.amount
            case Deposited() | Adjusted():
                asset, change = event.asset, event.amount
        if change < 0:
            self.leaving[asset] = self.leaving.get(asset, 0) - sign * change
        elif change:
            self.arriving[asset] = self.arriving.get(asset, 0) + sign * change
