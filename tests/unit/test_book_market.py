"""What the world hears of a book that comes back: never as if it had not been away."""

from __future__ import annotations

import asyncio
from typing import NoReturn, cast

import msgspec

from actors.book_market import MarketPublisher
from actors.runtime import World
from gateway.book_desk import BookDesk
from gateway.streams.depth import DepthMirror
from gateway.streams.hub import Hub
from gateway.streams.watch import Watch
from infra.market_memory import MarketMemory
from infra.ports import Journal, Snapshots
from mockexchange.matching.book import OrderBook
from mockexchange.messages.channel import DepthAnswer
from mockexchange.messages.events import BookRecord, FillSide, OrderFilled
from mockexchange.messages.market import DepthSnapshot
from mockexchange.messages.orders import Side, Trade
from mockexchange.messages.subjects import market
from mockexchange.views import DepthView
from tests.support.exchange import BTC_USDT
from tests.support.heard_bus import HeardBus
from tests.support.manual_clock import ManualClock, settle

BEST_BID, BEST_ASK = (5_990_000, 10_000), (6_000_000, 100_000)


class Incarnations:
    """A book that is started anew on the same bus and clock. It is its own book desk."""

    def __init__(self) -> None:
        self.bus = HeardBus()
        self.clock = ManualClock()
        self.start()

    def start(self) -> None:
        """Forget the market, as a book does that has died."""

        def leave(*_: object) -> NoReturn:
            raise AssertionError("it left")

        world = World(cast(Journal, None), self.bus, cast(Snapshots, None), self.clock, leave)
        self.book = OrderBook(BTC_USDT)
        self.publisher = MarketPublisher(self.book, world)

    def show(self, *bids: tuple[int, int]) -> None:
        """Hear the outside market, and say what has changed."""
        self.book.on_market(DepthSnapshot(list(bids), [BEST_ASK], 1))
        self.publisher.publish_depth()

    async def depth(self, _symbol: str, limit: int) -> DepthAnswer:
        """Read the book, as its actor does."""
        self.publisher.publish_depth()
        return DepthAnswer(self.publisher.update_id, *self.book.depth(limit), self.clock.now_ns())

    def told(self) -> list[DepthView]:
        """Return all depth messages."""
        payloads = self.bus.payloads(market(BTC_USDT.symbol, "depth"))
        return [msgspec.json.decode(payload, type=DepthView) for payload in payloads]


def test_who_follows_a_book_that_is_back_at_once_forgets_what_died_with_it() -> None:
    async def main() -> None:
        book = Incarnations()
        await book.clock.advance(5.0)
        hub, desk = Hub(book.bus), cast(BookDesk, book)
        watch = Watch(desk, MarketMemory(book.bus, book.clock), book.clock, 300)
        mirror = DepthMirror(BTC_USDT, hub, desk, watch, book.clock)
        await mirror.open()
        await mirror.wait_in_step()
        book.show(BEST_BID)
        assert mirror.bids == dict([BEST_BID])
        # Within the very millisecond: the next update id by the clock would continue the last.
        book.start()
        book.show((5_980_000, 7_000))
        await settle()
        await mirror.wait_in_step()
        assert mirror.bids == {5_980_000: 7_000}
        mirror.close()
        await settle()

    asyncio.run(main())


def test_a_book_that_comes_back_with_nothing_says_so_once() -> None:
    book = Incarnations()
    book.show(BEST_BID)
    last = book.told()[-1].last_update_id
    asyncio.run(book.clock.advance(1.0))
    book.start()
    book.publisher.publish_depth()
    book.publisher.publish_depth()
    [_, said] = book.told()
    assert (said.bids, said.asks) == ([], [])
    assert said.first_update_id > last + 1


def test_prints_are_told_among_all_trades_and_once_more_alone() -> None:
    around = Incarnations()
    printed = Trade(8, "BTC/USDT", 6_000_000, 10, Side.BUY, 5, is_outside=True)
    filled = OrderFilled(7, 6_000_000, 10, 1, 2, Side.BUY, FillSide(0, 0, 0, 0, 0, 0), FillSide(0, 0, 0, 0, 0, 0), 1)
    around.publisher.publish_trades(BookRecord(1, 0, 4, "BTC/USDT", {}, [filled]), 3)
    around.publisher.publish_print(printed)
    trades, prints = (
        [msgspec.json.decode(payload) for payload in around.bus.payloads(market(BTC_USDT.symbol, kind))]
        for kind in ("trade", "print")
    )
    assert [(trade["trade_id"], trade["outside"]) for trade in trades] == [(7, False), (8, True)]
    assert prints == trades[1:]
