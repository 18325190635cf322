"""What still works while parts are away, and what clients are told meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.app import create_app
from infra.ports import PeerLost
from tests.support.local_exchange import Api, LocalExchange, with_exchange


@with_exchange()
async def test_a_lost_answer_is_found_again_and_the_order_is_placed_once(api: Api) -> None:
    api.exchange.shards.lost_calls[0] = 2
    order = await api.place(amount="0.1")
    assert order["status"] == "filled"
    assert [row["id"] for row in await api.get("/orders")] == [order["id"]]
    api.exchange.shards.lost_calls[0] = 2
    await api.post("/balance/USDT/deposit", {"amount": "5"})
    assert (await api.get("/balance/USDT"))["total"] == "94005.00000000"


@with_exchange()
async def test_a_lost_cancel_is_answered_as_done(api: Api) -> None:
    order = await api.buy("0.1", "50000.00")
    await api.get(f"/orders/{order['id']}")
    handle, lost = api.exchange.shards.handle, [True]

    async def lose_cancels(shard: int, payload: bytes) -> bytes:
        answer = await handle(shard, payload)
        if lost and b"g:" in payload:
            lost.clear()

            raise PeerLost("the answer is lost")
        return answer

    api.exchange.shards.handle = lose_cancels  # type: ignore[method-assign]
    canceled = await api.delete(f"/orders/{order['id']}")
    assert (canceled["status"], lost) == ("canceled", [])


@with_exchange(command_timeout_s=0.3)
async def test_when_no_answer_comes_the_client_is_told_that_it_may_have_executed(api: Api) -> None:
    api.exchange.shards.lost_calls[0] = 10_000
    answer = await api.http.post("/orders", json={"side": "buy", "amount": "0.1", "client_order_id": "mine"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    error = answer.json()["error"]
    assert (error["code"], error["may_have_executed"]) == ("unavailable", True)
    api.exchange.shards.lost_calls[0] = 0
    # The id tells what became of it, and sending it again gives the same.
    [order] = await api.get("/orders", client_order_id="mine")
    assert order["status"] == "filled"
    assert await api.place(amount="0.1", client_order_id="mine") == order


@with_exchange(command_timeout_s=2.0)
async def test_without_a_journal_nothing_is_acknowledged_and_nothing_half_done(api: Api) -> None:
    order = await api.buy("0.1", "50000.00")
    api.exchange.journal.is_available = False
    for answer in (
        await api.place(503, amount="0.1", client_order_id="late"),
        await api.delete(f"/orders/{order['id']}", 503),
        await api.post("/balance/USDT/deposit", {"amount": "1"}, 503),
    ):
        assert answer["error"]["code"] == "unavailable"
        assert answer["error"]["may_have_executed"] is False
    [told] = await api.post("/orders/batch", [{"side": "buy", "amount": "1"}])
    assert told["error"]["code"] == "unavailable"
    api.exchange.journal.is_available = True
    assert await api.get("/orders", client_order_id="late") == []
    assert (await api.get("/balance/USDT"))["total"] == "100000.00000000"
    assert (await api.get(f"/orders/{order['id']}"))["status"] == "new"


@with_exchange(command_timeout_s=3.0)
async def test_a_hung_book_delays_its_own_orders_alone(api: Api) -> None:
    api.exchange.books.hung.add("ETH/USDT")
    hung = [asyncio.ensure_future(api.buy("1", "2000.00", status=503, symbol="ETH/USDT")) for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(5):
        assert (await api.place(amount="0.01"))["status"] == "filled"
        assert (await api.get("/balance/USDT"))["asset"] == "USDT"
    assert not any(order.done() for order in hung)
    for order in hung:
        assert (await order)["error"]["may_have_executed"] is True


@with_exchange(command_timeout_s=3.0)
async def test_cancel_all_over_a_hung_book_leaves_other_accounts_alone(api: Api) -> None:
    other = await api.second_account()
    eth = await api.buy("1", "2000.00", symbol="ETH/USDT")
    btc = await other.buy("0.1", "50000.00")
    api.exchange.books.hung.add("ETH/USDT")
    hung = asyncio.ensure_future(api.delete("/orders", 503))
    await asyncio.sleep(0)
    assert [order["id"] for order in await other.delete("/orders")] == [btc["id"]]
    assert not hung.done()
    await hung
    assert (await api.get(f"/orders/{eth['id']}"))["status"] == "new"


@with_exchange()
async def test_with_the_read_model_away_all_but_history_works(api: Api) -> None:
    filled = await api.place(amount="0.1")
    resting = await api.buy("0.1", "50000.00", client_order_id="mine")
    api.exchange.history.is_available = False
    assert (await api.place(amount="0.1"))["status"] == "filled"
    assert (await api.get("/orders", status="open"))[0]["id"] == resting["id"]
    assert (await api.get("/orders", client_order_id="mine"))[0]["id"] == resting["id"]
    assert (await api.get(f"/orders/{filled['id']}"))["status"] == "filled"
    assert len(await api.get("/trades")) == 2
    assert (await api.get("/balance/BTC"))["total"] > "10"
    assert (await api.get("/overview/capital"))["equity"]
    made = await api.admin.post("/accounts", {"name": "meanwhile"}, 201)
    assert (await api.with_key(made["api_key"]).get("/balance"))["USDT"]
    for path in ("/orders", "/orders?status=filled", "/trades/BTC/USDT", "/trades?cursor=1"):
        answer = await api.get(path, 503)
        assert answer["error"]["message"] == "history is not available", path
    await api.get(f"/orders/{filled['id']}", 503, include_history=True)
    api.exchange.history.is_available = True
    assert len(await api.get("/orders")) == 3


@with_exchange()
async def test_fills_beyond_what_the_shard_shows_have_to_wait_for_the_read_model(api: Api) -> None:
    for _ in range(3):
        await api.place(amount="0.1")
    whole = await api.get("/trades")
    api.exchange.history.is_available = False
    newest = await api.http.get("/trades", params={"limit": 2})
    assert newest.json() == whole[:2]
    rest = {"limit": 2, "cursor": newest.headers["x-next-cursor"]}
    assert (await api.http.get("/trades", params=rest)).status_code == 503
    api.exchange.history.is_available = True
    oldest = await api.http.get("/trades", params=rest)
    assert oldest.json() == whole[2:]
    assert "x-next-cursor" not in oldest.headers


@with_exchange()
async def test_history_that_lags_says_so_and_catches_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.history_desk.CATCH_UP_S", 0.05)
    await api.get("/orders")
    api.exchange.history.is_frozen = True
    order = await api.place(amount="0.1")
    assert (await api.get("/orders", 503))["error"]["message"] == "history is catching up"
    # What the shard remembers itself is there all the same.
    assert [fill["order_id"] for fill in await api.get("/trades")] == [order["id"]]
    api.exchange.history.is_frozen = False
    assert [row["id"] for row in await api.get("/orders")] == [order["id"]]


@with_exchange(command_timeout_s=0.3)
async def test_a_book_that_does_not_answer_is_503(api: Api) -> None:
    api.exchange.books.hung.add("GOLD/USDT")
    assert (await api.get("/orderbook/GOLD/USDT", 503))["error"]["may_have_executed"] is False
    assert (await api.place(503, symbol="GOLD/USDT", amount="1"))["error"]["code"] == "unavailable"
    answer = await api.admin.patch("/admin/tickers/GOLD/USDT/price", {"price": "1"}, 503)
    assert answer["error"]["may_have_executed"] is True
    # In a batch the others are placed all the same.
    answers = await api.post(
        "/orders/batch", [{"side": "buy", "amount": "1", "symbol": "GOLD/USDT"}, {"side": "buy", "amount": "0.01"}]
    )
    assert [list(answer) for answer in answers] == [["error"], ["order"]]


@with_exchange(command_timeout_s=2.0)
async def test_a_directory_that_does_not_answer_is_503(api: Api) -> None:
    async def hang(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    api.exchange.directory.handle = hang  # type: ignore[method-assign]
    assert (await api.admin.post("/accounts", {"name": "x"}, 503))["error"]["may_have_executed"] is True
    assert (await api.place(amount="0.1"))["status"] == "filled"


@with_exchange(command_timeout_s=2.0)
async def test_a_reset_that_cannot_cancel_says_so(api: Api) -> None:
    await api.buy("1", "2000.00", symbol="ETH/USDT")
    api.exchange.books.hung.add("ETH/USDT")
    await api.admin.delete("/admin/data", 503)
    assert len(await api.get("/orders", status="open")) == 1


@with_exchange()
async def test_two_gateways_place_the_same_order_once(api: Api) -> None:
    app = create_app(api.exchange.parts(index=1))
    async with app.lifespan():
        other = Api(api.exchange, app)
        clients = [api, other] * 10
        orders = await asyncio.gather(*(client.place(amount="0.01", client_order_id="same") for client in clients))
        assert len({order["id"] for order in orders}) == 1
        # What one gateway acknowledged the other shows.
        for client, reader in ((api, other), (other, api)):
            order = await client.buy("0.01", "50000.00")
            assert await reader.get(f"/orders/{order['id']}") == order
            assert (await reader.get("/orders", limit=1))[0] == order
        made = await api.admin.post("/accounts", {"name": "new"}, 201)
        assert (await other.with_key(made["api_key"]).get("/balance"))["USDT"]
        await api.admin.post("/instruments", {"symbol": "TEA/USDT"}, 201)
        assert (await other.get("/tickers/TEA/USDT"))["TEA/USDT"]["price"] is None
        assert (await other.buy("10", "1.0", symbol="TEA/USDT"))["status"] == "new"


@with_exchange()
async def test_a_gateway_that_starts_before_there_is_an_exchange_says_so(api: Api) -> None:
    empty = LocalExchange()
    app = create_app(empty.parts())
    async with app.lifespan():
        early = Api(empty, app)
        for path, status in (("/balance", 401), ("/tickers", 200), ("/health/live", 200), ("/health", 503)):
            await early.get(path, status)
        answer: Any = await early.admin.get("/balance", 503)
        assert "starting" in answer["error"]["message"]
