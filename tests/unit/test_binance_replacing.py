"""Orders replaced and amended in Binance's dialect, and what is told where only half of it could be done."""

from __future__ import annotations

from typing import Any

from tests.support.binance_api import BinanceApi
from tests.support.local_exchange import Api, with_exchange

ORDER = "/api/v3/order"
REPLACE = "/api/v3/order/cancelReplace"
AMEND = "/api/v3/order/amend/keepPriority"
AMENDMENTS = "/api/v3/order/amendments"

LIMIT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "50000",
}
STOP_ON_FAILURE = {"cancelReplaceMode": "STOP_ON_FAILURE"}
ALLOW_FAILURE = {"cancelReplaceMode": "ALLOW_FAILURE"}
GONE = {"code": -2011, "msg": "Unknown order sent."}
TOO_POOR = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
WOULD_TAKE = {"code": -2010, "msg": "Order would immediately match and take."}


def maker(price: str) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.1", "price": price}


async def statuses(bot: BinanceApi, *order_ids: int) -> list[str]:
    return [(await bot.get(ORDER, symbol="BTCUSDT", orderId=order_id))["status"] for order_id in order_ids]


@with_exchange()
async def test_an_order_is_replaced_with_the_money_of_the_old(api: Api) -> None:
    bot = BinanceApi(api)
    old = await bot.post(ORDER, **LIMIT | {"quantity": "1.9"}, newClientOrderId="old")
    told = await bot.post(
        REPLACE,
        **LIMIT | {"quantity": "1.8", "price": "51000"} | STOP_ON_FAILURE,
        cancelOrderId=old["orderId"],
        cancelNewClientOrderId="cancel",
        newClientOrderId="new",
    )
    assert set(told) == {"cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"}
    assert (told["cancelResult"], told["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    canceled, new = told["cancelResponse"], told["newOrderResponse"]
    assert (canceled["origClientOrderId"], canceled["clientOrderId"]) == ("old", "cancel")
    assert (canceled["orderId"], canceled["status"]) == (old["orderId"], "CANCELED")
    assert (new["clientOrderId"], new["status"], new["price"]) == ("new", "NEW", "51000.00000000")
    assert new["fills"] == []
    assert await statuses(bot, old["orderId"], new["orderId"]) == ["CANCELED", "NEW"]


@with_exchange()
async def test_nothing_is_placed_where_nothing_was_canceled_unless_that_is_allowed(api: Api) -> None:
    bot = BinanceApi(api)
    told = await bot.post(REPLACE, 400, **LIMIT | STOP_ON_FAILURE, cancelOrigClientOrderId="none")
    assert told == GONE | {
        "data": {
            "cancelResult": "FAILURE",
            "newOrderResult": "NOT_ATTEMPTED",
            "cancelResponse": GONE,
            "newOrderResponse": None,
        }
    }
    assert await bot.get("/api/v3/openOrders") == []
    told = await bot.post(REPLACE, 409, **LIMIT | ALLOW_FAILURE, cancelOrigClientOrderId="none")
    new = told["data"].pop("newOrderResponse")
    assert told == GONE | {"data": {"cancelResult": "FAILURE", "newOrderResult": "SUCCESS", "cancelResponse": GONE}}
    assert await statuses(bot, new["orderId"]) == ["NEW"]
    told = await bot.post(REPLACE, 400, **maker("60000") | ALLOW_FAILURE, cancelOrigClientOrderId="none")
    assert told == GONE | {
        "data": {
            "cancelResult": "FAILURE",
            "newOrderResult": "FAILURE",
            "cancelResponse": GONE,
            "newOrderResponse": WOULD_TAKE,
        }
    }


@with_exchange()
async def test_an_order_stays_where_the_new_one_would_be_refused(api: Api) -> None:
    bot = BinanceApi(api)
    old = await bot.post(ORDER, **LIMIT)
    for mode in (STOP_ON_FAILURE, ALLOW_FAILURE):
        told = await bot.post(REPLACE, 400, **maker("60000") | mode, cancelOrderId=old["orderId"])
        assert told == WOULD_TAKE | {
            "data": {
                "cancelResult": "NOT_ATTEMPTED",
                "newOrderResult": "FAILURE",
                "cancelResponse": None,
                "newOrderResponse": WOULD_TAKE,
            }
        }
    told = await bot.post(REPLACE, 400, **LIMIT | STOP_ON_FAILURE | {"quantity": "5"}, cancelOrderId=old["orderId"])
    assert told == TOO_POOR | {
        "data": {
            "cancelResult": "NOT_ATTEMPTED",
            "newOrderResult": "FAILURE",
            "cancelResponse": None,
            "newOrderResponse": TOO_POOR,
        }
    }
    told = await bot.post(REPLACE, 400, **LIMIT | STOP_ON_FAILURE | {"price": "0.001"}, cancelOrderId=old["orderId"])
    assert told == {"code": -1013, "msg": "Filter failure: PRICE_FILTER"}
    assert await statuses(bot, old["orderId"]) == ["NEW"]


@with_exchange()
async def test_a_replacement_needs_a_mode_and_the_name_of_an_order(api: Api) -> None:
    bot = BinanceApi(api)
    told = await bot.post(REPLACE, 400, **LIMIT, cancelOrderId=1024)
    assert told["msg"] == "Mandatory parameter 'cancelReplaceMode' was not sent, was empty/null, or malformed."
    told = await bot.post(REPLACE, 400, **LIMIT | STOP_ON_FAILURE, cancelOrderId=1, orderRateLimitExceededMode="X")
    assert told["msg"] == "Data sent for parameter 'orderRateLimitExceededMode' is not valid."
    told = await bot.post(REPLACE, 400, **LIMIT | STOP_ON_FAILURE)
    neither = "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!"
    assert told == {"code": -1102, "msg": neither}
    old = await bot.post(ORDER, **LIMIT)
    told = await bot.post(
        REPLACE,
        400,
        **LIMIT | STOP_ON_FAILURE,
        cancelOrderId=old["orderId"],
        cancelRestrictions="ONLY_PARTIALLY_FILLED",
    )
    assert told["data"]["cancelResponse"]["msg"] == "Order was not canceled due to cancel restrictions."
    assert await statuses(bot, old["orderId"]) == ["NEW"]


@with_exchange()
async def test_an_amended_order_keeps_its_id_and_remembers_what_it_was(api: Api) -> None:
    bot = BinanceApi(api)
    order_id = (await bot.post(ORDER, **LIMIT, newClientOrderId="first"))["orderId"]
    told = await bot.put(AMEND, symbol="BTCUSDT", orderId=order_id, newQty="0.08", newClientOrderId="second")
    assert set(told) == {"transactTime", "executionId", "amendedOrder"}
    amended = told["amendedOrder"]
    assert set(amended) == {
        "symbol", "orderId", "orderListId", "origClientOrderId", "clientOrderId", "price", "qty", "executedQty",
        "preventedQty", "quoteOrderQty", "cumulativeQuoteQty", "status", "timeInForce", "type", "side",
        "workingTime", "selfTradePreventionMode",
    }  # fmt: skip
    assert (amended["orderId"], amended["qty"]) == (order_id, "0.08000000")
    assert (amended["origClientOrderId"], amended["clientOrderId"]) == ("first", "second")
    again = await bot.put(AMEND, symbol="BTCUSDT", origClientOrderId="second", newQty="0.05")
    third = again["amendedOrder"]["clientOrderId"]
    assert len(third) == 22
    first, second = await bot.get(AMENDMENTS, symbol="BTCUSDT", orderId=order_id)
    assert first == {
        "symbol": "BTCUSDT",
        "orderId": order_id,
        "executionId": told["executionId"],
        "origClientOrderId": "first",
        "newClientOrderId": "second",
        "origQty": "0.10000000",
        "newQty": "0.08000000",
        "time": told["transactTime"],
    }
    assert (second["origClientOrderId"], second["newClientOrderId"]) == ("second", third)
    assert (second["origQty"], second["newQty"]) == ("0.08000000", "0.05000000")
    later = {"fromExecutionId": second["executionId"]}
    assert await bot.get(AMENDMENTS, symbol="BTCUSDT", orderId=order_id, **later) == [second]
    assert (await bot.get("/api/v3/account"))["balances"][3]["locked"] == "2500.00000000"


@with_exchange()
async def test_a_quantity_is_only_ever_lowered(api: Api) -> None:
    bot = BinanceApi(api)
    order_id = (await bot.post(ORDER, **LIMIT))["orderId"]
    for quantity in ("0.1", "0.2"):
        told = await bot.put(AMEND, 400, symbol="BTCUSDT", orderId=order_id, newQty=quantity)
        assert told["code"] == -2010
    told = await bot.put(AMEND, 400, symbol="BTCUSDT", orderId=order_id)
    assert told["msg"] == "Mandatory parameter 'newQty' was not sent, was empty/null, or malformed."
    told = await bot.put(AMEND, 400, symbol="BTCUSDT", orderId=order_id + 1024, newQty="0.05")
    assert told == {"code": -2013, "msg": "Order does not exist."}
    assert await bot.get(AMENDMENTS, symbol="BTCUSDT", orderId=order_id) == []
