"""What the gateway remembers of markets and parts, on a clock that moves by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from gateway.book_desk import BookDesk
from gateway.failures import NotAvailable
from gateway.heartbeats import Heartbeats
from gateway.registry_follower import RegistryFollower
from infra.market_memory import MarketMemory, Quote, value_in
from infra.ports import JournalMessage, JournalRewound, PeerLost
from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.channel import BookUnready, DepthAnswer, OverridePrice, ReadDepth, Receipt
from mockexchange.messages.codec import decode_book_request, encode
from mockexchange.messages.events import SCHEMA_VERSION, AssetListed, RegistryRecord
from mockexchange.messages.market import FeedTicker
from mockexchange.messages.orders import Side
from mockexchange.messages.subjects import REGISTRY
from mockexchange.views import encode_ticker, ticker_view
from tests.support.heard_bus import HeardBus
from tests.support.local_exchange import LocalBus
from tests.support.manual_clock import ManualClock, settle
from tests.support.memory_journal import MemoryJournal

BTC_USDT = Instrument("BTC", "USDT", 8, 8, 2, 5, feed=True)
GOLD_USDT = Instrument("GOLD", "USDT", 4, 8, 2, 2)


def ticker(bid: int, ask: int, last: int) -> bytes:
    view = ticker_view(BTC_USDT, bid=bid, bid_quantity=1, ask=ask, ask_quantity=1, last=last, time_ns=10**18)
    return encode_ticker(view)


@pytest.mark.parametrize(
    ("quote", "value"),
    [
        (Quote(100, 110, 105), 105),
        (Quote(100, 110, 500), 110),
        (Quote(100, 110, 5), 100),
        (Quote(100, 0, 5), 100),
        (Quote(0, 110, 0), 110),
        (Quote(0, 0, 7), 7),
        (Quote(0, 0, 0), 0),
    ],
)
def test_a_holding_is_valued_at_the_last_price_within_the_spread(quote: Quote, value: int) -> None:
    assert quote.value == value


def test_a_taker_meets_the_other_side() -> None:
    assert Quote(100, 110, 105).of_taker(Side.BUY) == 110
    assert Quote(100, 110, 105).of_taker(Side.SELL) == 100


def test_the_book_is_believed_while_it_speaks_and_then_the_feed() -> None:
    async def scenario() -> None:
        clock, bus = ManualClock(), HeardBus()
        memory = MarketMemory(bus, clock)
        await memory.start()
        bus.publish("feed.BTC-USDT.ticker", encode(FeedTicker("BTC/USDT", 900, 1, 910, 1, 905, 10**18)))
        assert memory.quote(BTC_USDT) == Quote(900, 910, 905)
        bus.publish("market.BTC-USDT.ticker", ticker(1000, 1010, 1005))
        assert memory.quote(BTC_USDT) == Quote(1000, 1010, 1005)
        await clock.advance(3.5)
        assert memory.quote(BTC_USDT) == Quote(900, 910, 905)
        shown = memory.ticker(BTC_USDT)
        assert shown is not None
        assert (shown.bid, shown.stale) == ("9.00", True)
        await memory.stop()
        assert bus.handlers == []

    asyncio.run(scenario())


def test_a_book_without_a_feed_is_not_quoted_once_it_is_silent() -> None:
    async def scenario() -> None:
        clock, bus = ManualClock(), HeardBus()
        memory = MarketMemory(bus, clock)
        await memory.start()
        bus.publish("market.GOLD-USDT.ticker", ticker(1000, 1010, 1005))
        await clock.advance(3.5)
        assert memory.quote(GOLD_USDT) == Quote(0, 0, 0)
        # It still is the last that is known, which is good enough to value what one has.
        assert memory.value_quote(GOLD_USDT) == Quote(1000, 1010, 1005)
        assert value_in("USDT", "GOLD", 3 * 10**4, {"GOLD/USDT": GOLD_USDT}, memory) == 3 * 1005 * 10**6
        assert value_in("USDT", "USDT", 17, {}, memory) == 17
        assert value_in("USDT", "TEA", 17, {}, memory) is None
        assert memory.silent_feeds([BTC_USDT, GOLD_USDT]) == ["BTC/USDT"]

    asyncio.run(scenario())


def test_parts_that_fall_silent_are_not_shown() -> None:
    async def scenario() -> None:
        clock, bus = ManualClock(), LocalBus()
        heartbeats = Heartbeats(bus, clock)
        await heartbeats.start()
        bus.publish("system.accounts.0", b'{"appends": 1}')
        await clock.advance(4)
        bus.publish("system.accounts.1", b'{"appends": 2}')
        assert set(heartbeats.fresh()) == {"accounts.0", "accounts.1"}
        await clock.advance(2)
        assert heartbeats.fresh() == {"accounts.1": {"appends": 2}}
        assert heartbeats.is_heard("accounts")
        assert not heartbeats.is_heard("accounts.0")
        assert not heartbeats.is_heard("acc")
        await heartbeats.stop()

    asyncio.run(scenario())


def listing(sequence: int, code: str) -> tuple[int, str, bytes]:
    record = RegistryRecord(SCHEMA_VERSION, sequence - 1, 0, [AssetListed(Asset(code))])
    return sequence, REGISTRY, encode(record)


def test_catching_up_waits_for_what_was_journaled_before() -> None:
    async def scenario() -> None:
        clock, journal = ManualClock(), MemoryJournal()
        follower = RegistryFollower(journal, clock)
        follower.start()
        journal.extend([listing(1, "BTC")])
        caught_up = asyncio.ensure_future(follower.catch_up())
        await clock.advance(0.2)
        await caught_up
        assert set(follower.registry.assets) == {"BTC"}
        await follower.stop()

    asyncio.run(scenario())


def test_a_registry_that_cannot_be_read_to_its_end_is_told() -> None:
    async def scenario() -> None:
        clock, journal = ManualClock(), MemoryJournal()
        follower = RegistryFollower(journal, clock)
        journal.extend([listing(1, "BTC")])
        caught_up = asyncio.ensure_future(follower.catch_up())
        await clock.advance(5)
        with pytest.raises(NotAvailable, match="catching up"):
            await caught_up
        await follower.stop()

    asyncio.run(scenario())


def test_following_ends_when_the_journal_cannot_be_trusted() -> None:
    class RewoundJournal(MemoryJournal):
        async def read(self, subjects: Sequence[str], start: int) -> AsyncGenerator[list[JournalMessage], None]:
            yield [JournalMessage(*listing(1, "BTC"))]
            raise JournalRewound("records are gone")

    async def scenario() -> None:
        follower = RegistryFollower(RewoundJournal(), ManualClock())
        following = follower.start()
        await settle()
        assert isinstance(following.exception(), JournalRewound)
        await follower.stop()

    asyncio.run(scenario())


class ScriptedBooks:
    """Answers what the test says, and counts how often a book was renewed."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[object] = []
        self.renewed = 0

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        self.asked.append(decode_book_request(payload))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        return encode(answer)

    async def renew(self, symbol: str) -> None:
        self.renewed += 1

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        raise AssertionError("a gateway delivers nothing")


DEPTH = DepthAnswer(7, [(100, 1)], [(110, 2)], 0)


@pytest.mark.parametrize(
    ("answers", "renewed"),
    [
        ([DEPTH], 0),
        ([BookUnready(Receipt.RECOVERING), BookUnready(Receipt.BUSY), DEPTH], 0),
        ([BookUnready(Receipt.PASSIVE), DEPTH], 1),
        ([PeerLost("gone"), PeerLost("gone"), DEPTH], 2),
    ],
)
def test_a_book_is_asked_until_it_answers(answers: list[object], renewed: int) -> None:
    async def scenario() -> None:
        clock, books = ManualClock(), ScriptedBooks(*answers)
        asking = asyncio.ensure_future(BookDesk(books, clock, 4.0).depth("BTC/USDT", 5))
        await clock.advance(1)
        assert await asking == DEPTH
        assert books.renewed == renewed
        assert books.asked == [ReadDepth(5)] * len(answers)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (BookUnready(Receipt.RECOVERING), "the book is recovering"),
        (BookUnready(Receipt.UNAVAILABLE), "the journal cannot be reached"),
        (PeerLost("gone"), "the book is being started"),
        (None, "the book"),
    ],
)
def test_a_book_that_does_not_answer_is_given_up_in_time(answer: object, reason: str) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        desk = BookDesk(ScriptedBooks(answer), clock, 2.0)
        reading = asyncio.ensure_future(desk.depth("BTC/USDT", 5))
        changing = asyncio.ensure_future(desk.change("BTC/USDT", OverridePrice(1, 1, 1)))
        await clock.advance(2.5)
        with pytest.raises(NotAvailable, match=reason) as failure:
            await reading
        assert not failure.value.may_execute
        with pytest.raises(NotAvailable) as failure:
            await changing
        assert failure.value.may_execute

    asyncio.run(scenario())
