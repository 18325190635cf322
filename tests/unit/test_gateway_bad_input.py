"""Bad input is refused with a status that says so, the field is named, and nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.local_exchange import Api, with_exchange

LIMIT = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "amount": "0.1", "limit_price": "50000.00"}

BAD_ORDERS = [
    ({"amount": None}, 400, "amount"),
    ({"amount": "abc"}, 400, "amount"),
    ({"amount": True}, 400, "amount"),
    ({"amount": []}, 400, "amount"),
    ({"amount": {}}, 400, "amount"),
    ({"amount": "NaN"}, 400, "amount"),
    ({"amount": "Infinity"}, 400, "amount"),
    ({"amount": "1e400"}, 400, "amount"),
    ({"amount": "1e-400"}, 400, "amount"),
    ({"amount": "1" * 5000}, 400, "amount"),
    ({"amount": "0"}, 400, "amount"),
    ({"amount": 0}, 400, "amount"),
    ({"amount": "-1"}, 400, "amount"),
    ({"amount": "0.000001"}, 400, "amount"),
    ({"amount": "1." + "0" * 40 + "1"}, 400, "amount"),
    ({"amount": "50000000000000"}, 400, "amount"),
    ({"amount": "0.00001"}, 400, "amount"),
    ({"limit_price": None}, 400, "limit_price"),
    ({"limit_price": "x"}, 400, "limit_price"),
    ({"limit_price": "-1"}, 400, "limit_price"),
    ({"limit_price": "0"}, 400, "limit_price"),
    ({"limit_price": "50000.001"}, 400, "limit_price"),
    ({"limit_price": "1e30"}, 400, "limit_price"),
    ({"symbol": "ETH/USDT", "limit_price": "2000.01"}, 400, "limit_price"),
    ({"symbol": "ETH/USDT", "limit_price": "2000.00", "amount": "0.0005"}, 400, "amount"),
    ({"symbol": "NO/PE"}, 404, "symbol"),
    ({"symbol": ""}, 404, "symbol"),
    ({"symbol": "x" * 5000}, 404, "symbol"),
    ({"symbol": 1}, 400, "symbol"),
    ({"symbol": None}, 400, "symbol"),
    ({"side": "long"}, 400, "side"),
    ({"side": None}, 400, "side"),
    ({"type": "stop"}, 400, "type"),
    ({"time_in_force": "GTD"}, 400, "time_in_force"),
    ({"post_only": "yes"}, 400, "post_only"),
    ({"post_only": True, "time_in_force": "IOC"}, 400, "post_only"),
    ({"quote_amount": "10"}, 400, "quote_amount"),
    ({"client_order_id": "a b"}, 400, "client_order_id"),
    ({"client_order_id": "ä"}, 400, "client_order_id"),
    ({"client_order_id": "x" * 65}, 400, "client_order_id"),
    ({"client_order_id": 5}, 400, "client_order_id"),
    ({"type": "market"}, 400, "limit_price"),
    ({"type": "market", "limit_price": None, "post_only": True}, 400, "post_only"),
    ({"type": "market", "limit_price": None, "time_in_force": "GTC"}, 400, "time_in_force"),
    ({"type": "market", "limit_price": None, "amount": None}, 400, "amount"),
    ({"type": "market", "limit_price": None, "quote_amount": "10"}, 400, "quote_amount"),
    ({"type": "market", "limit_price": None, "amount": None, "quote_amount": "0"}, 400, "quote_amount"),
    ({"type": "market", "limit_price": None, "amount": None, "quote_amount": "1"}, 400, "amount"),
    ({"stop_price": "60000"}, 400, "stop_price"),
    ({"type": "stop_loss_limit"}, 400, "stop_price"),
    ({"type": "stop_loss_limit", "stop_price": "-1"}, 400, "stop_price"),
    ({"type": "stop_loss_limit", "stop_price": "60000.001"}, 400, "stop_price"),
    ({"type": "stop_loss_limit", "stop_price": "61000", "post_only": True}, 400, "post_only"),
    ({"type": "take_profit", "stop_price": "50000"}, 400, "limit_price"),
    ({"type": "take_profit", "stop_price": "50000", "limit_price": None, "amount": None, "quote_amount": "10"}, 400,
     "quote_amount"),
    ({"type": "trailing_stop"}, 400, "type"),
    ({"self_trade_prevention": "decrement"}, 400, "self_trade_prevention"),
]  # fmt: skip


@with_exchange()
async def test_every_bad_order_names_its_field_and_changes_nothing(api: Api) -> None:
    before = [message for message in api.exchange.journal.subjects() if message.startswith("journal.accounts")]
    for change, status, field in BAD_ORDERS:
        answer = await api.post("/orders", LIMIT | change, status)
        assert answer["error"]["field"] == field, (change, answer)
        assert answer["error"]["message"] == answer["detail"]
        assert answer["error"]["code"]
    after = [message for message in api.exchange.journal.subjects() if message.startswith("journal.accounts")]
    assert after == before
    assert await api.get("/orders") == []


@with_exchange()
async def test_every_bad_order_of_a_batch_is_refused_for_itself(api: Api) -> None:
    answers = await api.post("/orders/batch", [LIMIT | change for change, _, _ in BAD_ORDERS] + [LIMIT])
    assert [answer["error"]["field"] for answer in answers[:-1]] == [field for _, _, field in BAD_ORDERS]
    assert answers[-1]["order"]["status"] == "new"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 100_000, "body"),
        (b'{"side": "buy", "amount": NaN}', "amount"),
        (b'{"side": "buy", "amount": -Infinity}', "amount"),
        (b'{"side": "buy", "amount": 1e400}', "amount"),
        (b'{"side": "buy", "amount": 1e99999999999999999999}', "amount"),
        (b'{"side": "buy", "amount": 0.1, "symbol": "\\ud800"}', "body"),
        (b'{"amount": 1}', "side"),
    ],
)
@with_exchange()
async def test_a_body_that_is_no_order_is_told_apart(api: Api, body: bytes, field: str) -> None:
    answer = await api.post_raw("/orders", body, 400)
    assert answer["error"]["field"] == field
    await api.post_raw("/orders/can_execute", body, 400)


@with_exchange()
async def test_a_body_beyond_the_limit_is_413(api: Api) -> None:
    answer = await api.post_raw("/orders", b'{"side": "' + b"x" * 10_000_000 + b'"}', 413)
    assert (answer["error"]["code"], answer["error"]["field"]) == ("body_too_large", "body")
    await api.post_raw("/orders/batch", b" " * 1_000_001, 413)
    await api.post_raw("/orders/batch", b" " * 1_000_000, 400)


@pytest.mark.parametrize("number", ["0.1", "0.10", "1e-1", "100e-3"])
@with_exchange()
async def test_numbers_are_read_as_they_are_written(api: Api, number: str) -> None:
    for text in (number, f'"{number}"'):
        body = f'{{"side": "buy", "type": "limit", "amount": {text}, "limit_price": 50000.01}}'
        order = await api.post_raw("/orders", body.encode())
        assert (order["amount"], order["limit_price"]) == ("0.10000", "50000.01")


@with_exchange()
async def test_amounts_round_trip_beyond_what_a_float_holds(api: Api) -> None:
    row = await api.post_raw("/balance/USDT/deposit", b'{"amount": 9007199254.00000001}')
    assert row["total"] == "9007299254.00000001"
    row = await api.post("/balance/USDT/withdrawal", {"amount": row["free"]})
    assert row == {"asset": "USDT", "free": "0.00000000", "used": "0.00000000", "total": "0.00000000"}


BAD_AMOUNTS: list[Any] = ["-1", "0", "abc", "NaN", "1e400", "0.000000001", True, {}, None, "50000000000000"]


@with_exchange()
async def test_bad_amounts_of_transfers_name_the_field(api: Api) -> None:
    before = await api.get("/balance")
    for amount in BAD_AMOUNTS:
        for route in ("deposit", "withdrawal"):
            answer = await api.post(f"/balance/USDT/{route}", {"amount": amount}, 400)
            assert answer["error"]["field"] == "amount", amount
        answer = await api.admin.patch("/admin/balance/USDT", {"free": amount}, 200 if amount == "0" else 400)
        assert amount == "0" or answer["error"]["field"] == "free", amount
    await api.admin.patch("/admin/balance/USDT", {"free": "100000"})
    assert await api.get("/balance") == before


@with_exchange()
async def test_bad_prices_name_the_field(api: Api) -> None:
    path = "/admin/tickers/BTC/USDT/price"
    for body, field in [
        ({}, "price"),
        ({"price": "0"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "0.001"}, "price"),
        ({"price": "x"}, "price"),
        ({"price": "1", "bid_volume": "-1"}, "bid_volume"),
        ({"price": "1", "ask_volume": "0.000001"}, "ask_volume"),
        ({"price": "1", "released": "yes"}, "released"),
    ]:
        answer = await api.admin.patch(path, body, 400)
        assert answer["error"]["field"] == field, body
    assert (await api.admin.patch("/admin/tickers/ETH/USDT/price", {"price": "1.01"}, 400))["error"]["field"] == "price"
    assert (await api.admin.patch("/admin/tickers/NO/PE/price", {"price": "1"}, 404))["error"]["field"] == "symbol"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/orders/1/2/3", 404),
        ("PUT", "/orders", 405),
        ("POST", "/time", 405),
        ("GET", "/orderbook/NO/PE", 404),
        ("GET", "/orderbook/BTC/USDT?depth=0", 400),
        ("GET", "/orderbook/BTC/USDT?depth=x", 400),
        ("GET", "/tickers/NO/PE", 404),
        ("GET", "/trades/NO/PE", 404),
        ("GET", "/instruments/NO/PE", 404),
        ("GET", "/balance/NOPE", 404),
        ("GET", "/overview/trades?side=x", 400),
        ("GET", "/overview/capital?aggregation=x", 400),
    ],
)
@with_exchange()
async def test_every_refusal_has_the_same_shape(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.http.request(method, path)
    assert answer.status_code == status
    body = answer.json()
    assert body["detail"] == body["error"]["message"]
    assert body["error"]["code"]
