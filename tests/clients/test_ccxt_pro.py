"""An unmodified ccxt.pro follows the market and its own orders, through broken connections too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import ccxt.pro

from tests.support.ccxt_clients import pro_client
from tests.support.members import Member

BTC = "BTC/USDT"
LAB = "LAB/USDT"
PATIENCE_S = 30.0


@asynccontextmanager
async def streaming(member: Member) -> AsyncIterator[ccxt.pro.binance]:
    client = pro_client(member)
    try:
        yield client
    finally:
        await client.close()


def in_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 3 * PATIENCE_S))

    return run


async def until(watch: Callable[[], Awaitable[Any]], condition: Callable[[Any], Any]) -> Any:
    """Return the first thing watched for which the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen = await watch()
            if condition(seen):
                return seen


async def quietly(call: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(call, *arguments)


@in_time
async def test_tickers_trades_and_candles_stream(alice: Member) -> None:
    async with streaming(alice) as client:
        first = await client.watch_ticker(BTC)
        await until(lambda: client.watch_ticker(BTC), lambda ticker: ticker["timestamp"] > first["timestamp"])
        trades = await client.watch_trades(BTC)
        tape = {str(row["trade_id"]): row for row in await quietly(alice.ask, "GET", f"/trades/{BTC}")}
        known = [trade for trade in trades if trade["id"] in tape]
        for trade in known:
            assert trade["price"] == float(tape[trade["id"]]["price"])
        candle = (await client.watch_ohlcv(BTC, "1m"))[-1]
        assert candle[0] % 60_000 == 0
        assert candle[3] <= candle[4] <= candle[2]
        best = (await client.watch_bids_asks([BTC]))[BTC]
        assert 0 < best["bid"] < best["ask"]


@in_time
async def test_the_order_book_follows_without_a_gap(alice: Member, bob: Member) -> None:
    async with streaming(alice) as client:
        await client.watch_order_book(LAB)
        seen = asyncio.ensure_future(until(lambda: client.watch_order_book(LAB), lambda book: _has(book, 42.42)))
        # Its first turn, so that it watches before anything moves: ccxt tells only of what comes after that.
        await asyncio.sleep(0)
        order = await quietly(bob.place, "buy", "1.5", "42.42")
        assert [42.42, 1.5] in [row[:2] for row in (await seen)["bids"]]
        seen = asyncio.ensure_future(until(lambda: client.watch_order_book(LAB), lambda book: not _has(book, 42.42)))
        await asyncio.sleep(0)
        await quietly(bob.ask, "DELETE", f"/orders/{order}")
        own = await quietly(alice.ask, "GET", f"/orderbook/{LAB}")
        bids = [[float(price), float(size)] for price, size in own["bids"]]
        assert [row[:2] for row in (await seen)["bids"]] == bids


def _has(book: Any, price: float) -> bool:
    return any(row[0] == price for row in book["bids"])


@in_time
async def test_own_orders_trades_and_balances_stream_in_order(alice: Member, bob: Member) -> None:
    async with streaming(alice) as client:
        await client.load_markets()
        orders = asyncio.ensure_future(client.watch_orders(LAB))
        trades = asyncio.ensure_future(client.watch_my_trades(LAB))
        placed = await _first_order(client, orders)
        [order] = orders.result()
        assert (order["status"], order["amount"], order["price"]) == ("open", 0.5, 60.0)
        closed = asyncio.ensure_future(
            until(lambda: client.watch_orders(LAB), lambda rows: rows[-1]["status"] == "closed")
        )
        balances = asyncio.ensure_future(
            until(client.watch_balance, lambda balance: balance.get("LAB", {}).get("free") not in (None, 10_000))
        )
        await asyncio.sleep(0)
        await quietly(bob.place, "sell", "0.5", "60")
        [trade] = await asyncio.wait_for(trades, PATIENCE_S)
        own = await quietly(alice.order, placed)
        assert (trade["order"], trade["amount"], trade["price"]) == (placed, 0.5, 60.0)
        assert trade["takerOrMaker"] == "maker"
        assert trade["fee"]["cost"] == float(own["actual_fee"])
        assert (await closed)[-1]["filled"] == 0.5
        free, used = (await quietly(alice.balances))["LAB"]
        balance = (await balances)["LAB"]
        assert (balance["free"], balance["used"]) == (float(free), float(used))


async def _first_order(client: ccxt.pro.binance, orders: asyncio.Future[Any]) -> str:
    """Place orders that are canceled again until the private stream tells of one; return that one's id."""
    while True:
        placed = await client.create_order(LAB, "limit", "buy", 0.5, 60)
        done, _ = await asyncio.wait([orders], timeout=1.0)
        if done and orders.result()[-1]["id"] == placed["id"]:
            return str(placed["id"])
        await client.cancel_order(placed["id"], LAB)


@in_time
async def test_orders_can_be_placed_queried_and_canceled_over_the_websocket(alice: Member) -> None:
    async with streaming(alice) as client:
        placed = await client.create_order_ws(LAB, "limit", "buy", 0.5, 60)
        assert placed["status"] == "open"
        found = await client.fetch_order_ws(placed["id"], LAB)
        assert (found["id"], found["amount"]) == (placed["id"], 0.5)
        assert [order["id"] for order in await client.fetch_open_orders_ws(LAB)] == [placed["id"]]
        edited = await client.edit_order_ws(placed["id"], LAB, "limit", "buy", 0.7, 61)
        canceled = await client.cancel_order_ws(edited["id"], LAB)
        assert canceled["status"] == "canceled"
        # ccxt itself does not parse the balances of this answer.
        rows = (await client.fetch_balance_ws())["info"]["balances"]
        assert {row["asset"]: row["free"] for row in rows}["USDT"] == "1000000.00000000"
        with_error = asyncio.ensure_future(client.create_order_ws(LAB, "limit", "buy", 100, 99_999))
        try:
            await with_error
        except ccxt.pro.InsufficientFunds:
            return
        raise AssertionError("it was not refused")


@in_time
async def test_streams_go_on_after_the_gateways_broke_off(alice: Member, bob: Member) -> None:
    async with streaming(alice) as client:
        await client.load_markets()
        await client.watch_ticker(BTC)
        for each in list(client.clients.values()):
            await each.connection.close()
        order = None
        async with asyncio.timeout(PATIENCE_S):
            while order is None:
                try:
                    await client.watch_ticker(BTC)
                    order = await quietly(bob.place, "buy", "1", "41")
                except ccxt.pro.NetworkError:
                    continue
        await quietly(bob.ask, "DELETE", f"/orders/{order}")
