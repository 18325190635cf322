"""The client classes and the commands of `mockx` against a real web server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from infra.http_client import request
from infra.tls import own_certificate
from mockexchange.cli import main
from mockexchange.client import AsyncMockExchange, MockExchange, MockExchangePro
from tests.support.local_exchange import ADMIN_KEY, DEMO_KEY, DEMO_SECRET
from tests.support.members import eventually as wait_until
from tests.support.served import ServedExchange, served_exchange

ACCESS = {"api_key": DEMO_KEY, "secret": DEMO_SECRET, "admin_key": ADMIN_KEY}


@pytest.fixture
def served() -> Iterator[ServedExchange]:
    with served_exchange() as exchange:
        yield exchange


@pytest.fixture
def client(served: ServedExchange) -> Iterator[MockExchange]:
    made = MockExchange(base_url=served.url, **ACCESS)
    yield made
    made.close()


@pytest.fixture
def mockx(served, monkeypatch, tmp_path, capsys):
    """Run a command line on the exchange; return its status, what it printed and what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOCKEXCHANGE_BASE_URL", served.url)
    monkeypatch.setenv("MOCKEXCHANGE_API_KEY", DEMO_KEY)
    monkeypatch.setenv("MOCKX_ADMIN_KEY", ADMIN_KEY)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mockx", *words])
        status = main()
        out, error = capsys.readouterr()
        return status, out, error

    return run


def balance_of(served: ServedExchange, asset: str) -> dict[str, str]:
    """Return what the exchange's own API says an account has."""
    return request("GET", f"{served.url}/balance/{asset}", key=DEMO_KEY).body


def test_every_method_of_the_mapping_works(served, client) -> None:
    assert set(client.load_markets()) == {"BTC/USDT", "ETH/USDT", "GOLD/USDT"}
    assert {market["symbol"] for market in client.fetch_markets()} == set(client.markets)
    assert client.fetch_ticker("BTC/USDT")["bid"] == 59_999.9
    assert set(client.fetch_tickers(["ETH/USDT"])) == {"ETH/USDT"}
    assert client.fetch_balance()["USDT"]["free"] == 100_000
    bought = client.create_order("BTC/USDT", "market", "buy", 0.001)
    assert (bought["status"], bought["filled"], bought["average"]) == ("closed", 0.001, 60_000.0)
    resting = client.create_order("BTC/USDT", "limit", "buy", Decimal("0.01"), "55000.00")
    assert (resting["status"], resting["remaining"]) == ("open", 0.01)
    for found in (client.fetch_order(resting["id"]), client.fetch_order(resting["id"], "BTC/USDT")):
        assert (found["id"], found["amount"], found["price"]) == (resting["id"], 0.01, 55_000.0)
    assert [order["id"] for order in client.fetch_open_orders()] == [resting["id"]]
    assert [order["id"] for order in client.fetch_orders("BTC/USDT")] == [bought["id"], resting["id"]]
    assert [order["id"] for order in client.fetch_orders(status="filled", side="buy", tail=5)] == [bought["id"]]
    assert client.can_execute_order("BTC/USDT", "limit", "buy", "1", "55000")["ok"] is True
    assert client.can_execute_order("BTC/USDT", "market", "buy", 100)["ok"] is False
    assert client.cancel_order(resting["id"])["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(resting["id"])
    signed, own = client.fetch_my_trades("BTC/USDT"), client.fetch_my_trades()
    for name in ("id", "order", "symbol", "side", "price", "amount", "cost", "takerOrMaker", "timestamp"):
        assert [trade[name] for trade in own] == [trade[name] for trade in signed]
    assert own[0]["fee"]["cost"] == signed[0]["fee"]["cost"] == 0.000002
    assert balance_of(served, "BTC")["free"] == "10.00099800"


def test_money_is_moved_to_the_last_decimal(served, client) -> None:
    client.deposit("USDT", Decimal("0.00000001"))
    assert balance_of(served, "USDT")["free"] == "100000.00000001"
    client.withdraw("USDT", "0.00000002")
    assert balance_of(served, "USDT")["free"] == "99999.99999999"
    with pytest.raises(ccxt.InsufficientFunds):
        client.withdraw("USDT", 1_000_000)
    with pytest.raises(ccxt.InvalidOrder):
        client.deposit("USDT", "0.000000001")


def test_an_administrator_sets_prices_balances_and_accounts(served, client) -> None:
    client.set_ticker("BTC/USDT", "61000")
    client.load_markets()
    assert client.create_order("BTC/USDT", "market", "buy", 0.001)["average"] == 61_000.0
    client.release_ticker("BTC/USDT")
    assert client.create_order("BTC/USDT", "market", "buy", 0.001)["average"] == 60_000.0
    client.set_balance("USDT", "12.34")
    assert balance_of(served, "USDT")["free"] == "12.34000000"
    made = client.create_account("alice", {"USDT": "5.5"})
    assert [account["name"] for account in client.list_accounts()] == ["demo", "alice"]
    alice = MockExchange(base_url=served.url, api_key=made["api_key"], secret=made["api_secret"])
    assert alice.fetch_balance()["USDT"]["total"] == 5.5
    key = client.create_key(made["account"], read_only=True)
    reader = MockExchange(base_url=served.url, api_key=key["api_key"], secret=key["api_secret"])
    with pytest.raises(ccxt.PermissionDenied):
        reader.deposit("USDT", 1)
    assert len(client.list_keys(made["account"])) == 2
    client.revoke_key(key["key_id"])
    with pytest.raises(ccxt.AuthenticationError):
        reader.fetch_capital()
    client.set_maintenance(True)
    with pytest.raises(ccxt.OnMaintenance):
        client.create_order("BTC/USDT", "market", "buy", 0.001)
    unsigned = MockExchange(base_url=served.url, api_key=DEMO_KEY)
    with pytest.raises(ccxt.OnMaintenance):
        unsigned.create_order("BTC/USDT", "market", "buy", 0.001)
    unsigned.close()
    client.set_maintenance(False)
    client.reset_data()
    assert balance_of(served, "USDT")["free"] == "100000.00000000"
    for other in (alice, reader):
        other.close()


def test_with_a_key_alone_an_account_trades(served) -> None:
    client = MockExchange(base_url=served.url, api_key=DEMO_KEY)
    client.load_markets()
    bought = client.create_order("BTC/USDT", "market", "buy", "0.001", params={"clientOrderId": "once"})
    assert (bought["status"], bought["average"], bought["clientOrderId"]) == ("closed", 60_000.0, "once")
    assert bought["fee"] == {"cost": 0.000002, "currency": "BTC"}
    resting = client.create_order("BTC/USDT", "limit", "sell", "0.5", "70000", {"postOnly": True})
    assert client.fetch_open_orders("BTC/USDT")[0]["id"] == resting["id"]
    assert client.fetch_balance()["BTC"]["used"] == 0.5
    assert [order["status"] for order in client.cancel_all_orders()] == ["canceled"]
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        client.create_order("BTC/USDT", "limit", "buy", "0.001", "60000", {"postOnly": True})
    with pytest.raises(ccxt.BadSymbol):
        client.create_order("NO/USDT", "market", "buy", 1)
    client.close()


@pytest.mark.parametrize("made", [AsyncMockExchange, MockExchangePro])
def test_the_awaited_classes_do_the_same(served, made) -> None:
    async def trade() -> tuple[Any, ...]:
        client = made(base_url=served.url, **ACCESS)
        try:
            await client.load_markets()
            order = await client.create_order("BTC/USDT", "limit", "buy", "0.01", 55_000)
            found = await client.fetch_orders(status="open")
            canceled = await client.cancel_order(order["id"])
            row = await client.deposit("USDT", 1)
            with pytest.raises(ccxt.InsufficientFunds):
                await client.withdraw("USDT", 10**7)
            return order["id"], [one["id"] for one in found], canceled["status"], row["free"]
        finally:
            await client.close()

    made_id, found, status, free = asyncio.run(trade())
    assert (found, status, free) == ([made_id], "canceled", "100001.00000000")


def test_orders_are_watched_and_prices_streamed(served) -> None:
    async def watch() -> tuple[Any, ...]:
        client = MockExchangePro(base_url=served.url, **ACCESS)
        try:
            await client.load_markets()
            book = await client.watch_order_book("BTC/USDT")
            watching = asyncio.create_task(client.watch_orders("BTC/USDT"))
            placed: list[str] = []
            # Only what comes after the subscription is told, so orders are placed until one is heard of.
            while not watching.done():
                order = await client.create_order("BTC/USDT", "limit", "buy", "0.001", 55_000)
                placed.append(order["id"])
                await asyncio.wait([watching], timeout=0.5)
            return book["bids"][0], book["asks"][0], placed, watching.result()[0]
        finally:
            await client.close()

    async def bounded() -> tuple[Any, ...]:
        async with asyncio.timeout(60):
            return await watch()

    bid, ask, placed, heard = asyncio.run(bounded())
    assert bid[0] == 59_999.9
    assert ask[0] == 60_000.0
    assert heard["id"] in placed
    assert (heard["status"], heard["price"], heard["amount"]) == ("open", 55_000.0, 0.001)


@pytest.mark.parametrize("made", [MockExchange, AsyncMockExchange, MockExchangePro])
def test_a_self_made_certificate_is_trusted_where_it_is_named(tmp_path, made) -> None:
    files = own_certificate(tmp_path, "127.0.0.1")

    async def ask(client: Any) -> Any:
        try:
            return await client.fetch_time()
        finally:
            await client.close()

    def fetch(client: Any) -> Any:
        return client.fetch_time() if made is MockExchange else asyncio.run(ask(client))

    with served_exchange(files) as exchange:
        assert fetch(made(base_url=exchange.url, ca_file=str(files.certificate))) > 0
        with pytest.raises((ccxt.ExchangeError, ccxt.NetworkError)):
            fetch(made(base_url=exchange.url))


def test_the_command_line_trades(served, mockx) -> None:
    status, out, _ = mockx("order", "BTC/USDT", "buy", "0.001", "--json")
    order = json.loads(out)
    assert (status, order["status"], order["average"]) == (0, "filled", "60000.00")
    _, out, _ = mockx("order", "BTC/USDT", "sell", "0.5", "--price", "70000", "--json")
    resting = json.loads(out)["id"]
    status, out, _ = mockx("orders", "--status", "open")
    assert out.split("\n")[0].split() == [
        "id", "symbol", "side", "type", "amount", "limit_price", "status", "actual_filled", "average",
    ]  # fmt: skip
    assert out.split("\n")[1].split()[:7] == [resting, "BTC/USDT", "sell", "limit", "0.50000", "70000.00", "new"]
    assert mockx("orders-simple", "--status", "open")[1] == f"{resting}\n"
    assert json.loads(mockx("orders-simple", "--status", "open", "--json")[1]) == {"length": 1, "orders": [resting]}
    assert "status: new" in mockx("order-get", resting)[1]
    assert json.loads(mockx("cancel", resting, "--json")[1])["freed"]["BTC"] == "0.50000000"
    status, out, error = mockx("cancel", resting)
    assert (status, out) == (1, "")
    assert error.startswith("mockx: the exchange refused: ")
    assert len(error.splitlines()) == 1
    assert json.loads(mockx("trades", "--json")[1])[0]["order_id"] == order["id"]
    assert json.loads(mockx("cancel-all", "--json")[1]) == []
    words = ("order", "BTC/USDT", "sell", "0.001", "--type", "stop_loss", "--stop-price", "55000", "--json")
    stop = json.loads(mockx(*words)[1])
    assert (stop["type"], stop["stop_price"], stop["status"]) == ("stop_loss", "55000.00", "new")


def test_the_command_line_tells_of_markets_and_money(served, mockx) -> None:
    assert mockx("tickers")[1].split() == ["BTC/USDT", "ETH/USDT", "GOLD/USDT"]
    assert "59999.90" in mockx("book", "BTC/USDT")[1]

    def best() -> list[str]:
        row: list[str] = mockx("ticker", "BTC/USDT,ETH/USDT")[1].splitlines()[1].split()
        return row[2:4]

    # The gateway hears of a market that has just begun within a second.
    wait_until(lambda: best() == ["59999.90", "60000.00"], "the ticker is heard")
    assert mockx("candles", "BTC/USDT", "--json")[0] == 0
    assert mockx("deposit", "USDT", "0.00000001")[0] == 0
    assert json.loads(mockx("balance-asset", "USDT", "--json")[1])["free"] == "100000.00000001"
    assert mockx("withdrawal", "USDT", "1000000")[0] == 1
    assert mockx("balance")[1].splitlines()[1].split() == ["BTC", "10.00000000", "0.00000000", "10.00000000"]
    assert "assets: BTC, USDT" in mockx("balance-list")[1]
    assert "equity" in mockx("overview-capital")[1]
    assert json.loads(mockx("overview-capital", "--raw", "--json")[1])["balance"]["BTC"]["free"] == "10.00000000"
    assert json.loads(mockx("overview-assets", "--json")[1])["misc"]["cash_asset"] == "USDT"
    assert set(json.loads(mockx("overview-trades", "--side", "buy", "--json")[1])) == {"BUY"}
    status, out, _ = mockx("health", "--json")
    assert json.loads(out)["parts"]["journal"] == "ok"
    assert (status == 0) is (json.loads(out)["status"] == "ok")


def test_the_command_lines_exit_status_tells_what_came_to_nothing(mockx) -> None:
    assert mockx("can-exec", "BTC/USDT", "buy", "0.1", "--price", "50000")[0] == 0
    status, out, _ = mockx("can-exec", "BTC/USDT", "buy", "100")
    assert status == 1
    assert "need" in out
    assert mockx("order", "BTC/USDT", "buy", "100")[0] == 1
    assert mockx("order", "NO/USDT", "buy", "1")[0] == 1


def test_the_command_line_administers(served, mockx) -> None:
    assert mockx("set-price", "BTC/USDT", "50000", "--ask-volume", "2")[0] == 0
    assert json.loads(mockx("ticker", "BTC/USDT", "--json")[1])["BTC/USDT"]["ask_volume"] == "2.00000"
    assert mockx("release-price", "BTC/USDT")[0] == 0
    assert mockx("set-balance", "USDT", "--free", "7")[0] == 0
    assert balance_of(served, "USDT")["free"] == "7.00000000"
    assert mockx("reset-data")[0] == 0
    assert balance_of(served, "USDT")["free"] == "100000.00000000"
