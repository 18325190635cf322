"""What an account is told of its orders when one record does several things to them."""

from __future__ import annotations

import json

from actors.account_stream import publish_account_events
from mockexchange.messages.orders import Side, TimeInForce
from tests.support.exchange import BTC, USDT, Exchange, limit
from tests.support.heard_bus import HeardBus


def told_of_a_sweep(tif: TimeInForce) -> list[dict[str, object]]:
    """Return the orders told when a buy takes two levels of another account in one record."""
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
    return [json.loads(payload)["order"] for payload in bus.payloads("account.2.orders")]


def test_each_message_shows_the_order_as_its_step_left_it() -> None:
    accepted, first, second = told_of_a_sweep(TimeInForce.GTC)
    assert [order["status"] for order in (accepted, first, second)] == ["new", "partially_filled", "partially_filled"]
    assert [order["actual_filled"] for order in (accepted, first, second)] == ["0.00000", "0.01000", "0.03000"]
    assert [order["actual_notion"] for order in (accepted, first, second)] == [
        "0.00000000",
        "600.00000000",
        "1800.02000000",
    ]
    assert [order["history_count"] for order in (accepted, first, second)] == [1, 2, 3]
    assert accepted["hold_left"] == accepted["initial_hold"] == "3000.05000000"


def test_what_ends_an_order_is_not_shown_before() -> None:
    accepted, first, second, canceled = told_of_a_sweep(TimeInForce.IOC)
    assert [order["status"] for order in (accepted, first, second, canceled)] == [
        "new",
        "partially_filled",
        "partially_filled",
        "partially_canceled",
    ]
    assert [order["ts_finish"] is None for order in (accepted, first, second, canceled)] == [True, True, True, False]
    assert [order["reason"] for order in (accepted, second, canceled)] == [None, None, "no_liquidity"]
    assert canceled["actual_filled"] == second["actual_filled"] == "0.03000"
