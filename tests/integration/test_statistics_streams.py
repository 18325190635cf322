"""Candles, tickers and averages over real sockets, and clients that do not read."""

from __future__ import annotations

import asyncio
import base64
import secrets
from typing import Any

from gateway.streams.connection import ConnectionLimits
from gateway.streams.streams import StreamLimits
from mockexchange.candle_views import encode_candle
from mockexchange.candles import Candle, Interval
from mockexchange.messages.orders import Side, Trade
from mockexchange.messages.subjects import market
from mockexchange.views import encode_trade
from tests.support.eventually import eventually
from tests.support.local_exchange import BTC_USDT
from tests.support.stream_site import StreamSite, Talk, on_a_stream_site

MINUTE_MS = 1_795_240_020_000
ACCEPTED = [
    *(f"btcusdt@kline_{interval.value}" for interval in Interval),
    *(f"btcusdt@kline_{interval.value}@+08:00" for interval in Interval),
    *(f"btcusdt@ticker{window}" for window in ("", "_1h", "_4h", "_1d")),
    *(f"btcusdt@depth{levels}{pace}" for levels in ("", "5", "10", "20") for pace in ("", "@100ms", "@1000ms")),
    *("btcusdt@trade", "btcusdt@aggTrade", "btcusdt@miniTicker", "btcusdt@bookTicker", "btcusdt@avgPrice"),
    *("!ticker@arr", "!miniTicker@arr", "!ticker_1h@arr", "!ticker_4h@arr", "!ticker_1d@arr", "!bookTicker"),
]


def publish(at: StreamSite, candle: Candle, interval: Interval, *, is_closed: bool) -> None:
    payload = encode_candle(candle, BTC_USDT, interval, is_closed=is_closed)
    at.exchange.bus.publish(market("BTC/USDT", f"candle.{interval.value}"), payload)


async def first_of(talk: Talk, kind: str) -> Any:
    def is_wanted(message: Any) -> bool:
        data = message["data"]
        return bool((data[0] if isinstance(data, list) else data).get("e") == kind)

    return (await talk.until(is_wanted))["data"]


@on_a_stream_site()
async def test_every_stream_that_is_promised_can_be_had(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        await talk.say({"method": "SUBSCRIBE", "params": ACCEPTED, "id": 1})
        answer = await talk.until(lambda message: isinstance(message, dict) and message.get("id") == 1)
        assert answer == {"result": None, "id": 1}
        await talk.say({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        listed = await talk.until(lambda message: isinstance(message, dict) and message.get("id") == 2)
        assert listed["result"] == ACCEPTED
        assert len(at.gateway.streams.channels) == len(ACCEPTED)
    await eventually(lambda: (len(at.gateway.streams.channels), at.gateway.streams.hub.subjects) == (0, 0))


@on_a_stream_site()
async def test_candles_come_as_they_are_made(at: StreamSite) -> None:
    candle = Candle(MINUTE_MS, 6_000_000, 6_000_300, 5_999_000, 6_000_100, 2_000, 120_000_000_000, 3, 500, 7, 11, 13, 5)
    async with at.talk("/stream?streams=btcusdt@kline_1m") as talk:
        await eventually(lambda: at.gateway.streams.hub.subjects == 1)
        publish(at, candle, Interval.MINUTE, is_closed=False)
        publish(at, candle, Interval.MINUTE, is_closed=True)
        first, last = await first_of(talk, "kline"), await first_of(talk, "kline")
    kline = first["k"]
    assert (kline["t"], kline["T"], kline["i"], kline["s"]) == (MINUTE_MS, MINUTE_MS + 59_999, "1m", "BTCUSDT")
    assert [kline[name] for name in "ohlc"] == [
        "60000.00000000",
        "60003.00000000",
        "59990.00000000",
        "60001.00000000",
    ]
    assert (kline["v"], kline["q"], kline["n"]) == ("0.02000000", "1200.00000000", 3)
    assert (kline["f"], kline["L"], kline["V"]) == (11, 13, "0.00500000")
    assert (kline["x"], last["k"]["x"]) == (False, True)


@on_a_stream_site()
async def test_tickers_tell_what_was_traded(at: StreamSite) -> None:
    names = "btcusdt@ticker/btcusdt@miniTicker/btcusdt@ticker_1h/btcusdt@avgPrice/!miniTicker@arr"
    async with at.talk(f"/stream?streams={names}") as talk:
        at.feed.print(6_000_000, 1_500, Side.SELL)
        seen: dict[str, Any] = {}
        while set(seen) != set(names.split("/")):
            message = await talk.hear()
            seen[message["stream"]] = message["data"]
    assert [seen[name]["e"] for name in names.split("/")[:4]] == [
        "24hrTicker",
        "24hrMiniTicker",
        "1hTicker",
        "avgPrice",
    ]
    assert {row["s"] for row in seen["!miniTicker@arr"]} >= {"BTCUSDT"}
    assert seen["btcusdt@ticker"]["b"] == "59999.90000000"
    assert seen["btcusdt@ticker"]["C"] - seen["btcusdt@ticker"]["O"] >= 24 * 3_600_000


@on_a_stream_site(streams=StreamLimits(connection=ConnectionLimits(max_queued_bytes=1_000_000)))
async def test_a_client_that_does_not_read_is_cut_off(at: StreamSite) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    head = "GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    writer.write(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    streams = at.gateway.streams
    await eventually(lambda: len(streams.channels) == 1)
    # Whoever reads nothing more fills the buffers of both machines, and then the connection's own.
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    while streams.connections:
        payload = encode_trade(Trade(1, "BTC/USDT", 1, 1, Side.BUY, 1, False), BTC_USDT)
        for _ in range(100):
            at.exchange.bus.publish(market("BTC/USDT", "trade"), payload)
        await asyncio.sleep(0)
    await eventually(lambda: not at.sockets)
    assert len(streams.channels) == 0
    writer.transport.abort()
