"""Candles and statistics as the gateway reads them: what is stored, what was heard since, and what is between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from gateway.candle_desk import MAX_CANDLES, CandleDesk
from gateway.candle_memory import CandleMemory
from gateway.failures import InvalidInput, NotAvailable
from infra.read_model.candle_rows import CandleKey, CandlePosition
from infra.read_model.store import HistoryUnavailable
from mockexchange.candle_views import encode_candle, encode_statistics
from mockexchange.candles import Candle, Interval, Statistics, moved, statistics_of
from mockexchange.messages.orders import Side, Trade
from tests.support.candle_trades import BTC_USDT, ETH_USDT, START_MS, candles_of, trade
from tests.support.heard_bus import HeardBus
from tests.support.local_exchange import MemoryHistory
from tests.support.manual_clock import ManualClock
from tests.support.memory_candles import MemoryCandleStore
from tests.support.memory_history import MemoryHistoryStore

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Desk(CandleDesk):
    """A desk with what it reads; the clock stands at 2024-08-08T23:54:11Z."""

    def __init__(self) -> None:
        self.bus, self.clock, self.store = HeardBus(), ManualClock(), MemoryCandleStore()
        self.memory = CandleMemory(self.bus)
        self.reads = 0
        self.store.at = self._count
        super().__init__(MemoryHistory(MemoryHistoryStore(), self.store), self.memory, self.clock)

    def keep(self, trades: list[Trade]) -> None:
        """Store what the writer would."""
        for interval in Interval:
            for row in candles_of(trades, interval):
                self.store.rows[CandleKey("BTC/USDT", interval, row.open_ms)] = row
        self.store.stored = CandlePosition(1, 1, "", 1)

    def say(self, interval: Interval, candle: Candle) -> None:
        """Let the writer tell of a candle."""
        payload = encode_candle(candle, BTC_USDT, interval, is_closed=False)
        self.bus.publish(f"market.BTC-USDT.candle.{interval}", payload)

    async def _count(self, _step: str) -> None:
        self.reads += 1


def reading(scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        desk = Desk()
        await desk.memory.start()
        await scenario(desk)
        await desk.memory.stop()
        assert desk.bus.handlers == []

    asyncio.run(run())


def made(*minutes: float, price: int = 100) -> list[Trade]:
    """Return trades so many minutes ago, oldest first."""
    ago = sorted(minutes, reverse=True)
    return [
        trade(number, price + number, number, at_ms=START_MS - round(each * MINUTE_MS), side=Side.SELL)
        for number, each in enumerate(ago, start=1)
    ]


def opens(candles: list[Candle]) -> list[int]:
    """Return how many minutes before the current one candles open."""
    now = START_MS - START_MS % MINUTE_MS
    return [(now - each.open_ms) // MINUTE_MS for each in candles]


def test_without_a_time_the_last_candles_come_and_the_newest_is_of_now() -> None:
    async def scenario(desk: Desk) -> None:
        desk.keep(made(10, 7, 3))
        found = await desk.candles(BTC_USDT, Interval.MINUTE, limit=5)
        assert opens(found) == [4, 3, 2, 1, 0]
        assert [(each.close, each.trades) for each in found] == [(102, 0), (103, 1), (103, 0), (103, 0), (103, 0)]
        assert opens(await desk.candles(BTC_USDT, Interval.MINUTE)) == [*range(10, -1, -1)]

    reading(scenario)


def test_with_a_start_the_first_come_from_there_and_never_before_the_first_that_is_kept() -> None:
    async def scenario(desk: Desk) -> None:
        desk.keep(made(10, 7, 3))
        now = START_MS - START_MS % MINUTE_MS
        start = now - 8 * MINUTE_MS
        found = await desk.candles(BTC_USDT, Interval.MINUTE, start_ms=start, limit=3)
        assert opens(found) == [8, 7, 6]
        # A start within an interval leaves it out.
        found = await desk.candles(BTC_USDT, Interval.MINUTE, start_ms=start + 1, limit=3)
        assert opens(found) == [7, 6, 5]
        assert opens(await desk.candles(BTC_USDT, Interval.MINUTE, start_ms=0, limit=1)) == [10]
        assert await desk.candles(BTC_USDT, Interval.MINUTE, start_ms=START_MS + DAY_MS) == []

    reading(scenario)


def test_with_an_end_the_last_before_it_come_and_both_bounds_hold() -> None:
    async def scenario(desk: Desk) -> None:
        desk.keep(made(10, 7, 3))
        now = START_MS - START_MS % MINUTE_MS
        end = now - 5 * MINUTE_MS
        assert opens(await desk.candles(BTC_USDT, Interval.MINUTE, end_ms=end, limit=3)) == [7, 6, 5]
        assert opens(await desk.candles(BTC_USDT, Interval.MINUTE, end_ms=end - 1, limit=3)) == [8, 7, 6]
        found = await desk.candles(BTC_USDT, Interval.MINUTE, start_ms=now - 8 * MINUTE_MS, end_ms=end)
        assert opens(found) == [8, 7, 6, 5]
        assert await desk.candles(BTC_USDT, Interval.MINUTE, start_ms=end, end_ms=end - 1) == []
        assert await desk.candles(BTC_USDT, Interval.MINUTE, end_ms=now - DAY_MS) == []

    reading(scenario)


def test_pages_by_start_join_without_gap_or_repetition() -> None:
    async def scenario(desk: Desk) -> None:
        desk.keep(made(*range(3, 90, 7)))
        whole = await desk.candles(BTC_USDT, Interval.THREE_MINUTES)
        pages: list[Candle] = []
        start = 0
        while page := await desk.candles(BTC_USDT, Interval.THREE_MINUTES, start_ms=start, limit=7):
            pages += page
            start = page[-1].open_ms + 1
        assert pages == whole
        assert [each.open_ms for each in whole] == [
            whole[0].open_ms + 3 * MINUTE_MS * number for number in range(len(whole))
        ]

    reading(scenario)


def test_what_was_heard_goes_before_what_is_stored_unless_it_is_older() -> None:
    async def scenario(desk: Desk) -> None:
        trades = made(5, 0, 0)
        desk.keep(trades[:2])
        live = candles_of(trades, Interval.MINUTE)[-1]
        desk.say(Interval.MINUTE, live)
        assert (await desk.candles(BTC_USDT, Interval.MINUTE))[-1] == live
        desk.keep(made(5, 0, 0, 0))
        assert (await desk.candles(BTC_USDT, Interval.MINUTE))[-1].trades == 3

    reading(scenario)


def test_a_candle_that_was_heard_and_is_not_stored_yet_is_shown_and_its_price_goes_on() -> None:
    async def scenario(desk: Desk) -> None:
        trades = made(5, 2)
        desk.keep(trades[:1])
        desk.say(Interval.MINUTE, candles_of(trades, Interval.MINUTE)[-1])
        found = await desk.candles(BTC_USDT, Interval.MINUTE)
        assert [each.close for each in found] == [101, 101, 101, 102, 102, 102]
        assert [each.close for each in await desk.candles(BTC_USDT, Interval.MINUTE, limit=1)] == [102]

    reading(scenario)


@pytest.mark.parametrize(
    ("interval", "zone", "first"),
    [
        ("1d", 5.5, "2024-08-07T18:30"), ("1d", -12, "2024-08-07T12:00"), ("1d", 14, "2024-08-08T10:00"),
        ("1w", 8, "2024-08-04T16:00"), ("1M", -3, "2024-08-01T03:00"), ("12h", 3, "2024-08-08T09:00"),
    ],
)  # fmt: skip
def test_days_weeks_and_months_of_a_time_zone_are_made_of_shorter_candles(
    interval: str, zone: float, first: str
) -> None:
    async def scenario(desk: Desk) -> None:
        trades = made(*(hours * 60 + 7 for hours in range(13, -1, -1)))
        desk.keep(trades)
        offset = round(zone * HOUR_MS)
        found = await desk.candles(BTC_USDT, Interval(interval), offset_ms=offset)
        assert found == candles_of_zone(trades, Interval(interval), offset)
        texts = [f"{datetime.fromtimestamp(each.open_ms / 1_000, UTC):%Y-%m-%dT%H:%M}" for each in found]
        assert first in texts
        assert sum(each.volume for each in found) == sum(each.quantity for each in trades)
        by_start = await desk.candles(BTC_USDT, Interval(interval), start_ms=0, offset_ms=offset)
        assert by_start == found

    reading(scenario)


def candles_of_zone(trades: list[Trade], interval: Interval, offset_ms: int) -> list[Candle]:
    """Return the candles of a time zone, made as if it were UTC."""
    local = [
        trade(each.trade_id, each.price, each.quantity, at_ms=each.time_ns // 10**6 + offset_ms, side=each.taker_side)
        for each in trades
    ]
    candles = candles_of(local, interval)
    filled = [
        Candle(
            **{name: getattr(each, name) for name in Candle.__struct_fields__}
            | {
                "open_ms": each.open_ms - offset_ms,
                "first_ms": each.first_ms - offset_ms,
                "last_ms": each.last_ms - offset_ms,
            }
        )
        for each in candles
    ]
    assert all(moved(interval, one.open_ms, 1, offset_ms) == other.open_ms for one, other in pairwise(filled))
    return filled


@pytest.mark.parametrize("minutes", [1, 59, 60, 61, 23 * 60, 24 * 60, 7 * 24 * 60])
def test_a_rolling_window_holds_the_trades_since_its_first_minute(minutes: int) -> None:
    async def scenario(desk: Desk) -> None:
        since = (START_MS % MINUTE_MS) / MINUTE_MS + minutes
        trades = made(minutes * 2 + 5_000, since + 0.01, since, since / 2, since / 3, 0)
        desk.keep(trades)
        found = await desk.rolling(BTC_USDT, minutes)
        assert (found.open_ms, found.close_ms) == (START_MS - round(since * MINUTE_MS), START_MS)
        assert (found.trades, found.first_id, found.last_id) == (4, 3, 6)
        assert (found.open, found.high, found.low, found.last) == (103, 106, 103, 106)
        assert (found.previous_close, found.volume) == (102, 3 + 4 + 5 + 6)
        assert desk.reads == 1

    reading(scenario)


def test_statistics_that_were_heard_need_no_read_model() -> None:
    async def scenario(desk: Desk) -> None:
        desk.keep(made(3, 2, 1))
        reckoned = await desk.statistics(BTC_USDT)
        assert (reckoned.trades, reckoned.last) == (3, 103)
        heard = statistics_of(
            "BTC/USDT", candles_of(made(1), Interval.MINUTE), open_ms=1, close_ms=START_MS, previous=None
        )
        desk.bus.publish("market.BTC-USDT.statistics", encode_statistics(heard, BTC_USDT))
        desk.store.at = _away
        assert await desk.statistics(BTC_USDT) == heard
        with pytest.raises(NotAvailable):
            await desk.statistics(ETH_USDT)
        await desk.clock.advance(120)
        desk.store.at = _back
        assert (await desk.statistics(BTC_USDT)).trades == 3

    reading(scenario)


def test_statistics_of_all_symbols_take_one_round_trip() -> None:
    async def scenario(desk: Desk) -> None:
        desk.keep(made(3, 2, 1))
        found = await desk.all_statistics([ETH_USDT, BTC_USDT])
        assert [(each.symbol, each.trades, each.last) for each in found] == [("ETH/USDT", 0, 0), ("BTC/USDT", 3, 103)]
        assert [each.trades for each in await desk.all_rolling([BTC_USDT, ETH_USDT], 2)] == [2, 0]
        assert desk.reads == 2

    reading(scenario)


def test_the_average_price_is_of_the_last_minutes_or_else_the_last_price() -> None:
    async def scenario(desk: Desk) -> None:
        assert (await desk.average_price(BTC_USDT)).price == Decimal(0)
        desk.keep(made(100, 90, price=6_000_000))
        average = await desk.average_price(BTC_USDT)
        assert (average.price, average.last_ms) == (Decimal("60000.02"), START_MS - 90 * MINUTE_MS)
        desk.keep(made(100, 90, 3, 1, price=6_000_000))
        # 3 at 60000.03 and 4 at 60000.04
        assert (await desk.average_price(BTC_USDT)).price == Decimal("60000.03571429")

    reading(scenario)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("limit", {"limit": 0}),
        ("limit", {"limit": MAX_CANDLES + 1}),
        ("time_zone", {"offset_ms": 14 * HOUR_MS + MINUTE_MS}),
        ("time_zone", {"offset_ms": -13 * HOUR_MS}),
        ("time_zone", {"offset_ms": 1}),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_name(field: str, wrong: dict[str, int]) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(InvalidInput) as refusal:
            await desk.candles(BTC_USDT, Interval.DAY, **wrong)
        assert refusal.value.field == field
        for minutes in (0, 7 * 24 * 60 + 1):
            with pytest.raises(InvalidInput):
                await desk.rolling(BTC_USDT, minutes)

    reading(scenario)


def test_times_beyond_all_bounds_are_harmless() -> None:
    async def scenario(desk: Desk) -> None:
        desk.keep(made(3))
        for interval in Interval:
            found = await desk.candles(BTC_USDT, interval, start_ms=-(2**62), end_ms=2**62)
            assert found[0].trades == 1
            assert await desk.candles(BTC_USDT, interval, end_ms=-(2**62)) == []
            assert await desk.candles(BTC_USDT, interval, start_ms=2**62) == []

    reading(scenario)


async def _away(_step: str) -> None:
    raise HistoryUnavailable("away")


async def _back(_step: str) -> None:
    """Answer."""


def test_heard_statistics_read_back_as_they_were() -> None:
    rows = candles_of(made(3, 2, 1, price=6_000_000), Interval.MINUTE)
    for candles in (rows, []):
        statistics: Statistics = statistics_of("BTC/USDT", candles, open_ms=5, close_ms=9, previous=rows[0])
        bus = HeardBus()

        async def hear(payload: bytes, bus: HeardBus = bus) -> Statistics | None:
            memory = CandleMemory(bus)
            await memory.start()
            bus.publish("market.BTC-USDT.statistics", payload)
            return memory.statistics("BTC/USDT")

        assert asyncio.run(hear(encode_statistics(statistics, BTC_USDT))) == statistics
