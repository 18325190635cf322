"""Orders placed, queried and canceled in Binance's dialect, against a whole exchange in this process."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from gateway.binance.catalogue import BY_NAME, OPERATIONS
from gateway.binance.errors import BinanceError
from gateway.binance.operation import Inquiry
from gateway.binance.parameters import Parameters
from tests.support.binance_api import BinanceApi, now_ms
from tests.support.local_exchange import DEMO_KEY, Api, with_exchange

ORDER = "/api/v3/order"
OPEN = "/api/v3/openOrders"

TERMS = {
    "symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty", "executedQty", "origQuoteOrderQty",
    "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "selfTradePreventionMode",
}  # fmt: skip
QUERIED = TERMS | {"stopPrice", "icebergQty", "time", "updateTime", "isWorking", "workingTime"}
PLACED = TERMS | {"transactTime", "workingTime"}
ACK = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
CANCELED = TERMS | {"origClientOrderId", "transactTime"}
ZERO = "0.00000000"

LIMIT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "50000",
}
MARKET: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
STOP: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_LOSS_LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "49000",
    "stopPrice": "50000",
}


def without(order: dict[str, Any], *names: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in order.items() if name not in names} | changes


def fill(price: str, quantity: str, commission: str, trade_id: int) -> dict[str, Any]:
    return {
        "price": price,
        "qty": quantity,
        "commission": commission,
        "commissionAsset": "BTC",
        "tradeId": trade_id,
    }


async def refused(bot: BinanceApi, method: str, path: str, status: int = 400, /, **parameters: Any) -> tuple[int, str]:
    body = await bot.ask(method, path, status, **parameters)
    assert set(body) == {"code", "msg"}
    return body["code"], body["msg"]


@with_exchange()
async def test_an_order_tells_the_strategy_that_it_was_given(api: Api) -> None:
    bot, mine = BinanceApi(api), {"strategyId": 37, "strategyType": 1_000_000}
    told = await bot.post(ORDER, **LIMIT, **mine, newOrderRespType="RESULT")
    assert set(told) == PLACED | set(mine)
    named = {"symbol": "BTCUSDT", "orderId": told["orderId"]}
    for shown in (told, await bot.get(ORDER, **named), (await bot.get(OPEN))[0], await bot.delete(ORDER, **named)):
        assert {name: shown[name] for name in mine} == mine
    by_id = await bot.post(ORDER, **LIMIT, strategyId=0)
    assert by_id["strategyId"] == 0
    assert "strategyType" not in by_id
    assert "strategyId" not in await bot.post(ORDER, **LIMIT, strategyType=2_000_000)
    not_valid = (-1130, "Data sent for parameter 'strategyType' is not valid.")
    assert await refused(bot, "POST", ORDER, **LIMIT, strategyType=999_999) == not_valid
    assert (await refused(bot, "POST", ORDER, **LIMIT, strategyId="x"))[0] == -1100


@with_exchange()
async def test_what_an_order_cannot_be_given_is_refused_and_nothing_placed(api: Api) -> None:
    bot = BinanceApi(api)
    unread = "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."
    assert await refused(bot, "POST", ORDER, **LIMIT, timeInforce="GTC") == (-1104, unread)
    assert (await refused(bot, "DELETE", OPEN, symbol="BTCUSDT", side="BUY"))[0] == -1104
    assert await bot.get(OPEN) == []
    assert (await bot.public("/api/v3/time", 400, now=1))[
        "msg"
    ] == "Too many parameters; expected '0' and received '1'."
    assert (await bot.public("/api/v3/klines", 400, symbol="BTCUSDT", interval="1m", since=1))["code"] == -1104
    # A clock that a client sends along harms nobody.
    assert await bot.public("/api/v3/ping", timestamp=1, recvWindow=5_000) == {}
    assert await bot.get("/sapi/v1/capital/deposit/hisrec", coin="USDT", anything="x") == []


@with_exchange()
async def test_a_market_buy_is_told_in_full_with_its_trades(api: Api) -> None:
    bot, before = BinanceApi(api), now_ms()
    told = await bot.post(ORDER, **without(MARKET, quantity="1.5"))
    assert set(told) == PLACED | {"fills"}
    assert before <= told.pop("workingTime") <= told["transactTime"] <= now_ms()
    assert re.fullmatch("[a-zA-Z0-9_-]{22}", told.pop("clientOrderId"))
    assert told.pop("transactTime")
    assert told == {
        "symbol": "BTCUSDT",
        "orderId": 1024,
        "orderListId": -1,
        "price": ZERO,
        "origQty": "1.50000000",
        "executedQty": "1.50000000",
        "origQuoteOrderQty": ZERO,
        "cummulativeQuoteQty": "90000.50000000",
        "status": "FILLED",
        "timeInForce": "GTC",
        "type": "MARKET",
        "side": "BUY",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "fills": [
            fill("60000.00000000", "1.00000000", "0.00200000", 1),
            fill("60001.00000000", "0.50000000", "0.00100000", 2),
        ],
    }


@with_exchange()
async def test_an_order_by_quote_amount_has_the_quantity_it_came_to(api: Api) -> None:
    bot = BinanceApi(api)
    bought = await bot.post(ORDER, **without(MARKET, "quantity", quoteOrderQty="600"))
    assert (bought["origQty"], bought["executedQty"], bought["origQuoteOrderQty"]) == (
        "0.01000000",
        "0.01000000",
        "600.00000000",
    )
    sold = await bot.post(ORDER, **without(MARKET, "quantity", side="SELL", quoteOrderQty="600"))
    assert (sold["executedQty"], sold["cummulativeQuoteQty"], sold["status"]) == (
        "0.01000000",
        "599.99900000",
        "FILLED",
    )
    assert sold["fills"][0]["commissionAsset"] == "USDT"


@with_exchange()
async def test_each_response_type_tells_as_much_as_it_should(api: Api) -> None:
    bot = BinanceApi(api)
    for asked, keys in (("ACK", ACK), ("RESULT", PLACED), ("FULL", PLACED | {"fills"})):
        assert set(await bot.post(ORDER, **LIMIT, newOrderRespType=asked)) == keys
        stop = await bot.post(ORDER, **STOP, newOrderRespType=asked)
        assert set(stop) == keys | (set() if asked == "ACK" else {"stopPrice"})
    # Of itself, a limit or market order is told in full, any other by its ids.
    assert set(await bot.post(ORDER, **LIMIT)) == PLACED | {"fills"}
    assert set(await bot.post(ORDER, **STOP)) == ACK
    assert set(await bot.post(ORDER, **without(LIMIT, "timeInForce", type="LIMIT_MAKER"))) == ACK


@with_exchange()
async def test_an_open_order_is_queried_by_either_id(api: Api) -> None:
    bot = BinanceApi(api)
    placed = await bot.post(ORDER, **LIMIT, newClientOrderId="x-1", selfTradePreventionMode="NONE")
    told = await bot.get(ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert set(told) == QUERIED
    assert told == await bot.get(ORDER, symbol="BTCUSDT", origClientOrderId="x-1")
    assert told == (await bot.get(OPEN, symbol="BTCUSDT"))[0] == (await bot.get(OPEN))[0]
    assert (told["clientOrderId"], told["status"], told["type"]) == ("x-1", "NEW", "LIMIT")
    assert (told["price"], told["origQty"], told["executedQty"]) == ("50000.00000000", "0.10000000", ZERO)
    assert (told["stopPrice"], told["icebergQty"], told["isWorking"]) == (ZERO, ZERO, True)
    assert told["time"] == told["workingTime"] == placed["workingTime"]
    assert told["selfTradePreventionMode"] == "NONE"
    assert await bot.get(OPEN, symbol="ETHUSDT") == []


@with_exchange()
async def test_a_stop_order_does_not_work_until_it_is_triggered(api: Api) -> None:
    bot = BinanceApi(api)
    placed = await bot.post(ORDER, **STOP, newOrderRespType="RESULT")
    assert (placed["workingTime"], placed["stopPrice"], placed["status"]) == (-1, "50000.00000000", "NEW")
    told = await bot.get(ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert (told["isWorking"], told["workingTime"], told["type"]) == (False, -1, "STOP_LOSS_LIMIT")


@with_exchange()
async def test_what_cannot_be_filled_at_once_expires(api: Api) -> None:
    bot = BinanceApi(api)
    killed = await bot.post(ORDER, **without(LIMIT, timeInForce="FOK"))
    assert (killed["status"], killed["fills"], killed["timeInForce"]) == ("EXPIRED", [], "FOK")
    rest = await bot.post(ORDER, **without(LIMIT, timeInForce="IOC", price="60000", quantity="1.5"))
    assert (rest["status"], rest["executedQty"]) == ("EXPIRED", "1.00000000")
    assert (await bot.get(ORDER, symbol="BTCUSDT", orderId=killed["orderId"]))["status"] == "EXPIRED"
    assert (await bot.get(ORDER, symbol="BTCUSDT", orderId=rest["orderId"]))["status"] == "EXPIRED"


@with_exchange()
async def test_an_order_that_meets_its_own_account_expires_in_match(api: Api) -> None:
    bot = BinanceApi(api)
    gold = {"symbol": "GOLDUSDT", "timeInForce": "GTC", "type": "LIMIT", "quantity": "1", "price": "100"}
    await api.admin.patch("/admin/balance/GOLD", {"free": "5"})
    resting = await bot.post(ORDER, **gold, side="BUY")
    taking = await bot.post(ORDER, **gold, side="SELL", selfTradePreventionMode="EXPIRE_TAKER")
    assert (taking["status"], taking["executedQty"]) == ("EXPIRED_IN_MATCH", ZERO)
    assert (await bot.get(ORDER, symbol="GOLDUSDT", orderId=resting["orderId"]))["status"] == "NEW"
    taking = await bot.post(ORDER, **gold, side="SELL")
    assert taking["status"] == "NEW"
    expired = await bot.get(ORDER, symbol="GOLDUSDT", orderId=resting["orderId"])
    assert (expired["status"], expired["executedQty"]) == ("EXPIRED_IN_MATCH", ZERO)


MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
UNNEEDED = "Parameter '{}' sent when not required."
WOULD_TAKE = "Order would immediately match and take."
NOT_VALID = "Data sent for parameter '{}' is not valid."
INSUFFICIENT = "Account has insufficient balance for requested action."

BAD_ORDERS = [
    (without(LIMIT, "symbol"), -1102, MISSING.format("symbol")),
    (without(LIMIT, "side"), -1102, MISSING.format("side")),
    (without(LIMIT, "type"), -1102, MISSING.format("type")),
    (without(LIMIT, "timeInForce"), -1102, MISSING.format("timeInForce")),
    (without(LIMIT, "price"), -1102, MISSING.format("price")),
    (without(LIMIT, "quantity"), -1102, MISSING.format("quantity")),
    (without(STOP, "stopPrice"), -1102, MISSING.format("stopPrice")),
    (without(MARKET, "quantity"), -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
    (without(LIMIT, symbol="NOPE"), -1121, "Invalid symbol."),
    (without(LIMIT, side="HOLD"), -1117, "Invalid side."),
    (without(LIMIT, type="ICEBERG"), -1116, "Invalid orderType."),
    (without(LIMIT, timeInForce="GTX"), -1115, "Invalid timeInForce."),
    (without(LIMIT, stopPrice="49000"), -1106, UNNEEDED.format("stopPrice")),
    (without(LIMIT, quoteOrderQty="100"), -1106, UNNEEDED.format("quoteOrderQty")),
    (without(LIMIT, type="LIMIT_MAKER"), -1106, UNNEEDED.format("timeInForce")),
    (without(MARKET, timeInForce="IOC"), -1106, UNNEEDED.format("timeInForce")),
    (without(MARKET, price="50000"), -1106, UNNEEDED.format("price")),
    (without(MARKET, quoteOrderQty="100"), -1128, "Combination of optional parameters invalid."),
    (without(LIMIT, quantity="0.1234567891"), -1111, "Parameter 'quantity' has too much precision."),
    (without(LIMIT, price="50000.1234567891"), -1111, "Parameter 'price' has too much precision."),
    (without(LIMIT, quantity="0.100001"), -1013, "Filter failure: LOT_SIZE"),
    (without(LIMIT, quantity="0"), -1013, "Filter failure: LOT_SIZE"),
    (without(LIMIT, price="50000.001"), -1013, "Filter failure: PRICE_FILTER"),
    (without(LIMIT, price="0"), -1013, "Filter failure: PRICE_FILTER"),
    (without(LIMIT, quantity="0.00001"), -2010, "Filter failure: NOTIONAL"),
    (without(LIMIT, quantity="5"), -2010, INSUFFICIENT),
    (without(MARKET, quantity="5"), -2010, INSUFFICIENT),
    (without(LIMIT, "timeInForce", type="LIMIT_MAKER", price="60000"), -2010, WOULD_TAKE),
    (without(STOP, type="TAKE_PROFIT_LIMIT"), -2010, "Stop price would trigger immediately."),
    (without(LIMIT, icebergQty="0.05"), -2010, "Iceberg orders are not supported for this symbol."),
    (without(STOP, trailingDelta="100"), -2010, "Trailing stop orders are not supported for this symbol."),
    (
        without(LIMIT, newClientOrderId="has space"),
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_.:/]{1,36}$'.",
    ),
    (without(LIMIT, newClientOrderId="x" * 37), -1100, None),
    (without(LIMIT, selfTradePreventionMode="MAYBE"), -1130, NOT_VALID.format("selfTradePreventionMode")),
    (without(LIMIT, newOrderRespType="SOME"), -1130, NOT_VALID.format("newOrderRespType")),
]  # fmt: skip


@with_exchange()
async def test_an_order_that_cannot_be_is_refused_in_binances_words(api: Api) -> None:
    bot = BinanceApi(api)
    # A last price, which what is triggered at once would need.
    await bot.post(ORDER, **without(MARKET, quantity="0.001"))
    for asked, code, text in BAD_ORDERS:
        told = await refused(bot, "POST", ORDER, **asked)
        assert told == (code, told[1] if text is None else text), asked
    assert await bot.get(OPEN) == []


@with_exchange()
async def test_a_client_id_can_be_used_again_once_its_order_is_closed(api: Api) -> None:
    bot = BinanceApi(api)
    first = await bot.post(ORDER, **LIMIT, newClientOrderId="x-1")
    assert await refused(bot, "POST", ORDER, **LIMIT, newClientOrderId="x-1") == (-2010, "Duplicate order sent.")
    assert [order["orderId"] for order in await bot.get(OPEN)] == [first["orderId"]]
    await bot.delete(ORDER, symbol="BTCUSDT", origClientOrderId="x-1")
    again = await bot.post(ORDER, **LIMIT, newClientOrderId="x-1")
    assert again["orderId"] > first["orderId"]
    told = await bot.get(ORDER, symbol="BTCUSDT", origClientOrderId="x-1")
    assert (told["orderId"], told["status"]) == (again["orderId"], "NEW")


@with_exchange()
async def test_a_test_order_is_checked_and_not_placed(api: Api) -> None:
    bot = BinanceApi(api)
    assert await bot.post(f"{ORDER}/test", **LIMIT) == {}
    told = await bot.post(f"{ORDER}/test", **MARKET, computeCommissionRates="true")
    assert told["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00200000"}
    assert set(told) == {
        "standardCommissionForOrder",
        "specialCommissionForOrder",
        "taxCommissionForOrder",
        "discount",
    }
    off_step = without(LIMIT, quantity="0.100001")
    assert await refused(bot, "POST", f"{ORDER}/test", **off_step) == (-1013, "Filter failure: LOT_SIZE")
    assert await bot.get("/api/v3/allOrders", symbol="BTCUSDT") == []


@with_exchange()
async def test_a_canceled_order_is_told_with_both_client_ids(api: Api) -> None:
    bot = BinanceApi(api)
    placed = await bot.post(ORDER, **LIMIT, newClientOrderId="x-1")
    told = await bot.delete(ORDER, symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="cancel-1")
    assert set(told) == CANCELED
    assert (told["origClientOrderId"], told["clientOrderId"], told["status"]) == ("x-1", "cancel-1", "CANCELED")
    after = await bot.get(ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert (after["clientOrderId"], after["status"]) == ("x-1", "CANCELED")


@with_exchange()
async def test_what_is_no_open_order_of_the_account_cannot_be_canceled(api: Api) -> None:
    bot, unknown = BinanceApi(api), (-2011, "Unknown order sent.")
    placed = await bot.post(ORDER, **LIMIT, newClientOrderId="x-1")
    made = await api.admin.post("/accounts", {"name": "other"}, 201)
    other = BinanceApi(api, made["api_key"], made["api_secret"])
    order_id = placed["orderId"]
    assert await refused(other, "DELETE", ORDER, symbol="BTCUSDT", orderId=order_id) == unknown
    assert await refused(other, "DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="x-1") == unknown
    assert await refused(bot, "DELETE", ORDER, symbol="ETHUSDT", orderId=order_id) == unknown
    assert await refused(bot, "DELETE", ORDER, symbol="BTCUSDT", orderId=order_id + 1024) == unknown
    both = {"symbol": "BTCUSDT", "orderId": order_id, "origClientOrderId": "x-2"}
    assert await refused(bot, "DELETE", ORDER, **both) == unknown
    neither = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
    assert await refused(bot, "DELETE", ORDER, symbol="BTCUSDT") == (-1102, neither)
    await bot.delete(ORDER, symbol="BTCUSDT", orderId=order_id)
    assert await refused(bot, "DELETE", ORDER, symbol="BTCUSDT", orderId=order_id) == unknown


@with_exchange()
async def test_what_does_not_exist_for_the_account_cannot_be_queried(api: Api) -> None:
    bot, none = BinanceApi(api), (-2013, "Order does not exist.")
    placed = await bot.post(ORDER, **LIMIT)
    made = await api.admin.post("/accounts", {"name": "other"}, 201)
    other = BinanceApi(api, made["api_key"], made["api_secret"])
    assert await refused(other, "GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"]) == none
    for wrong in (1, 0, 2**53, 2**63 - 1, placed["orderId"] + 1024):
        assert await refused(bot, "GET", ORDER, symbol="BTCUSDT", orderId=wrong) == none
    assert await refused(bot, "GET", ORDER, symbol="ETHUSDT", orderId=placed["orderId"]) == none
    assert await refused(bot, "GET", ORDER, symbol="BTCUSDT", origClientOrderId="no") == none


@pytest.mark.parametrize("restriction", ["ONLY_NEW", "ONLY_PARTIALLY_FILLED"])
@with_exchange()
async def test_a_restricted_cancel_spares_an_order_in_another_state(api: Api, restriction: str) -> None:
    bot = BinanceApi(api)
    resting = await bot.post(ORDER, **LIMIT)
    partial = await bot.post(ORDER, **without(LIMIT, side="SELL", price="59999.90", quantity="3"))
    assert partial["status"] == "PARTIALLY_FILLED"
    chosen, spared = (resting, partial) if restriction == "ONLY_NEW" else (partial, resting)
    asked = {"symbol": "BTCUSDT", "cancelRestrictions": restriction}
    text = "Order was not canceled due to cancel restrictions."
    assert await refused(bot, "DELETE", ORDER, **asked, orderId=spared["orderId"]) == (-2011, text)
    assert (await bot.delete(ORDER, **asked, orderId=chosen["orderId"]))["status"] == "CANCELED"
    asked["cancelRestrictions"] = "ONLY_OLD"
    bad = "Data sent for parameter 'cancelRestrictions' is not valid."
    assert await refused(bot, "DELETE", ORDER, **asked, orderId=spared["orderId"]) == (-1130, bad)


@with_exchange()
async def test_all_open_orders_of_a_symbol_are_canceled_lists_as_such(api: Api) -> None:
    bot = BinanceApi(api)
    single = await bot.post(ORDER, **LIMIT)
    eth = await bot.post(ORDER, **without(LIMIT, symbol="ETHUSDT", price="2000"))
    oco = await bot.post(
        "/api/v3/order/oco", symbol="BTCUSDT", side="SELL", quantity="0.1", price="70000", stopPrice="40000"
    )
    first, second = await bot.delete(OPEN, symbol="BTCUSDT")
    assert set(first) == CANCELED
    assert (first["orderId"], first["status"]) == (single["orderId"], "CANCELED")
    assert (second["orderListId"], second["listStatusType"]) == (oco["orderListId"], "ALL_DONE")
    assert [report["status"] for report in second["orderReports"]] == ["CANCELED", "CANCELED"]
    assert [order["orderId"] for order in await bot.get(OPEN)] == [eth["orderId"]]
    assert await refused(bot, "DELETE", OPEN, symbol="BTCUSDT") == (-2011, "Unknown order sent.")


@with_exchange()
async def test_an_operation_is_the_same_however_it_comes_in(api: Api) -> None:
    bot, gateway = BinanceApi(api), api.app.state["gateway"]
    caller = await gateway.auth.authenticate(DEMO_KEY)

    async def by_name(name: str, **parameters: Any) -> Any:
        return await BY_NAME[name].handle(Inquiry(gateway, Parameters.of_json(parameters), caller))

    # The WebSocket API takes numbers where REST has texts.
    numbers = LIMIT | {"quantity": Decimal("0.1"), "price": 50_000}
    placed = await by_name("order.place", **numbers, newClientOrderId="x-1")
    assert set(placed) == PLACED | {"fills"}
    assert (placed["price"], placed["origQty"]) == ("50000.00000000", "0.10000000")
    order_id = placed["orderId"]
    told = await by_name("order.status", symbol="BTCUSDT", orderId=order_id)
    assert told == await bot.get(ORDER, symbol="BTCUSDT", orderId=order_id)
    assert await by_name("openOrders.status") == await bot.get(OPEN) == [told]
    assert await by_name("allOrders", symbol="BTCUSDT") == [told]
    assert (await by_name("order.cancel", symbol="BTCUSDT", orderId=order_id))["status"] == "CANCELED"
    with pytest.raises(BinanceError, match="Unknown order sent"):
        await by_name("order.cancel", symbol="BTCUSDT", orderId=order_id)


def test_every_request_of_trading_has_its_name_and_its_path() -> None:
    named = {
        operation.name: f"{operation.method} {operation.path.removeprefix('/api/v3/')}" for operation in OPERATIONS
    }
    assert (
        named.items()
        >= {
            "order.place": "POST order",
            "order.test": "POST order/test",
            "order.status": "GET order",
            "order.cancel": "DELETE order",
            "order.cancelReplace": "POST order/cancelReplace",
            "order.amend.keepPriority": "PUT order/amend/keepPriority",
            "order.amendments": "GET order/amendments",
            "openOrders.status": "GET openOrders",
            "openOrders.cancelAll": "DELETE openOrders",
            "orderList.place": "POST order/oco",
            "orderList.place.oco": "POST orderList/oco",
            "orderList.status": "GET orderList",
            "orderList.cancel": "DELETE orderList",
            "openOrderLists.status": "GET openOrderList",
            "allOrders": "GET allOrders",
            "allOrderLists": "GET allOrderList",
            "myTrades": "GET myTrades",
            "myPreventedMatches": "GET myPreventedMatches",
            "account.status": "GET account",
            "account.commission": "GET account/commission",
            "account.rateLimits.orders": "GET rateLimit/order",
        }.items()
    )
    assert len({(operation.method, operation.path) for operation in OPERATIONS if operation.path}) == len(
        [operation for operation in OPERATIONS if operation.path]
    )
