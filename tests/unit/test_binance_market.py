"""What Binance's dialect tells of the market, checked against the exchange's own state."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from gateway.binance.general import filters_of
from mockexchange.instruments import Instrument
from tests.support.binance_api import BinanceApi, now_ms
from tests.support.eventually import eventually
from tests.support.local_exchange import Api, with_exchange


@with_exchange()
async def test_the_time_is_the_exchanges(api: Api) -> None:
    before = now_ms()
    told = (await BinanceApi(api).public("/api/v3/time"))["serverTime"]
    assert before <= told <= now_ms()
    assert await BinanceApi(api).public("/api/v3/ping") == {}


@with_exchange()
async def test_exchange_info_tells_the_filters_that_hold(api: Api) -> None:
    info = await BinanceApi(api).public("/api/v3/exchangeInfo")
    symbols = {symbol["symbol"]: symbol for symbol in info["symbols"]}
    assert list(symbols) == ["BTCUSDT", "ETHUSDT", "GOLDUSDT"]
    eth = symbols["ETHUSDT"]
    assert eth["filters"][0] == {
        "filterType": "PRICE_FILTER", "minPrice": "0.05000000", "maxPrice": "46116860184273879.00000000",
        "tickSize": "0.05000000",
    }  # fmt: skip
    assert eth["filters"][1] == {
        "filterType": "LOT_SIZE", "minQty": "0.00100000", "maxQty": "100000.00000000", "stepSize": "0.00100000",
    }  # fmt: skip
    by_type = {item["filterType"]: item for item in symbols["BTCUSDT"]["filters"]}
    assert list(by_type) == [
        "PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS",
    ]  # fmt: skip
    assert by_type["NOTIONAL"]["minNotional"] == "5.00000000"
    assert by_type["MAX_NUM_ORDERS"] == {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1_000}
    assert (eth["baseAsset"], eth["quoteAsset"], eth["status"]) == ("ETH", "USDT", "TRADING")
    assert (eth["permissions"], eth["permissionSets"]) == (["SPOT"], [["SPOT"]])
    assert [limit["limit"] for limit in info["rateLimits"]] == [6_000, 100, 200_000, 61_000]


@with_exchange()
async def test_symbols_are_asked_for_by_their_state(api: Api) -> None:
    bot = BinanceApi(api)
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker"):
        told = await bot.public(f"/api/v3/{path}", symbolStatus="TRADING")
        assert [each["symbol"] for each in told] == ["BTCUSDT", "ETHUSDT", "GOLDUSDT"]
        assert await bot.public(f"/api/v3/{path}", symbolStatus="HALT") == []
    (without,) = (await bot.public("/api/v3/exchangeInfo", symbol="BTCUSDT", showPermissionSets="false"))["symbols"]
    assert (without["permissions"], without["permissionSets"]) == (["SPOT"], [])


def test_a_price_band_is_a_filter() -> None:
    instrument = Instrument("BTC", "USDT", 8, 8, 2, 5, band_down=200_000, band_up=5_000_000)
    band = next(item for item in filters_of(instrument, 200) if item["filterType"] == "PERCENT_PRICE_BY_SIDE")
    assert (band["bidMultiplierUp"], band["askMultiplierDown"]) == ("5.00000000", "0.20000000")


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"symbols": '["GOLDUSDT","BTCUSDT"]'}, ["GOLDUSDT", "BTCUSDT"]),
        ({"permissions": "SPOT"}, ["BTCUSDT", "ETHUSDT", "GOLDUSDT"]),
        ({"permissions": '["MARGIN","SPOT"]', "symbolStatus": "TRADING"}, ["BTCUSDT", "ETHUSDT", "GOLDUSDT"]),
        ({"permissions": "MARGIN"}, []),
        ({"symbolStatus": "BREAK"}, []),
    ],
)
@with_exchange()
async def test_exchange_info_is_asked_for_some_symbols(api: Api, parameters: dict[str, str], names: list[str]) -> None:
    info = await BinanceApi(api).public("/api/v3/exchangeInfo", **parameters)
    assert [symbol["symbol"] for symbol in info["symbols"]] == names


@with_exchange()
async def test_depth_shows_the_book(api: Api) -> None:
    await api.buy("0.01", "59999.90")
    await api.sell("0.5", "60000.50")
    depth = await BinanceApi(api).public("/api/v3/depth", symbol="BTCUSDT", limit=2)
    assert depth["bids"] == [["59999.90000000", "0.21000000"]]
    assert depth["asks"] == [["60000.00000000", "1.00000000"], ["60000.50000000", "0.50000000"]]
    assert depth["lastUpdateId"] == (await api.get("/orderbook/BTC/USDT"))["update_id"]
    assert len((await BinanceApi(api).public("/api/v3/depth", symbol="BTCUSDT", limit=9_999))["asks"]) == 3


@with_exchange()
async def test_depth_wakes_a_book_that_sleeps(api: Api) -> None:
    del api.exchange.books.shells["GOLD/USDT"]
    assert (await BinanceApi(api).public("/api/v3/depth", symbol="GOLDUSDT"))["bids"] == []
    assert "GOLD/USDT" in api.exchange.books.shells


@with_exchange()
async def test_the_tape_has_one_id_for_a_trade_in_all_places(api: Api) -> None:
    bot = BinanceApi(api)
    await api.place(amount="0.1")
    await api.place(side="sell", amount="0.2")
    await eventually(lambda: len(api.exchange.store.tapes.get("BTC/USDT", {})) == 2)
    native = await api.get("/trades/BTC/USDT")
    trades = await bot.public("/api/v3/trades", symbol="BTCUSDT")
    assert [(trade["id"], trade["price"], trade["qty"]) for trade in trades] == [
        (native[1]["trade_id"], "60000.00000000", "0.10000000"),
        (native[0]["trade_id"], "59999.90000000", "0.20000000"),
    ]
    assert [(trade["quoteQty"], trade["isBuyerMaker"]) for trade in trades] == [
        ("6000.00000000", False),
        ("11999.98000000", True),
    ]
    assert await bot.public("/api/v3/trades", symbol="BTCUSDT", limit=1) == trades[1:]
    aggregates = await bot.public("/api/v3/aggTrades", symbol="BTCUSDT")
    assert [(each["a"], each["f"], each["l"], each["p"], each["q"], each["T"], each["m"]) for each in aggregates] == [
        (each["id"], each["id"], each["id"], each["price"], each["qty"], each["time"], each["isBuyerMaker"])
        for each in trades
    ]


@with_exchange()
async def test_tickers_show_the_best_of_both_sides(api: Api) -> None:
    bot = BinanceApi(api)
    assert await bot.public("/api/v3/ticker/bookTicker", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT", "bidPrice": "59999.90000000", "bidQty": "0.20000000", "askPrice": "60000.00000000",
        "askQty": "1.00000000",
    }  # fmt: skip
    several = await bot.public("/api/v3/ticker/bookTicker", symbols='["ETHUSDT"]')
    assert [ticker["symbol"] for ticker in several] == ["ETHUSDT"]
    assert len(await bot.public("/api/v3/ticker/price")) == 3
    nothing = await bot.public("/api/v3/ticker/price", symbol="GOLDUSDT")
    assert nothing == {"symbol": "GOLDUSDT", "price": "0.00000000"}


@pytest.mark.parametrize(
    ("path", "parameters", "code"),
    [
        ("depth", {}, -1102),
        ("depth", {"symbol": "NOPE"}, -1121),
        ("depth", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("depth", {"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1d", "timeZone": "15"}, -1130),
        ("ticker", {}, -1102),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "60m"}, -1130),
        ("ticker/24hr", {"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128),
        ("ticker/24hr", {"symbols": '["NOPE"]'}, -1121),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, -1128),
        ("exchangeInfo", {"symbol": "BTCUSDT", "permissions": "SPOT"}, -1128),
        ("exchangeInfo", {"permissions": "FOO"}, -1130),
        ("exchangeInfo", {"permissions": '["SPOT",'}, -1130),
        ("exchangeInfo", {"showPermissionSets": "no"}, -1130),
        ("depth", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1130),
        ("ticker/price", {"symbols": '["BTCUSDT"]', "symbolStatus": "BREAK"}, -1130),
        ("ticker", {"symbol": "BTCUSDT", "type": "LIMIT"}, -1130),
        ("ticker/24hr", {"symbol": "BTCUSDT", "windowSize": "1d"}, -1104),
    ],
)
@with_exchange()
async def test_bad_requests_are_told_with_their_code(
    api: Api, path: str, parameters: dict[str, str], code: int
) -> None:
    assert (await BinanceApi(api).public(f"/api/v3/{path}", 400, **parameters))["code"] == code


@with_exchange()
async def test_unknown_paths_are_told_in_this_dialect(api: Api) -> None:
    assert (await api.get("/api/v3/nope", 404))["code"] == -1020
    assert (await api.get("/sapi/v1/nope", 404))["code"] == -1020
    assert (await api.post("/api/v3/ping", None, 405))["code"] == -1020
    query = "&".join(f"p{number}=1" for number in range(200))
    assert (await api.get(f"/api/v3/ping?{query}", 400))["code"] == -1101
    for size in (70_000, 1_100_000):
        told = await api.http.request("GET", "/api/v3/ping", content=b"a=" + b"1" * size)
        assert (told.status_code, told.json()["code"]) == (413, -1101)


@with_exchange()
async def test_bots_find_coins_fees_and_no_markets_of_other_kinds(api: Api) -> None:
    bot = BinanceApi(api)
    await api.buy("0.1", "50000")
    coins = {coin["coin"]: coin for coin in await bot.get("/sapi/v1/capital/config/getall")}
    assert (coins["USDT"]["free"], coins["USDT"]["locked"]) == ("95000.00000000", "5000.00000000")
    assert coins["GOLD"]["free"] == "0.00000000"
    assert coins["BTC"]["networkList"][0]["withdrawIntegerMultiple"] == "0.00000001"
    fee = {"symbol": "BTCUSDT", "makerCommission": "0.00100000", "takerCommission": "0.00200000"}
    assert await bot.get("/sapi/v1/asset/tradeFee", symbol="BTCUSDT") == [fee]
    assert await bot.get("/sapi/v1/margin/isolated/allPairs") == []
    for path in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"):
        assert (await bot.public(path))["symbols"] == []
    assert (await bot.get("/sapi/v1/account/apiRestrictions"))["enableSpotAndMarginTrading"] is True


@with_exchange()
async def test_ccxt_makes_markets_of_exchange_info(api: Api) -> None:
    info = await BinanceApi(api).public("/api/v3/exchangeInfo")
    bot = ccxt.binance({"options": {"crossMarginPairsData": [], "isolatedMarginPairsData": []}})
    markets: dict[str, Any] = {market["symbol"]: market for market in map(bot.parse_market, info["symbols"])}
    eth = markets["ETH/USDT"]
    assert (eth["spot"], eth["active"], eth["precision"]["price"], eth["precision"]["amount"]) == (
        True,
        True,
        0.05,
        0.001,
    )
    assert eth["limits"]["amount"]["max"] == 100_000.0
    assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5.0


@with_exchange()
async def test_maintenance_refuses_orders_everywhere_until_it_ends(api: Api) -> None:
    resting = await api.buy("0.1", "50000")
    assert await api.admin.post("/admin/maintenance", {"on": True}) == {"on": True}
    assert await api.admin.post("/admin/maintenance", {"on": True}) == {"on": True}
    refused = await api.place(503, amount="0.1")
    assert refused["error"]["message"] == "the exchange is under maintenance"
    assert (await BinanceApi(api).public("/sapi/v1/system/status")) == {"status": 1, "msg": "system maintenance"}
    await api.delete(f"/orders/{resting['id']}")
    await api.post("/admin/maintenance", {"on": False}, 403)
    await api.admin.post("/admin/maintenance", {"on": False})
    assert await api.admin.get("/admin/maintenance") == {"on": False}
    assert (await BinanceApi(api).public("/sapi/v1/system/status"))["status"] == 0
    assert (await api.place(amount="0.1"))["status"] == "filled"
