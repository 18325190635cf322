"""What the blotter asks of the gateway: orders by type, asset and time, how many there are, and what took how long."""

from __future__ import annotations

from typing import Any

from tests.support.eventually import eventually
from tests.support.local_exchange import Api, with_exchange


async def ids(api: Api, **wanted: Any) -> list[str]:
    """Page through all orders that fit, two at a time."""
    found: list[str] = []
    cursor = "0"
    while True:
        answer = await api.http.get("/orders", params={**wanted, "limit": 2, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) <= 2
        found += [order["id"] for order in answer.json()]
        if "x-next-cursor" not in answer.headers:
            return found
        cursor = answer.headers["x-next-cursor"]


@with_exchange()
async def test_orders_are_listed_by_type_and_by_asset(api: Api) -> None:
    limits = [(await api.buy("0.01", "50000.00"))["id"] for _ in range(3)]
    of_ether = (await api.buy("0.1", "2000.00", symbol="ETH/USDT"))["id"]
    markets = [(await api.place(amount="0.001"))["id"] for _ in range(3)]
    stop = (await api.place(type="stop_loss", side="sell", amount="0.01", stop_price="40000.00"))["id"]
    assert await ids(api, type="market") == markets[::-1]
    assert await ids(api, type="stop_loss") == [stop]
    assert await ids(api, asset="eth") == [of_ether]
    assert await ids(api, asset="BTC", type="limit") == limits[::-1]
    assert await ids(api, asset="BTC", type="limit", status="open") == limits[::-1]
    assert await ids(api, asset="BTC", status="filled", side="buy") == markets[::-1]
    assert await ids(api, asset="XRP") == []


@with_exchange()
async def test_orders_are_listed_from_one_time_to_another(api: Api) -> None:
    for _ in range(7):
        last = await api.buy("0.01", "50000.00")
        while (await api.buy("0.01", "50000.00"))["ts_create"] == last["ts_create"]:
            pass
    shown = await api.get("/orders")
    middle = shown[len(shown) // 2]["ts_create"]
    older = [order["id"] for order in shown if order["ts_create"] < middle]
    newer = [order["id"] for order in shown if order["ts_create"] >= middle]
    for status in ({}, {"status": "open"}):
        assert await ids(api, end=middle, **status) == older
        assert await ids(api, start=middle, **status) == newer
        assert await ids(api, start=shown[-1]["ts_create"], end=shown[0]["ts_create"] + 1, **status) == newer + older
        assert await ids(api, end=shown[-1]["ts_create"], **status) == []
        assert await ids(api, start=shown[0]["ts_create"] + 1, **status) == []
    answer = await api.get("/orders", 400, end=-1)
    assert answer["error"]["field"] == "end"


@with_exchange()
async def test_the_overview_counts_all_orders_and_says_since_when(api: Api) -> None:
    assert await api.get("/overview/orders") == {"cash_asset": "USDT", "count": 0, "first": None, "last": None}
    orders = [await api.buy("0.01", "50000.00") for _ in range(5)]
    await api.delete(f"/orders/{orders[0]['id']}")
    other = await api.second_account()
    await other.buy("0.01", "50000.00")
    first, last = orders[0]["ts_create"], orders[-1]["ts_create"]
    assert await api.get("/overview/orders") == {"cash_asset": "USDT", "count": 5, "first": first, "last": last}


@with_exchange()
async def test_each_step_of_an_order_says_how_long_it_took(api: Api) -> None:
    placed = await api.sell("3", "59999.90")
    await api.delete(f"/orders/{placed['id']}")
    order = await api.get(f"/orders/{placed['id']}", include_history=True)
    at_us = order["ts_create"] * 1_000 + order["reserved_us"]
    for number in range(order["history_count"]):
        step = order["history"][str(number)]
        at_us += step["took_us"]
        # The order's time is told in milliseconds, rounded down.
        assert at_us // 1_000 <= step["ts"] <= at_us // 1_000 + 2 + number
    assert order["reserved_us"] > 0
    assert order["history"]["0"]["took_us"] > 0


@with_exchange()
async def test_an_administrator_reads_and_cancels_the_orders_of_any_account_and_nobody_else_does(api: Api) -> None:
    other = await api.second_account()
    order, number = await other.buy("0.01", "50000.00"), (await other.get("/account"))["account"]
    await other.place(amount="0.001")
    # What that trade made of the price, at which holdings are valued, is told a moment later.
    tickers = api.exchange.bus.payloads
    await eventually(lambda: any(b'"last":"60000.00"' in ticker for ticker in tickers("market.BTC-USDT.ticker")))
    read = [
        f"/orders/{order['id']}",
        "/orders",
        "/orders?status=open",
        "/trades",
        *(f"/overview/{name}" for name in ("orders", "trades", "capital", "assets")),
    ]
    for path in read:
        named = f"{path}{'&' if '?' in path else '?'}account={number}"
        assert await api.admin.get(named) == await other.get(path) == await other.get(named), path
        assert (await api.get(named, 403))["error"], path
        assert (await api.admin.get(named.replace(f"account={number}", "account=99"), 404))["error"], path
    await api.post(f"/orders/{order['id']}/cancel?account={number}", {}, 403)
    canceled = await api.admin.post(f"/orders/{order['id']}/cancel?account={number}", {})
    assert canceled["canceled_order"]["status"] == "canceled"
    assert canceled["freed"] == {"BTC": "0.00000000", "USDT": "500.00000000"}
