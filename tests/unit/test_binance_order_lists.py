"""Lists of two orders in Binance's dialect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.binance_api import BinanceApi
from tests.support.eventually import eventually
from tests.support.local_exchange import Api, with_exchange

OCO = "/api/v3/orderList/oco"
OLD_OCO = "/api/v3/order/oco"
LIST = "/api/v3/orderList"
OPEN_LISTS = "/api/v3/openOrderList"
ALL_LISTS = "/api/v3/allOrderList"

SELL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "quantity": "0.1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "70000",
    "belowType": "STOP_LOSS_LIMIT",
    "belowPrice": "49000",
    "belowStopPrice": "50000",
    "belowTimeInForce": "GTC",
}
LIST_KEYS = {
    "orderListId", "contingencyType", "listStatusType", "listOrderStatus", "listClientOrderId", "transactionTime",
    "symbol", "orders",
}  # fmt: skip


@with_exchange()
async def test_a_list_is_told_with_both_its_orders(api: Api) -> None:
    bot = BinanceApi(api)
    named = {"listClientOrderId": "list", "aboveClientOrderId": "above", "belowClientOrderId": "below"}
    told = await bot.post(OCO, **SELL, **named, aboveStrategyId=1, belowStrategyType=1_000_001)
    assert set(told) == LIST_KEYS | {"orderReports"}
    assert (told["contingencyType"], told["listStatusType"], told["listOrderStatus"]) == (
        "OCO",
        "EXEC_STARTED",
        "EXECUTING",
    )
    assert told["listClientOrderId"] == "list"
    above, below = told["orderReports"]
    assert told["orders"] == [
        {"symbol": "BTCUSDT", "orderId": above["orderId"], "clientOrderId": "above"},
        {"symbol": "BTCUSDT", "orderId": below["orderId"], "clientOrderId": "below"},
    ]
    assert above["orderListId"] == below["orderListId"] == told["orderListId"]
    assert (above["type"], above["price"], above["status"]) == ("LIMIT_MAKER", "70000.00000000", "NEW")
    assert (below["type"], below["price"], below["stopPrice"]) == (
        "STOP_LOSS_LIMIT",
        "49000.00000000",
        "50000.00000000",
    )
    assert "stopPrice" not in above
    assert (above["strategyId"], below["strategyType"]) == (1, 1_000_001)
    assert below["workingTime"] == -1
    # One of both will trade, so they hold money once.
    account = await bot.get("/api/v3/account", omitZeroBalances="true")
    assert {"asset": "BTC", "free": "9.90000000", "locked": "0.10000000"} in account["balances"]


@with_exchange()
async def test_a_list_is_found_by_either_id_open_or_not(api: Api) -> None:
    bot = BinanceApi(api)
    told = await bot.post(OCO, **SELL, listClientOrderId="list")
    told.pop("orderReports")
    assert await bot.get(LIST, orderListId=told["orderListId"]) == told
    assert await bot.get(LIST, origClientOrderId="list") == told
    assert await bot.get(OPEN_LISTS) == await bot.get(ALL_LISTS) == [told]
    await bot.delete(LIST, symbol="BTCUSDT", listClientOrderId="list")
    done = await bot.get(LIST, orderListId=told["orderListId"])
    assert (done["listStatusType"], done["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert await bot.get(OPEN_LISTS) == []
    second = await bot.post(OCO, **SELL)
    assert [each["orderListId"] for each in await bot.get(ALL_LISTS)] == [told["orderListId"], second["orderListId"]]
    assert [each["orderListId"] for each in await bot.get(ALL_LISTS, fromId=second["orderListId"])] == [
        second["orderListId"]
    ]
    assert [each["orderListId"] for each in await bot.get(ALL_LISTS, limit=1)] == [second["orderListId"]]


@with_exchange()
async def test_canceling_a_list_or_one_of_its_orders_cancels_both(api: Api) -> None:
    bot = BinanceApi(api)
    told = await bot.post(OCO, **SELL, aboveClientOrderId="above")
    canceled = await bot.delete(LIST, symbol="BTCUSDT", orderListId=told["orderListId"], newClientOrderId="cancel")
    assert set(canceled) == LIST_KEYS | {"orderReports"}
    assert canceled["listOrderStatus"] == "ALL_DONE"
    assert [report["status"] for report in canceled["orderReports"]] == ["CANCELED", "CANCELED"]
    assert [report["clientOrderId"] for report in canceled["orderReports"]] == ["cancel", "cancel"]
    assert canceled["orderReports"][0]["origClientOrderId"] == "above"
    unknown = {"code": -2011, "msg": "Unknown order sent."}
    assert await bot.delete(LIST, 400, symbol="BTCUSDT", orderListId=told["orderListId"]) == unknown
    first, second = (await bot.post(OCO, **SELL))["orders"]
    assert (await bot.delete("/api/v3/order", symbol="BTCUSDT", orderId=second["orderId"]))["status"] == "CANCELED"
    for leg in (first, second):
        shown = await bot.get("/api/v3/order", symbol="BTCUSDT", orderId=leg["orderId"])
        assert shown["status"] == "CANCELED"


@with_exchange()
async def test_the_other_order_expires_when_one_trades(api: Api) -> None:
    bot = BinanceApi(api)
    first, second = (await bot.post(OCO, **SELL | {"abovePrice": "60500"}))["orders"]
    api.exchange.feeds["BTC/USDT"].show([(6_060_000, 100_000)], [(6_070_000, 100_000)])
    ids = [{"symbol": "BTCUSDT", "orderId": leg["orderId"]} for leg in (first, second)]
    await eventually(lambda: bool(api.exchange.bus.payloads("account.1.fills")))
    assert [(await bot.get("/api/v3/order", **leg))["status"] for leg in ids] == ["FILLED", "EXPIRED"]
    trade = (await bot.get("/api/v3/myTrades", symbol="BTCUSDT"))[0]
    assert (trade["orderListId"], trade["orderId"]) == (first["orderId"], first["orderId"])


@pytest.mark.parametrize(("extra", "stop_type"), [({}, "STOP_LOSS"), ({"stopLimitPrice": "71000"}, "STOP_LOSS_LIMIT")])
@with_exchange()
async def test_the_old_way_to_ask_for_a_list_still_works(api: Api, extra: dict[str, str], stop_type: str) -> None:
    bot = BinanceApi(api)
    if extra:
        extra = extra | {"stopLimitTimeInForce": "GTC"}
    asked = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1", "price": "50000", "stopPrice": "70000"}
    told = await bot.post(OLD_OCO, **asked | extra, stopClientOrderId="stop", limitClientOrderId="limit")
    stop, limit = told["orderReports"]
    assert (stop["type"], stop["clientOrderId"], stop["stopPrice"]) == (stop_type, "stop", "70000.00000000")
    assert (limit["type"], limit["clientOrderId"], limit["price"]) == ("LIMIT_MAKER", "limit", "50000.00000000")


WRONG_PRICES = "The relationship of the prices for the orders is not correct."


@with_exchange()
async def test_orders_that_do_not_go_together_are_refused(api: Api) -> None:
    bot = BinanceApi(api)
    for changes, code, text in (
        ({"abovePrice": "40000"}, -2010, WRONG_PRICES),
        ({"side": "BUY"}, -2010, WRONG_PRICES),
        ({"abovePrice": "59999.90"}, -2010, "Order would immediately match and take."),
        ({"aboveType": "LIMIT"}, -1130, "Data sent for parameter 'aboveType' is not valid."),
        ({"aboveTimeInForce": "GTC"}, -1106, "Parameter 'aboveTimeInForce' sent when not required."),
        ({"aboveStopPrice": "70000"}, -1106, "Parameter 'aboveStopPrice' sent when not required."),
        ({"belowTrailingDelta": "10"}, -2010, "Trailing stop orders are not supported for this symbol."),
        ({"quantity": "11"}, -2010, "Account has insufficient balance for requested action."),
        ({"aboveClientOrderId": "x", "belowClientOrderId": "x"}, -2010, "Duplicate order sent."),
    ):
        assert await bot.post(OCO, 400, **SELL | changes) == {"code": code, "msg": text}, changes
    both = {"belowType": "LIMIT_MAKER", "belowPrice": "49000"}
    legs = {name: value for name, value in SELL.items() if not name.startswith("below")} | both
    assert (await bot.post(OCO, 400, **legs))["msg"] == "At least one OCO order must be contingent."
    assert await bot.get("/api/v3/openOrders") == []
    none = {"code": -2013, "msg": "Order does not exist."}
    for asked in ({"orderListId": 0}, {"orderListId": 4_096}, {"origClientOrderId": "none"}):
        assert await bot.get(LIST, 400, **asked) == none
