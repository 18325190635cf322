"""Candles and tickers of Binance's dialect, checked against the tape."""

from __future__ import annotations

from mockexchange.candles import DAY_MS, HOUR_MS, Interval
from mockexchange.messages.orders import Side
from tests.support.binance_api import BinanceApi, now_ms
from tests.support.eventually import eventually
from tests.support.local_exchange import Api, with_exchange


async def traded(api: Api) -> None:
    """Trade twice among accounts and once outside, and wait until the candles hold it."""
    await api.place(amount="0.1")
    await api.place(amount="0.2")
    api.exchange.feeds["BTC/USDT"].print(5_999_950, 5_000, Side.SELL)
    kept = api.exchange.kept_candles
    await eventually(lambda: sum(row.trades for row in kept.of("BTC/USDT", Interval.DAY)) == 3)


@with_exchange()
async def test_klines_are_the_trades_of_their_time(api: Api) -> None:
    await traded(api)
    bot = BinanceApi(api)
    [kline] = await bot.public("/api/v3/klines", symbol="BTCUSDT", interval="1M")
    assert kline[1:6] == ["60000.00000000", "60000.00000000", "59999.50000000", "59999.50000000", "0.35000000"]
    assert kline[7:] == ["20999.97500000", 3, "0.30000000", "18000.00000000", "0"]
    assert kline[0] <= now_ms() <= kline[6]
    assert await bot.public("/api/v3/uiKlines", symbol="BTCUSDT", interval="1M") == [kline]
    assert await bot.public("/api/v3/klines", symbol="GOLDUSDT", interval="1d") == []


@with_exchange()
async def test_klines_honour_their_bounds_and_their_time_zone(api: Api) -> None:
    await traded(api)
    bot = BinanceApi(api)
    [day] = await bot.public("/api/v3/klines", symbol="BTCUSDT", interval="1d", limit=1)
    assert (day[0] % DAY_MS, day[6] - day[0]) == (0, DAY_MS - 1)
    for zone, hours in (("8", 8), ("+8:00", 8), ("-03:30", -3.5)):
        [local] = await bot.public("/api/v3/klines", symbol="BTCUSDT", interval="1d", limit=1, timeZone=zone)
        assert (local[0] + hours * HOUR_MS) % DAY_MS == 0
        assert local[0] <= now_ms() <= local[6]
    bounds = {"symbol": "BTCUSDT", "interval": "1d"}
    assert await bot.public("/api/v3/klines", **bounds, startTime=day[0], endTime=day[6]) == [day]
    assert await bot.public("/api/v3/klines", **bounds, startTime=day[6] + 1) == []
    assert await bot.public("/api/v3/klines", **bounds, endTime=day[0] - 1) == []


@with_exchange()
async def test_the_ticker_of_a_day_agrees_with_the_tape(api: Api) -> None:
    await traded(api)
    bot = BinanceApi(api)
    tape = await bot.public("/api/v3/trades", symbol="BTCUSDT")
    ticker = await bot.public("/api/v3/ticker/24hr", symbol="BTCUSDT")
    assert {name: ticker[name] for name in ("priceChange", "priceChangePercent", "weightedAvgPrice", "lastPrice")} == {
        "priceChange": "-0.50000000", "priceChangePercent": "-0.001", "weightedAvgPrice": "59999.92857143",
        "lastPrice": "59999.50000000",
    }  # fmt: skip
    assert (ticker["firstId"], ticker["lastId"], ticker["count"]) == (tape[0]["id"], tape[-1]["id"], 3)
    assert (ticker["lastQty"], ticker["volume"], ticker["highPrice"]) == ("0.05000000", "0.35000000", "60000.00000000")
    assert (ticker["bidPrice"], ticker["askPrice"]) == ("59999.90000000", "60000.00000000")
    mini = await bot.public("/api/v3/ticker/24hr", symbols='["BTCUSDT"]', type="MINI")
    assert mini == [{name: ticker[name] for name in mini[0]}]
    assert len(mini[0]) == 12
    everything = await bot.public("/api/v3/ticker/24hr")
    assert [each["symbol"] for each in everything] == ["BTCUSDT", "ETHUSDT", "GOLDUSDT"]
    assert (everything[2]["lastPrice"], everything[2]["firstId"]) == ("0.00000000", -1)


@with_exchange()
async def test_windows_and_trading_days_hold_the_same_trades(api: Api) -> None:
    await traded(api)
    bot = BinanceApi(api)
    for path, parameters in (
        ("ticker", {"windowSize": "1h"}),
        ("ticker", {}),
        ("ticker/tradingDay", {"timeZone": "0"}),
    ):
        shown = await bot.public(f"/api/v3/{path}", symbol="BTCUSDT", **parameters)
        assert shown["symbol"] == "BTCUSDT"
        assert shown["openTime"] <= now_ms()
    rolling = await bot.public("/api/v3/ticker", symbols='["BTCUSDT","ETHUSDT"]', windowSize="2h")
    assert [(each["count"], each["volume"]) for each in rolling] == [(3, "0.35000000"), (0, "0.00000000")]
    average = await bot.public("/api/v3/avgPrice", symbol="BTCUSDT")
    assert (average["mins"], average["price"]) == (5, "59999.92857143")
    assert 0 <= now_ms() - average["closeTime"] < 60_000


@with_exchange()
async def test_the_tape_is_read_from_an_id_and_between_times(api: Api) -> None:
    await traded(api)
    bot = BinanceApi(api)
    await eventually(lambda: len(api.exchange.store.tapes.get("BTC/USDT", {})) == 3)
    tape = await bot.public("/api/v3/trades", symbol="BTCUSDT")
    first, second, third = (trade["id"] for trade in tape)
    history = await bot.public("/api/v3/historicalTrades", symbol="BTCUSDT", fromId=second)
    assert history == tape[1:]
    assert await bot.public("/api/v3/historicalTrades", symbol="BTCUSDT", limit=1) == tape[2:]
    found = await bot.public("/api/v3/aggTrades", symbol="BTCUSDT", fromId=first, limit=2)
    assert [each["a"] for each in found] == [first, second]
    start, end = tape[0]["time"], tape[-1]["time"]
    found = await bot.public("/api/v3/aggTrades", symbol="BTCUSDT", startTime=start, endTime=end)
    assert [each["a"] for each in found] == [first, second, third]
    found = await bot.public("/api/v3/aggTrades", symbol="BTCUSDT", startTime=start * 1_000, endTime=end * 1_000 + 999)
    assert [each["a"] for each in found] == [first, second, third]
    # With an end alone it is the last ones up to it.
    for until, last in ((end, [second, third]), (start - 1, []), (end * 1_000, [second, third])):
        found = await bot.public("/api/v3/aggTrades", symbol="BTCUSDT", endTime=until, limit=2)
        assert [each["a"] for each in found] == last
    assert await bot.public("/api/v3/aggTrades", symbol="BTCUSDT", startTime=end + 1) == []


@with_exchange()
async def test_without_the_read_model_the_market_is_told_as_not_available(api: Api) -> None:
    api.exchange.history.is_available = False
    answer = await api.http.get("/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1m"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "code" not in answer.json()
    # What needs no history is answered all the same.
    await BinanceApi(api).public("/api/v3/depth", symbol="BTCUSDT")
    await BinanceApi(api).public("/api/v3/ticker/bookTicker")
