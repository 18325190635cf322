import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from actors.feeds.past import candles_of
from actors.feeds.shell import FeedShell
from actors.feeds.source import SilentSource
from actors.feeds.synthetic import SyntheticSource
from actors.writers.candles import CandleWriter
from infra.read_model.store import HistoryUnavailable
from mockexchange.candle_views import decode_statistics
from mockexchange.candles import DAY_MS, HOUR_MS, MINUTE_MS, Candle, Interval, aggregated, bucket, moved
from mockexchange.messages.codec import decode_feed_prints
from tests.support.candle_trades import BTC_USDT, START_MS, listing
from tests.support.heard_bus import HeardBus
from tests.support.manual_clock import ManualClock
from tests.support.memory_candles import MemoryCandleStore
from tests.support.memory_journal import MemoryJournal

BTC = "BTC/USDT"
MADE_BY = (Interval.MINUTE, Interval.HOUR, Interval.DAY)


class KnowingSource(SilentSource):
    """A silent market that knows these candles of the past, by interval; None: not yet."""

    def __init__(self, known: dict[Interval, list[Candle]] | None) -> None:
        self.known = known
        self.asked = 0

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset({BTC})

    def past(self, symbol: str, interval: Interval, first_ms: int, last_ms: int) -> list[Candle] | None:
        self.asked += 1
        if self.known is None:
            return None
        return [each for each in self.known.get(interval, []) if first_ms <= each.open_ms <= last_ms]


class Surroundings:
    """A writer and a feed."""

    def __init__(self, source: SyntheticSource | KnowingSource) -> None:
        self.bus = HeardBus()
        self.clock = ManualClock()
        self.store = MemoryCandleStore()
        self.journal = MemoryJournal([listing()])
        self.feed = FeedShell(source, self.bus, self.clock, {BTC: BTC_USDT}, epoch=1)
        self.writer = self._another_writer()

    def _another_writer(self) -> CandleWriter:
        return CandleWriter(self.journal, self.bus, self.store, self.clock)

    async def restart(self) -> None:
        await self.writer.stop()
        self.writer = self._another_writer()
        await self.writer.start()
        await self.clock.advance(0)

    def rows(self, interval: Interval) -> list[Candle]:
        return self.store.of(BTC, interval)

    def seconds(self) -> list[Candle]:
        """Return the seconds that the feed told of."""
        return [decode_feed_prints(each).candles[-1] for each in self.bus.payloads("feed.BTC-USDT.prints")]


def filling(
    scenario: Callable[[Surroundings], Awaitable[None]], source: SyntheticSource | KnowingSource | None = None
) -> None:
    async def run() -> None:
        around = Surroundings(source or SyntheticSource({BTC: BTC_USDT}, 1))
        await around.feed.start()
        await around.writer.start()
        await scenario(around)
        await around.writer.stop()
        await around.writer.closed()
        await around.feed.stop()
        assert not around.bus.servers

    asyncio.run(run())


def test_a_symbol_gets_a_past_without_gaps_in_which_every_price_goes_on_from_the_one_before() -> None:
    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(60)
        for interval, length_ms in (
            (Interval.MINUTE, DAY_MS),
            (Interval.HOUR, 30 * DAY_MS),
            (Interval.DAY, 365 * DAY_MS),
        ):
            rows = around.rows(interval)
            assert rows[0].open_ms <= START_MS - length_ms + HOUR_MS + moved(interval, 0, 1), interval
            assert rows[-1].open_ms == bucket(interval, around.clock.now_ns() // 1_000_000)
            for one, other in pairwise(rows):
                assert moved(interval, one.open_ms, 1) == other.open_ms
                assert abs(one.close - other.open) * 1_000 < one.close
                assert one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high
                assert one.volume > one.taker_buy_volume > 0
        assert len({row.close for row in around.rows(Interval.MINUTE)}) > 100

    filling(scenario)


def test_that_a_past_was_filled_in_is_told_once_when_it_can_be_read() -> None:
    async def scenario(around: Surroundings) -> None:
        stored: list[int] = []
        await around.bus.subscribe("market.*.past", lambda *_: stored.append(len(around.rows(Interval.MINUTE))))
        failures = iter(["before write", "after write", "before write"])

        async def at(step: str) -> None:
            if around.store.rows and step == next(failures, ""):
                raise HistoryUnavailable(step)

        around.store.at = at
        await around.clock.advance(90)
        assert len(stored) == 1
        assert stored[0] > 1_300
        (told,) = map(json.loads, around.bus.payloads("market.BTC-USDT.past"))
        assert told == {"symbol": BTC, "until": told["until"]}
        assert START_MS - MINUTE_MS <= told["until"] <= START_MS + MINUTE_MS

    filling(scenario)


def test_what_is_filled_in_and_what_is_counted_add_up_in_every_interval() -> None:
    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(90)
        counted = around.rows(Interval.SECOND)
        assert counted == [each for each in around.seconds() if each.open_ms in {row.open_ms for row in counted}]
        first_ms = bucket(Interval.MINUTE, counted[0].open_ms)
        minutes = around.rows(Interval.MINUTE)
        assert [row for row in minutes if row.open_ms >= first_ms] == aggregated(counted, Interval.MINUTE)
        whole_from = bucket(Interval.HOUR, minutes[0].open_ms + HOUR_MS - 1)
        for interval in (Interval.FIVE_MINUTES, Interval.HOUR):
            made = aggregated([row for row in minutes if row.open_ms >= whole_from], interval)
            assert around.rows(interval)[-len(made) :] == made
        year = sum(row.volume for row in around.rows(Interval.DAY))
        for interval in (Interval.THREE_DAYS, Interval.WEEK, Interval.MONTH):
            assert sum(row.volume for row in around.rows(interval)) == year
        statistics = decode_statistics(around.bus.payloads("market.BTC-USDT.statistics")[-1])
        assert statistics.volume <= sum(row.volume for row in minutes if row.open_ms >= statistics.open_ms)
        assert statistics.trades > 24 * 3_600

    filling(scenario)


def test_a_past_is_filled_in_once_over_restarts_and_failing_writes() -> None:
    async def scenario(around: Surroundings) -> None:
        failures = iter(["after write", "before write", "before read"] * 3)
        is_failing = True

        async def at(step: str) -> None:
            if is_failing and around.store.rows and step == next(failures, ""):
                raise HistoryUnavailable(step)

        around.store.at = at
        await around.clock.advance(60)
        is_failing = False
        await around.clock.advance(60)
        before = {interval: around.rows(interval)[:-2] for interval in MADE_BY}
        assert len(before[Interval.MINUTE]) > 1_300
        told = around.bus.payloads("market.BTC-USDT.past")
        await around.restart()
        await around.clock.advance(60)
        for interval in MADE_BY:
            assert around.rows(interval)[: len(before[interval])] == before[interval]
        assert around.bus.payloads("market.BTC-USDT.past") == told

    filling(scenario)


def traded(open_ms: int, volume: int) -> Candle:
    return Candle(open_ms, 5, 6, 4, 5, volume, 50, 1, last_ms=open_ms + 1, first_ms=open_ms)


def test_a_feed_that_does_not_know_yet_is_asked_again() -> None:
    source = KnowingSource(None)

    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(30)
        assert around.store.rows == {}
        source.known = {Interval.MINUTE: [traded(bucket(Interval.HOUR, START_MS), 10)]}
        await around.clock.advance(60)
        assert len(around.rows(Interval.MINUTE)) == 1
        asked = source.asked
        await around.clock.advance(600)
        assert source.asked == asked

    filling(scenario, source)


def test_longer_candles_stand_where_shorter_ones_are_not_whole() -> None:
    hour = bucket(Interval.HOUR, START_MS)
    minutes = [traded(at_ms, 1) for at_ms in range(hour - 90 * MINUTE_MS, hour, MINUTE_MS)]
    hours = [traded(hour - back * HOUR_MS, 100) for back in (40, 3, 2, 1, 0)]
    days = [traded(bucket(Interval.DAY, hour) - back * DAY_MS, 10_000) for back in (3, 2, 1, 0)]
    source = KnowingSource({Interval.MINUTE: minutes, Interval.HOUR: hours, Interval.DAY: days})

    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(60)
        assert around.rows(Interval.MINUTE) == minutes[30:]
        assert [(row.open_ms, row.volume) for row in around.rows(Interval.HOUR)] == [
            (hour - 3 * HOUR_MS, 100), (hour - 2 * HOUR_MS, 100), (hour - HOUR_MS, 60)
        ]  # fmt: skip
        assert [row.volume for row in around.rows(Interval.DAY)] == [10_000, 10_000, 10_000, 260]

    filling(scenario, source)


def test_a_market_without_trades_here_yet_has_a_price_from_its_past() -> None:
    hour = bucket(Interval.HOUR, START_MS)
    past = Candle(hour, 5, 6, 4, 5, 10, 50, 1, last_ms=hour + 59_999, first_ms=hour)

    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(60)
        assert around.rows(Interval.MINUTE) == [past]
        for interval in (Interval.QUARTER, Interval.HOUR):
            assert [(row.open_ms, row.close, row.volume) for row in around.rows(interval)] == [(hour, 5, 10)]
        assert [(row.close, row.volume) for row in around.rows(Interval.MONTH)] == [(5, 10)]
        statistics = decode_statistics(around.bus.payloads("market.BTC-USDT.statistics")[-1])
        assert (statistics.last, statistics.volume, statistics.first_id) == (5, 10, -1)

    filling(scenario, KnowingSource({Interval.MINUTE: [past]}))


def test_a_venues_candles_are_read_and_nonsense_is_left_out() -> None:
    good = [MINUTE_MS, 60000.1, 60010.0, 59990.55, 60005.5, 1.23456789]
    rows: list[list[Any]] = [
        [3 * MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 0.0],
        good,
        [0, 1.5, 2.0, 1.0, 1.25, 3.0],
        [4 * MINUTE_MS, 2.0, 1.0, 3.0, 2.0, 1.0],
        [5 * MINUTE_MS, None, 1.0, 1.0, 1.0, 1.0],
        [6 * MINUTE_MS, float("nan"), 1.0, 1.0, 1.0, 1.0],
        [7 * MINUTE_MS, float("inf"), 1.0, 1.0, 1.0, 1.0],
        [8 * MINUTE_MS],
        ["soon", 1.0, 1.0, 1.0, 1.0, 1.0],
    ]
    first, second = candles_of(rows, Interval.MINUTE, BTC_USDT)
    assert (first.open_ms, first.open, first.high, first.low, first.close) == (0, 150, 200, 100, 125)
    assert (second.open, second.high, second.low, second.close) == (6_000_010, 6_001_000, 5_999_055, 6_000_550)
    assert (second.volume, second.trades, second.first_id) == (123_456, 1, -1)
    assert (second.first_ms, second.last_ms) == (MINUTE_MS, 2 * MINUTE_MS - 1)
    assert second.quote_volume == BTC_USDT.quote_amount(6_000_027, 123_456)
