"""kill -9 of everything there is, under load: what was acknowledged stays, what was not is whole or absent."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.support.floor import FED, PLAIN, Floor
from tests.support.load import Fate

pytestmark = pytest.mark.anyio

ORDERS = 30
"""Of each symbol and shard, before a fault and after it."""


@pytest.mark.parametrize(
    "victim",
    [
        "book.BTC-USDT",
        "book.GOLD-USDT",
        "accounts.1",
        "history",
        "feed",
        "directory",
        "gateway",
        "nats-server",
        "valkey-server",
        "gcs",
    ],
)
async def test_nothing_is_lost_or_doubled_when_a_part_is_killed(floor: Floor, victim: str) -> None:
    async with floor.exchange.watched() as watch, floor.load() as load:
        await load.flow(ORDERS)
        pid = await watch.running(victim)
        os.kill(pid, signal.SIGKILL)
        await watch.running(victim, unlike=pid)
        await floor.exchange.wait_until_well(load.session)
        await load.flow(ORDERS)
    assert {"1", "2"} <= load.gateways.keys()
    await floor.examiner.verify(load)


@pytest.mark.parametrize("how", ["mockx up", "everything"])
async def test_nothing_is_lost_or_doubled_when_the_whole_exchange_is_killed(floor: Floor, how: str) -> None:
    exchange = floor.exchange
    async with floor.load() as load:
        await load.flow(ORDERS)
        await asyncio.to_thread(exchange.kill if how == "mockx up" else exchange.kill_everything)
        await asyncio.to_thread(exchange.wait_until_gone)
        await asyncio.to_thread(exchange.start)
        await exchange.wait_until_well(load.session)
        await load.flow(ORDERS)
    await floor.examiner.verify(load)


@pytest.mark.parametrize("seconds", [3, 8], ids=["shorter than an append may take", "longer than an append may take"])
async def test_no_append_is_doubled_when_nats_hangs_and_goes_on(floor: Floor, seconds: int) -> None:
    async with floor.exchange.watched() as watch:
        pid = await watch.running("nats-server")
    async with floor.load() as load:
        await load.flow(ORDERS)
        os.kill(pid, signal.SIGSTOP)
        try:
            # The length of the fault itself; nothing is waited for.
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        await load.flow(ORDERS)
        await floor.exchange.wait_until_well(load.session)
    await floor.examiner.verify(load)


async def test_orders_for_other_symbols_are_answered_while_a_book_recovers(floor: Floor) -> None:
    now = asyncio.get_running_loop().time
    async with floor.exchange.watched() as watch, floor.load(PLAIN) as stopped, floor.load(FED) as others:
        await asyncio.gather(stopped.flow(ORDERS), others.flow(ORDERS))
        killed_at = now()
        os.kill(await watch.running("book.GOLD-USDT"), signal.SIGKILL)
        await stopped.flow(ORDERS)
        recovered_at = now()
    meanwhile = [command for command in others.since(killed_at) if command.sent_at < recovered_at]
    assert len(meanwhile) >= ORDERS
    assert {command.symbol for command in meanwhile} == {market.symbol for market in FED}
    assert [one for one in meanwhile if one.fate is not Fate.ACKNOWLEDGED or one.was_unknown] == []
    await floor.examiner.verify(stopped, others)
