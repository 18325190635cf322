"""Orders through the whole exchange: one by one beside the same server's empty POST, and in batches."""

from __future__ import annotations

import json
from functools import reduce
from operator import add
from typing import Final, NamedTuple

from benchmarks.exchange import Exchange
from benchmarks.load import Plan, Request, Result, load
from benchmarks.table import Table

CLIENTS: Final = (1, 8, 64, 128)
LEAST_SHARE: Final = 0.2
LONGEST_MEDIAN_MS: Final = 6.0
LEAST_BATCHED: Final = 10_000
BATCH: Final = 500
BATCH_CLIENTS: Final = 4
TURNS: Final = 4
VARIANTS: Final = 20
"""So many different bodies, since nobody sends the same order again and again."""

RESTING: Final = "BTC/USDT"
"""Limit orders rest here, far below the market, while its feed ticks."""

TRADED: Final = "ETH/USDT"
"""Market orders fill here against a price that is set by hand, with endless depth, so that all of them fill."""

NEW: Final = '"status":"new"'
FILLED: Final = '"status":"filled"'

Order = dict[str, str]


class Bench(NamedTuple):
    """What the measurements share: an exchange, the keys of some accounts, where figures go, seconds for each."""

    exchange: Exchange
    keys: list[str]
    table: Table
    seconds: float


def limit_order(index: int, symbol: str = RESTING) -> Order:
    """Return a limit buy that rests, at one of a hundred prices."""
    price = f"{20_000 + index % 100}.00"
    return {"symbol": symbol, "side": "buy", "type": "limit", "amount": f"0.{1_000 + index:05}", "limit_price": price}


def market_order(index: int) -> Order:
    """Return a market order that fills, buys and sells in turn."""
    return {"symbol": TRADED, "side": ("buy", "sell")[index % 2], "type": "market", "amount": f"0.{100 + index:04}"}


def singles(bench: Bench) -> None:
    """Measure orders one by one. All kinds take turns, so that what else the machine does meets them alike."""
    bench.exchange.ask("PATCH", f"/admin/tickers/{TRADED}/price", {"price": "2600.00"})
    limits, markets = [limit_order(k) for k in range(VARIANTS)], [market_order(k) for k in range(VARIANTS)]
    for clients in CLIENTS:
        bench.table.section(f"{clients} client{'s' if clients > 1 else ''}, one order a request")
        kinds = (("/health/echo", limits, ""), ("/orders", limits, NEW), ("/orders", markets, FILLED))
        turns = [[_run(bench, clients, *kind) for kind in kinds] for _ in range(TURNS)]
        echo, resting, market = (reduce(add, results) for results in zip(*turns, strict=True))
        bench.table.add("empty POST with the same body", _figures(echo))
        for name, result in (("limit orders that rest", resting), ("market orders", market)):
            _add_single(bench.table, name, result, clients, result.rate / echo.rate)


def batches(bench: Bench) -> None:
    """Measure orders through `/orders/batch`."""
    bench.table.section(f"/orders/batch, {BATCH} orders a request, {BATCH_CLIENTS} clients")
    mixed = [limit_order(k) if k % 4 else market_order(k // 4) for k in range(BATCH)]
    for name, orders, expected in (
        ("limit orders that rest", [limit_order(k) for k in range(BATCH)], NEW),
        ("a quarter of them market orders, two symbols", mixed, '"ts_create":'),
    ):
        body = json.dumps(orders)
        requests = [Request("POST", "/orders/batch", key, body, expected, BATCH) for key in bench.keys]
        result = _sound(load(Plan(bench.exchange.port, BATCH_CLIENTS, requests, bench.seconds)))
        rate = result.rate * BATCH
        figure = f"{rate:8,.0f} orders/s   {result.quantiles()}"
        bench.table.add(name, figure, f">= {LEAST_BATCHED:,}", is_reached=rate >= LEAST_BATCHED)


def cancel_all(bench: Bench) -> None:
    """Cancel all open orders of the accounts, so that the next measurement begins with empty books."""
    for key in bench.keys:
        while bench.exchange.try_to_ask("DELETE", "/orders", key=key, timeout_s=60.0).status != 200:
            pass


def _run(bench: Bench, clients: int, path: str, orders: list[Order], expected: str) -> Result:
    keys = bench.keys
    requests = [
        Request("POST", path, keys[index % len(keys)], json.dumps(order), expected)
        for index, order in enumerate(orders)
    ]
    return _sound(load(Plan(bench.exchange.port, clients, requests, bench.seconds / TURNS, warm_up_s=0.3)))


def _sound(result: Result) -> Result:
    if result.failed:
        raise RuntimeError(f"{result.failed} answers were not as expected, one of them: {result.sample}")
    return result


def _add_single(table: Table, name: str, result: Result, clients: int, share: float) -> None:
    figure = f"{_figures(result)}   {share:.3f} of the empty POST"
    if clients == 1:
        table.add(
            name, figure, f"p50 <= {LONGEST_MEDIAN_MS:.0f} ms", is_reached=result.quantile_ms(50) <= LONGEST_MEDIAN_MS
        )
    elif clients == CLIENTS[-1]:
        table.add(name, figure, f">= {LEAST_SHARE}", is_reached=share >= LEAST_SHARE)
    else:
        table.add(name, figure)


def _figures(result: Result) -> str:
    return f"{result.rate:8,.0f} /s   {result.quantiles()}"
