"""What only an administrator may do."""

from __future__ import annotations

import pytest

from mockexchange.messages.codec import decode_registry_record
from tests.support.local_exchange import Api, with_exchange


@with_exchange()
async def test_a_price_is_put_in_place_of_the_market_and_fills_orders_before_it_answers(api: Api) -> None:
    order = await api.buy("0.5", "50000.00")
    ticker = await api.admin.patch("/admin/tickers/BTC/USDT/price", {"price": "49000"})
    assert (ticker["bid"], ticker["ask"], ticker["overridden"]) == ("49000.00", "49000.00", True)
    filled = await api.get(f"/orders/{order['id']}")
    assert (filled["status"], filled["price"]) == ("filled", "50000.00")
    # The last trade is the one that the new price caused.
    assert (await api.get("/tickers/BTC/USDT"))["BTC/USDT"]["price"] == "50000.00"
    # The outside market is heard, but does not count.
    api.exchange.feeds["BTC/USDT"].show([(6_100_000, 100_000)], [(6_100_010, 100_000)])
    bought = await api.place(amount="1")
    assert (bought["status"], bought["price"]) == ("filled", "49000.00")


@pytest.mark.parametrize("path", ["/admin/tickers/BTC/USDT/price", "/admin/tickers/BTC-USDT/price"])
@with_exchange()
async def test_a_price_is_released_again(api: Api, path: str) -> None:
    for release in ("patch", "delete"):
        assert (await api.admin.patch(path, {"price": "49000"}))["overridden"] is True
        if release == "patch":
            ticker = await api.admin.patch(path, {"released": True})
        else:
            ticker = await api.admin.delete(path)
        assert (ticker["overridden"], ticker["ask"]) == (False, "60000.00")
        assert (await api.place(amount="0.1"))["price"] == "60000.00"


@with_exchange()
async def test_an_overridden_price_has_the_volume_it_was_given(api: Api) -> None:
    ticker = await api.admin.patch(
        "/admin/tickers/BTC/USDT/price", {"price": "50000", "bid_volume": "0", "ask_volume": 0.3}
    )
    assert ticker["price"] == "50000.00"
    assert (ticker["bid"], ticker["ask"], ticker["ask_volume"]) == (None, "50000.00", "0.30000")
    bought = await api.place(amount="0.5")
    assert (bought["status"], bought["actual_filled"]) == ("partially_canceled", "0.30000")
    assert bought["reason"] == "no_liquidity"


@with_exchange()
async def test_a_symbol_without_a_feed_can_be_given_a_price(api: Api) -> None:
    await api.admin.patch("/admin/tickers/GOLD/USDT/price", {"price": "20.00"})
    order = await api.place(symbol="GOLD/USDT", amount="10")
    assert (order["status"], order["actual_notion"]) == ("filled", "200.00000000")


@with_exchange()
async def test_a_balance_is_set_by_a_balancing_posting(api: Api) -> None:
    await api.buy("0.5", "50000.00")
    row = await api.admin.patch("/admin/balance/USDT", {"free": "7"})
    assert row == {"asset": "USDT", "free": "7.00000000", "used": "25000.00000000", "total": "25007.00000000"}
    assert (await api.admin.patch("/admin/balance/USDT", {"free": "8", "used": "25000"}))["free"] == "8.00000000"
    error = (await api.admin.patch("/admin/balance/USDT", {"free": "9", "used": "1"}, 409))["error"]
    assert (error["code"], error["field"]) == ("used_mismatch", "used")
    assert (await api.get("/balance/USDT"))["free"] == "8.00000000"
    assert (await api.admin.patch("/admin/balance/ETH"))["free"] == "1.00000000"
    await api.admin.patch("/admin/balance/NOPE", {"free": "1"}, 404)
    # It is no deposit: what was paid in stays as it is.
    assert (await api.get("/overview/capital"))["deposits"] == "100000.00000000"


@with_exchange()
async def test_a_balance_of_another_account_is_set(api: Api) -> None:
    other = await api.second_account()
    await api.admin.patch("/admin/balance/USDT", {"free": "5"}, account=2)
    assert (await other.get("/balance/USDT"))["free"] == "5.00000000"
    assert (await api.get("/balance/USDT"))["free"] == "100000.00000000"
    assert (await api.admin.patch("/admin/balance/USDT", {"free": "5"}, 404, account=99))["error"]["field"] == "account"


@with_exchange()
async def test_a_reset_brings_back_starting_funds_and_keeps_keys(api: Api) -> None:
    other = await api.second_account()
    await api.place(amount="0.5")
    await api.buy("0.1", "50000.00")
    await other.sell("1", "70000.00", client_order_id="theirs")
    await api.post("/balance/ETH/deposit", {"amount": "3"})
    assert await api.admin.delete("/admin/data") == {"status": "ok"}
    for client in (api, other):
        balances = await client.get("/balance")
        assert balances["USDT"]["total"] == balances["USDT"]["free"] == "100000.00000000"
        assert balances["BTC"]["free"] == "10.00000000"
        assert balances.get("ETH", {"total": "0.00000000"})["total"] == "0.00000000"
        assert await client.get("/orders") == []
        assert await client.get("/trades") == []
        trades = await client.get("/overview/trades")
        assert trades["BUY"]["count"] == {}
    assert (await api.place(amount="0.1"))["status"] == "filled"
    assert len(await api.get("/orders")) == 1


@with_exchange()
async def test_an_account_is_made_with_funds_and_a_key(api: Api) -> None:
    made = await api.admin.post("/accounts", {"name": "bot 7", "funds": {"USDT": "12.5", "ETH": 3}}, 201)
    assert set(made) == {"account", "key_id", "api_key", "api_secret"}
    bot = api.with_key(made["api_key"])
    balances = await bot.get("/balance")
    assert {asset: balance["total"] for asset, balance in balances.items()} == {
        "USDT": "12.50000000", "ETH": "3.00000000",
    }  # fmt: skip
    accounts = await api.admin.get("/accounts")
    assert [(account["name"], account["keys"]) for account in accounts] == [("demo", 1), ("bot 7", 1)]
    assert accounts[1]["funds"] == {"USDT": "12.50000000", "ETH": "3.00000000"}
    error = (await api.admin.post("/accounts", {"name": "bot 7"}, 409))["error"]
    assert error["field"] == "name"


@with_exchange()
async def test_an_account_starts_as_the_demo_account_unless_told_otherwise(api: Api) -> None:
    made = await api.admin.post("/accounts", {"name": "plain"}, 201)
    balances = await api.with_key(made["api_key"]).get("/balance")
    assert {asset: balance["free"] for asset, balance in balances.items()} == {
        "USDT": "100000.00000000", "BTC": "10.00000000",
    }  # fmt: skip
    made = await api.admin.post("/accounts", {"name": "poor", "funds": {}}, 201)
    assert await api.with_key(made["api_key"]).get("/balance") == {}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "name"),
        ({"name": ""}, 400, "name"),
        ({"name": "x" * 65}, 400, "name"),
        ({"name": "a\nb"}, 400, "name"),
        ({"name": 5}, 400, "name"),
        ({"name": "x", "funds": {"NOPE": "1"}}, 404, "asset"),
        ({"name": "x", "funds": {"USDT": "-1"}}, 400, "funds.USDT"),
        ({"name": "x", "funds": {"USDT": "1e400"}}, 400, "funds.USDT"),
        ({"name": "x", "funds": []}, 400, "funds"),
    ],
)
@with_exchange()
async def test_a_bad_account_names_its_field(api: Api, body: dict[str, object], status: int, field: str) -> None:
    assert (await api.admin.post("/accounts", body, status))["error"]["field"] == field
    assert len(await api.admin.get("/accounts")) == 1


@with_exchange()
async def test_more_keys_are_made_for_an_account(api: Api) -> None:
    made = await api.admin.post("/accounts/1/keys", {"permissions": ["read", "read"]}, 201)
    keys = await api.admin.get("/accounts/1/keys")
    assert {"key_id": made["key_id"], "account": 1, "permissions": ["read"], "kind": "hmac"} in keys
    await api.admin.post("/accounts/9/keys", {"permissions": ["read"]}, 404)
    for permissions in ([], ["admin"], "read"):
        error = await api.admin.post("/accounts/1/keys", {"permissions": permissions}, 400)
        assert error["error"]["field"].startswith("permissions")


@with_exchange()
async def test_a_symbol_is_listed_as_a_plain_book(api: Api) -> None:
    listed = await api.admin.post(
        "/instruments",
        {"symbol": "TEA/USDT", "price_decimals": 3, "quantity_decimals": 1, "tick_size": "0.005", "min_notional": 2},
        201,
    )
    assert listed == {
        "symbol": "TEA/USDT", "base": "TEA", "quote": "USDT", "price_decimals": 3, "quantity_decimals": 1,
        "base_decimals": 8, "quote_decimals": 8, "tick_size": "0.005", "step_size": "0.1", "min_quantity": "0.1",
        "max_quantity": listed["max_quantity"], "min_notional": "2.00000000", "band_down": None,
        "band_up": None, "feed": False,
    }  # fmt: skip
    assert listed in await api.get("/instruments")
    assert await api.get("/instruments/TEA/USDT") == listed
    assert "TEA/USDT" in await api.get("/tickers")
    other = await api.second_account()
    await api.post("/balance/TEA/deposit", {"amount": "100"})
    sold = await api.sell("10", "1.005", symbol="TEA/USDT")
    bought = await other.place(symbol="TEA/USDT", amount="4")
    assert (bought["status"], bought["price"]) == ("filled", "1.005")
    assert (await api.get(f"/orders/{sold['id']}"))["actual_filled"] == "4.0"


@with_exchange()
async def test_filters_of_a_listed_symbol_change_and_decimals_do_not(api: Api) -> None:
    changed = await api.admin.post("/instruments", {"symbol": "GOLD-USDT", "min_quantity": "5"}, 201)
    assert (changed["min_quantity"], changed["tick_size"]) == ("5.00", "0.01")
    error = (await api.buy("1", "10.00", status=400, symbol="GOLD/USDT"))["error"]
    assert error["code"] == "quantity_out_of_range"
    await api.admin.post("/instruments", {"symbol": "GOLD/USDT", "price_decimals": 3}, 400)
    fed = await api.admin.post("/instruments", {"symbol": "BTC/USDT", "min_notional": "1"}, 201)
    assert fed["feed"] is True
    records = api.exchange.journal.messages("journal.registry")
    before = len(records)
    await api.admin.post("/instruments", {"symbol": "BTC/USDT", "min_notional": "1"}, 201)
    assert len(api.exchange.journal.messages("journal.registry")) == before
    assert decode_registry_record(records[-1].payload).events


@with_exchange()
async def test_a_symbol_is_listed_with_a_price_band(api: Api) -> None:
    band = {"price_decimals": 2, "quantity_decimals": 2, "band_down": "0.9", "band_up": 1.25}
    listed = await api.admin.post("/instruments", {"symbol": "TEA/USDT", **band}, 201)
    assert (listed["band_down"], listed["band_up"]) == ("0.900000", "1.250000")
    assert await api.get("/instruments/TEA/USDT") == listed
    other = await api.second_account()
    await api.post("/balance/TEA/deposit", {"amount": "100"})
    await api.sell("10", "100.00", symbol="TEA/USDT")
    await other.place(symbol="TEA/USDT", amount="1")
    placed = [
        await api.buy("1", "89.99", symbol="TEA/USDT"),
        await api.buy("1", "90.00", symbol="TEA/USDT"),
        await api.sell("1", "125.01", symbol="TEA/USDT"),
        await api.sell("1", "125.00", symbol="TEA/USDT"),
    ]
    assert [order["status"] for order in placed] == ["rejected", "new", "rejected", "new"]
    changed = await api.admin.post("/instruments", {"symbol": "TEA/USDT", "min_notional": "1"}, 201)
    assert changed == listed | {"min_notional": "1.00000000"}
    lifted = await api.admin.post("/instruments", {"symbol": "TEA/USDT", "band_down": 0, "band_up": 0}, 201)
    assert (lifted["band_down"], lifted["band_up"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "symbol"),
        ({"symbol": "TEA"}, "symbol"),
        ({"symbol": "T A/USDT"}, "symbol"),
        ({"symbol": "TEA/USDT/X"}, "symbol"),
        ({"symbol": "TEA/TEA"}, "quote"),
        ({"symbol": "TEA/USDT", "price_decimals": 13}, "price_decimals"),
        ({"symbol": "TEA/USDT", "quantity_decimals": -1}, "quantity_decimals"),
        ({"symbol": "TEA/USDT", "price_decimals": 8, "quantity_decimals": 8}, "price_scale"),
        ({"symbol": "TEA/USDT", "tick_size": "0"}, "tick_size"),
        ({"symbol": "TEA/USDT", "step_size": "-1"}, "step_size"),
        ({"symbol": "TEA/USDT", "tick_size": "0.00001"}, "tick_size"),
        ({"symbol": "TEA/USDT", "min_quantity": "2", "max_quantity": "1"}, "max_quantity"),
        ({"symbol": "TEA/USDT", "min_notional": "x"}, "min_notional"),
        ({"symbol": "TEA/USDT", "band_down": "1.1"}, "band_down"),
        ({"symbol": "TEA/USDT", "band_down": "-0.1"}, "band_down"),
        ({"symbol": "TEA/USDT", "band_up": "0.9"}, "band_up"),
        ({"symbol": "TEA/USDT", "band_up": "1.0000001"}, "band_up"),
    ],
)
@with_exchange()
async def test_a_bad_instrument_names_its_field(api: Api, body: dict[str, object], field: str) -> None:
    assert (await api.admin.post("/instruments", body, 400))["error"]["field"] == field
    assert len(await api.get("/instruments")) == 3
