"""Counters of limits in a real Valkey, shared by processes and outlived by them."""

from __future__ import annotations

import asyncio

import pytest

from gateway.counters import SharedCounters
from gateway.rate_limits import Limiter, LimitExceeded, RateLimits
from infra.ports import Count, CountersUnavailable
from infra.valkey_counters import PREFIX, ValkeyCounters
from infra.wall_clock import WallClock
from tests.support.servers import ValkeyServer

pytestmark = pytest.mark.anyio


async def test_counts_add_up_and_end_with_their_window(valkey_server: ValkeyServer) -> None:
    async with valkey_server.client() as client, valkey_server.client() as other:
        one, two = ValkeyCounters(client), ValkeyCounters(other)
        assert await one.add([Count("sum:a", 3, 60), Count("sum:b", 1, 60), Count("sum:a", 2, 60)]) == [3, 1, 5]
        assert await two.add([Count("sum:a", 0, 60), Count("sum:nobody", 0, 60)]) == [5, 0]
        assert await two.add([Count("level:a", 7, 60, is_level=True), Count("level:a", 4, 60, is_level=True)]) == [7, 7]
        assert await one.add([Count("level:nobody", 0, 0, is_level=True)]) == [0]
        lives = {key: await client.ttl(f"{PREFIX}{key}") for key in ("sum:a", "sum:b", "level:a")}
        assert all(0 < life <= 60 for life in lives.values()), lives
        assert not await client.exists(f"{PREFIX}sum:nobody", f"{PREFIX}level:nobody")


async def test_many_requests_of_two_processes_count_once(valkey_server: ValkeyServer) -> None:
    limits = RateLimits(weight_per_minute=0, orders_per_10_seconds=0, requests_per_5_minutes=0, orders_per_day=300)
    async with valkey_server.client() as client, valkey_server.client() as other:
        clock = WallClock()
        limiters = [Limiter(limits, SharedCounters(ValkeyCounters(each), clock), clock) for each in (client, other)]
        asked = [limiters[number % 2].count_orders(77, 1) for number in range(400)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    totals = sorted(answer[0].total for answer in answers if isinstance(answer, list))
    assert totals == list(range(1, 301))
    assert sum(isinstance(answer, LimitExceeded) for answer in answers) == 100


async def test_a_store_that_is_gone_says_so_and_is_found_again(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        counters = ValkeyCounters(client)
        assert await counters.add([Count("a", 1, 60)]) == [1]
        clean_valkey_server.kill()
        with pytest.raises(CountersUnavailable):
            await counters.add([Count("a", 1, 60)])
        clean_valkey_server.start()
        await clean_valkey_server.wait_ready()
        # The script has to be learnt anew, and counts may have been lost.
        assert await counters.add([Count("b", 1, 60)]) == [1]
