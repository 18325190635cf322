"""A real exchange followed by the real ccxt, against a venue on loopback that breaks in every way it can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ccxt
import pytest

from actors.feeds import backoff, live
from actors.feeds.depth import OutsideDepth
from actors.feeds.live import LiveSource
from actors.feeds.shell import FeedShell
from actors.feeds.venue import Venue as OpenVenue
from actors.feeds.venue import VenueSettings
from actors.feeds.venue_rules import DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE
from infra.ports import PeerLost
from infra.setting_values import parse_feed
from infra.wall_clock import WallClock
from mockexchange.candles import Candle, Interval
from mockexchange.instruments import Instrument
from mockexchange.messages.codec import decode_feed_candles, decode_feed_message, encode
from mockexchange.messages.market import (
    CANDLES_AT_ONCE,
    CandlesWanted,
    DepthSnapshot,
    MarketSilent,
    MarketUpdate,
    Print,
)
from mockexchange.messages.orders import Side
from mockexchange.messages.subjects import feed_snapshot, feed_updates
from tests.support.eventually import eventually
from tests.support.heard_bus import HeardBus
from tests.support.venue import Venue

pytestmark = pytest.mark.anyio

MODES = ["auto", "rest"]


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    await venue.start()
    yield venue
    await venue.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 0.05)
    monkeypatch.setattr(live, "TRADES_QUIET_S", 0.5)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.5)


class Followed:
    """A feed on the venue, and what it has said."""

    def __init__(self, venue: Venue, listed: dict[str, Instrument], **settings: Any) -> None:
        self.listed = dict(listed)
        self._listings: asyncio.Queue[Instrument] = asyncio.Queue()
        wanted = VenueSettings("binance", venue.options(), **({"silence_s": 1.0} | settings))
        self.source = LiveSource(wanted, listed, self.list)
        self.bus = HeardBus()
        self.shell = FeedShell(self.source, self.bus, WallClock(), dict(listed), 7, listings=self._hear_listings())

    async def list(self, instrument: Instrument) -> str:
        self.listed[instrument.symbol] = instrument
        self._listings.put_nowait(instrument)
        return ""

    async def _hear_listings(self) -> AsyncGenerator[Instrument, None]:
        while True:
            yield await self._listings.get()

    def updates(self, symbol: str = "BTC/USDT") -> list[MarketUpdate]:
        payloads = self.bus.payloads(feed_updates(symbol))
        return [update for payload in payloads for update in decode_feed_message(payload).updates]

    def depth(self, symbol: str = "BTC/USDT") -> OutsideDepth:
        depth = OutsideDepth()
        for update in self.updates(symbol):
            depth.apply(update)
        return depth

    def best(self, symbol: str = "BTC/USDT") -> tuple[tuple[int, int], tuple[int, int]]:
        return self.depth(symbol).best()

    def prints(self, symbol: str = "BTC/USDT") -> list[tuple[int, int, Side]]:
        return [(u.price, u.quantity, u.taker_side) for u in self.updates(symbol) if isinstance(u, Print)]

    def refused(self, reason: str) -> int:
        refused = self.shell.status()["refused"]
        assert isinstance(refused, dict)
        return int(refused.get(reason, 0))

    async def becomes_known(self, symbol: str = "BTC/USDT") -> None:
        await eventually(lambda: self.depth(symbol).is_known)

    async def follows(self, venue: Venue, price: str, symbol: str = "BTC/USDT") -> None:
        """See that a new best bid arrives."""
        await venue.change(symbol.replace("/", ""), bids={price: "1"})
        units = int(price.replace(".", ""))
        await eventually(lambda: self.best(symbol)[0] == (units, 10_000))


@asynccontextmanager
async def following(
    venue: Venue, listed: dict[str, Instrument] | None = None, **settings: Any
) -> AsyncIterator[Followed]:
    settings = {"symbols": ("BTC/USDT",)} | settings
    followed = Followed(venue, listed or {}, **settings)
    await followed.shell.start()
    try:
        yield followed
        assert followed.shell.status()["state"] in {"serving", "connecting"}, followed.shell.status()
    finally:
        await followed.shell.stop()


async def is_subscribed(venue: Venue, *streams: str) -> None:
    await eventually(lambda: all(any(s.startswith(stream) for s in venue.subscriptions) for stream in streams))


@pytest.mark.parametrize("mode", MODES)
async def test_depth_and_prints_follow_the_venue(venue: Venue, mode: str) -> None:
    async with following(venue, mode=mode) as followed:
        await followed.becomes_known()
        assert followed.best() == ((60_000_01, 15_000), (60_000_02, 5_000))
        assert isinstance(followed.updates()[0], DepthSnapshot)
        if mode == "auto":
            await is_subscribed(venue, "btcusdt@depth", "btcusdt@trade")
        await venue.change("BTCUSDT", bids={"60000.01": "0", "60000.00": "0.25"}, asks={"60000.02": "0.1234"})
        await eventually(lambda: followed.best() == ((60_000_00, 2_500), (60_000_02, 1_234)))
        assert followed.depth().snapshot().bids == [(60_000_00, 2_500), (59_999_99, 20_000)]
        await venue.trade("BTCUSDT", "60000.02", "0.0500")
        await venue.trade("BTCUSDT", "60000.00", "0.0100", m=True)
        await eventually(lambda: followed.prints() == [(60_000_02, 500, Side.BUY), (60_000_00, 100, Side.SELL)])
        assert followed.refused("repeated print") == 0


async def test_candles_of_the_past_are_fetched_when_they_are_wanted(venue: Venue) -> None:
    venue.klines["BTCUSDT", "1m"] = [
        [
            minute * 60_000,
            "60000.01",
            "60001.00",
            "59999.00",
            "60000.50",
            "1.50000",
            minute * 60_000 + 59_999,
            "90000",
            7,
        ]
        for minute in range(1, 300)
    ]
    async with following(venue) as followed:

        async def asked(interval: Interval, first_ms: int, last_ms: int) -> list[Candle] | None:
            payload = encode(CandlesWanted(interval, first_ms, last_ms))
            answer = await followed.bus.request("feed.BTC-USDT.candles", payload, 1.0)
            return None if answer is None else decode_feed_candles(answer)

        async def known(interval: Interval, first_ms: int, last_ms: int) -> list[Candle]:
            clock = WallClock()
            async with asyncio.timeout(20):
                while (candles := await asked(interval, first_ms, last_ms)) is None:
                    await clock.sleep(0.01)
            return candles

        await followed.becomes_known()
        assert await asked(Interval.MINUTE, 0, 10**13) is None
        page = await known(Interval.MINUTE, 60_000, 180_000)
        assert [(each.open_ms, each.close, each.trades) for each in page] == [
            (minute * 60_000, 6_000_050, 1) for minute in (1, 2, 3)
        ]
        assert len(await known(Interval.MINUTE, 0, 10**13)) == CANDLES_AT_ONCE
        assert venue.requests["klines"] == 1
        venue.failing = 429
        assert await known(Interval.HOUR, 0, 10**13) == []
        venue.failing = 0
        await followed.follows(venue, "60000.01")


async def test_symbols_are_found_by_their_volume_and_listed_by_the_venues_rules(venue: Venue) -> None:
    async with following(venue, symbols=(), limit=2) as followed:
        await followed.becomes_known("BTC/USDT")
        await followed.becomes_known("ETH/USDT")
    assert set(followed.listed) == {"BTC/USDT", "ETH/USDT"}
    listed = followed.listed["BTC/USDT"]
    assert (listed.price_scale, listed.quantity_scale, listed.tick_size, listed.step_size) == (2, 4, 1, 1)
    assert (listed.min_quantity, listed.max_quantity, listed.min_notional) == (1, 9_000 * 10**4, 5 * 10**8)


async def test_listed_instruments_count_towards_the_limit_and_keep_their_rules(venue: Venue) -> None:
    kept = Instrument("SHIB", "USDT", 8, 8, 8, 0, step_size=10, feed=True)
    async with following(venue, {"SHIB/USDT": kept}, symbols=(), limit=2) as followed:
        await followed.becomes_known("SHIB/USDT")
        await followed.becomes_known("BTC/USDT")
    assert set(followed.listed) == {"SHIB/USDT", "BTC/USDT"}
    assert followed.listed["SHIB/USDT"] == kept
    assert followed.best("SHIB/USDT") == ((2_000, 1_000_000), (2_001, 2_000_000))


async def test_a_symbol_that_the_venue_does_not_have_is_named_and_stops_no_other(venue: Venue) -> None:
    async with following(venue, symbols=("NO/USDT", "BTC/USDT")) as followed:
        await followed.becomes_known()
        problems = followed.shell.status()["problems"]
    assert problems == {"NO/USDT": "the venue has no such spot market"}


async def test_rules_that_are_garbage_and_a_busy_directory_stop_no_other_symbol(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.markets[1]["filters"][0]["tickSize"] = "0.0000000001"
    tries = 0
    list_at_once = Followed.list

    async def list_later(followed: Followed, instrument: Instrument) -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise PeerLost("the directory is recovering")
        return "quote: refused" if instrument.base == "SHIB" else await list_at_once(followed, instrument)

    monkeypatch.setattr(Followed, "list", list_later)
    async with following(venue, symbols=("ETH/USDT", "BTC/USDT", "SHIB/USDT")) as followed:
        await followed.becomes_known()
        await eventually(lambda: "SHIB/USDT" in followed.source.status()["problems"])
        assert followed.source.status()["problems"] == {
            "ETH/USDT": "its prices have 10 decimals",
            "SHIB/USDT": "quote: refused",
        }
        assert followed.source.symbols == {"BTC/USDT"}


async def test_every_exchange_of_ccxt_can_be_opened() -> None:
    bookless, opened = [], []
    for exchange in sorted(ccxt.exchanges):
        assert parse_feed(f"ccxt:{exchange}").venue == exchange
        venue = OpenVenue(VenueSettings(exchange, {"proxyUrl": None}))
        if not (venue.can_watch("OrderBook") or venue.can_fetch("OrderBook")):
            bookless.append(exchange)
        assert venue.precision_mode in {DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE}
        opened.append(venue)
    await asyncio.gather(*(venue.close() for venue in opened))
    assert len(bookless) < 5


async def test_an_instrument_listed_while_the_feed_runs_is_followed(venue: Venue) -> None:
    async with following(venue) as followed:
        await followed.becomes_known()
        await followed.list(Instrument("ETH", "USDT", 8, 8, 2, 4, feed=True))
        await followed.becomes_known("ETH/USDT")
        assert await followed.bus.request(feed_snapshot("ETH/USDT"), b"", 1.0) is not None
        await followed.follows(venue, "3000.15", "ETH/USDT")


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize("mode", MODES)
async def test_a_venue_that_refuses_at_first_is_followed_later(venue: Venue, mode: str, status: int) -> None:
    venue.failing = status
    async with following(venue, mode=mode) as followed:
        await eventually(lambda: venue.requests["exchangeInfo"] >= 2)
        assert followed.shell.status()["state"] == "connecting"
        assert "Too many requests" in str(followed.shell.status()["problems"])
        venue.failing = 0
        await followed.becomes_known()
        assert followed.shell.status()["state"] == "serving"


@pytest.mark.parametrize("mode", MODES)
async def test_refusals_on_the_way_are_survived(venue: Venue, mode: str) -> None:
    async with following(venue, mode=mode) as followed:
        await followed.becomes_known()
        venue.failing = 429
        await venue.cut()
        failures = followed.source.status().get("failures", 0)
        await eventually(lambda: followed.source.status().get("failures", 0) > failures)
        venue.failing = 0
        await eventually(lambda: followed.depth().is_known)
        await followed.follows(venue, "60000.015".rstrip("5"))


async def test_a_cut_stream_is_joined_again_and_the_book_is_right(venue: Venue) -> None:
    async with following(venue) as followed:
        await followed.becomes_known()
        await is_subscribed(venue, "btcusdt@depth", "btcusdt@trade")
        first = await venue.trade("BTCUSDT", "60000.02", "0.05")
        await eventually(lambda: len(followed.prints()) == 1)
        venue.is_mute = True
        await venue.change("BTCUSDT", bids={"60000.01": "0"}, asks={"60000.03": "7"})
        venue.is_mute = False
        await venue.cut()
        await is_subscribed(venue, "btcusdt@depth", "btcusdt@trade")
        await eventually(lambda: followed.best()[0] == (59_999_99, 20_000))
        assert (60_000_03, 70_000) in followed.depth().snapshot().asks
        await venue.send("BTCUSDT", "trade", first)
        await venue.trade("BTCUSDT", "60000.02", "0.07")
        await eventually(lambda: followed.prints() == [(60_000_02, 500, Side.BUY), (60_000_02, 700, Side.BUY)])
        assert followed.refused("repeated print") == 1


GARBAGE = [
    '{"e":"depthUpdate","s":',
    '{"e":"depthUpdate","s":"BTCUSDT","U":"x","u":null,"b":7}',
    '{"e":"trade","s":"BTCUSDT","t":7,"p":"NaN","q":"1","T":1}',
    "\x00",
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_in_the_streams_ends_nothing(venue: Venue, garbage: str) -> None:
    async with following(venue, silence_s=5.0) as followed:
        await followed.becomes_known()
        await is_subscribed(venue, "btcusdt@depth", "btcusdt@trade")
        await venue.send_text("BTCUSDT", "depth", garbage)
        await venue.send_text("BTCUSDT", "trade", garbage)
        await followed.follows(venue, "60000.01")
        while (60_000_02, 500, Side.BUY) not in followed.prints():
            await venue.trade("BTCUSDT", "60000.02", "0.05")
            await asyncio.sleep(0.05)
        assert not any(isinstance(update, MarketSilent) for update in followed.updates())


async def test_nonsense_in_the_stream_is_refused_and_counted(venue: Venue) -> None:
    async with following(venue, silence_s=5.0) as followed:
        await followed.becomes_known()
        await is_subscribed(venue, "btcusdt@depth", "btcusdt@trade")
        await venue.change("BTCUSDT", bids={"60000.00": "1"})
        await eventually(lambda: (60_000_00, 10_000) in followed.depth().snapshot().bids)
        before = followed.best()
        await venue.change("BTCUSDT", bids={"60000.05": "1"})
        await eventually(lambda: followed.refused("crossed book") > 0)
        await venue.change("BTCUSDT", bids={"60000.05": "0"}, asks={"0": "5"})
        await eventually(lambda: followed.refused("not a positive number") > 0)
        await venue.trade("BTCUSDT", "60000.02", "1")
        await venue.trade("BTCUSDT", "0", "1")
        await venue.trade("BTCUSDT", "60000.02", "-1")
        await venue.trade("BTCUSDT", "200000", "1")
        await venue.trade("BTCUSDT", "60000.02", "1", T=1_600_000_000_000)
        await venue.trade("BTCUSDT", "60000.015", "1")
        await eventually(lambda: followed.refused("off the instrument's grid") > 0)
        assert followed.refused("price far off") == 1
        assert followed.refused("not a positive number") >= 3
        assert followed.refused("print from before the book was known") == 1
        assert followed.prints() == [(60_000_02, 10_000, Side.BUY)]
        assert followed.best() == before


async def test_a_stream_whose_numbers_go_back_is_refused_and_resynchronized(venue: Venue) -> None:
    async with following(venue) as followed:
        await followed.becomes_known()
        await is_subscribed(venue, "btcusdt@depth")
        await venue.stop()
        venue.books["BTCUSDT"].update = 1
        venue.books["BTCUSDT"].bids = {"59000": "1"}
        venue.books["BTCUSDT"].asks = {"59001": "1"}
        await eventually(lambda: not followed.depth().is_known)
        await venue.start()
        await eventually(lambda: followed.best() == ((59_000_00, 10_000), (59_001_00, 10_000)))
        await is_subscribed(venue, "btcusdt@depth", "btcusdt@trade")
        await followed.follows(venue, "59000.50")


@pytest.mark.parametrize("mode", MODES)
async def test_a_silent_venue_makes_the_market_unknown_until_it_speaks_again(venue: Venue, mode: str) -> None:
    async with following(venue, mode=mode) as followed:
        await followed.becomes_known()
        venue.is_mute = venue.is_hanging = True
        await eventually(lambda: not followed.depth().is_known)
        assert await followed.bus.request(feed_snapshot("BTC/USDT"), b"", 1.0) is None
        assert isinstance(followed.updates()[-1], MarketSilent)
        venue.is_mute = venue.is_hanging = False
        await followed.becomes_known()
        assert followed.source.status()["silences"] >= 1


async def test_a_quiet_symbol_is_not_silent(venue: Venue) -> None:
    async with following(venue, silence_s=3.0) as followed:
        await followed.becomes_known()
        asked = venue.requests["depth"]
        await eventually(lambda: venue.requests["depth"] >= asked + 2)
        assert not any(isinstance(update, MarketSilent) for update in followed.updates())
        assert "silences" not in followed.source.status()


@pytest.mark.parametrize("mode", MODES)
async def test_the_trouble_of_one_symbol_stops_no_other(venue: Venue, mode: str) -> None:
    async with following(venue, mode=mode, silence_s=2.0, symbols=("BTC/USDT", "ETH/USDT")) as followed:
        await followed.becomes_known("BTC/USDT")
        await followed.becomes_known("ETH/USDT")
        await venue.change("ETHUSDT", bids={"3000.3": "1"})
        await eventually(lambda: not followed.depth("ETH/USDT").is_known)
        assert followed.refused("crossed book") > 0
        await followed.follows(venue, "60000.01")
        assert not any(isinstance(update, MarketSilent) for update in followed.updates("BTC/USDT"))
        await venue.change("ETHUSDT", bids={"3000.3": "0"})
        await followed.becomes_known("ETH/USDT")
