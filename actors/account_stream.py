"""What an accounts shard tells an account: `account.<id>.*`, in journal order, numbered without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from infra.ports import Bus
from mockexchange import views
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, Filled, OrderChanged
from mockexchange.messages.subjects import account
from mockexchange.registry import Registry

SENT_AT_ONCE: Final = 500
"""So many messages go out in one piece, some hundred kB; more at once might find no room."""


def publish_account_events(bus: Bus, registry: Registry, events: Sequence[AccountEvent]) -> None:
    """Publish what one record changed, as `docs/protocol.md` describes it."""
    # All steps that an order took in the record are told with the order as it is after them.
    orders: dict[int, views.OrderView] = {}
    messages: list[tuple[str, bytes]] = []
    for event in events:
        match event:
            case OrderChanged(order=order):
                instrument = registry.instruments[order.symbol]
                shown = orders.get(order.order_id)
                if shown is None:
                    shown = orders[order.order_id] = views.order_view(order, instrument)
                kind, payload = "orders", views.encode_account_order(event, shown, instrument)
            case Filled(fill=fill):
                instrument = registry.instruments[fill.symbol]
                kind, payload = "fills", views.encode_account_fill(fill, instrument, event.number, event.sequence)
            case BalanceChanged():
                kind, payload = "balance", views.encode_account_balance(event, registry.assets)
        messages.append((account(event.account, kind), payload))
    for start in range(0, len(messages), SENT_AT_ONCE):
        bus.publish_all(messages[start : start + SENT_AT_ONCE])
