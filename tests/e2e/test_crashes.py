"""kill -9 of everything there is, under load: what was acknowledged stays, what was not is whole or absent."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.floor import Floor

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
