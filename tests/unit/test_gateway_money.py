"""Balances, transfers and what an account is worth."""

from __future__ import annotations

import asyncio

from tests.support.local_exchange import Api, with_exchange


def row(asset: str, free: str, used: str, total: str) -> dict[str, str]:
    return {"asset": asset, "free": free, "used": used, "total": total}


@with_exchange()
async def test_balances_are_shown_by_asset(api: Api) -> None:
    await api.buy("0.5", "50000.00")
    btc = row("BTC", "10.00000000", "0.00000000", "10.00000000")
    usdt = row("USDT", "75000.00000000", "25000.00000000", "100000.00000000")
    assert await api.get("/balance") == {"BTC": btc, "USDT": usdt}
    assert await api.get("/balance/list") == {"length": 2, "assets": ["BTC", "USDT"]}
    assert await api.get("/balance/BTC") == btc
    assert await api.get("/balance/ETH") == row("ETH", "0.00000000", "0.00000000", "0.00000000")
    assert (await api.get("/balance/btc", 404))["error"]["field"] == "asset"


@with_exchange()
async def test_deposits_and_withdrawals_move_free_money(api: Api) -> None:
    assert await api.post("/balance/ETH/deposit", {"amount": "2.5"}) == row(
        "ETH", "2.50000000", "0.00000000", "2.50000000"
    )
    assert (await api.post("/balance/ETH/withdrawal", {"amount": 1}))["free"] == "1.50000000"
    error = (await api.post("/balance/ETH/withdrawal", {"amount": "1.50000001"}, 422))["error"]
    assert (error["code"], error["field"]) == ("insufficient_funds", "amount")
    assert "need 1.50000001 ETH, have 1.50000000" in error["message"]
    await api.post("/balance/NOPE/deposit", {"amount": "1"}, 404)
    # Without a body it is MockExchange's default amount.
    assert (await api.post("/balance/USDT/deposit"))["free"] == "200000.00000000"
    assert (await api.post("/balance/USDT/withdrawal"))["free"] == "100000.00000000"


@with_exchange()
async def test_held_money_cannot_be_withdrawn(api: Api) -> None:
    await api.buy("2", "50000.00")
    await api.post("/balance/USDT/withdrawal", {"amount": "0.00000001"}, 422)


@with_exchange()
async def test_an_idempotency_key_moves_money_once(api: Api) -> None:
    for _ in range(3):
        await api.post("/balance/USDT/deposit", {"amount": "10"}, Idempotency_Key="d1")
    answers = await asyncio.gather(
        *(api.post("/balance/USDT/withdrawal", {"amount": "4"}, Idempotency_Key="w1") for _ in range(10))
    )
    assert {answer["free"] for answer in answers} == {"100006.00000000"}
    for route, body in (("deposit", {"amount": "11"}), ("withdrawal", {"amount": "10"})):
        error = await api.post(f"/balance/USDT/{route}", body, 409, Idempotency_Key="d1")
        assert error["error"]["code"] == "duplicate_command"
    assert (await api.get("/balance/USDT"))["free"] == "100006.00000000"
    await api.post("/balance/USDT/deposit", {"amount": "1"}, 400, Idempotency_Key="no spaces")


@with_exchange()
async def test_capital_is_equity_against_what_was_paid_in(api: Api) -> None:
    await api.post("/balance/USDT/deposit", {"amount": "1000"})
    await api.post("/balance/BTC/withdrawal", {"amount": "1"})
    capital = await api.get("/overview/capital")
    assert capital == {
        "equity": "640999.10000000",
        "deposits": "101000.00000000",
        "withdrawals": "59999.90000000",
        "profit_loss": "599999.00000000",
        "unpriced": [],
    }


@with_exchange()
async def test_capital_asset_by_asset(api: Api) -> None:
    await api.post("/balance/BTC/deposit", {"amount": "1"})
    parts = await api.get("/overview/capital", aggregation=False)
    assert parts["balance"]["BTC"] == {
        "asset": "BTC", "free": "11.00000000", "used": "0.00000000", "total": "11.00000000",
        "price": "59999.90", "value": "659998.90000000",
    }  # fmt: skip
    assert parts["balance"]["USDT"]["price"] == "1"
    assert parts["investment_assets"]["USDT"]["withdrawals"] == {}
    assert parts["investment_assets"]["USDT"]["deposits"]["asset_quantity"] == "100000.00000000"
    assert parts["investment_assets"]["BTC"]["deposits"]["ref_symbol"] == "BTC/USDT"


@with_exchange()
async def test_an_asset_without_a_price_is_named_and_breaks_nothing(api: Api) -> None:
    await api.post("/balance/GOLD/deposit", {"amount": "5"})
    capital = await api.get("/overview/capital")
    assert capital["unpriced"] == ["GOLD"]
    parts = await api.get("/overview/capital", aggregation=False)
    assert (parts["balance"]["GOLD"]["price"], parts["balance"]["GOLD"]["value"]) == (None, None)
    assert parts["unpriced"] == ["GOLD"]
    assert (await api.get("/overview/assets"))["misc"]["unpriced"] == ["GOLD"]


@with_exchange()
async def test_assets_agree_by_both_sources(api: Api) -> None:
    await api.buy("0.5", "50000.00")
    await api.sell("2", "70000.00")
    await api.buy("1", "2000.00", symbol="ETH/USDT")
    overview = await api.get("/overview/assets")
    assert overview["balance_source"] == {
        "assets_free_value": "479999.20000000",
        "assets_frozen_value": "119999.80000000",
        "assets_total_value": "599999.00000000",
        "cash_free_value": "73000.00000000",
        "cash_frozen_value": "27000.00000000",
        "cash_total_value": "100000.00000000",
        "total_free_value": "552999.20000000",
        "total_frozen_value": "146999.80000000",
        "total_equity": "699999.00000000",
    }
    assert overview["orders_source"] == {
        "assets_frozen_value": "119999.80000000",
        "cash_frozen_value": "27000.00000000",
        "total_frozen_value": "146999.80000000",
    }
    assert overview["misc"]["cash_asset"] == "USDT"
    assert set(overview["misc"]["mismatch"].values()) == {False}


@with_exchange()
async def test_trades_are_totaled_by_side_and_symbol(api: Api) -> None:
    await api.place(amount="0.1")
    await api.place(amount="0.2")
    await api.place(side="sell", amount="0.1")
    await api.place(amount="1", symbol="ETH/USDT")
    overview = await api.get("/overview/trades")
    assert set(overview) == {"BUY", "SELL"}
    assert overview["BUY"]["count"] == {"BTC": {"USDT": "2"}, "ETH": {"USDT": "1"}}
    assert overview["BUY"]["amount"]["BTC"] == {"USDT": "0.30000000"}
    assert overview["BUY"]["notional"]["BTC"] == {"USDT": "18000.00000000"}
    assert overview["BUY"]["fee"]["BTC"] == {"BTC": "0.00060000"}
    assert overview["SELL"]["fee"] == {"BTC": {"USDT": "11.99998000"}}
    assert set(await api.get("/overview/trades", side="sell")) == {"SELL"}
    assert set((await api.get("/overview/trades", assets="ETH,SOL"))["BUY"]["count"]) == {"ETH"}


@with_exchange()
async def test_accounts_see_their_own_money_alone(api: Api) -> None:
    other = await api.second_account()
    await other.post("/balance/USDT/deposit", {"amount": "1"})
    assert (await api.get("/balance/USDT"))["total"] == "100000.00000000"
    assert (await other.get("/overview/capital"))["deposits"] != (await api.get("/overview/capital"))["deposits"]
