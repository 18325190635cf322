"""The client classes without an exchange: where they would go, what they would send, and what answers become."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import ccxt
import pytest

from mockexchange.client import AsyncMockExchange, MockExchange, MockExchangePro

URL = "http://exchange.example:8123"
CLASSES = [MockExchange, AsyncMockExchange, MockExchangePro]

ORDER = {
    "id": "1024", "client_order_id": "mine", "account": 1, "symbol": "BTC/USDT", "side": "buy", "type": "limit",
    "time_in_force": "GTC", "post_only": False, "amount": "0.01000", "quote_amount": None, "limit_price": "50000.00",
    "status": "partially_filled", "actual_filled": "0.00400", "remaining": "0.00600", "price": "49999.00",
    "average": "49999.00", "notion_currency": "USDT", "fee_currency": "BTC", "actual_notion": "199.99600000",
    "actual_fee": "0.00000400", "ts_create": 1_700_000_000_000, "ts_update": 1_700_000_001_000,
}  # fmt: skip
FILL = {
    "trade_id": 7, "order_id": "1024", "symbol": "BTC/USDT", "side": "buy", "price": "49999.00", "amount": "0.00400",
    "notion": "199.99600000", "fee": "0.00000400", "fee_currency": "BTC", "liquidity": "maker",
    "time": 1_700_000_001_000,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("BASE_URL", "API_KEY", "SECRET", "ADMIN_KEY", "TIMEOUT", "CA_FILE"):
        monkeypatch.delenv(f"MOCKEXCHANGE_{name}", raising=False)


class Wire:
    """Stands where the web is: notes what is sent and answers with what was laid down for it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.sent: list[tuple[str, str, dict[str, str], Any]] = []
        self.answer: Any = {}
        self.status = 200
        is_blocking = isinstance(client, MockExchange)
        client.fetch = self._fetch if is_blocking else self._fetch_awaited

    def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        self.sent.append((method, url, dict(headers or {}), body))
        text = json.dumps(self.answer)
        self.client.handle_errors(self.status, "", url, method, {}, text, self.answer, headers, body)
        return self.answer

    async def _fetch_awaited(self, *arguments: Any, **named: Any) -> Any:
        return self._fetch(*arguments, **named)

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Call a method of the client and return what it returns, awaited where it must be."""

        async def awaited() -> Any:
            return await getattr(self.client, name)(*arguments, **named)

        if isinstance(self.client, MockExchange):
            return getattr(self.client, name)(*arguments, **named)
        return asyncio.run(awaited())

    @property
    def last(self) -> tuple[str, str, Any]:
        """The last request: method, path with query, decoded body."""
        method, url, _, body = self.sent[-1]
        assert url.startswith(URL)
        return method, url.removeprefix(URL), None if body is None else json.loads(body)


@pytest.fixture(params=CLASSES, ids=lambda made: made.__name__)
def wire(request):
    return Wire(request.param(base_url=URL, api_key="a-key", secret="a-secret", admin_key="the-admin-key"))


def leaves(tree: Any) -> list[str]:
    return [url for part in tree.values() for url in leaves(part)] if isinstance(tree, dict) else [tree]


@pytest.mark.parametrize("made", CLASSES)
def test_no_address_of_a_client_leads_anywhere_else(made):
    client = made(base_url="https://exchange.example:8123/")
    for kind in ("api", "test", "demo"):
        found = leaves(client.urls[kind])
        assert len(found) > 20
        for url in found:
            parts = urlsplit(url)
            assert parts.netloc == "exchange.example:8123"
            assert parts.scheme in {"https", "wss"}
    assert client.urls["api"]["private"] == "https://exchange.example:8123/api/v3"
    assert client.urls["api"]["sapi"] == "https://exchange.example:8123/sapi/v1"
    assert client.urls["api"]["ws"]["spot"] == "wss://exchange.example:8123/stream/ws"
    assert client.urls["api"]["ws"]["ws-api"]["spot"] == "wss://exchange.example:8123/ws-api/v3"


def test_a_sandbox_is_this_exchange_too():
    client = MockExchange(base_url=URL)
    client.set_sandbox_mode(True)
    assert {urlsplit(url).netloc for url in leaves(client.urls["api"])} == {"exchange.example:8123"}


def test_two_clients_do_not_share_their_addresses():
    first, second = MockExchange(base_url=URL), MockExchange(base_url="http://other.example")
    assert first.urls["api"]["public"] == f"{URL}/api/v3"
    assert second.urls["api"]["public"] == "http://other.example/api/v3"
    assert ccxt.binance().urls["api"]["public"] == "https://api.binance.com/api/v3"


def test_settings_come_from_the_constructor_then_ccxts_config_then_the_environment(monkeypatch):
    assert MockExchange().urls["api"]["public"] == "http://localhost:8000/api/v3"
    assert MockExchange().timeout == 10_000
    for name, value in {"BASE_URL": URL, "API_KEY": "k", "SECRET": "s", "TIMEOUT": "2.5"}.items():
        monkeypatch.setenv(f"MOCKEXCHANGE_{name}", value)
    client = MockExchange()
    assert (client.apiKey, client.secret, client.timeout) == ("k", "s", 2500)
    assert client.urls["api"]["public"] == f"{URL}/api/v3"
    configured = MockExchange({"apiKey": "other", "timeout": 700, "options": {"recvWindow": 1}})
    assert (configured.apiKey, configured.secret, configured.timeout) == ("other", "s", 700)
    assert configured.options["recvWindow"] == 1
    assert configured.options["fetchMarkets"]["types"] == ["spot"]
    said = MockExchange({"apiKey": "other"}, api_key="said", timeout=3, base_url="http://said.example")
    assert (said.apiKey, said.timeout) == ("said", 3000)
    assert said.urls["api"]["public"] == "http://said.example/api/v3"


@pytest.mark.parametrize(
    "wrong", [{"base_url": "localhost:8000"}, {"base_url": "ftp://x"}, {"timeout": 0}, {"timeout": float("nan")}]
)
def test_settings_that_cannot_be_used_are_refused_at_once(wrong):
    with pytest.raises(ValueError, match="must"):
        MockExchange(**wrong)


CALLS = [
    ("deposit", ("USDT", "12.50"), {}, ("POST", "/balance/USDT/deposit", {"amount": "12.50"})),
    ("withdraw", ("BTC", Decimal("1E-8")), {}, ("POST", "/balance/BTC/withdrawal", {"amount": "0.00000001"})),
    ("withdraw", ("BTC", 0.1, "an address", "a tag"), {}, ("POST", "/balance/BTC/withdrawal", {"amount": "0.1"})),
    (
        "can_execute_order",
        ("BTC/USDT", "limit", "buy", 0.3, 1e5),
        {},
        (
            "POST",
            "/orders/can_execute",
            {"symbol": "BTC/USDT", "type": "limit", "side": "buy", "amount": "0.3", "limit_price": "100000.0"},
        ),
    ),
    ("set_balance", ("USDT", 5), {"account": 2}, ("PATCH", "/admin/balance/USDT?account=2", {"free": "5"})),
    (
        "set_ticker",
        ("BTC/USDT", "50000"),
        {"ask_volume": 2},
        ("PATCH", "/admin/tickers/BTC/USDT/price", {"price": "50000", "ask_volume": "2"}),
    ),
    ("release_ticker", ("BTC/USDT",), {}, ("DELETE", "/admin/tickers/BTC/USDT/price", None)),
    ("reset_data", (), {}, ("DELETE", "/admin/data", None)),
    (
        "create_account",
        ("alice", {"USDT": Decimal("1.50")}),
        {},
        ("POST", "/accounts", {"name": "alice", "funds": {"USDT": "1.50"}}),
    ),
    ("list_accounts", (), {}, ("GET", "/accounts", None)),
    ("create_key", (2,), {"read_only": True}, ("POST", "/accounts/2/keys", {"permissions": ["read"]})),
    ("set_maintenance", (True,), {}, ("POST", "/admin/maintenance", {"on": True})),
    ("list_keys", (2,), {}, ("GET", "/accounts/2/keys", None)),
    ("revoke_key", ("a/b",), {}, ("DELETE", "/keys/a%2Fb", None)),
    (
        "list_instrument",
        ("DOGE/USDT",),
        {"tick_size": Decimal("0.00001")},
        ("POST", "/instruments", {"symbol": "DOGE/USDT", "tick_size": "0.00001"}),
    ),
    ("fetch_capital", (), {"aggregation": False}, ("GET", "/overview/capital?aggregation=false", None)),
    ("fetch_assets_overview", (), {}, ("GET", "/overview/assets", None)),
    ("fetch_trades_overview", ("buy", ["BTC", "ETH"]), {}, ("GET", "/overview/trades?side=buy&assets=BTC%2CETH", None)),
    ("fetch_health", (), {}, ("GET", "/health", None)),
]


@pytest.mark.parametrize(("name", "arguments", "named", "sent"), CALLS, ids=[call[0] for call in CALLS])
def test_each_method_sends_its_request(wire, name, arguments, named, sent):
    wire.answer = {"it": "answers"}
    assert wire.call(name, *arguments, **named) == {"it": "answers"}
    assert wire.last == sent
    is_admin = any(part in sent[1] for part in ("admin", "account", "keys", "instruments"))
    assert wire.sent[-1][2]["x-api-key"] == ("the-admin-key" if is_admin else "a-key")


def test_an_administrators_method_without_the_key_is_refused_before_anything_is_sent():
    wire = Wire(MockExchange(base_url=URL, api_key="k", secret="s"))
    with pytest.raises(ccxt.AuthenticationError, match="MOCKEXCHANGE_ADMIN_KEY"):
        wire.call("reset_data")
    assert wire.sent == []


def test_methods_that_ccxt_demands_a_symbol_for_work_without(wire):
    wire.answer = [ORDER]
    (order,) = wire.call("fetch_orders", status="open", side="buy", tail=5)
    assert wire.last == ("GET", "/orders?status=open&side=buy&limit=5", None)
    assert (order["id"], order["status"], order["filled"], order["remaining"]) == ("1024", "open", 0.004, 0.006)
    assert (order["average"], order["price"], order["cost"]) == (49999.0, 50000.0, 199.996)
    assert (order["timestamp"], order["datetime"]) == (1_700_000_000_000, "2023-11-14T22:13:20.000Z")
    assert (order["clientOrderId"], order["timeInForce"], order["postOnly"]) == ("mine", "GTC", False)
    assert order["fee"] == {"cost": 0.000004, "currency": "BTC"}
    wire.call("fetch_closed_orders")
    assert wire.last == ("GET", "/orders?status=filled&limit=500", None)
    wire.answer = ORDER
    assert wire.call("fetch_order", "1024")["id"] == "1024"
    assert wire.last == ("GET", "/orders/1024", None)
    assert wire.call("cancel_order", "1024")["id"] == "1024"
    assert wire.last == ("DELETE", "/orders/1024", None)
    wire.answer = [FILL]
    (trade,) = wire.call("fetch_my_trades")
    assert wire.last == ("GET", "/trades?limit=500", None)
    assert (trade["id"], trade["order"], trade["takerOrMaker"]) == ("7", "1024", "maker")
    assert (trade["price"], trade["amount"], trade["cost"]) == (49999.0, 0.004, 199.996)
    assert trade["fee"] == {"cost": 0.000004, "currency": "BTC"}


def test_rows_come_oldest_first_and_not_before_the_time_asked_for(wire):
    wire.answer = [ORDER | {"id": str(number), "ts_create": number} for number in (3, 2, 1)]
    assert [order["id"] for order in wire.call("fetch_orders")] == ["1", "2", "3"]
    assert [order["id"] for order in wire.call("fetch_orders", since=2)] == ["2", "3"]
    assert wire.last[1] == "/orders?limit=500"
    assert [order["id"] for order in wire.call("fetch_orders", since=1, limit=2)] == ["1", "2"]


@pytest.mark.parametrize(
    ("native", "ccxts"),
    [
        ("new", "open"),
        ("partially_filled", "open"),
        ("filled", "closed"),
        ("canceled", "canceled"),
        ("partially_canceled", "canceled"),
        ("rejected", "rejected"),
    ],
)
def test_states_of_orders_are_told_as_ccxt_tells_them(native, ccxts):
    wire = Wire(MockExchange(base_url=URL, api_key="k"))
    wire.answer = ORDER | {"status": native}
    assert wire.call("fetch_order", "1024")["status"] == ccxts


def test_with_a_key_alone_an_account_can_be_used(wire):
    wire.client.secret = ""
    wire.answer = {"USDT": {"asset": "USDT", "free": "1.50000000", "used": "0.50000000", "total": "2.00000000"}}
    balance = wire.call("fetch_balance")
    assert balance["USDT"] == {"free": 1.5, "used": 0.5, "total": 2.0}
    assert balance["free"] == {"USDT": 1.5}
    wire.answer = ORDER
    params = {"timeInForce": "IOC", "clientOrderId": "mine"}
    wire.call("create_order", "BTC/USDT", "limit", "buy", Decimal("0.010"), "50000", params)
    assert wire.last == (
        "POST",
        "/orders",
        {
            "symbol": "BTC/USDT",
            "type": "limit",
            "side": "buy",
            "amount": "0.010",
            "limit_price": "50000",
            "time_in_force": "IOC",
            "client_order_id": "mine",
        },
    )
    wire.call("create_order", "BTC/USDT", "market", "buy", None, None, {"cost": 100})
    assert wire.last[2] == {"symbol": "BTC/USDT", "type": "market", "side": "buy", "quote_amount": "100"}
    with pytest.raises(ccxt.NotSupported, match="stopPrice"):
        wire.call("create_order", "BTC/USDT", "limit", "buy", 1, 1, {"stopPrice": 1})
    with pytest.raises(ccxt.ArgumentsRequired):
        wire.call("create_order", "BTC/USDT", "limit", "buy", 1)
    wire.answer = [ORDER]
    assert len(wire.call("fetch_open_orders", "BTC/USDT")) == 1
    assert wire.last == ("GET", "/orders?symbol=BTC%2FUSDT&status=open&limit=500", None)
    assert {headers["x-api-key"] for _, _, headers, _ in wire.sent} == {"a-key"}


@pytest.mark.parametrize("amount", ["x", float("nan"), float("inf"), "1e", Decimal("NaN")])
def test_an_amount_that_is_none_is_refused_before_anything_is_sent(amount):
    wire = Wire(MockExchange(base_url=URL, api_key="k", secret="s"))
    with pytest.raises(ccxt.InvalidOrder):
        wire.call("deposit", "USDT", amount)
    assert wire.sent == []


REFUSALS = [
    (422, "insufficient_funds", "amount", ccxt.InsufficientFunds),
    (401, "not_authenticated", None, ccxt.AuthenticationError),
    (403, "not_permitted", None, ccxt.PermissionDenied),
    (404, "not_found", "symbol", ccxt.BadSymbol),
    (404, "unknown_order", "id", ccxt.OrderNotFound),
    (404, "not_found", "asset", ccxt.BadRequest),
    (409, "order_not_open", "id", ccxt.OrderNotFound),
    (409, "duplicate_client_order_id", "client_order_id", ccxt.DuplicateOrderId),
    (409, "price_stale", None, ccxt.OrderNotFillable),
    (409, "conflict", "name", ccxt.OperationRejected),
    (400, "price_off_tick", "limit_price", ccxt.InvalidOrder),
    (400, "invalid_request", "amount", ccxt.InvalidOrder),
    (400, "invalid_request", "cursor", ccxt.BadRequest),
    (429, "too_many_requests", None, ccxt.RateLimitExceeded),
    (503, "unavailable", None, ccxt.ExchangeNotAvailable),
    (500, "internal_error", None, ccxt.ExchangeError),
]


@pytest.mark.parametrize(("status", "code", "field", "expected"), REFUSALS)
def test_a_refusal_is_the_error_that_users_of_ccxt_catch(status, code, field, expected):
    wire = Wire(MockExchange(base_url=URL, api_key="k", secret="s"))
    wire.status = status
    wire.answer = {"error": {"code": code, "message": "this is why", "field": field}, "detail": "this is why"}
    with pytest.raises(expected, match="this is why") as raised:
        wire.call("deposit", "USDT", 1)
    assert type(raised.value) is expected


def test_what_may_still_be_executed_is_no_plain_unavailability():
    wire = Wire(MockExchange(base_url=URL, api_key="k", secret="s"))
    wire.status = 503
    wire.answer = {"error": {"code": "unavailable", "message": "m", "may_have_executed": True}, "detail": "m"}
    with pytest.raises(ccxt.RequestTimeout):
        wire.call("deposit", "USDT", 1)


def test_maintenance_is_told_from_other_unavailability():
    wire = Wire(MockExchange(base_url=URL, api_key="k"))
    wire.status = 503
    text = "the exchange is under maintenance"
    wire.answer = {"error": {"code": "unavailable", "message": text, "may_have_executed": False}, "detail": text}
    with pytest.raises(ccxt.OnMaintenance):
        wire.call("create_order", "BTC/USDT", "market", "buy", 1)


def test_binances_refusals_stay_what_they_are():
    wire = Wire(MockExchange(base_url=URL, api_key="k", secret="s"))
    wire.status, wire.answer = 400, {"code": -1121, "msg": "Invalid symbol."}
    with pytest.raises(ccxt.BadSymbol):
        wire.client.public_get_depth({"symbol": "X"})


def test_the_client_needs_nothing_of_the_server():
    program = (
        "import sys, mockexchange.client\n"
        "from mockexchange.client import AsyncMockExchange, MockExchange, MockExchangePro\n"
        "own = {name.split('.')[0] for name in sys.modules}\n"
        "print(own & {'infra', 'gateway', 'actors', 'msgspec', 'pydantic', 'litestar', 'ray', 'nats', 'rich'})\n"
        "print(sorted(name for name in sys.modules if name.startswith('mockexchange.') and '.client' not in name))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout == "set()\n[]\n"


def test_a_client_class_that_is_not_there_is_an_attribute_error():
    import mockexchange.client

    with pytest.raises(AttributeError, match="NoExchange"):
        _ = mockexchange.client.NoExchange
