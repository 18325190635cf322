import asyncio
import json
from collections.abc import Awaitable, Callable

from actors.writers.candles import CandleWriter
from infra.read_model.store import HistoryUnavailable
from mockexchange.candle_views import decode_candle, decode_statistics
from mockexchange.candles import Candle, Interval
from mockexchange.messages.codec import encode_feed_prints
from mockexchange.messages.market import FeedPrints
from mockexchange.messages.orders import Side, Trade
from tests.support.candle_trades import (
    BTC_USDT,
    ETH_USDT,
    START_MS,
    candle,
    candles_of,
    journaled,
    listing,
    said,
    trade,
)
from tests.support.heard_bus import HeardBus
from tests.support.manual_clock import ManualClock
from tests.support.memory_candles import MemoryCandleStore
from tests.support.memory_journal import MemoryJournal

BTC = "BTC/USDT"


class Surroundings:
    """What a writer is given, and a writer that can be killed and started again."""

    def __init__(self) -> None:
        self.bus = HeardBus()
        self.clock = ManualClock()
        self.journal = MemoryJournal([listing()])
        self.store = MemoryCandleStore()
        self.writer = CandleWriter(self.journal, self.bus, self.store, self.clock)
        self.own: list[Trade] = []
        self.prints: list[Trade] = []
        self.outside: list[Trade] = []
        self.feed_number = 0
        self._id = 0

    async def restart(self) -> None:
        """Kill the writer, and start another."""
        await self.writer.stop()
        self.writer = CandleWriter(self.journal, self.bus, self.store, self.clock)
        await self.writer.start()
        await self.clock.advance(0)

    def trade(self, price: int = 6_000_000, quantity: int = 1_000, side: Side = Side.BUY) -> Trade:
        """Let accounts trade now."""
        each = self._next(price, quantity, side, is_outside=False)
        self.own.append(each)
        self.journal.extend([journaled(len(self.journal.records) + 1, [each])])
        self.bus.publish(*said(each))
        return each

    def print(self, price: int = 6_000_000, quantity: int = 1_000, side: Side = Side.BUY) -> Trade:
        """Let the outside market trade now."""
        each = self._next(price, quantity, side, is_outside=True)
        self.prints.append(each)
        self.bus.publish(*said(each))
        return each

    async def outside_second(self, price: int = 6_000_000, quantity: int = 1_000) -> None:
        """Let a second pass in which the feed has a print; what the book says of it is the caller's."""
        now_ms = self.clock.now_ns() // 1_000_000
        each = trade(-1, price, quantity, at_ms=now_ms - now_ms % 1_000, side=Side.SELL)
        self.outside.append(each)
        await self.clock.advance(1)
        self.feed_number += 1
        self.bus.publish(
            "feed.BTC-USDT.prints", encode_feed_prints(FeedPrints(BTC, 1, self.feed_number, [candle(each)]))
        )

    def speak(self) -> None:
        """Let the book say that it is awake."""
        self.bus.publish("market.BTC-USDT.ticker", b"{}")

    def skip_id(self) -> None:
        """Leave a trade id for later."""
        self._id += 1

    def told(self, interval: str) -> list[dict[str, object]]:
        """Return what was said of candles of an interval since the last time."""
        subject = f"market.BTC-USDT.candle.{interval}"
        payloads = [json.loads(payload) for name, payload in self.bus.published if name == subject]
        self.bus.published = [entry for entry in self.bus.published if entry[0] != subject]
        return payloads

    def rows(self, interval: Interval = Interval.MINUTE) -> list[Candle]:
        return self.store.of(BTC, interval)

    def _next(self, price: int, quantity: int, side: Side, *, is_outside: bool) -> Trade:
        self._id += 1
        at_ms = self.clock.now_ns() // 1_000_000
        return trade(self._id, price, quantity, at_ms=at_ms, side=side, is_outside=is_outside)


def writing(scenario: Callable[[Surroundings], Awaitable[None]]) -> None:
    async def run() -> None:
        around = Surroundings()
        await around.writer.start()
        await around.clock.advance(1)
        await scenario(around)
        await around.writer.stop()
        await around.writer.closed()
        assert around.bus.handlers == []

    asyncio.run(run())


def test_own_trades_and_prints_count_in_every_interval() -> None:
    async def scenario(around: Surroundings) -> None:
        for turn in range(90):
            around.trade(6_000_000 + turn * 7 % 11, 1_000 + turn, Side.SELL if turn % 3 else Side.BUY)
            around.print(6_000_000 - turn, 500, Side.SELL if turn % 2 else Side.BUY)
            await around.clock.advance(1.7)
        await around.clock.advance(2)
        for interval in Interval:
            assert around.rows(interval) == candles_of(around.own + around.prints, interval), interval

    writing(scenario)


def test_a_candle_is_told_at_most_once_a_second_and_once_more_when_it_ends_though_nothing_trades() -> None:
    async def scenario(around: Surroundings) -> None:
        # The clock stands at 54:12 past the hour.
        around.told("1m")
        around.trade(6_000_000)
        around.trade(6_000_500)
        await around.clock.advance(1)
        assert [(each["close"], each["trades"], each["closed"]) for each in around.told("1m")] == [
            ("60005.00", 2, False)
        ]
        await around.clock.advance(40)
        assert around.told("1m") == []
        await around.clock.advance(8)
        closed = around.told("1m")
        assert [(each["open_time"], each["close_time"], each["closed"]) for each in closed] == [
            (1_723_161_240_000, 1_723_161_299_999, True)
        ]
        assert (closed[0]["open"], closed[0]["volume"], closed[0]["trades"]) == ("60000.00", "0.02000", 2)

    writing(scenario)


def test_an_interval_without_trades_ends_with_a_flat_candle() -> None:
    async def scenario(around: Surroundings) -> None:
        around.trade(6_000_000)
        await around.clock.advance(120)
        last = around.told("1m")[-1]
        assert (last["open"], last["high"], last["low"], last["close"]) == ("60000.00",) * 4
        assert (last["volume"], last["trades"], last["first_trade_id"], last["closed"]) == ("0.00000", 0, None, True)
        assert last["open_time"] == 1_723_161_300_000
        assert len(around.rows()) == 1

    writing(scenario)


def test_a_symbol_that_never_traded_says_nothing() -> None:
    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(130)
        assert around.bus.published == []

    writing(scenario)


def test_statistics_are_told_when_they_change_and_age_every_minute() -> None:
    async def scenario(around: Surroundings) -> None:
        around.trade(6_000_000, 1_000)
        around.trade(6_600_000, 3_000)
        await around.clock.advance(2)
        [payload] = around.bus.payloads("market.BTC-USDT.statistics")
        statistics = decode_statistics(payload)
        assert (statistics.open, statistics.last, statistics.trades) == (6_000_000, 6_600_000, 2)
        await around.clock.advance(120)
        aged = [decode_statistics(each) for each in around.bus.payloads("market.BTC-USDT.statistics")]
        assert [each.open_ms - statistics.open_ms for each in aged] == [0, 60_000, 120_000]
        assert all(each.close_ms - each.open_ms in range(86_400_000, 86_460_000) for each in aged)

    writing(scenario)


def test_own_trades_are_counted_once_over_restarts_and_prints_of_the_meantime_are_lost() -> None:
    async def scenario(around: Surroundings) -> None:
        counted: list[Trade] = []
        for _ in range(4):
            counted += [around.trade(), around.print(), around.trade()]
            await around.clock.advance(2.3)
            counted.append(around.trade())
            await around.writer.stop()
            around.print()
            counted.append(around.trade(6_000_700))
            await around.clock.advance(5)
            await around.restart()
        await around.clock.advance(2)
        for interval in (Interval.SECOND, Interval.MINUTE, Interval.MONTH):
            assert around.rows(interval) == candles_of(counted, interval)
        assert around.store.stored is not None
        assert around.store.stored.sequence == len(around.journal.records)

    writing(scenario)


def test_nothing_is_lost_or_counted_twice_while_the_read_model_is_away_or_loses_its_answer() -> None:
    async def scenario(around: Surroundings) -> None:
        away = {"before write", "after write", "before read"}

        async def at(step: str) -> None:
            if step in away:
                raise HistoryUnavailable(step)

        around.store.at = at
        for failing in ({"before write"}, {"after write"}, {"before read", "before write"}, set()):
            away = failing
            for _ in range(6):
                around.trade()
                around.print(6_000_100)
                await around.clock.advance(1.3)
        await around.clock.advance(10)
        for interval in Interval:
            assert around.rows(interval) == candles_of(around.own + around.prints, interval), interval
        assert around.writer.status()["sessions"] == 1

    writing(scenario)


def test_candles_are_told_while_the_read_model_is_away() -> None:
    async def scenario(around: Surroundings) -> None:
        async def away(_step: str) -> None:
            raise HistoryUnavailable("away")

        around.store.at = away
        around.trade()
        await around.clock.advance(5)
        around.trade()
        await around.clock.advance(1)
        assert around.told("1h")[-1]["trades"] == 2
        assert around.rows() == []

    writing(scenario)


def test_a_late_trade_finds_its_candle_though_it_was_let_go_of() -> None:
    async def scenario(around: Surroundings) -> None:
        early = around.trade(6_000_000)
        late_id = early.trade_id + 1
        around.skip_id()
        for _ in range(10):
            around.print(6_000_100)
            await around.clock.advance(60)
        late = trade(late_id, 6_000_900, at_ms=early.time_ns // 1_000_000 + 10)
        around.journal.extend([journaled(len(around.journal.records) + 1, [late])])
        await around.clock.advance(3)
        assert around.rows(Interval.SECOND)[0].trades == 3
        for interval in Interval:
            assert around.rows(interval) == candles_of([*around.own, *around.prints, late], interval), interval

    writing(scenario)


def test_rows_that_vanished_are_rebuilt_of_own_trades() -> None:
    async def scenario(around: Surroundings) -> None:
        for _ in range(5):
            around.trade()
            around.print()
            await around.clock.advance(30)
        await around.store.wipe()
        await around.clock.advance(10)
        for interval in (Interval.MINUTE, Interval.DAY):
            assert around.rows(interval) == candles_of(around.own, interval)
        assert around.writer.status()["rebuilds"] == 2

    writing(scenario)


def test_candles_of_another_journal_are_replaced() -> None:
    async def scenario(around: Surroundings) -> None:
        around.trade(7_000_000)
        around.trade(7_000_000)
        await around.clock.advance(3)
        await around.writer.stop()
        around.own.clear()
        around.journal = MemoryJournal([listing()])
        around.trade(5_000_000)
        around.trade(5_000_000)
        around.trade(5_000_000)
        await around.restart()
        await around.clock.advance(10)
        assert around.rows() == candles_of(around.own, Interval.MINUTE)

    writing(scenario)


def test_a_second_writer_takes_over_and_the_first_one_writes_no_more() -> None:
    async def scenario(around: Surroundings) -> None:
        around.trade()
        await around.clock.advance(2)
        other = CandleWriter(around.journal, around.bus, around.store, around.clock)
        await other.start()
        await around.clock.advance(0.1)
        around.trade()
        around.trade()
        await around.clock.advance(20)
        assert around.rows() == candles_of(around.own, Interval.MINUTE)
        await other.stop()

    writing(scenario)


def test_what_is_told_reads_back_as_what_is_stored() -> None:
    async def scenario(around: Surroundings) -> None:
        around.trade(6_000_001, 12_345)
        around.print(5_999_999, 1, Side.SELL)
        await around.clock.advance(3)
        heard = decode_candle(around.bus.payloads("market.BTC-USDT.candle.1M")[-1])
        assert (heard.symbol, heard.interval, heard.is_closed) == (BTC_USDT.symbol, Interval.MONTH, False)
        assert [heard.candle] == around.rows(Interval.MONTH)

    writing(scenario)


def test_payloads_that_make_no_sense_are_counted() -> None:
    async def scenario(around: Surroundings) -> None:
        around.bus.publish("market.BTC-USDT.print", b"{")
        around.bus.publish(*said(trade(1, at_ms=START_MS, is_outside=True)))
        assert (around.writer.status()["missed_prints"], around.writer.status()["prints"]) == (1, 1)

    writing(scenario)


def test_prints_of_a_sleeping_book_count_in_every_interval_and_have_no_ids() -> None:
    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(1)
        for turn in range(70):
            await around.outside_second(6_000_000 + turn * 7 % 11, 1_000 + turn)
        await around.clock.advance(7)
        for interval in Interval:
            assert around.rows(interval) == candles_of(around.outside, interval), interval
        assert {(row.first_id, row.last_id) for row in around.rows()} == {(-1, -1)}
        told = around.told("1m")[-1]
        assert (told["first_trade_id"], told["first_time"] is None) == (None, False)
        statistics = decode_statistics(around.bus.payloads("market.BTC-USDT.statistics")[-1])
        assert (statistics.trades, statistics.first_id) == (70, -1)
        assert statistics.last == around.outside[-1].price

    writing(scenario)


def test_a_print_counts_once_whether_the_book_or_the_feed_tells_of_it() -> None:
    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(1)
        for _ in range(20):
            await around.outside_second()
        asleep = len(around.outside)
        for _ in range(20):
            around.speak()
            around.print()
            await around.outside_second()
        awake = len(around.outside)
        await around.clock.advance(0)
        for _ in range(20):
            await around.outside_second()
        await around.clock.advance(8)
        counted = around.outside[:asleep] + around.prints + around.outside[awake:]
        assert around.rows(Interval.SECOND) == candles_of(counted, Interval.SECOND)
        assert around.rows(Interval.HOUR) == candles_of(counted, Interval.HOUR)

    writing(scenario)


def test_own_trades_and_the_feeds_seconds_are_one_market_over_restarts_of_the_writer() -> None:
    async def scenario(around: Surroundings) -> None:
        await around.clock.advance(1)
        for _ in range(10):
            await around.outside_second(6_100_000)
        await around.clock.advance(8)
        counted = list(around.outside)
        await around.writer.stop()
        await around.outside_second(9_000_000)
        around.trade(6_000_000)
        await around.restart()
        around.outside.clear()
        await around.clock.advance(1)
        for _ in range(10):
            await around.outside_second(6_200_000)
        await around.clock.advance(8)
        counted += around.own + around.outside
        for interval in (Interval.SECOND, Interval.MINUTE, Interval.DAY):
            expected = sorted(counted, key=lambda each: each.time_ns)
            assert around.rows(interval) == candles_of(expected, interval), interval

    writing(scenario)


def test_seconds_of_an_instrument_without_a_feed_are_not_counted() -> None:
    async def scenario(around: Surroundings) -> None:
        around.bus.publish("feed.DOGE-USDT.prints", encode_feed_prints(FeedPrints("DOGE/USDT", 1, 1, [])))
        around.bus.publish("feed.BTC-USDT.prints", b"{")
        later = trade(-1, at_ms=START_MS + 2_000, instrument=ETH_USDT)
        around.bus.publish("feed.ETH-USDT.prints", encode_feed_prints(FeedPrints("ETH/USDT", 1, 1, [candle(later)])))
        await around.clock.advance(10)
        assert around.store.of("ETH/USDT", Interval.MINUTE) == []
        assert around.writer.status()["missed_prints"] == 2

    writing(scenario)
