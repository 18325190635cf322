"""What an account is told of its orders when one record does several things to them."""

from __future__ import annotations

import json

from actors.account_stream import publish_account_events
from mockexchange.messages.orders import Side, TimeInForce
from tests.support.exchange import BTC, USDT, Exchange, limit
from tests.support.heard_bus import HeardBus


def told_of_a_sweep(tif: TimeInForce) -> list[dict[str, object]]:
    """Return the changes told when a buy takes two levels of another account in one record."""
    exchange = Exchange(shards=1)
    exchange.create_account(1, BTC=10 * BTC)
    exchange.create_account(2, USDT=1_000_000 * USDT)
    exchange.place(limit(1, Side.SELL, 1_000, 6_000_000))
    exchange.place(limit(1, Side.SELL, 2_000, 6_000_100))
    shard = exchange.shards[0]
    shard.decide(limit(2, Side.BUY, 5_000, 6_000_100, tif=tif))
    shard.append()
    exchange.deliver(shard, "BTC/USDT")
    bus = HeardBus()
    while changes := shard.fold(1):
        publish_account_events(bus, shard.ledger.registry, changes)
    told = [json.loads(payload) for payload in bus.payloads("account.2.orders")]
    assert [message["order"] for message in told] == [told[-1]["order"]] * len(told)
    assert told[-1]["order"]["history_count"] == told[-1]["change"]["number"]
    return [message["change"] for message in told]


def test_each_message_tells_of_its_step_what_had_traded_after_it() -> None:
    accepted, first, second = told_of_a_sweep(TimeInForce.GTC)
    assert [change["status"] for change in (accepted, first, second)] == ["new", "partially_filled", "partially_filled"]
    assert [change["filled"] for change in (accepted, first, second)] == ["0.00000", "0.01000", "0.03000"]
    assert [change["filled_notion"] for change in (accepted, first, second)] == [
        "0.00000000",
        "600.00000000",
        "1800.02000000",
    ]
    assert [change["number"] for change in (accepted, first, second)] == [1, 2, 3]


def test_what_ends_an_order_is_told_with_the_last_step_alone() -> None:
    accepted, first, second, canceled = told_of_a_sweep(TimeInForce.IOC)
    assert [change["reason"] for change in (accepted, first, second, canceled)] == [None, None, None, "no_liquidity"]
    assert canceled["filled"] == second["filled"] == "0.03000"
    assert canceled["quantity"] == "0.00000"
