"""Limits: counted in windows, shared by all processes, and harsher for those who go on."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence

import pytest

from gateway.counters import AWAY_S, OwnCounters, SharedCounters
from gateway.rate_limits import STRIKES_BEFORE_BAN, Limiter, LimitExceeded, RateLimits
from infra.ports import Count, CountersUnavailable
from infra.wall_clock import WallClock
from tests.support.binance_api import BinanceApi
from tests.support.local_exchange import Api, with_exchange
from tests.support.manual_clock import ManualClock, settle


class MemoryStore:
    """Counters that several processes share. It can be taken away, or made to hang."""

    def __init__(self, clock: ManualClock) -> None:
        self.counters = OwnCounters(clock)
        self.batches: list[int] = []
        self.is_available = True
        self.gate = asyncio.Event()
        self.gate.set()

    async def add(self, counts: Sequence[Count]) -> list[int]:
        self.batches.append(len(counts))
        await self.gate.wait()
        if not self.is_available:
            raise CountersUnavailable("the store is away")
        return self.counters.add(counts)


def in_a_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test that waits."""

    @functools.wraps(test)
    def run() -> None:
        async def main() -> None:
            await test()

        asyncio.run(main())

    return run


def limiter(clock: ManualClock, store: MemoryStore | None, **limits: int) -> Limiter:
    return Limiter(RateLimits(**limits), SharedCounters(store, clock), clock)


async def refusal(limiter: Limiter, address: str = "a", weight: int = 1) -> LimitExceeded:
    with pytest.raises(LimitExceeded) as raised:
        await limiter.count_request(address, weight)
    return raised.value


@in_a_loop
async def test_all_processes_count_as_one() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    one, other = limiter(clock, store, weight_per_minute=10), limiter(clock, store, weight_per_minute=10)
    assert [used.total for used in await one.count_request("a", 4)] == [4, 1]
    assert [used.total for used in await other.count_request("a", 5)] == [9, 2]
    exceeded = await refusal(one, weight=2)
    assert (exceeded.rule.name, exceeded.banned_until_s) == ("weight", 0)
    assert 0 < exceeded.retry_after_s <= 60
    # Another address has its own count, and the next window begins anew.
    await other.count_request("b", 10)
    await clock.advance(exceeded.retry_after_s)
    assert (await one.count_request("a", 10))[0].total == 10


@in_a_loop
async def test_requests_in_flight_share_their_questions() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    store.gate.clear()
    one = limiter(clock, store)
    asking = [asyncio.create_task(one.count_request("a", 1)) for _ in range(50)]
    await settle()
    store.gate.set()
    totals = [(await each)[0].total for each in asking]
    assert totals == list(range(1, 51))
    assert len(store.batches) <= 2


@in_a_loop
async def test_who_goes_on_is_banned_each_time_for_longer_by_every_process() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    one, other = limiter(clock, store, weight_per_minute=1), limiter(clock, store, weight_per_minute=1)
    await one.count_request("a", 1)
    exceeded = [await refusal(one) for _ in range(STRIKES_BEFORE_BAN)]
    assert [each.banned_until_s for each in exceeded[:-1]] == [0] * (STRIKES_BEFORE_BAN - 1)
    first = exceeded[-1]
    assert first.banned_until_s > 0
    assert first.retry_after_s == 120
    # The ban outlives the window, holds at other processes, and does not concern other addresses.
    await clock.advance(61)
    assert (await refusal(other)).banned_until_s == first.banned_until_s
    await other.count_request("b", 1)
    await clock.advance(60)
    await other.count_request("a", 1)
    again = [await refusal(other) for _ in range(STRIKES_BEFORE_BAN)]
    assert max(each.retry_after_s for each in again) == 240


@in_a_loop
async def test_while_the_store_is_away_each_process_goes_on_counting() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    one = limiter(clock, store, weight_per_minute=5)
    await one.count_request("a", 3)
    store.is_available = False
    assert (await one.count_request("a", 2))[0].total == 5
    asked = len(store.batches)
    await refusal(one)
    assert len(store.batches) == asked
    store.is_available = True
    await clock.advance(AWAY_S)
    assert (await one.count_request("a", 1))[0].total == 4


@in_a_loop
async def test_orders_are_an_accounts_and_looking_costs_nothing() -> None:
    clock = ManualClock()
    one = limiter(clock, None, orders_per_10_seconds=2, orders_per_day=100)
    assert [used.total for used in await one.count_orders(1, 1)] == [1, 1]
    assert [used.total for used in await one.count_orders(1, 0)] == [1, 1]
    await one.count_orders(1, 1)
    with pytest.raises(LimitExceeded) as raised:
        await one.count_orders(1, 1)
    assert raised.value.rule.seconds == 10
    await one.count_orders(2, 2)
    assert [used.total for used in await one.count_orders(1, 0)] == [3, 3]


@in_a_loop
async def test_a_limit_of_zero_is_none() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    one = limiter(
        clock, store, weight_per_minute=0, requests_per_5_minutes=0, orders_per_10_seconds=0, orders_per_day=0
    )
    assert await one.count_request("a", 10**6) == []
    assert await one.count_orders(1, 10**6) == []
    assert store.batches == []


class FreshMinute(WallClock):
    """A clock whose minute begins when it is first read, so that no window ends in the middle of a test."""

    def __init__(self) -> None:
        self._late_ns: int | None = None

    def now_ns(self) -> int:
        now_ns = super().now_ns()
        if self._late_ns is None:
            self._late_ns = now_ns % (300 * 10**9)
        return now_ns - self._late_ns


@with_exchange(limits=RateLimits(weight_per_minute=100), clock=FreshMinute())
async def test_a_client_sees_what_it_used_and_is_told_when_to_come_back(api: Api) -> None:
    answer = await api.http.get("/api/v3/exchangeInfo")
    assert (answer.headers["x-mbx-used-weight"], answer.headers["x-mbx-used-weight-1m"]) == ("20", "20")
    for _ in range(4):
        assert (await api.http.get("/api/v3/exchangeInfo")).status_code == 200
    refused = await api.http.get("/api/v3/ping")
    assert refused.status_code == 429
    assert refused.json() == {
        "code": -1003,
        "msg": "Too much request weight used; current limit is 100 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
    }
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-mbx-used-weight"] == "101"
    statuses = [(await api.http.get("/api/v3/ping")).status_code for _ in range(STRIKES_BEFORE_BAN)]
    assert statuses[:-2] == [429] * (STRIKES_BEFORE_BAN - 2)
    assert statuses[-2:] == [418, 418]
    banned = await api.http.get("/api/v3/ping")
    assert banned.json()["msg"].startswith("Way too much request weight used; IP banned until ")
    assert int(banned.headers["retry-after"]) > 60


@with_exchange()
async def test_order_counts_can_be_asked_for(api: Api) -> None:
    counts = await BinanceApi(api).get("/api/v3/rateLimit/order")
    assert counts == [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 0},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000, "count": 0},
    ]


@with_exchange(limits=RateLimits(weight_per_minute=0, requests_per_5_minutes=0))
async def test_lifted_limits_are_not_told(api: Api) -> None:
    answer = await api.http.get("/api/v3/exchangeInfo")
    assert "x-mbx-used-weight" not in answer.headers
    assert [limit["rateLimitType"] for limit in answer.json()["rateLimits"]] == ["ORDERS", "ORDERS"]
