"""User data over real sockets: by listen key and by the WebSocket API, in order and complete."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from gateway.streams.account_feed import LOST
from tests.support.eventually import eventually
from tests.support.local_exchange import DEMO_KEY, DEMO_SECRET
from tests.support.stream_site import StreamSite, Talk, on_a_stream_site

PATH = "/api/v3/userDataStream"


async def listen_key(at: StreamSite, key: str = DEMO_KEY) -> str:
    async with at.client(**{"X-MBX-APIKEY": key}) as client:
        answer = await client.post(PATH)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["listenKey"]
        return token


def signed(secret: str = DEMO_SECRET, **parameters: Any) -> dict[str, Any]:
    """Return parameters with a signature over them in alphabetical order."""
    given = {"apiKey": DEMO_KEY, "timestamp": time.time_ns() // 1_000_000, **parameters}
    text = "&".join(f"{name}={given[name]}" for name in sorted(given))
    return given | {"signature": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}


async def request(talk: Talk, method: str, number: int = 1, **parameters: Any) -> Any:
    await talk.say({"id": number, "method": method, "params": parameters})
    return await talk.until(lambda message: message.get("id") == number)


async def opened(at: StreamSite) -> None:
    await eventually(lambda: at.gateway.streams.hub.subjects == 1)
    await eventually(lambda: at.gateway.streams.accounts.are_open)


def brief(told: dict[str, Any]) -> tuple[str, ...]:
    if told["e"] == "executionReport":
        return ("executionReport", told["x"], told["X"], told["z"])
    return (told["e"],)


@on_a_stream_site()
async def test_executions_and_balances_come_in_order(at: StreamSite) -> None:
    async with at.talk(f"/ws/{await listen_key(at)}") as talk:
        await opened(at)
        order = await at.api.buy("1.20000", "60000.00")
        await at.api.delete(f"/orders/{order['id']}", 200)
        seen = [await talk.hear() for _ in range(6)]
    assert [brief(told) for told in seen] == [
        ("outboundAccountPosition",),
        ("executionReport", "NEW", "NEW", "0.00000000"),
        ("executionReport", "TRADE", "PARTIALLY_FILLED", "1.00000000"),
        ("outboundAccountPosition",),
        ("executionReport", "CANCELED", "CANCELED", "1.00000000"),
        ("outboundAccountPosition",),
    ]
    assert {told["i"] for told in seen if "i" in told} == {int(order["id"])}
    held = {balance["a"]: balance["l"] for balance in seen[-1]["B"]}
    assert held["USDT"] == "0.00000000"


@on_a_stream_site()
async def test_each_execution_is_told_as_it_was(at: StreamSite) -> None:
    async with at.talk(f"/stream?streams={await listen_key(at)}") as talk:
        await opened(at)
        order = await at.api.place(200, type="limit", amount="1.5", limit_price="60001.00", time_in_force="IOC")
        reports: list[dict[str, Any]] = []
        while not reports or reports[-1]["x"] != "TRADE" or reports[-1]["X"] != "FILLED":
            message = await talk.hear()
            if message["data"]["e"] == "executionReport":
                reports.append(message["data"])
    assert [(report["x"], report["X"], report["l"], report["z"]) for report in reports] == [
        ("NEW", "NEW", "0.00000000", "0.00000000"),
        ("TRADE", "PARTIALLY_FILLED", "1.00000000", "1.00000000"),
        ("TRADE", "FILLED", "0.50000000", "1.50000000"),
    ]
    assert [report["L"] for report in reports[1:]] == ["60000.00000000", "60001.00000000"]
    assert reports[-1]["t"] > reports[-2]["t"] > 0
    assert {report["i"] for report in reports} == {int(order["id"])}
    fills = await at.api.get("/trades", symbol="BTC/USDT")
    assert {fill["trade_id"] for fill in fills} == {report["t"] for report in reports[1:]}


@on_a_stream_site()
async def test_money_moved_without_an_order_is_told_as_such(at: StreamSite) -> None:
    async with at.talk(f"/ws/{await listen_key(at)}") as talk:
        await opened(at)
        await at.api.post("/balance/USDT/deposit", {"amount": "12.5"})
        await at.api.post("/balance/USDT/withdrawal", {"amount": "2.5"})
        updates = [await talk.until(lambda message: message["e"] == "balanceUpdate") for _ in range(2)]
    assert [(told["a"], told["d"]) for told in updates] == [("USDT", "12.50000000"), ("USDT", "-2.50000000")]


@on_a_stream_site()
async def test_a_listen_key_stays_the_same_until_it_is_closed(at: StreamSite) -> None:
    first = await listen_key(at)
    assert await listen_key(at) == first
    async with at.client(**{"X-MBX-APIKEY": DEMO_KEY}) as client:
        assert (await client.put(PATH, params={"listenKey": first})).json() == {}
        assert (await client.delete(PATH, params={"listenKey": first})).json() == {}
        again = await client.put(PATH, params={"listenKey": first})
        assert (again.status_code, again.json()["code"]) == (400, -1125)
    assert await listen_key(at) != first


@on_a_stream_site()
async def test_another_accounts_listen_key_is_no_key(at: StreamSite) -> None:
    token = await listen_key(at)
    made = await at.api.admin.post("/accounts", {"name": "second"}, 201)
    async with at.client(**{"X-MBX-APIKEY": made["api_key"]}) as client:
        assert (await client.put(PATH, params={"listenKey": token})).json()["code"] == -1125
    async with at.client(**{"X-MBX-APIKEY": "no such key"}) as client:
        assert (await client.post(PATH)).status_code == 401


@on_a_stream_site()
async def test_events_that_are_missing_end_the_stream(at: StreamSite) -> None:
    async with at.talk(f"/ws/{await listen_key(at)}") as talk:
        await opened(at)
        await at.api.buy("0.01", "50000.00")
        await talk.until(lambda message: message["e"] == "executionReport")
        subject, payload = next(
            message for message in reversed(at.exchange.bus.published) if message[0] == "account.1.balance"
        )
        skipped = json.loads(payload)
        skipped["number"] += 100
        at.exchange.bus.publish(subject, json.dumps(skipped).encode())
        assert await talk.closed() == (1012, LOST)
    await eventually(lambda: not at.gateway.streams.accounts.are_open)


@on_a_stream_site()
async def test_a_signature_opens_a_subscription(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3") as talk:
        answer = await request(talk, "userDataStream.subscribe.signature", **signed())
        assert (answer["status"], answer["result"]) == (200, {"subscriptionId": 0})
        terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        await talk.say({"id": 2, "method": "order.place", "params": signed(**terms, quantity="0.01", price="50000")})
        seen = [await talk.hear() for _ in range(3)]
        order = next(message for message in seen if message.get("id") == 2)
        told = next(message for message in seen if message.get("event", {}).get("e") == "executionReport")
        assert told["subscriptionId"] == 0
        assert told["event"]["i"] == order["result"]["orderId"]
        misspelt = signed(**terms, quantity="0.01", prise="50000")
        await talk.say({"id": 3, "method": "order.place", "params": misspelt})
        assert (await talk.until(lambda message: message.get("id") == 3))["error"]["code"] == -1104
        ended = await talk.ask({"id": 4, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": 0}})
        while "event" in ended and ended["event"]["e"] != "eventStreamTerminated":
            ended = await talk.hear()
        assert ended["event"]["e"] == "eventStreamTerminated"
        assert (await talk.hear())["result"] == {}


@on_a_stream_site()
async def test_a_session_needs_no_more_signatures_until_it_ends(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3?returnRateLimits=false") as talk:
        refused = await request(talk, "userDataStream.subscribe")
        assert (refused["status"], refused["error"]["code"]) == (401, -2015)
        status = (await request(talk, "session.logon", **signed()))["result"]
        assert status["apiKey"] == DEMO_KEY
        assert status["authorizedSince"] >= status["connectedSince"]
        assert (await request(talk, "userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        account = await request(talk, "account.status")
        assert "rateLimits" not in account
        assert {balance["asset"] for balance in account["result"]["balances"]} >= {"BTC", "USDT"}
        assert (await request(talk, "session.logout"))["result"]["apiKey"] is None
        assert (await request(talk, "account.status"))["status"] >= 400


@pytest.mark.parametrize("change", [{"secret": "another"}, {"apiKey": "unknown"}, {"timestamp": 1}])
def test_who_cannot_prove_who_he_is_gets_nothing(change: dict[str, Any]) -> None:
    @on_a_stream_site()
    async def ask(at: StreamSite) -> None:
        async with at.talk("/ws-api/v3") as talk:
            for method in ("session.logon", "userDataStream.subscribe.signature", "account.status"):
                answer = await request(talk, method, **signed(**change))
                assert answer["status"] in {400, 401}
                assert answer["error"]["code"] in {-1022, -2015, -1021}
        assert at.gateway.streams.hub.subjects == 0

    ask()


@on_a_stream_site()
async def test_a_revoked_key_ends_its_streams(at: StreamSite) -> None:
    made = await at.api.admin.post("/accounts", {"name": "second"}, 201)
    token = await listen_key(at, made["api_key"])
    async with at.talk("/ws-api/v3") as talk, at.talk(f"/ws/{token}") as other:
        proof = signed(made["api_secret"], apiKey=made["api_key"])
        assert (await request(talk, "session.logon", **proof))["status"] == 200
        assert (await request(talk, "userDataStream.subscribe"))["status"] == 200
        await at.api.admin.delete(f"/keys/{made['key_id']}", 200)
        assert (await talk.closed())[0] == 1008
        assert (await other.closed())[0] == 1008


@on_a_stream_site()
async def test_a_list_is_told_at_its_start_and_at_its_end(at: StreamSite) -> None:
    terms = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01"}
    above = {"aboveType": "LIMIT_MAKER", "abovePrice": "70000.00"}
    below = {"belowType": "STOP_LOSS", "belowStopPrice": "50000.00"}
    async with at.talk("/ws-api/v3") as talk, at.talk(f"/ws/{await listen_key(at)}") as events:
        await opened(at)
        placed = await request(talk, "orderList.place.oco", **signed(**terms, **above, **below))
        assert placed["status"] == 200, placed
        number = placed["result"]["orderListId"]
        begun = await events.until(lambda message: message["e"] == "listStatus")
        assert (begun["g"], begun["l"], begun["L"]) == (number, "EXEC_STARTED", "EXECUTING")
        assert {leg["i"] for leg in begun["O"]} == {leg["orderId"] for leg in placed["result"]["orders"]}
        canceled = await request(talk, "orderList.cancel", 2, **signed(symbol="BTCUSDT", orderListId=number))
        assert canceled["status"] == 200, canceled
        reports: list[dict[str, Any]] = []
        while not reports or reports[-1]["e"] != "listStatus":
            reports.append(await events.hear())
        assert (reports[-1]["g"], reports[-1]["l"], reports[-1]["L"]) == (number, "ALL_DONE", "ALL_DONE")
        assert len([report for report in reports if report["e"] == "executionReport"]) == 2
