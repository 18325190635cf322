"""Orders over HTTP, against a whole exchange in this process."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.support.local_exchange import Api, with_exchange

ORDER_KEYS = {
    "id", "symbol", "side", "type", "amount", "notion_currency", "fee_currency", "fee_rate", "actual_filled", "price",
    "limit_price", "status", "initial_booked_notion", "reserved_notion_left", "actual_notion", "initial_booked_fee",
    "reserved_fee_left", "actual_fee", "ts_create", "ts_update", "ts_finish", "comment", "history_count",
    "client_order_id", "time_in_force", "post_only", "average", "quote_amount", "remaining", "account", "sequence",
}  # fmt: skip


@with_exchange()
async def test_a_market_buy_answers_filled(api: Api) -> None:
    order = await api.place(amount="0.1")
    assert order["status"] == "filled"
    assert order["type"] == "market"
    assert order["actual_filled"] == order["amount"] == "0.10000"
    assert order["price"] == order["average"] == "60000.00"
    assert order["actual_notion"] == "6000.00000000"
    assert (order["actual_fee"], order["fee_currency"]) == ("0.00020000", "BTC")
    assert order["ts_finish"] >= order["ts_create"]
    assert set(order) >= ORDER_KEYS


@with_exchange()
async def test_a_market_sell_answers_filled(api: Api) -> None:
    order = await api.place(side="sell", amount="0.1")
    assert (order["status"], order["price"]) == ("filled", "59999.90")
    assert order["fee_currency"] == "USDT"


@with_exchange()
async def test_a_market_buy_by_quote_amount_spends_no_more(api: Api) -> None:
    order = await api.place(quote_amount="600")
    assert order["status"] == "filled"
    assert (order["amount"], order["quote_amount"]) == (None, "600.00000000")
    assert order["actual_notion"] == "600.00000000"


@with_exchange()
async def test_a_market_order_over_several_levels_has_their_average(api: Api) -> None:
    order = await api.place(amount="1.5")
    # 1 at 60000.00 and 0.5 at 60001.00.
    assert (order["status"], order["actual_notion"]) == ("filled", "90000.50000000")
    assert order["price"] == "60000.33333333"


@with_exchange()
async def test_a_limit_order_rests_and_is_listed_as_open(api: Api) -> None:
    order = await api.buy("0.5", "50000.00")
    assert (order["status"], order["actual_filled"], order["price"]) == ("new", "0.00000", None)
    assert order["hold_left"] == order["reserved_notion_left"] == "25000.00000000"
    assert (order["initial_booked_fee"], order["reserved_fee_left"]) == ("0.00000000", "0.00000000")
    assert [row["id"] for row in await api.get("/orders", status="open")] == [order["id"]]
    assert await api.get(f"/orders/{order['id']}") == order
    balance = await api.get("/balance/USDT")
    assert balance == {"asset": "USDT", "free": "75000.00000000", "used": "25000.00000000", "total": "100000.00000000"}


@with_exchange()
async def test_canceling_gives_back_what_the_rest_held(api: Api) -> None:
    order = await api.buy("0.5", "59000.00")
    canceled = await api.post(f"/orders/{order['id']}/cancel")
    assert canceled["canceled_order"]["status"] == "canceled"
    assert canceled["canceled_order"]["comment"] == "canceled by the user"
    assert canceled["freed"] == {"BTC": "0.00000000", "USDT": "29500.00000000"}
    assert await api.get("/orders", status="open") == []
    assert (await api.get("/balance/USDT"))["free"] == "100000.00000000"


@with_exchange()
async def test_a_partly_filled_order_is_partially_canceled(api: Api) -> None:
    order = await api.sell("3", "59999.90")
    assert (order["status"], order["actual_filled"]) == ("partially_filled", "0.20000")
    canceled = await api.delete(f"/orders/{order['id']}")
    assert (canceled["status"], canceled["remaining"]) == ("partially_canceled", "2.80000")
    assert await api.get("/orders", status="canceled") == []
    assert [row["id"] for row in await api.get("/orders", status="partially_canceled")] == [order["id"]]


@with_exchange()
async def test_what_a_canceled_sell_frees_is_in_base(api: Api) -> None:
    order = await api.sell("3", "59999.90")
    canceled = await api.post(f"/orders/{order['id']}/cancel")
    assert canceled["freed"] == {"BTC": "2.80000000", "USDT": "0.00000000"}
    balance = await api.get("/balance/BTC")
    assert (balance["free"], balance["used"]) == ("9.80000000", "0.00000000")


@with_exchange()
async def test_an_order_that_is_closed_cannot_be_canceled(api: Api) -> None:
    order = await api.place(amount="0.1")
    error = await api.post(f"/orders/{order['id']}/cancel", status=409)
    assert error["error"]["code"] == "order_not_open"


@pytest.mark.parametrize("order_id", ["1", "999999999999", "abc", "1e3", "-1", "9" * 400, "٣"])
@with_exchange()
async def test_an_order_that_does_not_exist_is_404(api: Api, order_id: str) -> None:
    for answer in (
        await api.get(f"/orders/{order_id}", 404),
        await api.post(f"/orders/{order_id}/cancel", status=404),
        await api.delete(f"/orders/{order_id}", 404),
    ):
        assert answer["error"]["code"] == "unknown_order"


@with_exchange()
async def test_all_orders_of_a_symbol_or_of_all_are_canceled(api: Api) -> None:
    for _ in range(3):
        await api.buy("0.01", "50000.00")
    other = await api.buy("0.1", "2000.00", symbol="ETH/USDT")
    canceled = await api.delete("/orders", symbol="BTC/USDT")
    assert [order["status"] for order in canceled] == ["canceled"] * 3
    assert [order["id"] for order in await api.get("/orders", status="open")] == [other["id"]]
    assert [order["id"] for order in await api.delete("/orders")] == [other["id"]]
    assert await api.delete("/orders") == []
    assert (await api.delete("/orders", 404, symbol="NO/PE"))["error"]["field"] == "symbol"


@with_exchange()
async def test_ioc_and_fok_and_post_only_answer_their_true_state(api: Api) -> None:
    ioc = await api.sell("3", "59999.90", time_in_force="IOC")
    assert (ioc["status"], ioc["actual_filled"], ioc["reason"]) == ("partially_canceled", "0.20000", "no_liquidity")
    fok = await api.sell("3", "59999.90", time_in_force="FOK")
    assert (fok["status"], fok["reason"]) == ("rejected", "not_fillable")
    taking = await api.buy("0.1", "60000.00", post_only=True)
    assert (taking["status"], taking["reason"]) == ("rejected", "would_take")
    resting = await api.buy("0.1", "59999.99", post_only=True)
    assert (resting["status"], resting["post_only"]) == ("new", True)


@with_exchange()
async def test_the_same_client_order_id_gives_the_first_answer_again(api: Api) -> None:
    first = await api.buy("0.1", "50000.00", client_order_id="mine")
    assert await api.buy("0.1", "50000.0", client_order_id="mine") == first
    assert await api.buy("0.10", "5e4", client_order_id="mine") == first
    assert [row["id"] for row in await api.get("/orders", client_order_id="mine")] == [first["id"]]
    assert len(await api.get("/orders", status="open")) == 1
    assert await api.get("/orders", client_order_id="other") == []


@with_exchange()
async def test_a_client_order_id_with_another_body_is_refused(api: Api) -> None:
    await api.buy("0.1", "50000.00", client_order_id="mine")
    for other in ({"amount": "0.2"}, {"symbol": "ETH/USDT", "limit_price": "2000.00"}, {"side": "sell"}):
        body = {"type": "limit", "amount": "0.1", "limit_price": "50000.00", "client_order_id": "mine", **other}
        error = (await api.place(409, **body))["error"]
        assert (error["code"], error["field"]) == ("duplicate_command", "client_order_id")


@with_exchange()
async def test_the_same_order_sent_at_once_twenty_times_is_one(api: Api) -> None:
    orders = await asyncio.gather(*(api.place(amount="0.01", client_order_id="once") for _ in range(20)))
    assert len({order["id"] for order in orders}) == 1
    assert {order["status"] for order in orders} == {"filled"}
    assert (await api.get("/balance/BTC"))["total"] == "10.00998000"


@with_exchange()
async def test_an_idempotency_key_is_a_command_id_of_orders_without_one(api: Api) -> None:
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "amount": "0.1", "limit_price": "50000"}
    first = await api.post("/orders", body, Idempotency_Key="abc")
    assert (await api.post("/orders", body, Idempotency_Key="abc"))["id"] == first["id"]
    assert (await api.post("/orders", body))["id"] != first["id"]
    error = await api.post("/orders", body | {"amount": "0.2"}, 409, Idempotency_Key="abc")
    assert error["error"]["code"] == "duplicate_command"
    await api.post("/orders", body, 400, Idempotency_Key="a b")


@with_exchange()
async def test_insufficient_funds_is_422_and_leaves_no_order(api: Api) -> None:
    error = (await api.buy("10", "50000.00", status=422))["error"]
    assert error["code"] == "insufficient_funds"
    assert "need 500000.00000000 USDT, have 100000.00000000" in error["message"]
    assert await api.get("/orders") == []
    assert (await api.get("/balance/USDT"))["used"] == "0.00000000"


@with_exchange()
async def test_eight_market_buys_at_once_all_fill_with_enough_money(api: Api) -> None:
    # Each holds 5 % above its value: together more than there is, though together they cost less.
    orders = await asyncio.gather(*(api.place(amount="0.2") for _ in range(8)))
    assert [order["status"] for order in orders] == ["filled"] * 8


@with_exchange()
async def test_a_batch_answers_each_order_in_its_place(api: Api) -> None:
    answers = await api.post(
        "/orders/batch",
        {
            "orders": [
                {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"},
                {"symbol": "NO/PE", "side": "buy", "amount": "0.01"},
                {"symbol": "ETH/USDT", "side": "buy", "type": "limit", "amount": 1, "limit_price": "2000.05"},
                {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "amount": "0.01", "limit_price": "1.001"},
                {"symbol": "BTC/USDT", "side": "nope", "amount": "0.01"},
                {"symbol": "BTC/USDT", "side": "sell", "amount": "1000"},
                17,
                {"symbol": "GOLD/USDT", "side": "buy", "type": "limit", "amount": "1", "limit_price": "10.00"},
            ]
        },
    )
    assert [answer.get("order", {}).get("status") for answer in answers] == [
        "filled", None, "new", None, None, None, None, "new",
    ]  # fmt: skip
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        None, "unknown_symbol", None, "invalid_request", "invalid_request", "insufficient_funds", "invalid_request",
        None,
    ]  # fmt: skip
    assert [answer.get("error", {}).get("field") for answer in answers[1:7]] == [
        "symbol", None, "limit_price", "side", "amount", "body",
    ]  # fmt: skip
    assert all(len(answer) == 1 for answer in answers)


@with_exchange()
async def test_a_batch_may_be_a_bare_array_of_up_to_500(api: Api) -> None:
    order = {"side": "buy", "type": "limit", "amount": "0.001", "limit_price": "10000"}
    answers = await api.post("/orders/batch", [order] * 500)
    assert len({answer["order"]["id"] for answer in answers}) == 500
    assert await api.post("/orders/batch", []) == []
    error = (await api.post("/orders/batch", [order] * 501, 400))["error"]
    assert (error["code"], error["field"]) == ("invalid_request", "orders")
    assert len((await api.get("/orders/list", status="open", tail=0))["orders"]) == 500


@with_exchange()
async def test_orders_of_one_turn_share_a_call(api: Api) -> None:
    before = api.exchange.shards.calls
    order = {"side": "buy", "type": "limit", "amount": "0.001", "limit_price": "10000"}
    await api.post("/orders/batch", [order] * 300)
    assert api.exchange.shards.calls == before + 1


@pytest.mark.parametrize(
    ("order", "ok", "reason"),
    [
        ({"side": "buy", "amount": "1"}, True, None),
        ({"side": "buy", "amount": "2"}, False, "need 120000.00000000 USDT, have 100000.00000000"),
        ({"side": "buy", "amount": "2", "limit_price": "50000"}, True, None),
        ({"side": "buy", "quote_amount": "100000"}, True, None),
        ({"side": "sell", "amount": "10"}, True, None),
        ({"side": "sell", "amount": "11"}, False, "need 11.00000000 BTC, have 10.00000000"),
        ({"side": "buy", "symbol": "GOLD/USDT", "amount": "1"}, False, "there is no price for a market order"),
    ],
)
@with_exchange()
async def test_can_execute_says_what_is_missing(api: Api, order: dict[str, str], ok: bool, reason: str | None) -> None:
    body = {"symbol": "BTC/USDT", **order}
    assert await api.post("/orders/can_execute", body) == {"ok": ok, "reason": reason}
    assert await api.get("/orders") == []


@with_exchange()
async def test_can_execute_refuses_what_is_no_order(api: Api) -> None:
    await api.post("/orders/can_execute", {"symbol": "NO/PE", "side": "buy", "amount": "1"}, 404)
    await api.post("/orders/can_execute", {"side": "buy", "amount": "-1"}, 400)


@with_exchange()
async def test_history_shows_each_step_of_an_order(api: Api) -> None:
    placed = await api.sell("3", "59999.90")
    await api.delete(f"/orders/{placed['id']}")
    order = await api.get(f"/orders/{placed['id']}", include_history=True)
    steps = [order["history"][str(index)] for index in range(len(order["history"]))]
    assert order["history_count"] == len(steps)
    assert [step["status"] for step in steps][-2:] == ["partially_filled", "partially_canceled"]
    assert sum(Decimal(step["actual_filled"]) for step in steps) == Decimal("0.2")
    assert steps[-1]["comment"] == "canceled by the user"
    assert steps[-1]["amount_remain"] == "2.80000"
    listed = await api.get("/orders", include_history=True)
    assert listed == [order]
    assert "history" not in (await api.get("/orders"))[0]


@with_exchange()
async def test_lists_go_from_page_to_page_by_cursor(api: Api) -> None:
    ids = [(await api.buy("0.01", "50000.00"))["id"] for _ in range(7)][::-1]
    for status in ({}, {"status": "open"}, {"status": "new"}, {"side": "buy"}):
        seen, cursor = [], "0"
        while True:
            answer = await api.http.get("/orders", params={**status, "limit": 3, "cursor": cursor})
            page = answer.json()
            assert len(page) <= 3
            seen += [order["id"] for order in page]
            if "x-next-cursor" not in answer.headers:
                break
            cursor = answer.headers["x-next-cursor"]
            assert f"cursor={cursor}" in answer.headers["link"]
            assert answer.headers["link"].endswith('; rel="next"')
        assert seen == ids, status


@with_exchange()
async def test_lists_are_filtered(api: Api) -> None:
    filled = (await api.place(amount="0.1"))["id"]
    bought = (await api.buy("0.01", "50000.00"))["id"]
    sold = (await api.sell("0.01", "70000.00"))["id"]
    partly = (await api.sell("3", "59999.90"))["id"]
    other = (await api.buy("1", "2000.00", symbol="ETH/USDT"))["id"]
    canceled = (await api.buy("0.01", "40000.00"))["id"]
    await api.delete(f"/orders/{canceled}")
    rejected = (await api.buy("0.1", "60000.10", post_only=True))["id"]

    async def ids(**parameters: str) -> list[str]:
        orders = await api.get("/orders", **parameters)
        listed = await api.get("/orders/list", **parameters)
        assert listed == {"length": len(orders), "orders": [order["id"] for order in orders]}
        return listed["orders"]

    assert await ids() == [rejected, canceled, other, partly, sold, bought, filled]
    assert await ids(status="open") == [other, partly, sold, bought]
    assert await ids(status="new") == [other, sold, bought]
    assert await ids(status="partially_filled") == [partly]
    assert await ids(status="filled") == [filled]
    assert await ids(status="canceled") == [canceled]
    assert await ids(status="rejected") == [rejected]
    assert await ids(status="expired") == []
    assert await ids(symbol="ETH/USDT") == [other]
    assert await ids(symbol="ETH-USDT", status="open") == [other]
    assert await ids(side="sell", status="open") == [partly, sold]
    assert await ids(side="sell", symbol="BTC/USDT") == [partly, sold]
    assert await ids(tail="2") == [rejected, canceled]
    await api.get("/orders", 400, status="opened")
    await api.get("/orders", 404, symbol="NO/PE")


@pytest.mark.parametrize(
    "parameters", [{"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"cursor": "-1"}, {"cursor": "x"}, {"side": "x"}]
)
@with_exchange()
async def test_a_list_names_the_parameter_that_does_not_fit(api: Api, parameters: dict[str, str]) -> None:
    error = (await api.get("/orders", 400, **parameters))["error"]
    assert error["field"] == next(iter(parameters))


@with_exchange()
async def test_my_fills_are_listed_with_what_they_cost(api: Api) -> None:
    other = await api.second_account()
    resting = await other.sell("0.5", "59999.95", client_order_id="resting")
    taking = await api.buy("0.6", "60000.00")
    fills = await api.get("/trades")
    assert [(fill["price"], fill["amount"], fill["liquidity"]) for fill in fills] == [
        ("60000.00", "0.10000", "taker"),
        ("59999.95", "0.50000", "taker"),
    ]
    assert {fill["order_id"] for fill in fills} == {taking["id"]}
    assert fills[1]["notion"] == "29999.97500000"
    assert (fills[1]["fee"], fills[1]["fee_currency"]) == ("0.00100000", "BTC")
    theirs = await other.get("/trades", symbol="BTC/USDT")
    assert [(fill["order_id"], fill["liquidity"], fill["client_order_id"]) for fill in theirs] == [
        (resting["id"], "maker", "resting")
    ]
    assert theirs[0]["trade_id"] == fills[1]["trade_id"]
    assert await other.get("/trades", symbol="ETH/USDT") == []


@with_exchange()
async def test_after_the_answer_everything_shows_it(api: Api) -> None:
    for _ in range(10):
        order = await api.place(amount="0.01")
        assert (await api.get("/trades", limit=1))[0]["order_id"] == order["id"]
        assert (await api.get("/orders", limit=1))[0] == order
    assert (await api.get("/balance/BTC"))["total"] == "10.09980000"


@with_exchange()
async def test_another_accounts_order_does_not_exist(api: Api) -> None:
    other = await api.second_account()
    order = await api.buy("0.1", "50000.00", client_order_id="mine")
    await other.get(f"/orders/{order['id']}", 404)
    await other.post(f"/orders/{order['id']}/cancel", status=404)
    await other.delete(f"/orders/{order['id']}", 404)
    assert await other.get("/orders", client_order_id="mine") == []
    assert await other.get("/orders") == []
    assert await other.delete("/orders") == []
    assert (await api.get(f"/orders/{order['id']}"))["status"] == "new"
    # Each account has client order ids of its own.
    assert (await other.buy("0.1", "50000.00", client_order_id="mine"))["id"] != order["id"]


@with_exchange()
async def test_symbols_are_written_with_slash_or_dash(api: Api) -> None:
    order = await api.buy("0.1", "50000.00", symbol="BTC-USDT")
    assert order["symbol"] == "BTC/USDT"
