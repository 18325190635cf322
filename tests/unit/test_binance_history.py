"""Account, orders and trades as Binance's dialect tells them afterwards."""

from __future__ import annotations

import time
from typing import Any

from tests.support.binance_api import BinanceApi, now_ms
from tests.support.local_exchange import Api, with_exchange

ACCOUNT = "/api/v3/account"
ALL_ORDERS = "/api/v3/allOrders"
MY_TRADES = "/api/v3/myTrades"
ORDER = "/api/v3/order"
DAY_MS = 24 * 3600 * 1000

BUY: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
REST: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "50000",
}


@with_exchange()
async def test_the_account_shows_what_it_has_and_may(api: Api) -> None:
    bot = BinanceApi(api)
    await bot.post(ORDER, **REST)
    told = await bot.get(ACCOUNT)
    balances = told.pop("balances")
    told.pop("updateTime")
    assert told == {
        "makerCommission": 10,
        "takerCommission": 20,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00200000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "accountType": "SPOT",
        "permissions": ["SPOT"],
        "uid": 1,
    }
    some = [
        {"asset": "BTC", "free": "10.00000000", "locked": "0.00000000"},
        {"asset": "USDT", "free": "99500.00000000", "locked": "500.00000000"},
    ]
    none = [{"asset": code, "free": "0.00000000", "locked": "0.00000000"} for code in ("ETH", "GOLD")]
    assert balances == [some[0], *none, some[1]]
    assert (await bot.get(ACCOUNT, omitZeroBalances="true"))["balances"] == some


@with_exchange()
async def test_the_account_says_when_it_last_changed(api: Api) -> None:
    bot = BinanceApi(api)

    async def changed() -> int:
        told = await bot.get(ACCOUNT)
        assert type(told["updateTime"]) is int
        return int(told["updateTime"])

    began = await changed()
    assert 0 < began <= now_ms()
    order = await bot.post(ORDER, **REST)
    assert await changed() == order["transactTime"] >= began
    # Neither another account nor the market changes it.
    other = await api.second_account()
    await other.place(symbol="ETH/USDT", amount="0.01")
    assert await changed() == order["transactTime"]
    canceled = await bot.delete(ORDER, symbol="BTCUSDT", orderId=order["orderId"])
    assert await changed() == canceled["transactTime"]


@with_exchange()
async def test_an_order_that_its_shard_has_forgotten_is_found_by_its_client_id(api: Api) -> None:
    bot = BinanceApi(api)
    named = {"symbol": "BTCUSDT", "origClientOrderId": "mine"}
    for side in ("BUY", "SELL"):
        await bot.post(ORDER, **BUY | {"side": side}, newClientOrderId="mine")
    last = await bot.get(ORDER, **named)
    assert last["side"] == "SELL"
    for shell in api.exchange.shards.shells:
        for account in shell.ledger.accounts.values():
            account.forget_before(time.time_ns())
    assert await bot.get(ORDER, **named) == last
    assert await bot.get(ORDER, symbol="BTCUSDT", orderId=last["orderId"]) == last
    for asked in (named | {"symbol": "ETHUSDT"}, named | {"origClientOrderId": "yours"}):
        assert (await bot.get(ORDER, 400, **asked))["code"] == -2013
    assert (await bot.delete(ORDER, 400, **named))["code"] == -2011
    made = await api.admin.post("/accounts", {"name": "stranger"}, 201)
    stranger = BinanceApi(api, made["api_key"], made["api_secret"])
    assert (await stranger.get(ORDER, 400, **named))["code"] == -2013
    # Whether an order has come can be asked while the read model is away.
    api.exchange.history.is_available = False
    assert (await bot.get(ORDER, 400, **named))["code"] == -2013


@with_exchange()
async def test_the_commission_of_a_symbol_is_that_of_the_account(api: Api) -> None:
    bot = BinanceApi(api)
    told = await bot.get("/api/v3/account/commission", symbol="BTCUSDT")
    assert set(told) == {"symbol", "standardCommission", "specialCommission", "taxCommission", "discount"}
    assert told["standardCommission"]["taker"] == "0.00200000"
    assert told["discount"]["enabledForAccount"] is False
    assert (await bot.get("/api/v3/account/commission", 400, symbol="NOPE"))["code"] == -1121
    assert await bot.get("/api/v3/myPreventedMatches", symbol="BTCUSDT", orderId=1) == []


@with_exchange()
async def test_all_orders_are_the_newest_or_those_from_an_id_or_a_time_on(api: Api) -> None:
    bot, began = BinanceApi(api), now_ms()
    await bot.post(ORDER, **REST | {"symbol": "ETHUSDT", "price": "2000"})
    told = [await bot.post(ORDER, **(BUY if number % 2 else REST)) for number in range(6)]
    ids = [each["orderId"] for each in told]

    async def listed(**asked: Any) -> list[int]:
        return [order["orderId"] for order in await bot.get(ALL_ORDERS, symbol="BTCUSDT", **asked)]

    assert await listed() == ids
    assert await listed(limit=2) == ids[-2:]
    assert await listed(orderId=ids[2]) == ids[2:]
    assert await listed(orderId=ids[2] + 1, limit=2) == ids[3:5]
    assert await listed(startTime=began, endTime=now_ms()) == ids
    assert await listed(startTime=began * 1_000, endTime=now_ms() * 1_000) == ids
    assert await listed(startTime=began, limit=3) == ids[:3]
    assert await listed(endTime=now_ms(), limit=3) == ids[-3:]
    assert await listed(endTime=began - 1) == []
    assert await listed(startTime=now_ms() + 1_000) == []
    first = (await bot.get(ALL_ORDERS, symbol="BTCUSDT"))[0]
    assert first == await bot.get(ORDER, symbol="BTCUSDT", orderId=ids[0])


@with_exchange()
async def test_an_order_that_was_refused_is_in_no_list_but_can_be_asked_for(api: Api) -> None:
    bot = BinanceApi(api)
    maker = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.1", "price": "60000"}
    await bot.post(ORDER, 400, **maker, newClientOrderId="refused")
    oco = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1", "price": "60000", "stopPrice": "70000"}
    await bot.post("/api/v3/order/oco", 400, **oco)
    killed = await bot.post(ORDER, **REST | {"timeInForce": "FOK"})
    assert [order["orderId"] for order in await bot.get(ALL_ORDERS, symbol="BTCUSDT")] == [killed["orderId"]]
    assert await bot.get("/api/v3/allOrderList") == []
    told = await bot.get(ORDER, symbol="BTCUSDT", origClientOrderId="refused")
    assert told["status"] == "REJECTED"


@with_exchange()
async def test_my_trades_have_the_ids_of_the_tape(api: Api) -> None:
    bot, began = BinanceApi(api), now_ms()
    first = await bot.post(ORDER, **BUY | {"quantity": "1.5"})
    second = await bot.post(ORDER, **BUY | {"side": "SELL"})
    trades = await bot.get(MY_TRADES, symbol="BTCUSDT")
    tape = await bot.public("/api/v3/trades", symbol="BTCUSDT")
    assert [trade["id"] for trade in trades] == [trade["id"] for trade in tape] == [1, 2, 3]
    time = trades[2].pop("time")
    assert began <= time <= now_ms()
    assert trades[2] == {
        "symbol": "BTCUSDT",
        "id": 3,
        "orderId": second["orderId"],
        "orderListId": -1,
        "price": "59999.90000000",
        "qty": "0.01000000",
        "quoteQty": "599.99900000",
        "commission": "1.19999800",
        "commissionAsset": "USDT",
        "isBuyer": False,
        "isMaker": False,
        "isBestMatch": True,
    }

    async def listed(**asked: Any) -> list[int]:
        return [trade["id"] for trade in await bot.get(MY_TRADES, symbol="BTCUSDT", **asked)]

    assert await listed(limit=2) == [2, 3]
    assert await listed(fromId=2) == [2, 3]
    assert await listed(fromId=2, limit=1) == [2]
    assert await listed(orderId=first["orderId"]) == [1, 2]
    assert await listed(orderId=first["orderId"], fromId=2) == [2]
    assert await listed(orderId=first["orderId"] + 99) == []
    assert await listed(startTime=began, endTime=now_ms()) == [1, 2, 3]
    assert await listed(endTime=began - 1) == []
    assert await listed(startTime=now_ms() + 1_000) == []


@with_exchange()
async def test_a_span_of_more_than_a_day_is_refused(api: Api) -> None:
    bot, text = BinanceApi(api), "More than 24 hours between startTime and endTime."
    for path in (ALL_ORDERS, MY_TRADES):
        asked = {"symbol": "BTCUSDT", "startTime": 1_000, "endTime": 1_001 + DAY_MS}
        assert await bot.get(path, 400, **asked) == {"code": -1127, "msg": text}
        assert (await bot.get(path, 400, symbol="BTCUSDT", startTime=2, endTime=1))["code"] == -1128
        assert (await bot.get(path, 400, symbol="BTCUSDT", limit=0))["code"] == -1130
        assert (await bot.get(path, 400))["code"] == -1102
    assert (await bot.get(MY_TRADES, 400, symbol="BTCUSDT", fromId=1, startTime=1))["code"] == -1128


@with_exchange()
async def test_history_that_is_away_is_told_as_such(api: Api) -> None:
    bot = BinanceApi(api)
    order = await bot.post(ORDER, **BUY)
    api.exchange.history.is_available = False
    for path in (ALL_ORDERS, MY_TRADES):
        answer = await bot.send("GET", path, symbol="BTCUSDT")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    # What the account's shard remembers needs no history.
    assert (await bot.get(ORDER, symbol="BTCUSDT", orderId=order["orderId"]))["status"] == "FILLED"
