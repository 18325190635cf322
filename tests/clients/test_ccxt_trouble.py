"""An exchange under limits, and one whose parts fail: ccxt is told in classes that a bot can act on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import ccxt
import pytest

from tests.support.ccxt_clients import configuration, place_list, sync_client
from tests.support.launched import LaunchedExchange
from tests.support.load import TIMEOUT
from tests.support.members import Member, Members, eventually

LAB = "LAB/USDT"
ORDERS = 5
WEIGHT = 1000


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaunchedExchange]:
    running = LaunchedExchange(
        tmp_path_factory.mktemp("limited") / "data",
        gateway_processes="2",
        limit_orders_per_10_seconds=str(ORDERS),
        limit_weight_per_minute=str(WEIGHT),
    )
    running.start()
    yield running
    assert running.stop() == 0
    running.wait_until_gone()


@pytest.fixture(scope="module")
def limited_members(limited: LaunchedExchange) -> Members:
    made = Members(limited)
    made.list_lab()
    return made


def quick(member: Member) -> ccxt.binance:
    """Return a client that does not hold itself back."""
    return sync_client(member, enableRateLimit=False)


def tries_until_limited(call: Callable[[], Any], most: int) -> int:
    """Return how often a call went well before it was refused for its pace."""
    for done in range(most + 1):
        try:
            call()
        except (ccxt.DDoSProtection, ccxt.RateLimitExceeded):
            return done
    raise AssertionError("it was never refused")


def test_too_many_orders_are_refused_over_all_gateways_together(limited_members: Members) -> None:
    member = limited_members.join()
    client = quick(member)
    client.load_markets()
    limited_members.join().place("buy", "1", "20")
    # The ten seconds may end once meanwhile.
    placed = tries_until_limited(lambda: client.create_order(LAB, "limit", "buy", 1, 20), 2 * ORDERS)
    assert placed >= ORDERS
    assert len(member.ask("GET", "/orders?status=open")) == placed
    assert int(client.last_response_headers["X-Mbx-Order-Count-10s"]) >= ORDERS


def test_a_journal_that_hangs_is_told_as_unavailable_or_a_timeout(
    limited: LaunchedExchange, limited_members: Members
) -> None:
    client = quick(limited_members.join())
    client.load_markets()
    nats = next(pid for pid, line in limited.family().items() if "/nats-server" in line)
    os.kill(nats, signal.SIGSTOP)
    try:
        with pytest.raises((ccxt.ExchangeNotAvailable, ccxt.RequestTimeout)):
            client.create_order(LAB, "limit", "buy", 1, 60)
    finally:
        os.kill(nats, signal.SIGCONT)
    eventually(lambda: _answer(lambda: client.fetch_balance()["USDT"]["total"] == 1_000_000.0), "it recovers")
    eventually(lambda: _answer(lambda: client.fetch_open_orders(LAB) is not None), "orders can be read")
    asyncio.run(_wait_until_well(limited))


async def _wait_until_well(exchange: LaunchedExchange) -> None:
    """Wait for every gateway: another one than the client's may take longer."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        await exchange.wait_until_well(session)


def _answer(ask: Any) -> Any:
    try:
        return ask()
    except (ccxt.ExchangeNotAvailable, ccxt.RequestTimeout):
        return None


def test_a_stop_outlives_the_death_of_everything_and_fires_once(
    limited: LaunchedExchange, limited_members: Members
) -> None:
    alice, bob = limited_members.join(), limited_members.join()
    client = quick(alice)
    bob.place("sell", "0.1", "100")
    bob.place("buy", "0.1", "100")
    stop = client.create_order(LAB, "market", "sell", 0.5, None, {"stopLossPrice": 95})["id"]
    pair = place_list(client, abovePrice="120", belowType="STOP_LOSS", belowStopPrice="80")
    limited.kill_everything()
    limited.start()
    assert alice.balances()["LAB"] == ("9998.50000000", "1.50000000")
    bob.place("buy", "2", "94")
    bob.place("sell", "0.1", "94")
    eventually(lambda: alice.order(stop)["status"] == "filled", "the stop fires")
    bob.place("buy", "0.1", "94.5")
    bob.place("sell", "0.1", "94.5")
    mine = eventually(lambda: client.fetch_my_trades(LAB), "its trade is told")
    assert [(trade["order"], trade["amount"], trade["price"]) for trade in mine] == [(stop, 0.5, 94.0)]
    assert {alice.order(row["orderId"])["status"] for row in pair["orders"]} == {"new"}
    assert alice.balances()["LAB"] == ("9998.50000000", "1.00000000")


def test_too_many_requests_are_refused_and_then_banned(limited: LaunchedExchange) -> None:
    client = ccxt.binance(configuration(limited.url) | {"enableRateLimit": False})
    tries_until_limited(client.fetch_tickers, 2 * WEIGHT)
    assert int(client.last_response_headers["Retry-After"]) > 0
