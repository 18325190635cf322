"""The events of an account: joined, in order, complete, or ended."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.auth import Caller
from gateway.gateway import Gateway
from gateway.streams.account_feed import LOST, AccountEvent, OrderEvent
from tests.support.eventually import eventually
from tests.support.local_exchange import DEMO_KEY, Api, local_exchange


class Reader:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[AccountEvent] = []
        self.lost = ""

    def take(self, event: AccountEvent) -> None:
        self.events.append(event)

    def lose(self, _name: str, reason: str) -> None:
        self.lost = reason

    @property
    def orders(self) -> list[OrderEvent]:
        return [event for event in self.events if isinstance(event, OrderEvent)]


def on_an_exchange(test: Callable[[Api, Gateway, Caller], Awaitable[None]]) -> Callable[[], None]:
    @functools.wraps(test)
    def run() -> None:
        async def main() -> None:
            async with local_exchange() as api:
                gateway: Gateway = api.app.state["gateway"]
                await test(api, gateway, await gateway.auth.authenticate(DEMO_KEY))

        asyncio.run(main())

    del run.__wrapped__
    return run


@on_an_exchange
async def test_a_fill_is_told_with_its_step(api: Api, gateway: Gateway, caller: Caller) -> None:
    reader = Reader()
    await gateway.streams.accounts.join(caller, reader)
    await api.buy("1.5", "60001.00")
    await eventually(lambda: len(reader.orders) == 3)
    accepted, first, second = reader.orders
    assert accepted.fill is None
    assert first.fill is not None
    assert second.fill is not None
    assert (first.fill.fill.price, first.told.change.filled) == ("60000.00", "1.00000")
    assert (second.fill.fill.price, second.told.change.filled) == ("60001.00", "1.50000")
    assert second.fill.number == second.told.number + 1


@on_an_exchange
async def test_who_joins_late_hears_only_what_comes_then(api: Api, gateway: Gateway, caller: Caller) -> None:
    early, late = Reader(), Reader()
    await gateway.streams.accounts.join(caller, early)
    first = await api.buy("0.01", "50000.00")
    await gateway.streams.accounts.join(caller, late)
    second = await api.buy("0.01", "50001.00")
    await eventually(lambda: len(early.orders) == 2)
    assert [event.told.order.id for event in early.orders] == [first["id"], second["id"]]
    assert [event.told.order.id for event in late.orders] == [second["id"]]


def altered(api: Api, change: Callable[[dict[str, Any]], None]) -> tuple[str, bytes]:
    """Return the last balance message of the account with something changed."""
    subject = "account.1.balance"
    message = json.loads(api.exchange.bus.payloads(subject)[-1])
    change(message)
    return subject, json.dumps(message).encode()


@on_an_exchange
async def test_a_repetition_is_no_event(api: Api, gateway: Gateway, caller: Caller) -> None:
    reader = Reader()
    await gateway.streams.accounts.join(caller, reader)
    await api.buy("0.01", "50000.00")
    await eventually(lambda: bool(reader.orders))
    count = len(reader.events)
    api.exchange.bus.publish(*altered(api, lambda _: None))
    assert (len(reader.events), reader.lost) == (count, "")


@on_an_exchange
async def test_a_missing_number_ends_the_feed_and_a_new_one_begins_afresh(
    api: Api, gateway: Gateway, caller: Caller
) -> None:
    reader, again = Reader(), Reader()
    await gateway.streams.accounts.join(caller, reader)
    await api.buy("0.01", "50000.00")
    await eventually(lambda: bool(reader.orders))
    count = len(reader.events)
    api.exchange.bus.publish(*altered(api, lambda message: message.update(number=message["number"] + 50)))
    assert (reader.lost, len(reader.events)) == (LOST, count)
    await gateway.streams.accounts.join(caller, again)
    order = await api.buy("0.01", "50001.00")
    await eventually(lambda: bool(again.orders))
    assert (again.orders[0].told.order.id, again.lost) == (order["id"], "")
    assert len(reader.events) == count


@on_an_exchange
async def test_silence_is_noticed_where_the_shard_has_told_more(api: Api, gateway: Gateway, caller: Caller) -> None:
    reader = Reader()
    await gateway.streams.accounts.join(caller, reader)
    deaf = [entry for entry in api.exchange.bus.handlers if entry[0].startswith("account.")]
    for entry in deaf:
        api.exchange.bus.handlers.remove(entry)
    await api.buy("0.01", "50000.00")
    await eventually(lambda: reader.lost == LOST)
    # What was taken away is put back, so that its owner can end it.
    api.exchange.bus.handlers.extend(deaf)
