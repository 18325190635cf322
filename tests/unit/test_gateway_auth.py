"""Who may do what."""

from __future__ import annotations

import asyncio
import logging

import pytest
from litestar.routes import HTTPRoute

from gateway.binance import DIALECT
from tests.support.local_exchange import ADMIN_KEY, DEMO_KEY, Api, with_exchange

OPEN_ROUTES = {
    ("GET", "/"), ("GET", "/time"), ("GET", "/health"), ("GET", "/health/live"), ("POST", "/health/echo"),
    ("GET", "/metrics"), ("GET", "/tickers"), ("GET", "/tickers/{symbols:path}"), ("GET", "/orderbook/{symbol:path}"),
    ("GET", "/trades/{symbol:path}"), ("GET", "/instruments"), ("GET", "/instruments/{symbol:path}"),
    ("GET", "/admin/health"), ("GET", "/candles/{symbol:path}"),
}  # fmt: skip

ADMIN_ROUTES = {
    ("PATCH", "/admin/tickers/{symbol:str}/price"), ("PATCH", "/admin/tickers/{symbol:str}/{quote:str}/price"),
    ("DELETE", "/admin/tickers/{symbol:str}/price"), ("DELETE", "/admin/tickers/{symbol:str}/{quote:str}/price"),
    ("PATCH", "/admin/balance/{asset:str}"), ("DELETE", "/admin/data"), ("GET", "/accounts"), ("POST", "/accounts"),
    ("GET", "/accounts/{account:int}/keys"), ("POST", "/accounts/{account:int}/keys"),
    ("DELETE", "/keys/{key_id:str}"), ("POST", "/instruments"), ("POST", "/admin/maintenance"),
    ("GET", "/admin/maintenance"),
}  # fmt: skip


def routes_of(api: Api) -> set[tuple[str, str]]:
    """Return all routes of this dialect but those of the documentation."""
    return {
        (method, route.path)
        for route in api.app.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith(("/docs", *DIALECT.prefixes))
        for method in route.methods - {"OPTIONS"}
    }


def filled_in(path: str) -> str:
    for name, value in [
        ("{symbols:path}", "BTC/USDT"), ("/{symbol:path}", "/BTC/USDT"), ("{symbol:str}/{quote:str}", "BTC/USDT"),
        ("{symbol:str}", "BTC-USDT"), ("{asset:str}", "USDT"), ("{order_id:str}", "1024"), ("{account:int}", "1"),
        ("{key_id:str}", "abc"),
    ]:  # fmt: skip
        path = path.replace(name, value)
    return path


@with_exchange()
async def test_every_route_but_the_open_ones_wants_a_key(api: Api) -> None:
    async def ask(method: str, path: str, key: str | None) -> None:
        answer = await api.with_key(key).http.request(method, filled_in(path), json={})
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.json()["error"]["code"] == "not_authenticated"
        assert answer.headers["www-authenticate"]

    closed = sorted(routes_of(api) - OPEN_ROUTES)
    assert len(closed) > 25
    await asyncio.gather(*(ask(*route, key) for route in closed for key in (None, "wrong")))


@with_exchange()
async def test_open_routes_want_none(api: Api) -> None:
    for method, path in sorted(OPEN_ROUTES):
        answer = await api.with_key(None).http.request(method, filled_in(path))
        assert answer.status_code in {200, 503}, (method, path, answer.text)
    assert routes_of(api) >= OPEN_ROUTES | ADMIN_ROUTES


@with_exchange()
async def test_only_the_administrator_administers(api: Api) -> None:
    for method, path in sorted(ADMIN_ROUTES):
        answer = await api.http.request(method, filled_in(path), json={})
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["error"]["code"] == "not_permitted"


@with_exchange()
async def test_a_key_does_only_what_it_is_for(api: Api) -> None:
    made = await api.admin.post("/accounts/1/keys", {"permissions": ["read"]}, 201)
    reader = api.with_key(made["api_key"])
    await reader.get("/balance")
    await reader.post("/orders/can_execute", {"side": "buy", "amount": "1"})
    for answer in (
        await reader.place(403, amount="1"),
        await reader.post("/orders/batch", [], 403),
        await reader.delete("/orders", 403),
        await reader.post("/balance/USDT/deposit", {"amount": "1"}, 403),
        await reader.post("/balance/USDT/withdrawal", {"amount": "1"}, 403),
    ):
        assert answer["error"]["message"] == "this key has no permission to trade"
    made = await api.admin.post("/accounts/1/keys", {"permissions": ["trade"]}, 201)
    trader = api.with_key(made["api_key"])
    assert (await trader.place(amount="0.1"))["status"] == "filled"
    await trader.get("/orders", 403)


@with_exchange()
async def test_a_revoked_key_is_wrong_at_once(api: Api) -> None:
    made = await api.admin.post("/accounts/1/keys", None, 201)
    other = api.with_key(made["api_key"])
    await other.get("/balance")
    assert made["key_id"] in [key["key_id"] for key in await api.admin.get("/accounts/1/keys")]
    await api.admin.delete(f"/keys/{made['key_id']}")
    await other.get("/balance", 401)
    await api.admin.delete(f"/keys/{made['key_id']}", 404)
    await api.get("/balance")


@with_exchange()
async def test_lists_of_keys_hold_no_secret(api: Api) -> None:
    made = await api.admin.post("/accounts", {"name": "somebody"}, 201)
    listed = await api.admin.http.get(f"/accounts/{made['account']}/keys")
    assert made["key_id"] in listed.text
    assert made["api_key"] not in listed.text
    assert made["api_secret"] not in listed.text
    await api.admin.get("/accounts/999/keys", 404)


@with_exchange()
async def test_the_administrator_acts_for_the_demo_account(api: Api) -> None:
    order = await api.admin.place(amount="0.1")
    assert (await api.get(f"/orders/{order['id']}"))["account"] == 1


@with_exchange(is_auth_on=False)
async def test_without_authentication_everybody_is_the_demo_account(api: Api) -> None:
    nobody = api.with_key(None)
    order = await nobody.place(amount="0.1")
    assert order["account"] == 1
    assert [account["name"] for account in await nobody.get("/accounts")] == ["demo"]


@with_exchange(admin_key="")
async def test_an_empty_administrators_key_fits_nobody(api: Api) -> None:
    await api.with_key("").get("/accounts", 401)
    await api.with_key(ADMIN_KEY).get("/accounts", 401)


@pytest.mark.parametrize("key", ["", " ", "x" * 10_000, "clé", "the-demo-ke", "the-demo-key "])
@with_exchange()
async def test_strange_keys_are_wrong_keys(api: Api, key: str) -> None:
    answer = await api.with_key(None).http.get("/balance", headers={"x-api-key": key.encode("latin-1")})
    assert answer.status_code == 401


@with_exchange()
async def test_keys_are_never_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await api.get("/balance")
    await api.with_key("a-wrong-key").get("/balance", 401)
    await api.admin.get("/accounts")
    for key in (DEMO_KEY, ADMIN_KEY, "a-wrong-key"):
        assert key not in caplog.text
    assert ADMIN_KEY not in repr(api.app.state["gateway"].parts)


@with_exchange()
async def test_wrong_keys_ask_the_journal_seldom(api: Api) -> None:
    journal = api.exchange.journal
    asked = 0
    last_sequence = journal.last_sequence

    async def count(subject: str) -> int:
        nonlocal asked
        asked += subject == "journal.registry"
        return await last_sequence(subject)

    journal.last_sequence = count  # type: ignore[method-assign]
    await asyncio.gather(*(api.with_key(f"wrong {number}").get("/balance", 401) for number in range(200)))
    assert asked <= 3


@with_exchange()
async def test_while_the_journal_is_away_nobody_knows_whether_a_key_is_wrong(api: Api) -> None:
    api.exchange.journal.is_available = False
    answer = await api.with_key("perhaps new").get("/balance", 503)
    assert answer["error"]["code"] == "unavailable"
