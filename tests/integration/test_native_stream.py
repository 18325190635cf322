"""The native stream over real sockets: snapshots, and numbered updates that continue them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mockexchange.messages.orders import Side
from tests.support.eventually import eventually
from tests.support.local_exchange import DEMO_KEY
from tests.support.stream_site import StreamSite, Talk, on_a_stream_site


async def subscribe(talk: Talk, channel: str, **more: Any) -> Any:
    """Subscribe and return the snapshot."""
    await talk.say({"type": "subscribe", "channel": channel, **more})
    told = await talk.until(lambda message: message["type"] != "update")
    assert (told["type"], told["channel"], told["number"]) == ("snapshot", channel, 0), told
    return told["data"]


@on_a_stream_site()
async def test_a_book_is_its_snapshot_and_its_updates(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        book = await subscribe(talk, "orderbook", symbol="BTC/USDT", depth=2)
        sides = {side: dict(book[side]) for side in ("bids", "asks")}
        assert sides == {"bids": {"59999.90": "0.20000"}, "asks": {"60000.00": "1.00000", "60001.00": "5.00000"}}
        at.feed.show([(5_990_000, 10_000)], [(5_995_000, 7_000), (6_000_000, 100_000), (6_000_100, 500_000)])
        number, last = 0, book["last_update_id"]
        while "59950.00" not in sides["asks"]:
            told = await talk.hear()
            number += 1
            assert (told["number"], told["symbol"]) == (number, "BTC/USDT")
            assert told["data"]["first_update_id"] == last + 1
            last = told["data"]["last_update_id"]
            for side, levels in sides.items():
                for price, quantity in told["data"][side]:
                    levels.pop(price, None)
                    if float(quantity):
                        levels[price] = quantity
        assert sides == {"bids": {"59900.00": "0.10000"}, "asks": {"59950.00": "0.07000", "60000.00": "1.00000"}}


@on_a_stream_site()
async def test_readers_of_one_book_share_it(at: StreamSite) -> None:
    async with at.talk("/ws") as one, at.talk("/ws") as other:
        first = await subscribe(one, "orderbook", symbol="BTC/USDT")
        assert await subscribe(other, "orderbook", symbol="BTC/USDT") == first
        assert (len(at.gateway.streams.channels), at.gateway.streams.hub.subjects) == (1, 1)


@on_a_stream_site()
async def test_trades_and_tickers_follow_their_snapshots(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        await subscribe(talk, "trades", symbol="BTC-USDT")
        assert (await subscribe(talk, "ticker", symbol="BTC/USDT"))["bid"] == "59999.90"
        at.feed.print(6_000_000, 1_500, Side.SELL)
        told = await talk.until(lambda message: message["channel"] == "trades")
        assert (told["number"], told["data"]["price"], told["data"]["outside"]) == (1, "60000.00", True)
        await talk.say({"type": "unsubscribe", "channel": "trades", "symbol": "BTC/USDT"})
        ended = await talk.until(lambda message: message["type"] == "unsubscribed")
        assert ended == {"type": "unsubscribed", "channel": "trades", "symbol": "BTC/USDT"}


@on_a_stream_site()
async def test_orders_join_their_snapshot_without_gap_or_repetition(at: StreamSite) -> None:
    async def trade() -> None:
        for number in range(30):
            order = await at.api.buy("0.01", f"{50_000 + number}.00")
            if number % 2:
                await at.api.delete(f"/orders/{order['id']}", 200)

    trading = asyncio.create_task(trade())
    await eventually(lambda: len(at.exchange.bus.payloads("account.1.orders")) > 5)
    async with at.talk("/ws", additional_headers={"x-api-key": DEMO_KEY}) as talk:
        await subscribe(talk, "balance")
        snapshot = await subscribe(talk, "orders")
        known = {order["id"]: order for order in snapshot["orders"]}
        number = 0
        await trading
        last = await at.api.buy("0.02", "51000.00")
        while last["id"] not in known:
            told = await talk.hear()
            if told["channel"] != "orders":
                continue
            number += 1
            order = told["data"]["order"]
            assert told["number"] == number
            assert told["data"]["sequence"] > snapshot["sequence"]
            known[order["id"]] = order
    now_open = await at.api.get("/orders", status="open")
    assert {order["id"]: order for order in known.values() if order["status"] == "new"} == {
        order["id"]: order for order in now_open
    }


@on_a_stream_site()
async def test_a_fill_comes_with_its_order(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        assert await talk.ask({"type": "auth", "api_key": DEMO_KEY}) == {"type": "authenticated", "account": 1}
        await subscribe(talk, "orders", symbol="BTC/USDT")
        await at.api.buy("0.01", "60000.00")
        accepted, filled = await talk.hear(), await talk.hear()
        assert "fill" not in accepted
        assert (filled["number"], filled["fill"]["fill"]["price"]) == (2, "60000.00")
        assert filled["data"]["order"]["status"] == "filled"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "subscribe", "symbol": "BTC/USDT"}, "channel"),
        ({"type": "subscribe", "channel": "weather"}, "channel"),
        ({"type": "subscribe", "channel": "trades"}, "symbol"),
        ({"type": "subscribe", "channel": "trades", "symbol": "NO/SUCH"}, "symbol"),
        ({"type": "subscribe", "channel": "orderbook", "symbol": "BTC/USDT", "depth": 0}, "depth"),
        ({"type": "subscribe", "channel": "orderbook", "symbol": "BTC/USDT", "depth": "all"}, "depth"),
        ({"type": "subscribe", "channel": "candles", "symbol": "BTC/USDT", "interval": "7m"}, "interval"),
        ({"type": "unsubscribe", "channel": "trades", "symbol": "BTC/USDT"}, "channel"),
        ({"type": "auth"}, "api_key"),
        ({"type": "jump"}, "type"),
    ],
)
def test_errors_name_the_field(message: dict[str, Any], field: str) -> None:
    @on_a_stream_site()
    async def ask(at: StreamSite) -> None:
        async with at.talk("/ws") as talk:
            told = await talk.ask(message)
            assert (told["type"], told["field"]) == ("error", field)
            assert await talk.ask({"type": "ping"}) == {"type": "pong"}

    ask()


@on_a_stream_site()
async def test_private_channels_need_a_key(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        for channel in ("orders", "balance"):
            assert (await talk.ask({"type": "subscribe", "channel": channel}))["code"] == "not_authenticated"
        assert (await talk.ask({"type": "auth", "api_key": "wrong"}))["code"] == "not_authenticated"
        assert at.gateway.streams.hub.subjects == 0


@on_a_stream_site()
async def test_what_is_no_json_is_told(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        assert (await talk.ask("{nonsense"))["code"] == "invalid_request"
