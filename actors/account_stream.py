"""What an accounts shard tells an account: `account.<id>.*`, in journal order, numbered without gaps."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from infra.ports import Bus
from mockexchange import views
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, Filled, OrderChanged
from mockexchange.messages.orders import Order
from mockexchange.messages.subjects import account
from mockexchange.registry import Registry


def publish_account_events(bus: Bus, registry: Registry, events: Sequence[AccountEvent]) -> None:
    """Publish what one record changed, as `docs/protocol.md` describes it."""
    for event, order in zip(events, orders_at_steps(events), strict=True):
        number, sequence = event.number, event.sequence
        match event:
            case OrderChanged():
                assert order is not None
                instrument = registry.instruments[order.symbol]
                payload = views.encode_account_order(order, instrument, number, sequence)
                bus.publish(account(event.account, "orders"), payload)
            case Filled(fill=fill):
                payload = views.encode_account_fill(fill, registry.instruments[fill.symbol], number, sequence)
                bus.publish(account(event.account, "fills"), payload)
            case BalanceChanged(balances=balances):
                payload = views.encode_account_balance(event.account, balances, registry.assets, number, sequence)
                bus.publish(account(event.account, "balance"), payload)


def orders_at_steps(events: Sequence[AccountEvent]) -> list[Order | None]:
    """Return for each step the order as that step left it, None for events of other kinds.

    An event holds the order as the whole record left it, so the steps after it are taken off again.
    """
    shown: list[Order | None] = [None] * len(events)
    later: dict[int, list[OrderChanged]] = {}
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if isinstance(event, OrderChanged):
            steps = later.setdefault(event.order.order_id, [])
            shown[index] = _without(event, steps) if steps else event.order
            steps.append(event)
    return shown


def _without(event: OrderChanged, later: Sequence[OrderChanged]) -> Order:
    order, step = event.order, event.step
    return msgspec.structs.replace(
        order,
        status=step.status,
        hold_left=step.hold_left,
        reason=step.reason,
        finished_ns=0,
        filled=order.filled - sum(each.step.quantity for each in later),
        filled_quote=order.filled_quote - sum(each.step.quote_amount for each in later),
        fee=order.fee - sum(each.step.fee for each in later),
        steps=order.steps - len(later),
    )
