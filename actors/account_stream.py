"""What an accounts shard tells an account: `account.<id>.*`, in journal order, numbered without gaps."""

from __future__ import annotations

from collections.abc import Sequence

from infra.ports import Bus
from mockexchange import views
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, Filled, OrderChanged
from mockexchange.messages.subjects import account
from mockexchange.registry import Registry


def publish_account_events(bus: Bus, registry: Registry, events: Sequence[AccountEvent]) -> None:
    """Publish what one record changed, as `docs/protocol.md` describes it."""
    for event in events:
        match event:
            case OrderChanged(order=order):
                payload = views.encode_account_order(event, registry.instruments[order.symbol])
                bus.publish(account(event.account, "orders"), payload)
            case Filled(fill=fill):
                instrument = registry.instruments[fill.symbol]
                payload = views.encode_account_fill(fill, instrument, event.number, event.sequence)
                bus.publish(account(event.account, "fills"), payload)
            case BalanceChanged():
                payload = views.encode_account_balance(event, registry.assets)
                bus.publish(account(event.account, "balance"), payload)
