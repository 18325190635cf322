"""Market streams over real sockets, as Binance's clients use them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.streams.connection import ConnectionLimits
from gateway.streams.streams import StreamLimits
from mockexchange.messages.orders import Side
from tests.support.eventually import eventually
from tests.support.stream_site import StreamSite, Talk, on_a_stream_site


async def subscribe(talk: Talk, *names: str) -> None:
    await talk.say({"method": "SUBSCRIBE", "params": list(names), "id": 1})
    assert await talk.until(lambda message: message.get("id") == 1 and "result" in message) == {"result": None, "id": 1}


def event(kind: str) -> Any:
    return lambda message: message.get("e") == kind


@on_a_stream_site()
async def test_trades_of_accounts_and_prints_come_with_rising_ids(at: StreamSite) -> None:
    async with at.talk("/ws/btcusdt@trade") as talk:
        await eventually(lambda: at.gateway.streams.hub.subjects == 1)
        at.feed.print(6_000_000, 1_500, Side.SELL)
        printed = await talk.until(event("trade"))
        await at.api.buy("0.01", "60000.00")
        bought = await talk.until(event("trade"))
    assert (printed["s"], printed["p"], printed["q"]) == ("BTCUSDT", "60000.00000000", "0.01500000")
    assert (printed["m"], bought["m"], printed["M"]) == (True, False, True)
    assert bought["t"] > printed["t"]
    assert (bought["p"], bought["q"]) == ("60000.00000000", "0.01000000")
    assert bought["T"] <= bought["E"]


@on_a_stream_site()
async def test_an_aggregate_is_one_trade(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        await subscribe(talk, "btcusdt@aggTrade")
        at.feed.print(6_000_000, 1_500, Side.BUY)
        told = await talk.until(event("aggTrade"))
    assert told["a"] == told["f"] == told["l"]
    assert told["m"] is False


class Copy:
    """A client's copy of the book, kept as Binance tells its clients to."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.id = snapshot["update_id"]
        self.sides = {
            side: {Decimal(price): Decimal(quantity) for price, quantity in snapshot[long]}
            for side, long in (("b", "bids"), ("a", "asks"))
        }

    def apply(self, told: dict[str, Any]) -> None:
        if told["u"] <= self.id:
            return
        assert told["U"] <= self.id + 1 <= told["u"]
        self.id = told["u"]
        for side, known in self.sides.items():
            for price, quantity in told[side]:
                known.pop(Decimal(price), None)
                if Decimal(quantity):
                    known[Decimal(price)] = Decimal(quantity)


@pytest.mark.parametrize("stream", ["btcusdt@depth@100ms", "btcusdt@depth"])
def test_differences_and_rest_make_one_book(stream: str) -> None:
    @on_a_stream_site()
    async def follow(at: StreamSite) -> None:
        async with at.talk("/ws") as talk:
            await subscribe(talk, stream)
            copy = Copy(await at.api.get("/orderbook/BTC/USDT"))
            last = 0
            for price in range(5_990_000, 5_990_030):
                at.feed.show([(price, 10_000)], [(6_000_000, 100_000)])
                await at.api.get("/orderbook/BTC/USDT")
            final = await at.api.get("/orderbook/BTC/USDT")
            while copy.id < final["update_id"]:
                told = await talk.until(event("depthUpdate"))
                assert not last or told["U"] == last + 1
                last = told["u"]
                copy.apply(told)
        assert copy.sides == Copy(final).sides

    follow()


@on_a_stream_site()
async def test_a_book_that_restarts_leaves_no_gap(at: StreamSite) -> None:
    async with at.talk("/ws/btcusdt@depth@100ms") as talk:
        mirror = at.gateway.streams.depths
        await eventually(lambda: mirror.is_in_step("BTC/USDT"))
        copy = Copy(await at.api.get("/orderbook/BTC/USDT"))
        at.feed.show([(5_990_000, 10_000)], [(6_000_000, 100_000)])
        copy.apply(await talk.until(event("depthUpdate")))
        await at.exchange.books.shells["BTC/USDT"].stop()
        at.feed.show([(5_980_000, 7_000)], [(6_010_000, 3_000)])
        await at.exchange.books.renew("BTC/USDT")
        at.feed.show([(5_980_000, 8_000)], [(6_010_000, 3_000)])
        while copy.sides["b"] != {Decimal("59800.00"): Decimal("0.08")}:
            copy.apply(await talk.until(event("depthUpdate")))
        assert copy.sides["a"] == {Decimal("60100.00"): Decimal("0.03")}


@on_a_stream_site()
async def test_the_best_levels_and_prices_come_at_once_and_when_they_change(at: StreamSite) -> None:
    async with at.talk("/stream?streams=btcusdt@depth5@100ms/btcusdt@bookTicker") as talk:
        seen: dict[str, Any] = {}
        while len(seen) < 2:
            message = await talk.hear()
            seen[message["stream"]] = message["data"]
        assert seen["btcusdt@depth5@100ms"]["bids"] == [["59999.90000000", "0.20000000"]]
        assert seen["btcusdt@depth5@100ms"]["asks"][0] == ["60000.00000000", "1.00000000"]
        assert (seen["btcusdt@bookTicker"]["b"], seen["btcusdt@bookTicker"]["A"]) == ("59999.90000000", "1.00000000")
        at.feed.show([(5_990_000, 10_000)], [(6_000_000, 100_000)])
        told = await talk.until(lambda message: message["stream"].endswith("Ticker"))
        assert told["data"]["b"] == "59900.00000000"
        assert told["data"]["u"] > seen["btcusdt@bookTicker"]["u"]


@on_a_stream_site()
async def test_requests_are_answered_as_binance_does(at: StreamSite) -> None:
    async with at.talk("/ws/0") as talk:
        await subscribe(talk, "btcusdt@trade", "ethusdt@trade")
        listed = await talk.ask({"method": "LIST_SUBSCRIPTIONS", "id": "mine"})
        assert listed == {"result": ["btcusdt@trade", "ethusdt@trade"], "id": "mine"}
        assert await talk.ask({"method": "UNSUBSCRIBE", "params": ["ethusdt@trade"], "id": 3}) == {
            "result": None,
            "id": 3,
        }
        assert (await talk.ask({"method": "LIST_SUBSCRIPTIONS", "id": 4}))["result"] == ["btcusdt@trade"]
        assert (await talk.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 5}))["result"] is False
        assert (await talk.ask({"method": "SET_PROPERTY", "params": ["combined", True], "id": 6}))["result"] is None
        at.feed.print(6_000_000, 1_500, Side.BUY)
        assert (await talk.hear())["stream"] == "btcusdt@trade"


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        ("{not json", 3, "Invalid JSON"),
        ("[]", 2, "an object was expected"),
        ('{"id": 1}', 2, "missing field `method`"),
        ('{"method": "JUMP", "id": 1}', 2, "unknown variant `JUMP`"),
        ('{"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1}', 2, "params must be a list"),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@nothing"], "id": 1}', 2, "btcusdt@nothing"),
        ('{"method": "SUBSCRIBE", "params": ["nosuch@trade"], "id": 1}', 2, "Invalid symbol"),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": -1}', 2, "unsigned integer"),
        ('{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1, "expected Boolean"),
        ('{"method": "SET_PROPERTY", "params": ["speed", true], "id": 1}', 0, "Unknown property"),
    ],
)
def test_what_cannot_be_used_is_told(message: str, code: int, text: str) -> None:
    @on_a_stream_site()
    async def ask(at: StreamSite) -> None:
        async with at.talk("/ws/7") as talk:
            told = await talk.ask(message)
            assert told["error"]["code"] == code
            assert text in told["error"]["msg"]
            assert "result" in await talk.ask({"method": "LIST_SUBSCRIPTIONS", "id": 2})

    ask()


@on_a_stream_site(streams=StreamLimits(max_subscriptions=2))
async def test_subscriptions_are_bounded(at: StreamSite) -> None:
    async with at.talk("/stream/ws/3") as talk:
        told = await talk.ask({"method": "SUBSCRIBE", "params": [f"btcusdt@depth{n}" for n in (5, 10, 20)], "id": 1})
        assert told["error"]["code"] == 2
        assert (await talk.ask({"method": "LIST_SUBSCRIPTIONS", "id": 2}))["result"] == []


@on_a_stream_site(streams=StreamLimits(connection=ConnectionLimits(burst=3, pace=0.001)))
async def test_who_talks_too_fast_is_cut_off(at: StreamSite) -> None:
    async with at.talk("/ws/0") as talk:
        for number in range(4):
            await talk.say({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert await talk.closed() == (1008, "too many messages: slow down")


@on_a_stream_site(streams=StreamLimits(max_connections=1))
async def test_connections_are_bounded(at: StreamSite) -> None:
    async with at.talk("/ws/0") as first:
        await first.ask({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        async with at.talk("/ws/0") as second:
            assert await second.closed() == (1013, "too many connections: try again later")
    await eventually(lambda: at.gateway.streams.connections == 0)


@on_a_stream_site()
async def test_nothing_is_listened_to_for_nobody(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        await subscribe(talk, "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@depth@100ms", "btcusdt@kline_1m")
        streams = at.gateway.streams
        assert (len(streams.channels), streams.hub.subjects) == (4, 3)
    await eventually(lambda: (len(streams.channels), streams.hub.subjects) == (0, 0))


@on_a_stream_site()
async def test_a_stopping_gateway_says_that_it_restarts(at: StreamSite) -> None:
    async with at.talk("/ws/btcusdt@trade") as talk:
        await eventually(lambda: at.gateway.streams.hub.subjects == 1)
        await at.stop()
        code, _ = await talk.closed()
        assert code == 1012
