"""The exchange on a real market, through the real ccxt: from a venue on loopback, and from another of its own kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.process import free_port
from infra.http_client import NoAnswer
from tests.support.launched import LaunchedExchange
from tests.support.venue import Venue

pytestmark = pytest.mark.anyio

PATIENCE_S = 120.0
POLL_S = 0.1
BUY = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "amount": "0.01"}


def following(directory: Path, options: dict[str, Any]) -> LaunchedExchange:
    return LaunchedExchange(
        directory,
        feed="ccxt:binance",
        feed_options=json.dumps(options),
        feed_silence_seconds="3",
        symbols="BTC/USDT",
        auth="off",
    )


async def stop(exchange: LaunchedExchange) -> None:
    if exchange.is_running:
        await asyncio.to_thread(exchange.kill_everything)


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """A venue that is not there yet."""
    venue = Venue()
    venue.port = free_port()
    yield venue
    await venue.stop()


async def buys(exchange: LaunchedExchange, outcome: str) -> dict[str, Any]:
    """Buy again and again until that has this outcome: an order's status, or the code of a refusal."""
    answer = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await asyncio.to_thread(exchange.ask, "POST", "/orders", BUY)
                body = answer.body if isinstance(answer.body, dict) else {}
                if outcome in (body.get("status"), body.get("reason"), body.get("error", {}).get("code")):
                    return body
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise AssertionError(f"never {outcome}, last {answer}") from error


async def levels(exchange: LaunchedExchange) -> dict[str, Any]:
    answer = await asyncio.to_thread(exchange.ask, "GET", "/orderbook/BTC/USDT")
    body = answer.body
    return body if answer.status == 200 and isinstance(body, dict) else {"bids": [], "asks": [], "stale": True}


async def shows(exchange: LaunchedExchange, side: str, price: str, amount: str) -> None:
    """Return once the book shows a level."""
    wanted = (Decimal(price), Decimal(amount))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            shown = (await levels(exchange))[side]
            if wanted in [(Decimal(level), Decimal(quantity)) for level, quantity in shown]:
                return
            await asyncio.sleep(POLL_S)


async def has_a_feed_that(exchange: LaunchedExchange, state: str) -> None:
    """Return once the exchange says this of its feed."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(NoAnswer):
                body = (await asyncio.to_thread(exchange.ask, "GET", "/health")).body
                if isinstance(body, dict) and body.get("parts", {}).get("feed") == state:
                    return
            await asyncio.sleep(POLL_S)


async def test_it_starts_without_the_venue_and_trades_once_the_venue_is_there(venue: Venue, tmp_path: Path) -> None:
    exchange = following(tmp_path / "data", venue.options())
    try:
        await asyncio.to_thread(exchange.start)
        assert any("not all is well yet" in line for line in exchange.lines)
        await has_a_feed_that(exchange, "is connecting")
        assert exchange.get("/instruments") == []
        await venue.start()
        assert (await buys(exchange, "filled"))["average"] == "60000.02"
        rules = exchange.get("/instruments/BTC/USDT")
        assert (rules["tick_size"], rules["step_size"], rules["min_notional"]) == ("0.01", "0.0001", "5.00000000")
        await venue.change("BTCUSDT", bids={"59999.5": "4"})
        await shows(exchange, "bids", "59999.5", "4")
        await venue.stop()
        await buys(exchange, "price_stale")
        await venue.start()
        await buys(exchange, "filled")
        assert await asyncio.to_thread(exchange.stop) == 0
    finally:
        await stop(exchange)


async def test_one_exchange_follows_another_through_its_restart(tmp_path: Path) -> None:
    leader = LaunchedExchange(tmp_path / "leader", symbols="BTC/USDT", auth="off")
    place = leader.url.removeprefix("http://")
    urls = {"public": f"http://{place}/api/v3", "ws": {"spot": f"ws://{place}/ws"}}
    follower = following(tmp_path / "follower", {"urls": {"api": urls}})
    rest = {"symbol": "BTC/USDT", "side": "buy", "type": "limit"}
    try:
        await asyncio.to_thread(leader.start)
        await asyncio.to_thread(follower.start)
        placed = await asyncio.to_thread(
            leader.ask, "POST", "/orders", rest | {"limit_price": "55000.37", "amount": "0.01234"}
        )
        assert placed.status == 200, placed
        await shows(follower, "bids", "55000.37", "0.01234")
        best = [Decimal((await levels(exchange))["asks"][0][0]) for exchange in (leader, follower)]
        assert abs(best[0] - best[1]) < best[0] / 100
        await buys(follower, "filled")
        await asyncio.to_thread(leader.kill_everything)
        await buys(follower, "price_stale")
        await asyncio.to_thread(leader.start)
        await shows(follower, "bids", "55000.37", "0.01234")
        await buys(follower, "filled")
        for exchange in (follower, leader):
            assert await asyncio.to_thread(exchange.stop) == 0
    finally:
        for exchange in (follower, leader):
            await stop(exchange)
