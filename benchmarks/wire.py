"""What bots' own protocol costs: signed orders by REST, orders over the WebSocket API, market streams to many."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Final
from urllib.parse import urlencode

from benchmarks.exchange import Exchange
from benchmarks.load import Plan, Request, Result, load
from benchmarks.socket_load import SocketPlan, socket_load
from benchmarks.table import Table

FUNDS: Final = {"USDT": "10000000000", "BTC": "1000000", "ETH": "1000000"}
ACCOUNTS: Final = 4
CLIENTS: Final = 64
IN_FLIGHT: Final = {16: 5_000, 256: 10_000}
"""Requests in flight, and the orders a second there should be at least."""

CONNECTIONS: Final = 4
SUBSCRIBERS: Final = 200
WINDOW_MS: Final = 60_000
VARIANTS: Final = 50

Keys = list[tuple[str, str]]


def measure_wire(exchange: Exchange, table: Table, seconds: float) -> None:
    """Measure an exchange whose rate limits are lifted."""
    keys = [exchange.create_key(f"wire-{index}", FUNDS) for index in range(ACCOUNTS)]
    signatures(exchange, table, seconds, keys)
    orders(exchange, table, seconds, keys)
    streams(exchange, table, seconds)


def signatures(exchange: Exchange, table: Table, seconds: float, keys: Keys) -> None:
    """Measure what a signature costs: the same limit order by the native API and signed, in turns."""
    table.section(f"{CLIENTS} clients, one limit order a request")
    native = [
        Request("POST", "/orders", keys[k % ACCOUNTS][0], json.dumps(_native(k)), '"status":"new"')
        for k in range(VARIANTS)
    ]
    # The first orders wake the book.
    _sound(load(Plan(exchange.port, CLIENTS, native, 0.5)))
    results: dict[str, Result] = {}
    for _ in range(2):
        signed = [
            Request("POST", f"/api/v3/order?{_signed(_limit(k), keys[k % ACCOUNTS][1])}", keys[k % ACCOUNTS][0])
            for k in range(VARIANTS)
        ]
        for request in signed:
            request.key_header, request.expected = "X-MBX-APIKEY", '"status":"NEW"'
        for name, requests in (("native, by key", native), ("Binance's, signed with HMAC", signed)):
            result = _sound(load(Plan(exchange.port, CLIENTS, requests, seconds / 2)))
            results[name] = results[name] + result if name in results else result
    (first, plain), (second, checked) = results.items()
    table.add(first, _figures(plain))
    table.add(second, f"{_figures(checked)}   {checked.rate / plain.rate:.3f} of the native rate")


def orders(exchange: Exchange, table: Table, seconds: float, keys: Keys) -> None:
    """Measure journaled orders over the WebSocket API."""
    table.section("Limit orders over the WebSocket API, sessions logged on")
    for in_flight, least in IN_FLIGHT.items():
        connections = min(CONNECTIONS, max(in_flight // 16, 1))
        plan = SocketPlan(
            exchange.port,
            "/ws-api/v3",
            connections,
            seconds,
            opening=[[_logon(*keys[k % ACCOUNTS])] for k in range(connections)],
            messages=[[_request("order.place", _limit(k), k) for k in range(VARIANTS)]],
            in_flight=in_flight,
            expected='"status":200',
        )
        result = _sound(socket_load(plan))
        figure = f"{result.rate:8,.0f} orders/s   {result.quantiles()}"
        name = f"{in_flight} in flight on {connections} connection(s)"
        table.add(name, figure, f">= {least:,}", is_reached=result.rate >= least)


def streams(exchange: Exchange, table: Table, seconds: float) -> None:
    """Measure how late the market reaches many subscribers, on the clock of this machine."""
    table.section(f"Market streams to {SUBSCRIBERS} subscribers")
    for name in ("trade", "depth@100ms", "kline_1m"):
        plan = SocketPlan(exchange.port, f"/ws/btcusdt@{name}", SUBSCRIBERS, seconds)
        result = _sound(socket_load(plan))
        table.add(f"btcusdt@{name}", f"{result.rate:8,.0f} messages/s   {result.quantiles()}")


def _native(index: int) -> dict[str, str]:
    price = f"{30_000 + index % 100}.00"
    return {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "amount": "0.01", "limit_price": price}


def _limit(index: int) -> dict[str, str]:
    price = f"{30_000 + index % 100}.00"
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    return order | {"price": price, "newOrderRespType": "RESULT"}


def _signed(parameters: dict[str, str], secret: str) -> str:
    query = urlencode(parameters | {"recvWindow": WINDOW_MS, "timestamp": _now_ms()})
    return f"{query}&signature={_signature(query, secret)}"


def _logon(key: str, secret: str) -> str:
    parameters = {"apiKey": key, "recvWindow": str(WINDOW_MS), "timestamp": str(_now_ms())}
    text = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    return _request("session.logon", parameters | {"signature": _signature(text, secret)}, 0)


def _request(method: str, parameters: dict[str, str], number: int) -> str:
    if "timestamp" not in parameters:
        parameters = parameters | {"recvWindow": str(WINDOW_MS), "timestamp": str(_now_ms())}
    return json.dumps({"id": number, "method": method, "params": parameters})


def _signature(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _sound(result: Result) -> Result:
    if result.failed:
        raise RuntimeError(f"{result.failed} answers were not as expected, one of them: {result.sample}")
    return result


def _figures(result: Result) -> str:
    return f"{result.rate:8,.0f} /s   {result.quantiles()}"
