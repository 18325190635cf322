import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from itertools import count, pairwise

import pytest

from actors.feeds.depth import OutsideDepth
from actors.feeds.shell import FeedShell
from actors.feeds.source import SECOND_NS, MarketSource, SilentSource, Tick, pace
from actors.feeds.synthetic import SyntheticSource
from infra.ports import Clock
from mockexchange.candles import Candle, Interval
from mockexchange.instruments import Instrument
from mockexchange.messages.codec import decode_feed_message, decode_feed_prints, decode_feed_ticker
from mockexchange.messages.market import DepthSnapshot, DepthUpdate, MarketSilent, Print
from mockexchange.messages.orders import Side
from mockexchange.presets import preset
from tests.support.candle_trades import candles_of, trade
from tests.support.heard_bus import HeardBus
from tests.support.manual_clock import ManualClock

LISTED = {symbol: preset(symbol, feed=True) for symbol in ("BTC/USDT", "ETH/USDT")}
SHOWN = DepthSnapshot([(100, 5)], [(101, 6)], 1)


class ListedTicks(MarketSource):
    """A source of ticks given by the test."""

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset({"BTC/USDT"})

    def __init__(self, ticks: list[Tick]) -> None:
        self._ticks = ticks

    async def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        async for batch in pace(iter(self._ticks), clock, SECOND_NS // 10):
            yield batch
        await clock.sleep(1_000_000.0)


class BrokenSource(ListedTicks):
    """A source that says one thing and then fails."""

    async def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        yield self._ticks
        raise ValueError("the market is gone")


def fed(scenario: Callable[[FeedShell, HeardBus, ManualClock], Awaitable[None]], source: object) -> None:
    async def run() -> None:
        bus, clock = HeardBus(), ManualClock()
        shell = FeedShell(source, bus, clock, LISTED, epoch=77)  # type: ignore[arg-type]
        await shell.start()
        await scenario(shell, bus, clock)
        await shell.stop()
        assert not bus.servers

    asyncio.run(run())


def test_messages_are_numbered_without_gaps_and_lead_to_the_same_depth_as_a_snapshot() -> None:
    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        await clock.advance(30)
        for token in ("BTC-USDT", "ETH-USDT"):
            messages = [decode_feed_message(payload) for payload in bus.payloads(f"feed.{token}.updates")]
            assert len(messages) > 150
            assert [message.number for message in messages] == list(range(1, len(messages) + 1))
            assert {message.epoch for message in messages} == {77}
            depth = OutsideDepth()
            for message in messages:
                for update in message.updates:
                    depth.apply(update)
            answer = decode_feed_message(await bus.request(f"feed.{token}.snapshot", b"", 1.0) or b"")
            assert (answer.epoch, answer.number) == (77, len(messages))
            assert answer.updates == [depth.snapshot()]

    fed(scenario, SyntheticSource(LISTED, 1))


def test_what_happens_within_a_window_is_one_message() -> None:
    def change(number: int) -> DepthUpdate:
        return DepthUpdate([(100, number)], [], number)

    ticks = [Tick(0, "BTC/USDT", [SHOWN])] + [Tick(n * 30_000_000, "BTC/USDT", [change(n)]) for n in range(1, 7)]

    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        await clock.advance(1)
        messages = [decode_feed_message(payload) for payload in bus.payloads("feed.BTC-USDT.updates")]
        assert [message.updates for message in messages] == [
            [SHOWN, change(1), change(2), change(3)],
            [change(4), change(5), change(6)],
        ]

    fed(scenario, ListedTicks(ticks))


def test_no_snapshot_is_answered_while_the_market_is_unknown() -> None:
    ticks = [Tick(SECOND_NS, "BTC/USDT", [SHOWN]), Tick(2 * SECOND_NS, "BTC/USDT", [MarketSilent()])]

    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        answers = []
        for _ in range(3):
            await clock.advance(0.9)
            answers.append(await bus.request("feed.BTC-USDT.snapshot", b"", 1.0) is not None)
            await clock.advance(0.2)
        assert answers == [False, True, False]

    fed(scenario, ListedTicks(ticks))


def test_tickers_are_conflated_while_much_happens_and_repeated_while_nothing_does() -> None:
    busy = [
        Tick(n * SECOND_NS // 50, "BTC/USDT", [Print(100 + n, 1, Side.BUY, n, 0)] if n else [SHOWN]) for n in range(500)
    ]

    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        heard = []
        for _ in range(30):
            await clock.advance(1)
            heard.append(len(bus.payloads("feed.BTC-USDT.ticker")))
        per_second = [after - before for before, after in pairwise(heard)]
        assert max(per_second) <= 4
        assert min(per_second[:9]) >= 3
        quiet = per_second[11:]
        assert all(first + second >= 1 for first, second in pairwise(quiet))
        last = decode_feed_ticker(bus.payloads("feed.BTC-USDT.ticker")[-1])
        assert (last.symbol, last.bid, last.bid_quantity, last.ask, last.ask_quantity) == ("BTC/USDT", 100, 5, 101, 6)
        assert last.last == 599

    fed(scenario, ListedTicks(busy))


def test_every_print_is_told_in_its_second_and_each_second_several_times() -> None:
    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        await clock.advance(40)
        printed = [
            trade(-1, update.price, update.quantity, at_ms=message.time_ns // 10**6, side=update.taker_side)
            for message in map(decode_feed_message, bus.payloads("feed.BTC-USDT.updates"))
            for update in message.updates
            if isinstance(update, Print)
        ]
        expected = candles_of(printed, Interval.SECOND, LISTED["BTC/USDT"])
        messages = [decode_feed_prints(payload) for payload in bus.payloads("feed.BTC-USDT.prints")]
        assert len(messages) > 30
        assert [message.number for message in messages] == list(range(1, len(messages) + 1))
        for message in messages:
            assert message.epoch == 77
            assert message.candles == expected[max(message.number - 5, 0) : message.number]
        assert len(expected) - len(messages) <= 1

    fed(scenario, SyntheticSource(LISTED, 1))


def test_volumes_beyond_64_bits_are_told() -> None:
    huge = Print(10**17, 10**17, Side.SELL, 1, 0)

    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        await clock.advance(5)
        [payload] = bus.payloads("feed.BTC-USDT.prints")
        [candle] = decode_feed_prints(payload).candles
        assert isinstance(candle, Candle)
        assert candle.quote_volume == LISTED["BTC/USDT"].quote_amount(10**17, 10**17) > 2**64

    fed(scenario, ListedTicks([Tick(0, "BTC/USDT", [SHOWN, huge])]))


def test_a_schedule_that_was_stopped_for_a_while_does_not_hurry_through_what_it_missed() -> None:
    class Stoppable(ManualClock):
        stopped_s = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.stopped_s

    async def run() -> int:
        clock = Stoppable()
        ticks = 0

        async def consume() -> None:
            nonlocal ticks
            schedule = (Tick(n * SECOND_NS // 10, "BTC/USDT", []) for n in count())
            async with aclosing(pace(schedule, clock, SECOND_NS // 10)) as batches:
                async for batch in batches:
                    ticks += len(batch)

        consumer = asyncio.create_task(consume())
        await clock.advance(1)
        clock.stopped_s = 3_600
        await clock.advance(1)
        consumer.cancel()
        await asyncio.wait([consumer])
        return ticks

    assert 18 <= asyncio.run(run()) <= 22


def test_what_is_a_little_overdue_is_made_up_for_at_once() -> None:
    async def run() -> list[int]:
        clock = ManualClock()
        schedule = (Tick(n * SECOND_NS // 10, "BTC/USDT", []) for n in range(20))
        sizes = []
        async with aclosing(pace(schedule, clock, SECOND_NS // 10)) as batches:
            consumer = asyncio.ensure_future(anext(batches))
            await clock.advance(0.1)
            sizes.append(len(await consumer))
            await clock.advance(0.7)
            sizes.append(len(await anext(batches)))
        return sizes

    assert asyncio.run(run()) == [1, 7]


def test_a_source_that_fails_ends_the_feed_and_says_why() -> None:
    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        with pytest.raises(ValueError, match="the market is gone"):
            await shell.closed()
        assert shell.status()["state"] == "failed"
        assert "the market is gone" in str(shell.status()["failure"])
        assert len(bus.payloads("feed.BTC-USDT.updates")) == 1

    fed(scenario, BrokenSource([Tick(0, "BTC/USDT", [SHOWN])]))


def test_a_stopped_feed_publishes_nothing_more() -> None:
    async def run() -> None:
        bus, clock = HeardBus(), ManualClock()
        shell = FeedShell(SyntheticSource(LISTED, 1), bus, clock, LISTED, epoch=1)
        await shell.start()
        await clock.advance(1)
        assert shell.status()["state"] == "serving"
        await shell.stop()
        await shell.closed()
        heard = len(bus.published)
        await clock.advance(5)
        assert len(bus.published) == heard

    asyncio.run(run())


def test_symbols_that_are_not_listed_are_not_published() -> None:
    async def run() -> None:
        bus, clock = HeardBus(), ManualClock()
        shell = FeedShell(SyntheticSource(LISTED, 1), bus, clock, {"ETH/USDT": LISTED["ETH/USDT"]}, epoch=1)
        await shell.start()
        await clock.advance(2)
        await shell.stop()
        kinds = ("updates", "ticker", "prints")
        assert {subject for subject, _ in bus.published} == {f"feed.ETH-USDT.{kind}" for kind in kinds}

    asyncio.run(run())


def test_an_instrument_listed_while_the_feed_runs_gets_its_market() -> None:
    async def run() -> None:
        bus, clock = HeardBus(), ManualClock()
        listed: asyncio.Queue[Instrument] = asyncio.Queue()

        async def listings() -> AsyncGenerator[Instrument, None]:
            while True:
                yield await listed.get()

        btc = {"BTC/USDT": LISTED["BTC/USDT"]}
        shell = FeedShell(SyntheticSource(btc, 1), bus, clock, btc, epoch=1, listings=listings())
        await shell.start()
        await clock.advance(2)
        assert "feed.ETH-USDT.snapshot" not in bus.servers
        listed.put_nowait(LISTED["ETH/USDT"])
        listed.put_nowait(LISTED["BTC/USDT"])
        await clock.advance(2)
        heard = [decode_feed_message(payload) for payload in bus.payloads("feed.ETH-USDT.updates")]
        assert isinstance(heard[0].updates[0], DepthSnapshot)
        assert [message.number for message in heard] == list(range(1, len(heard) + 1))
        assert len(heard) > 8
        assert await bus.request("feed.ETH-USDT.snapshot", b"", 1.0) is not None
        before = [decode_feed_message(payload).number for payload in bus.payloads("feed.BTC-USDT.updates")]
        assert before == list(range(1, len(before) + 1))
        await shell.stop()
        assert not bus.servers

    asyncio.run(run())


def test_a_market_that_is_not_known_has_no_ticker() -> None:
    ticks = [Tick(0, "BTC/USDT", [SHOWN]), Tick(5 * SECOND_NS, "BTC/USDT", [MarketSilent()])]

    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        await clock.advance(6)
        heard = len(bus.payloads("feed.BTC-USDT.ticker"))
        assert heard > 0
        await clock.advance(10)
        assert len(bus.payloads("feed.BTC-USDT.ticker")) == heard

    fed(scenario, ListedTicks(ticks))


def test_a_market_of_no_symbols_is_silent() -> None:
    async def scenario(shell: FeedShell, bus: HeardBus, clock: ManualClock) -> None:
        await clock.advance(200)
        assert shell.status()["state"] == "serving"
        assert bus.published == []

    fed(scenario, SilentSource())
