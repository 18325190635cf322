"""What an account is told of its orders and money, as events of Binance's user data stream."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.binance.user_events import account_position, balance_update, execution_report, is_fill_of, list_status
from mockexchange.messages.orders import Side
from mockexchange.views import AccountBalance, AccountFill, AccountOrder, OrderView
from tests.support.binance_api import BinanceApi
from tests.support.eventually import eventually
from tests.support.local_exchange import Api, HandFeed, with_exchange

ORDER = "/api/v3/order"
NOW_MS = 1_723_161_251_000
ZERO = "0.00000000"

LIMIT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "50000",
}


def orders_told(api: Api) -> list[AccountOrder]:
    return [msgspec.json.decode(each, type=AccountOrder) for each in api.exchange.bus.payloads("account.1.orders")]


def reports(api: Api) -> list[dict[str, Any]]:
    """Return the reports of all that the demo account was told, each trade with the fill that follows it."""
    fills = [msgspec.json.decode(each, type=AccountFill) for each in api.exchange.bus.payloads("account.1.fills")]
    by_number = {fill.number: fill.fill for fill in fills}
    told = orders_told(api)
    made = [execution_report(each, by_number[each.number + 1] if is_fill_of(each) else None, NOW_MS) for each in told]
    return [report for report in made if report is not None]


def brief(report: dict[str, Any]) -> tuple[str, str, str, str]:
    return report["x"], report["X"], report["l"], report["z"]


@with_exchange()
async def test_each_trade_of_an_order_is_reported_as_it_left_the_order(api: Api) -> None:
    bot = BinanceApi(api)
    order = await bot.post(ORDER, **LIMIT | {"quantity": "1.5", "price": "60001"}, newClientOrderId="x-1")
    new, first, second = reports(api)
    assert new == {
        "e": "executionReport",
        "E": NOW_MS,
        "s": "BTCUSDT",
        "c": "x-1",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "1.50000000",
        "p": "60001.00000000",
        "P": ZERO,
        "F": ZERO,
        "g": -1,
        "C": "",
        "x": "NEW",
        "X": "NEW",
        "r": "NONE",
        "i": order["orderId"],
        "l": ZERO,
        "z": ZERO,
        "L": ZERO,
        "n": "0",
        "N": None,
        "T": order["transactTime"],
        "t": -1,
        "I": new["I"],
        "w": True,
        "m": False,
        "M": False,
        "O": order["workingTime"],
        "Z": ZERO,
        "Y": ZERO,
        "Q": ZERO,
        "V": "EXPIRE_MAKER",
        "W": order["workingTime"],
    }
    assert brief(first) == ("TRADE", "PARTIALLY_FILLED", "1.00000000", "1.00000000")
    assert (first["L"], first["Y"], first["Z"]) == ("60000.00000000", "60000.00000000", "60000.00000000")
    assert (first["n"], first["N"], first["t"], first["m"]) == ("0.00200000", "BTC", 1, False)
    assert brief(second) == ("TRADE", "FILLED", "0.50000000", "1.50000000")
    assert (second["Z"], second["t"], second["w"]) == ("90000.50000000", 2, False)
    assert len({report["I"] for report in (new, first, second)}) == 3


@with_exchange()
async def test_how_an_order_ends_is_told_apart(api: Api) -> None:
    bot = BinanceApi(api)
    resting = await bot.post(ORDER, **LIMIT, newClientOrderId="x-1")
    await bot.delete(ORDER, symbol="BTCUSDT", orderId=resting["orderId"])
    assert brief(reports(api)[-1]) == ("CANCELED", "CANCELED", ZERO, ZERO)
    assert reports(api)[-1]["C"] == "x-1"
    await bot.post(ORDER, **LIMIT | {"timeInForce": "IOC"})
    assert [brief(report)[:2] for report in reports(api)[-2:]] == [("NEW", "NEW"), ("EXPIRED", "EXPIRED")]
    await bot.post(ORDER, **LIMIT | {"timeInForce": "FOK"})
    assert brief(reports(api)[-1])[:2] == ("EXPIRED", "EXPIRED")
    told = len(reports(api))
    maker = {name: value for name, value in LIMIT.items() if name != "timeInForce"}
    await bot.post(ORDER, 400, **maker | {"type": "LIMIT_MAKER", "price": "60000"})
    # The request was refused, and nothing else happened.
    assert len(orders_told(api)) == told + 1
    assert len(reports(api)) == told


@with_exchange()
async def test_an_amended_order_is_replaced_and_names_its_old_id(api: Api) -> None:
    bot = BinanceApi(api)
    order = await bot.post(ORDER, **LIMIT, newClientOrderId="first")
    amended = await bot.put(
        f"{ORDER}/amend/keepPriority",
        symbol="BTCUSDT",
        orderId=order["orderId"],
        newQty="0.05",
        newClientOrderId="second",
    )
    report = reports(api)[-1]
    assert brief(report)[:2] == ("REPLACED", "NEW")
    assert (report["C"], report["c"], report["q"]) == ("first", "second", "0.05000000")
    assert report["I"] == amended["executionId"]


def last_price_becomes(feed: HandFeed, price: int) -> None:
    feed.show([(price, 100_000)], [(price + 1_000, 100_000)])


@with_exchange()
async def test_a_stop_order_is_told_as_working_once_it_is_triggered(api: Api) -> None:
    bot, feed = BinanceApi(api), api.exchange.feeds["BTC/USDT"]
    stop = {"type": "STOP_LOSS_LIMIT", "side": "SELL", "stopPrice": "58000", "price": "59000"}
    await bot.post(ORDER, **LIMIT | stop)
    waiting = reports(api)[-1]
    assert brief(waiting)[:2] == ("NEW", "NEW")
    assert (waiting["w"], waiting["P"], "W" in waiting) == (False, "58000.00000000", False)
    last_price_becomes(feed, 5_800_000)
    feed.print(5_800_000, 1_000, Side.SELL)
    await eventually(lambda: len(reports(api)) == 2)
    working = reports(api)[-1]
    assert brief(working)[:2] == ("NEW", "NEW")
    assert (working["w"], working["W"] >= working["O"]) == (True, True)


@with_exchange()
async def test_a_list_is_told_at_its_start_and_when_it_is_done(api: Api) -> None:
    bot = BinanceApi(api)
    placed = await bot.post(
        "/api/v3/order/oco",
        symbol="BTCUSDT",
        side="SELL",
        quantity="0.1",
        price="70000",
        stopPrice="40000",
        listClientOrderId="list",
    )

    def legs() -> list[OrderView]:
        return [told.order for told in orders_told(api)][-2:]

    told = list_status(legs(), NOW_MS)
    assert told == {
        "e": "listStatus",
        "E": NOW_MS,
        "s": "BTCUSDT",
        "g": placed["orderListId"],
        "c": "OCO",
        "l": "EXEC_STARTED",
        "L": "EXECUTING",
        "r": "NONE",
        "C": "list",
        "T": placed["transactionTime"],
        "O": [{"s": "BTCUSDT", "i": leg["orderId"], "c": leg["clientOrderId"]} for leg in placed["orders"]],
    }
    await bot.delete("/api/v3/orderList", symbol="BTCUSDT", orderListId=placed["orderListId"])
    told = list_status(legs(), NOW_MS)
    assert (told["l"], told["L"]) == ("ALL_DONE", "ALL_DONE")
    assert [brief(report)[:2] for report in reports(api)[-2:]] == [("CANCELED", "CANCELED")] * 2
    assert reports(api)[-1]["g"] == placed["orderListId"]


@with_exchange()
async def test_balances_are_told_and_transfers_with_their_amount(api: Api) -> None:
    bot = BinanceApi(api)
    await bot.post(ORDER, **LIMIT)
    await api.post("/balance/USDT/deposit", {"amount": "25"})
    await api.post("/balance/USDT/withdrawal", {"amount": "5.5"})
    payloads = api.exchange.bus.payloads("account.1.balance")[-3:]
    held, deposited, withdrawn = (msgspec.json.decode(each, type=AccountBalance) for each in payloads)
    position = account_position(held, NOW_MS)
    assert position == {
        "e": "outboundAccountPosition",
        "E": NOW_MS,
        "u": held.time,
        "B": [{"a": "USDT", "f": "95000.00000000", "l": "5000.00000000"}],
    }
    assert balance_update(held, NOW_MS) is None
    assert balance_update(deposited, NOW_MS) == {
        "e": "balanceUpdate",
        "E": NOW_MS,
        "a": "USDT",
        "d": "25.00000000",
        "T": deposited.time,
    }
    assert (balance_update(withdrawn, NOW_MS) or {})["d"] == "-5.50000000"
