"""Candles and statistics over HTTP."""

from __future__ import annotations

import pytest

from mockexchange.candles import Interval
from mockexchange.messages.orders import Side
from tests.support.eventually import eventually
from tests.support.local_exchange import Api, with_exchange


async def traded(api: Api) -> None:
    """Trade twice among accounts and once outside, and wait until the candles hold it."""
    await api.place(amount="0.1")
    await api.place(amount="0.2")
    api.exchange.feeds["BTC/USDT"].print(6_000_000, 5_000, Side.SELL)
    kept = api.exchange.kept_candles
    await eventually(lambda: sum(row.trades for row in kept.of("BTC/USDT", Interval.DAY)) == 3)


@with_exchange()
async def test_candles_hold_trades_of_accounts_and_prints_of_the_outside_market(api: Api) -> None:
    await traded(api)
    [candle] = await api.get("/candles/BTC/USDT", interval="1M")
    assert candle["symbol"] == "BTC/USDT"
    assert (candle["interval"], candle["trades"], candle["volume"]) == ("1M", 3, "0.35000")
    assert (candle["taker_buy_volume"], candle["closed"]) == ("0.30000", False)
    assert (candle["open"], candle["close"], candle["quote_volume"]) == ("60000.00", "60000.00", "21000.00000000")
    tape = await api.get("/trades/BTC/USDT")
    assert (candle["first_trade_id"], candle["last_trade_id"]) == (tape[-1]["trade_id"], tape[0]["trade_id"])
    assert await api.get("/candles/btc-usdt", interval="1M", limit=1) == [candle]
    assert await api.get("/candles/GOLD/USDT") == []


@with_exchange()
async def test_the_statistics_of_a_day_stand_below_the_ticker(api: Api) -> None:
    await traded(api)
    for path in ("/tickers/BTC/USDT/24h", "/tickers/btc-usdt/24h"):
        statistics = await api.get(path)
        assert (statistics["symbol"], statistics["trades"], statistics["volume"]) == ("BTC/USDT", 3, "0.35000")
        assert (statistics["change"], statistics["change_percent"]) == ("0.00", "0.000")
        assert statistics["weighted_average"] == "60000.00000000"
    silent = await api.get("/tickers/GOLD/USDT/24h")
    assert (silent["last"], silent["weighted_average"], silent["first_trade_id"]) == (None, None, None)
    assert (await api.get("/tickers/NO/PE/24h", 404))["error"]["field"] == "symbol"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interval", "1H"), ("interval", "7m"), ("limit", "0"), ("limit", "1001"), ("limit", "many"),
        ("start", "-1"), ("start", "soon"), ("end", str(10**18)),
    ],
)  # fmt: skip
@with_exchange()
async def test_a_bad_parameter_is_named(api: Api, field: str, value: str) -> None:
    error = (await api.get("/candles/BTC/USDT", 400, **{field: value}))["error"]
    assert error["field"] == field


@with_exchange()
async def test_without_the_read_model_candles_are_not_available_and_statistics_are_those_heard(api: Api) -> None:
    await traded(api)
    memory = api.app.state["gateway"].candle_memory
    await eventually(lambda: memory.statistics("BTC/USDT") is not None)
    api.exchange.history.is_available = False
    answer = await api.http.get("/candles/BTC/USDT")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await api.get("/candles/NO/PE", 404))["error"]["code"] == "unknown_symbol"
    assert (await api.get("/tickers/BTC/USDT/24h"))["symbol"] == "BTC/USDT"
    await api.get("/tickers/ETH/USDT/24h", 503)


@with_exchange()
async def test_the_openapi_document_shows_candles_and_statistics(api: Api) -> None:
    document = await api.get("/docs/openapi.json")
    schemas = document["components"]["schemas"]
    operation = document["paths"]["/candles/{symbol}"]["get"]
    rows = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert rows["items"]["$ref"].endswith("CandleView")
    assert {each["name"] for each in operation["parameters"]} == {"symbol", "interval", "start", "end", "limit"}
    assert {"open_time", "close_time", "open", "high", "low", "close"} <= set(schemas["CandleView"]["properties"])
    assert "weighted_average" in schemas["StatisticsView"]["properties"]
