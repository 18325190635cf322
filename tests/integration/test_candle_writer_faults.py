import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from actors.feeds.shell import FeedShell
from actors.feeds.synthetic import SyntheticSource
from actors.writers import past_candles, past_filler
from actors.writers.candles import CandleWriter
from infra.nats.bus import NatsBus
from infra.nats.connection import Connection
from infra.nats.journal import NatsJournal
from infra.read_model.candle_rows import CandleKey, CandlePosition, CandleRange
from infra.read_model.candle_store import ValkeyCandleStore
from infra.read_model.reader import HistoryReader
from infra.read_model.rows import TAPE_LENGTH
from infra.read_model.store import HistoryUnavailable, PositionMoved
from infra.read_model.valkey_store import ValkeyHistoryStore
from infra.wall_clock import WallClock
from mockexchange.candle_views import decode_candle
from mockexchange.candles import LAST_MS, Candle, Interval, moved
from mockexchange.messages.codec import decode_feed_prints
from mockexchange.messages.orders import Trade
from tests.support.candle_trades import BTC_USDT, START_MS, candle, candles_of, journaled, listing, said, trade
from tests.support.eventually import eventually
from tests.support.servers import NatsServer, ValkeyServer

pytestmark = pytest.mark.anyio

BTC = "BTC/USDT"


class Market:
    """A journal and a bus on which trades are made."""

    def __init__(self, connection: Connection) -> None:
        self.journal, self.bus = NatsJournal(connection), NatsBus(connection)
        self.own: list[Trade] = []
        self.prints: list[Trade] = []
        self._last: dict[str, int] = {}

    async def open(self) -> None:
        await self._append(*listing()[1:])

    async def trade(self, count: int = 1) -> None:
        """Let accounts trade, each time in a record of its own."""
        for _ in range(count):
            each = self._next(is_outside=False)
            self.own.append(each)
            await self._append(*journaled(0, [each])[1:])
            self.bus.publish(*said(each))

    def print(self, count: int = 1) -> None:
        """Let the outside market trade."""
        for _ in range(count):
            each = self._next(is_outside=True)
            self.prints.append(each)
            self.bus.publish(*said(each))

    def _next(self, *, is_outside: bool) -> Trade:
        number = len(self.own) + len(self.prints) + 1
        now_ms = WallClock().now_ns() // 1_000_000
        return trade(number, 6_000_000 + number % 17, number, at_ms=now_ms, is_outside=is_outside)

    async def _append(self, subject: str, payload: bytes) -> None:
        self._last[subject] = await self.journal.append(subject, payload, self._last.get(subject, 0))


@asynccontextmanager
async def writing(server: ValkeyServer, market: Market) -> AsyncIterator[CandleWriter]:
    async with server.client() as client:
        store = ValkeyCandleStore(client, timeout_s=1.0)
        writer = CandleWriter(market.journal, market.bus, store, WallClock())
        await writer.start()
        try:
            await eventually(lambda: writer.status()["state"] == "following")
            yield writer
        finally:
            await writer.stop()
            await writer.closed()


async def rows(server: ValkeyServer, interval: Interval) -> list[Candle]:
    async with server.client() as client:
        found = await HistoryReader(client).candles([CandleRange(BTC, interval, 0, LAST_MS)])
        return found[0].rows


async def reaches(server: ValkeyServer, trades: int) -> None:
    """Return once the stored candles hold so many trades."""
    async with asyncio.timeout(60):
        while True:
            try:
                if sum(row.trades for row in await rows(server, Interval.DAY)) >= trades:
                    return
            except HistoryUnavailable:
                pass
            await asyncio.sleep(0.02)


async def seconds_up_to(server: ValkeyServer, last: Trade) -> list[Candle]:
    """Return the stored candles of seconds once they hold this trade."""
    async with asyncio.timeout(60):
        while True:
            found = await rows(server, Interval.SECOND)
            if any(row.last_id == last.trade_id for row in found):
                return found
            await asyncio.sleep(0.02)


async def holds(server: ValkeyServer, trades: list[Trade]) -> None:
    """Check that the stored candles hold these trades, each once."""
    await reaches(server, len(trades))
    for interval in Interval:
        assert await rows(server, interval) == candles_of(trades, interval), interval


@asynccontextmanager
async def market_on(server: NatsServer) -> AsyncIterator[Market]:
    async with server.with_stores() as connection:
        market = Market(connection)
        await market.open()
        yield market


async def test_own_trades_are_counted_once_through_restarts_of_the_writer(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer
) -> None:
    async with market_on(clean_nats_server) as market:
        for turn in range(5):
            async with writing(clean_valkey_server, market):
                # It ends before, while or after these are written.
                await market.trade(20)
                if turn % 2:
                    await reaches(clean_valkey_server, len(market.own) - 10 * (turn % 3))
            await market.trade(5)
        async with writing(clean_valkey_server, market):
            await holds(clean_valkey_server, market.own)


async def test_trades_and_prints_are_told_and_written(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer
) -> None:
    async with market_on(clean_nats_server) as market, writing(clean_valkey_server, market):
        told: list[bytes] = []
        await market.bus.subscribe("market.BTC-USDT.candle.1s", lambda _, payload: told.append(payload))
        await market.trade(3)
        market.print(3)
        await holds(clean_valkey_server, market.own + market.prints)
        await eventually(lambda: any(decode_candle(payload).is_closed for payload in told))
        assert decode_candle(told[0]).candle.first_id == 1


async def test_nothing_is_lost_while_valkey_is_dead_or_hangs_and_the_writer_lives(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer
) -> None:
    async with market_on(clean_nats_server) as market, writing(clean_valkey_server, market) as writer:
        for turn in range(3):
            await market.trade(5)
            market.print(5)
            failed = writer.status()["failed_writes"]
            if turn % 2:
                clean_valkey_server.pause()
            else:
                clean_valkey_server.kill()
            await market.trade(5)
            market.print(5)
            await eventually(lambda before=failed: writer.status()["failed_writes"] != before)  # type: ignore[misc]
            if turn % 2:
                clean_valkey_server.resume()
            else:
                await clean_valkey_server.restart()
            await reaches(clean_valkey_server, len(market.own) + len(market.prints))
        await holds(clean_valkey_server, market.own + market.prints)
        assert writer.status()["sessions"] == 1


async def test_candles_that_were_lost_are_rebuilt_of_own_trades(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer
) -> None:
    async with market_on(clean_nats_server) as market, writing(clean_valkey_server, market):
        await market.trade(10)
        market.print(10)
        await reaches(clean_valkey_server, 20)
        async with clean_valkey_server.client() as client:
            await client.flushall()
        await holds(clean_valkey_server, market.own)


async def test_candles_are_written_at_one_position_and_kept_for_their_time(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        store, reader = ValkeyCandleStore(client), HistoryReader(client)
        first, second = CandlePosition(1, 1, "one", 1), CandlePosition(2, 2, "one", 2)
        made = [candle(trade(number, at_ms=START_MS + number * 60_000)) for number in range(90)]
        written = {CandleKey(BTC, Interval.SECOND, each.open_ms): each for each in made}
        await store.write(written, None, first)
        # The same write again is done already.
        await store.write(written, None, first)
        with pytest.raises(PositionMoved):
            await store.write({CandleKey(BTC, Interval.DAY, 0): made[0]}, None, second)
        with pytest.raises(PositionMoved):
            await store.write({CandleKey(BTC, Interval.DAY, 0): made[0]}, second, second)
        assert await store.position() == first
        assert (await reader.candles([CandleRange(BTC, Interval.DAY, 0, LAST_MS)]))[0].rows == []
        # Seconds are kept for an hour.
        [found] = await reader.candles([CandleRange(BTC, Interval.SECOND, 0, LAST_MS)])
        assert (found.previous, found.rows) == (None, made[29:])
        [found] = await reader.candles([CandleRange(BTC, Interval.SECOND, made[40].open_ms, made[42].open_ms)])
        assert (found.previous, found.rows) == (made[39], made[40:43])
        assert await reader.next_candle(BTC, Interval.SECOND, made[50].open_ms + 1) == made[51]
        assert await reader.next_candle(BTC, Interval.SECOND, made[89].open_ms + 1) is None
        # Volumes know no bound.
        huge = candle(trade(7, 10**12, 10**18))
        await store.write({CandleKey(BTC, Interval.MONTH, huge.open_ms): huge}, first, second)
        assert await reader.next_candle(BTC, Interval.MONTH, 0) == huge
        # The rest of history is folded anew without them.
        await ValkeyHistoryStore(client).wipe()
        assert await store.position() == second
        await store.wipe()
        assert await store.position() is None
        assert await reader.next_candle(BTC, Interval.SECOND, 0) is None


async def test_the_tape_is_read_forward_by_id_and_by_time(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        reader = HistoryReader(client)
        assert await reader.trades_between(BTC, 0, LAST_MS, 10) == []
        made = [trade(number, at_ms=START_MS + number // 3 * 1_000) for number in range(1, 3_001)]
        await ValkeyHistoryStore(client).put_prints(made)
        assert await reader.trades_after(BTC, 0, 10) == made[:10]
        pages: list[Trade] = []
        while page := await reader.trades_after(BTC, pages[-1].trade_id + 1 if pages else 0, 999):
            pages += page
        assert pages == made
        for start, end in ((0, LAST_MS), (START_MS + 5_000, START_MS + 7_999), (START_MS + 999_500, LAST_MS), (5, 4)):
            expected = [each for each in made if start <= each.time_ns // 10**6 <= end]
            assert await reader.trades_between(BTC, start, end, TAPE_LENGTH) == expected
            assert await reader.trades_between(BTC, start, end, 7) == expected[:7]


async def test_a_dead_server_is_said_to_be_unavailable(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        reader = HistoryReader(client, timeout_s=0.5)
        clean_valkey_server.kill()
        for ask in (
            lambda: reader.candles([CandleRange(BTC, Interval.DAY, 0, 1)]),
            lambda: reader.next_candle(BTC, Interval.DAY, 0),
            lambda: reader.trades_after(BTC, 0, 1),
            lambda: reader.trades_between(BTC, 0, 1, 1),
        ):
            with pytest.raises(HistoryUnavailable):
                await ask()


async def test_what_the_feed_tells_of_a_sleeping_book_is_counted_and_nothing_twice_once_it_wakes(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer
) -> None:
    told: dict[int, Candle] = {}
    fed = {BTC: BTC_USDT}

    def hear(_subject: str, payload: bytes) -> None:
        prints = decode_feed_prints(payload)
        told.update((prints.number - back, each) for back, each in enumerate(reversed(prints.candles)))

    async with (
        market_on(clean_nats_server) as market,
        writing(clean_valkey_server, market) as writer,
        clean_nats_server.connection("feed") as connection,
    ):
        await market.bus.subscribe("feed.BTC-USDT.prints", hear)
        feed = FeedShell(SyntheticSource(fed, 1), NatsBus(connection), WallClock(), fed, 42)
        await feed.start()
        await eventually(lambda: int(str(writer.status()["seconds"])) >= 4, timeout_s=30)
        market.print()
        woke_ms = market.prints[0].time_ns // 1_000_000

        def has_spoken_for_a_while() -> bool:
            market.bus.publish("market.BTC-USDT.ticker", b"{}")
            return max(told.values(), key=_opens).open_ms > woke_ms

        await eventually(has_spoken_for_a_while)
        market.print()
        await feed.stop()
        # How many seconds were counted before the book woke is not known, so the last print itself is waited for.
        seconds = await seconds_up_to(clean_valkey_server, market.prints[-1])
    outside = [each for each in seconds if each.first_id < 0]
    assert outside == [each for each in sorted(told.values(), key=_opens) if each in outside]
    assert len(outside) >= 4
    assert [each for each in seconds if each.first_id >= 0] == candles_of(market.prints, Interval.SECOND)
    assert all(each.open_ms + 1_000 <= woke_ms for each in outside)


async def test_a_past_is_filled_in_once_and_a_second_writer_leaves_it_as_it_is(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_filler, "PAUSE_S", 0.1)
    monkeypatch.setattr(past_candles, "PAGE_PAUSE_S", 0.0)
    fed = {BTC: BTC_USDT}
    async with market_on(clean_nats_server) as market, clean_nats_server.connection("feed") as connection:
        feed = FeedShell(SyntheticSource(fed, 1), NatsBus(connection), WallClock(), fed, 42)
        await feed.start()
        async with writing(clean_valkey_server, market):
            await reaches(clean_valkey_server, 300 * 24 * 3_600)
        before = {interval: (await rows(clean_valkey_server, interval))[:-3] for interval in Interval}
        async with writing(clean_valkey_server, market) as writer:
            counted = int(str(writer.status()["seconds"]))
            await eventually(lambda: int(str(writer.status()["seconds"])) > counted)
        await feed.stop()
    for interval in (Interval.MINUTE, Interval.HOUR, Interval.DAY):
        stored = await rows(clean_valkey_server, interval)
        assert stored[: len(before[interval])] == before[interval]
        assert all(moved(interval, one.open_ms, 1) == other.open_ms for one, other in pairwise(before[interval]))
    assert len(before[Interval.MINUTE]) > 1_300
    assert len(before[Interval.HOUR]) > 690


def _opens(candle: Candle) -> int:
    return candle.open_ms
