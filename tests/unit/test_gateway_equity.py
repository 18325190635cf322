"""Equity over time, positions and the portfolios of all accounts, as the gateway tells them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.eventually import eventually
from tests.support.local_exchange import Api, with_exchange


async def position_of(api: Api, asset: str, units: int, query: str = "") -> tuple[Any, Any]:
    """Return the portfolio and the position of an asset once the writer knows this amount of it."""
    store = api.exchange.kept_equity
    account = int(query.rpartition("=")[2]) if query else (await api.get("/account"))["account"]

    def is_known() -> bool:
        row = store.of(account) if account in store.accounts else None
        return row is not None and row.last is not None and row.portfolio.holdings[asset].amount == units

    await eventually(is_known)
    portfolio = await api.get(f"/overview/positions{query}")
    return portfolio, next(row for row in portfolio["positions"] if row["asset"] == asset)


@with_exchange()
async def test_positions_tell_cost_and_what_was_earned(api: Api) -> None:
    await api.buy("0.5", "60000.00")
    portfolio, btc = await position_of(api, "BTC", 1_049_900_000)
    # The starting bitcoins were worth nothing when they came, so all they cost is what was paid for the half.
    assert btc["cost"] == "30000.00000000"
    assert btc["fees"] == "60.00000000"
    assert Decimal(btc["unrealized"]) == Decimal(btc["value"]) - 30_000
    assert portfolio["deposits"] == "100000.00000000"
    assert portfolio["cash"] == "70000.00000000"
    net = Decimal(portfolio["equity"]) - 100_000
    assert Decimal(portfolio["profit_net"]) == net
    assert Decimal(portfolio["profit_gross"]) == net + 60
    assert Decimal(portfolio["realized"]) + Decimal(portfolio["unrealized"]) == net


@with_exchange()
async def test_equity_is_listed_over_time_with_what_was_invested(api: Api) -> None:
    await api.post("/balance/USDT/deposit", {"amount": "500"})
    await position_of(api, "USDT", 10_050_000_000_000)
    points = await api.get("/overview/equity")
    assert points[-1]["invested"] == "100500.00000000"
    assert Decimal(points[-1]["equity"]) >= Decimal("100500")
    assert points == sorted(points, key=lambda point: point["time"])
    assert await api.get(f"/overview/equity?start={points[-1]['time'] + 1}") == points[-1:]
    assert await api.get("/overview/equity?end=1") == []
    for query, field in (
        ("limit=0", "limit"),
        ("limit=2001", "limit"),
        ("start=-1", "start"),
        ("start=2&end=1", "start"),
    ):
        assert (await api.get(f"/overview/equity?{query}", 400))["error"]["field"] == field


@with_exchange()
async def test_accounts_see_their_own_and_an_administrator_all(api: Api) -> None:
    made = await api.admin.post("/accounts", {"name": "other", "funds": {"USDT": "77"}}, 201)
    other, own = api.with_key(made["api_key"]), (await api.get("/account"))["account"]
    await position_of(other, "USDT", 7_700_000_000)
    await position_of(api, "USDT", 10_000_000_000_000)
    number = made["account"]
    for path in ("/overview/positions", "/overview/equity"):
        assert (await api.get(f"{path}?account={number}", 403))["error"]
        assert await api.admin.get(f"{path}?account={number}")
    await api.get("/overview/accounts", 403)
    await api.post(f"/balance/USDT/deposit?account={number}", {"amount": "1"}, 403)
    await api.admin.post(f"/balance/USDT/deposit?account={number}", {"amount": "3"})
    await position_of(api.admin, "USDT", 8_000_000_000, f"?account={number}")
    rows = await api.admin.get("/overview/accounts")
    assert [(row["account"], row["name"]) for row in rows] == [(own, "demo"), (number, "other")]
    assert rows[1]["portfolio"]["equity"] == "80.00000000"
    first = await api.admin.get("/overview/accounts?limit=1")
    rest = await api.admin.get(f"/overview/accounts?limit=1&cursor={own}")
    assert [row["account"] for row in (*first, *rest)] == [own, number]


@with_exchange()
async def test_without_a_read_model_equity_is_not_available(api: Api) -> None:
    api.exchange.kept_equity.is_available = False
    for path in ("/overview/equity", "/overview/positions"):
        await api.get(path, 503)
