"""What an accounts shard tells an account: `account.<id>.*`, in journal order, numbered without gaps."""

from __future__ import annotations

from infra.ports import Bus
from mockexchange import views
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, Filled, OrderChanged
from mockexchange.messages.subjects import account
from mockexchange.registry import Registry


def publish_account_event(bus: Bus, registry: Registry, event: AccountEvent) -> None:
    """Publish one account event as `docs/protocol.md` describes it."""
    number, sequence = event.number, event.sequence
    match event:
        case OrderChanged(order=order):
            instrument = registry.instruments[order.symbol]
            payload = views.encode_account_order(order, instrument, number, sequence)
            bus.publish(account(event.account, "orders"), payload)
        case Filled(fill=fill):
            payload = views.encode_account_fill(fill, registry.instruments[fill.symbol], number, sequence)
            bus.publish(account(event.account, "fills"), payload)
        case BalanceChanged(balances=balances):
            payload = views.encode_account_balance(event.account, balances, registry.assets, number, sequence)
            bus.publish(account(event.account, "balance"), payload)
