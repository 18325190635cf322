"""Conditional orders, amendments, replacements and lists over HTTP, against a whole exchange in this process."""

from __future__ import annotations

from typing import Any

from tests.support.local_exchange import Api, with_exchange

STOP = {"symbol": "BTC/USDT", "side": "sell", "type": "stop_loss_limit", "amount": "0.1", "stop_price": "55000",
        "limit_price": "54000"}  # fmt: skip
PROFIT = {"symbol": "BTC/USDT", "side": "sell", "type": "limit", "amount": "0.1", "limit_price": "65000"}


async def with_bitcoin(api: Api) -> None:
    assert (await api.place(amount="0.1"))["status"] == "filled"
    await api.post("/balance/BTC/deposit", {"amount": "0.0002"})


async def placed_list(api: Api, name: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = await api.post("/orders/lists", {"orders": [PROFIT, STOP], "list_client_order_id": name})
    return answer


@with_exchange()
async def test_a_stop_order_waits_and_shows_its_stop_price(api: Api) -> None:
    await with_bitcoin(api)
    order = await api.post("/orders", STOP | {"self_trade_prevention": "expire_maker"})
    assert (order["status"], order["type"]) == ("new", "stop_loss_limit")
    assert (order["stop_price"], order["limit_price"], order["ts_trigger"]) == ("55000.00", "54000.00", None)
    assert (order["self_trade_prevention"], order["list_id"], order["replaces"]) == ("expire_maker", None, None)
    assert order["hold_left"] == "0.10000000"
    assert await api.get(f"/orders/{order['id']}") == order
    freed = (await api.post(f"/orders/{order['id']}/cancel"))["freed"]
    assert freed == {"BTC": "0.10000000", "USDT": "0.00000000"}


@with_exchange()
async def test_a_stop_buy_that_is_canceled_gives_its_margin_back(api: Api) -> None:
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "stop_loss", "amount": "0.1", "stop_price": "70000"}
    order = await api.post("/orders", body)
    assert order["hold_left"] == "7350.00000000"
    assert (await api.post(f"/orders/{order['id']}/cancel"))["freed"]["USDT"] == "7350.00000000"


@with_exchange()
async def test_a_stop_price_that_is_reached_already_is_rejected(api: Api) -> None:
    await with_bitcoin(api)
    order = await api.post("/orders", STOP | {"stop_price": "60001"})
    assert (order["status"], order["reason"]) == ("rejected", "would_trigger")


@with_exchange()
async def test_a_market_sell_by_quote_amount_receives_no_more(api: Api) -> None:
    await with_bitcoin(api)
    order = await api.place(side="sell", quote_amount="600")
    assert order["status"] == "filled"
    assert 599 < float(order["actual_notion"]) <= 600


@with_exchange()
async def test_an_amended_order_is_smaller_and_has_its_new_name(api: Api) -> None:
    order = await api.buy("0.5", "50000.00")
    amended = await api.post(f"/orders/{order['id']}/amend", {"amount": "0.2", "client_order_id": "mine"})
    assert (amended["id"], amended["amount"], amended["client_order_id"]) == (order["id"], "0.20000", "mine")
    assert amended["hold_left"] == "10000.00000000"
    assert (await api.get("/balance/USDT"))["free"] == "90000.00000000"
    assert [row["id"] for row in await api.get("/orders", client_order_id="mine")] == [order["id"]]


@with_exchange()
async def test_an_amended_order_is_known_again_by_what_it_was_placed_with(api: Api) -> None:
    terms = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "amount": "0.5", "limit_price": "50000"}
    order = await api.post("/orders", terms | {"client_order_id": "mine"})
    for amount in ("0.3", "0.2"):
        await api.post(f"/orders/{order['id']}/amend", {"amount": amount})
    again = await api.post("/orders", terms | {"client_order_id": "mine"})
    assert (again["id"], again["amount"]) == (order["id"], "0.20000")
    for amount in ("0.2", "0.3", "0.6"):
        other = terms | {"amount": amount, "client_order_id": "mine"}
        assert "differs in quantity" in (await api.post("/orders", other, 409))["error"]["message"]


@with_exchange()
async def test_a_bad_amendment_names_its_field(api: Api) -> None:
    order = await api.buy("0.5", "50000.00")
    path = f"/orders/{order['id']}/amend"
    for body, status, code, field in [
        ({"amount": "0.5"}, 400, "invalid_amendment", "amount"),
        ({"amount": "0.6"}, 400, "invalid_amendment", "amount"),
        ({"amount": "0"}, 400, "invalid_request", "amount"),
        ({"amount": "0.0000001"}, 400, "invalid_request", "amount"),
        ({}, 400, "invalid_request", "amount"),
        ({"amount": "0.1", "client_order_id": "a b"}, 400, "invalid_request", "new_client_order_id"),
    ]:
        error = (await api.post(path, body, status))["error"]
        assert (error["code"], error["field"]) == (code, field), body
    await api.post("/orders/9999/amend", {"amount": "0.1"}, 404)
    await api.post(f"/orders/{order['id']}/cancel")
    assert (await api.post(path, {"amount": "0.1"}, 409))["error"]["code"] == "order_not_open"


@with_exchange()
async def test_a_replacement_uses_the_money_of_the_old_order(api: Api) -> None:
    old = await api.buy("1.6", "50000.00")
    body = {"side": "buy", "type": "limit", "amount": "1.8", "limit_price": "50000", "client_order_id": "new"}
    answer = await api.post(f"/orders/{old['id']}/replace", body)
    assert (answer["order"]["status"], answer["order"]["replaces"]) == ("new", old["id"])
    assert (answer["replaced"]["status"], answer["replaced"]["reason"]) == ("canceled", "replaced")
    assert (await api.get("/balance/USDT"))["used"] == "90000.00000000"
    assert await api.post(f"/orders/{old['id']}/replace", body) == answer


@with_exchange()
async def test_what_is_not_open_is_replaced_only_if_that_is_wanted(api: Api) -> None:
    old = await api.buy("0.5", "50000.00")
    await api.post(f"/orders/{old['id']}/cancel")
    body = {"side": "buy", "type": "limit", "amount": "0.4", "limit_price": "50000"}
    error = (await api.post(f"/orders/{old['id']}/replace", body, 409))["error"]
    assert (error["code"], error["field"]) == ("not_replaced", "id")
    answer = await api.post(f"/orders/{old['id']}/replace", body | {"only_if_open": False})
    assert (answer["order"]["status"], answer["replaced"]["reason"]) == ("new", "canceled_by_user")
    await api.post("/orders/9999/replace", body, 404)


@with_exchange()
async def test_a_list_holds_once_and_is_read_and_canceled_as_one(api: Api) -> None:
    await with_bitcoin(api)
    placed = await placed_list(api, "mine")
    first, second = placed["orders"]
    assert placed["list_id"] == first["id"] == first["list_id"] == second["list_id"]
    assert (first["hold_left"], second["hold_left"]) == ("0.10000000", "0.00000000")
    assert first["list_client_order_id"] == "mine"
    assert await placed_list(api, "mine") == placed
    assert await api.get(f"/orders/lists/{first['id']}") == placed
    assert await api.get("/orders/lists", list_client_order_id="mine") == placed
    canceled = await api.delete(f"/orders/lists/{first['id']}")
    assert [order["status"] for order in canceled["orders"]] == ["canceled", "canceled"]
    assert (await api.get("/balance/BTC"))["used"] == "0.00000000"
    await api.delete(f"/orders/lists/{first['id']}", 409)


@with_exchange()
async def test_canceling_one_order_of_a_list_cancels_both(api: Api) -> None:
    await with_bitcoin(api)
    first, second = (await placed_list(api))["orders"]
    freed = (await api.post(f"/orders/{second['id']}/cancel"))["freed"]
    assert freed["BTC"] == "0.10000000"
    assert (await api.get(f"/orders/{first['id']}"))["status"] == "canceled"


@with_exchange()
async def test_a_bad_list_names_what_is_wrong_and_changes_nothing(api: Api) -> None:
    await with_bitcoin(api)
    for orders, code, field in [
        ([PROFIT], "invalid_request", "orders"),
        ([PROFIT, STOP, STOP], "invalid_request", "orders"),
        ([PROFIT, PROFIT | {"limit_price": "66000"}], "invalid_list", "orders"),
        ([PROFIT, STOP | {"amount": "0.2"}], "invalid_list", "orders"),
        ([PROFIT | {"limit_price": "54000"}, STOP], "invalid_list", "orders"),
        ([PROFIT, STOP | {"stop_price": None}], "invalid_request", "stop_price"),
        ([PROFIT, STOP | {"side": "long"}], "invalid_request", "orders[1].side"),
    ]:
        error = (await api.post("/orders/lists", {"orders": orders}, 400))["error"]
        assert (error["code"], error["field"]) == (code, field), orders
    assert await api.get("/orders", status="open") == []
    await api.get("/orders/lists/9999", 404)
