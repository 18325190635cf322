"""What an exchange full of open orders does to those who wait: recovery of its parts, and its longest pause."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Final

from benchmarks.exchange import wait_for
from benchmarks.load import Plan, Request, begin, finish, load
from benchmarks.trading import BATCH, RESTING, VARIANTS, Bench, limit_order

OPEN_WHILE_TICKING: Final = 20_000
LONGEST_PAUSE_MS: Final = 200.0
LONGEST_RECOVERY_S: Final = 10.0
LONGEST_FIRST_ORDER_S: Final = 3.0
TIMEOUT_S: Final = 120.0
POLL_S: Final = 0.01


def fill(bench: Bench, keys: list[str], orders: int) -> None:
    """Rest so many orders, through `/orders/batch`."""
    body = json.dumps([limit_order(k) for k in range(BATCH)])
    requests = [Request("POST", "/orders/batch", key, body, '"status":"new"', BATCH) for key in keys]
    # Those under way when the bound is reached are answered, too.
    plan = Plan(bench.exchange.port, len(keys), requests, TIMEOUT_S, warm_up_s=0.0, total=orders // BATCH)
    result = load(plan)
    if result.failed:
        raise RuntimeError(f"{result.failed} batches were not as expected: {result.sample}")


def first_order(bench: Bench) -> None:
    """Measure the first order of symbols that nobody has traded, one after the other."""
    bench.table.section("First order on an idle symbol")
    took = []
    for index in range(3):
        symbol = f"IDLE{index}/USDT"
        bench.exchange.ask("POST", "/instruments", {"symbol": symbol})
        order = {"symbol": symbol, "side": "buy", "type": "limit", "amount": "10", "limit_price": "1"}
        began = time.perf_counter()
        bench.exchange.ask("POST", "/orders", order, key=bench.keys[0])
        took.append(time.perf_counter() - began)
    figure = f"{max(took):6.2f} s    fastest {min(took):.2f} s"
    target = f"<= {LONGEST_FIRST_ORDER_S:.0f} s"
    bench.table.add(f"slowest of {len(took)}", figure, target, is_reached=max(took) <= LONGEST_FIRST_ORDER_S)


def pauses(bench: Bench, seconds: float) -> None:
    """Measure the longest wait for an answer while orders rest and the feed ticks."""
    bench.table.section(f"{OPEN_WHILE_TICKING:,} open orders while the feed ticks, a request every 10 ms")
    fill(bench, bench.keys, OPEN_WHILE_TICKING)
    live = Request("GET", "/health/live")
    order = Request("POST", "/orders", bench.keys[0], json.dumps(limit_order(VARIANTS)), '"status":"new"')
    depth = Request("GET", f"/orderbook/{RESTING}?depth=20", bench.keys[0])
    named = (("GET /health/live", live), ("POST /orders", order), ("GET /orderbook", depth))
    plans = [Plan(bench.exchange.port, 1, [request], seconds, pause_s=POLL_S) for _, request in named]
    running = [begin(plan) for plan in plans]
    for (name, _), result in zip(named, map(finish, running), strict=True):
        if result.failed:
            raise RuntimeError(f"{result.failed} answers were not as expected: {result.sample}")
        figure = f"longest {result.longest_ms:6.1f} ms   {result.quantiles()}"
        is_reached = result.longest_ms <= LONGEST_PAUSE_MS
        bench.table.add(name, figure, f"<= {LONGEST_PAUSE_MS:.0f} ms", is_reached=is_reached)


def recovery(bench: Bench, orders: int) -> None:
    """Kill the one book and the one shard, which hold many open orders, and wait until they serve again."""
    bench.table.section(f"Recovery with {orders:,} open orders, after kill -9")
    exchange = bench.exchange
    fill(bench, bench.keys[:1], orders - OPEN_WHILE_TICKING)
    (book,) = exchange.book_pids()
    _add(bench, "the order book: takes an order", _kill(bench, book, "POST"))
    shard = exchange.actor_pids()["accounts.0"]
    read = _kill(bench, shard, "GET")
    _add(bench, "the accounts shard: shows balances", read)
    _add(bench, "the accounts shard: takes an order", read + _until_served(bench, "POST"))
    # A figure says nothing unless other processes hold all of the orders.
    wait_for(lambda: exchange.metric("mockx_book_open_orders") >= orders, TIMEOUT_S)
    wait_for(lambda: exchange.actor_pids().get("accounts.0", shard) != shard, TIMEOUT_S)
    assert book not in exchange.book_pids(), "the book was not killed"


def _kill(bench: Bench, pid: int, method: str) -> float:
    os.kill(pid, signal.SIGKILL)
    return _until_served(bench, method)


def _until_served(bench: Bench, method: str) -> float:
    """Return the seconds until an order is taken (POST), or balances are shown (GET)."""
    path, body = ("/orders", limit_order(0)) if method == "POST" else ("/balance", None)

    def is_served() -> bool:
        return bench.exchange.try_to_ask(method, path, body, key=bench.keys[0]).status == 200

    return wait_for(is_served, TIMEOUT_S)


def _add(bench: Bench, name: str, seconds: float) -> None:
    target = f"<= {LONGEST_RECOVERY_S:.0f} s"
    bench.table.add(name, f"{seconds:6.2f} s", target, is_reached=seconds <= LONGEST_RECOVERY_S)
