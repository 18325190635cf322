"""An unmodified python-binance, blocking and asyncio, with its class attributes set to this exchange."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException

from tests.support.members import Member, eventually

PATIENCE_S = 30.0
ORDER = {"symbol": "LABUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "60"}


@pytest.fixture(autouse=True)
def here(alice: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    url = alice.exchange.url
    ws = url.replace("http", "ws", 1)
    for client in (Client, AsyncClient):
        monkeypatch.setattr(client, "API_URL", f"{url}/api")
        monkeypatch.setattr(client, "MARGIN_API_URL", f"{url}/sapi")
        monkeypatch.setattr(client, "WS_API_URL", f"{ws}/ws-api/v3")
    monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{ws}/")


@pytest.fixture
def client(alice: Member, here: None) -> Iterator[Client]:
    made = Client(alice.api_key, alice.secret)
    yield made
    made.close_connection()
    made.loop.close()


def test_the_market_is_there(client: Client, alice: Member) -> None:
    assert {"BTCUSDT", "LABUSDT"} <= {row["symbol"] for row in client.get_exchange_info()["symbols"]}
    info = client.get_symbol_info("BTCUSDT")
    assert info["filters"][0]["filterType"] == "PRICE_FILTER"
    book = client.get_order_book(symbol="BTCUSDT", limit=5)
    assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])
    assert Decimal(client.get_symbol_ticker(symbol="BTCUSDT")["price"]) > 0
    assert Decimal(client.get_orderbook_ticker(symbol="BTCUSDT")["bidPrice"]) > 0
    assert Decimal(client.get_ticker(symbol="BTCUSDT")["lastPrice"]) > 0
    assert Decimal(client.get_avg_price(symbol="BTCUSDT")["price"]) > 0
    # The book has just woken, and its tape begins with the first trade it hears.
    assert eventually(lambda: client.get_recent_trades(symbol="BTCUSDT", limit=2), "a trade is on the tape")
    assert client.get_aggregate_trades(symbol="BTCUSDT", limit=2)
    assert client.get_system_status()["status"] == 0
    assert client.get_trade_fee(symbol="BTCUSDT")[0]["symbol"] == "BTCUSDT"


def test_historical_klines_end(client: Client) -> None:
    rows = client.get_historical_klines("BTCUSDT", Client.KLINE_INTERVAL_1MINUTE, "1 hour ago UTC")
    assert all(after[0] - before[0] == 60_000 for before, after in itertools.pairwise(rows))
    assert 1 <= len(rows) <= 61


def test_orders_are_placed_queried_and_canceled(client: Client, alice: Member) -> None:
    client.create_test_order(**ORDER)
    placed = client.create_order(**ORDER)
    assert alice.order(placed["orderId"])["status"] == "new"
    assert client.get_order(symbol="LABUSDT", orderId=placed["orderId"])["status"] == "NEW"
    assert [row["orderId"] for row in client.get_open_orders(symbol="LABUSDT")] == [placed["orderId"]]
    assert client.cancel_order(symbol="LABUSDT", orderId=placed["orderId"])["status"] == "CANCELED"
    assert alice.order(placed["orderId"])["status"] == "canceled"
    assert [row["status"] for row in client.get_all_orders(symbol="LABUSDT")] == ["CANCELED"]


def test_a_market_order_and_its_trades(client: Client, alice: Member) -> None:
    bought = client.order_market_buy(symbol="BTCUSDT", quoteOrderQty="500")
    own = alice.order(bought["orderId"])
    assert Decimal(bought["cummulativeQuoteQty"]) == Decimal(own["actual_notion"]) <= 500
    assert sum(Decimal(fill["qty"]) for fill in bought["fills"]) == Decimal(own["actual_filled"])
    mine = eventually(lambda: client.get_my_trades(symbol="BTCUSDT"), "my trades")
    assert [trade["id"] for trade in mine] == [fill["tradeId"] for fill in bought["fills"]]
    balance = client.get_asset_balance(asset="BTC")
    assert Decimal(balance["free"]) == Decimal(alice.balances()["BTC"][0])


def test_a_list_of_two_orders(client: Client, alice: Member) -> None:
    made = client.create_oco_order(
        symbol="LABUSDT",
        side="SELL",
        quantity="1",
        aboveType="LIMIT_MAKER",
        abovePrice="900",
        belowType="STOP_LOSS",
        belowStopPrice="5",
    )
    assert {alice.order(row["orderId"])["status"] for row in made["orders"]} == {"new"}
    client.cancel_order(symbol="LABUSDT", orderId=made["orders"][0]["orderId"])
    assert {alice.order(row["orderId"])["status"] for row in made["orders"]} == {"canceled"}


def test_a_refusal_has_its_code_and_text(client: Client) -> None:
    with pytest.raises(BinanceAPIException) as caught:
        client.create_order(**ORDER | {"quantity": "999", "price": "99999"})
    assert (caught.value.code, caught.value.status_code) == (-2010, 400)
    assert caught.value.message == "Account has insufficient balance for requested action."
    with pytest.raises(BinanceAPIException) as caught:
        client.cancel_order(symbol="LABUSDT", orderId=1)
    assert caught.value.code == -2011


def test_streams_and_user_data(alice: Member, bob: Member) -> None:
    asyncio.run(asyncio.wait_for(_streams(alice, bob), 3 * PATIENCE_S))


async def _streams(alice: Member, bob: Member) -> None:
    client = await AsyncClient.create(alice.api_key, alice.secret)
    try:
        manager = BinanceSocketManager(client)
        assert (await _first(manager.kline_socket("BTCUSDT", "1m")))["k"]["i"] == "1m"
        assert (await _first(manager.trade_socket("BTCUSDT")))["e"] == "trade"
        depth = await _first(manager.depth_socket("BTCUSDT"))
        assert depth["U"] <= depth["u"]
        combined = await _first(manager.multiplex_socket(["btcusdt@bookTicker", "btcusdt@miniTicker"]))
        assert combined["stream"].startswith("btcusdt@")
        async with manager.user_socket() as user:
            order = await client.create_order(**ORDER)
            await asyncio.to_thread(bob.place, "sell", "1", "60")
            events = [await asyncio.wait_for(user.recv(), PATIENCE_S) for _ in range(4)]
        reports = [event for event in events if event["e"] == "executionReport"]
        assert [(report["i"], report["X"]) for report in reports] == [
            (order["orderId"], "NEW"),
            (order["orderId"], "FILLED"),
        ]
        own = await asyncio.to_thread(alice.order, order["orderId"])
        assert Decimal(reports[1]["n"]) == Decimal(own["actual_fee"])
        assert (await client.ws_create_order(**ORDER))["status"] == "NEW"
    finally:
        await client.close_connection()


async def _first(socket: Any) -> Any:
    async with socket as stream:
        return await asyncio.wait_for(stream.recv(), PATIENCE_S)
