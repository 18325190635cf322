"""Books that somebody watches are asked, others are left alone."""

from __future__ import annotations

import asyncio
from typing import cast

from gateway.book_desk import BookDesk
from gateway.failures import NotAvailable
from gateway.streams.watch import PATIENCE_S, ROUND_S, Watch
from infra.market_memory import MarketMemory
from tests.support.heard_bus import HeardBus
from tests.support.manual_clock import ManualClock

SYMBOL = "BTC/USDT"


class AskedBooks:
    """Counts who is asked; a book may be away."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False

    async def depth(self, symbol: str, _limit: int) -> None:
        self.asked.append(symbol)
        if self.is_away:
            raise NotAvailable("away")


def test_a_watched_book_is_asked_at_once_and_again_while_it_is_silent() -> None:
    async def main() -> None:
        clock, books, bus = ManualClock(), AskedBooks(), HeardBus()
        memory = MarketMemory(bus, clock)
        await memory.start()
        watch = Watch(cast(BookDesk, books), memory, clock, idle_s=300.0)
        watch.start()
        books.is_away = True
        end = watch.begin(SYMBOL)
        await clock.advance(PATIENCE_S - ROUND_S)
        assert books.asked == [SYMBOL]
        await clock.advance(2 * ROUND_S)
        assert books.asked == [SYMBOL, SYMBOL]
        for _ in range(30):
            # An awake book need not be asked until it might fall asleep.
            bus.publish("market.BTC-USDT.ticker", b"{}")
            await clock.advance(ROUND_S)
        assert len(books.asked) == 2
        for _ in range(80):
            bus.publish("market.BTC-USDT.ticker", b"{}")
            await clock.advance(ROUND_S)
        assert len(books.asked) == 3
        end()
        await clock.advance(600)
        assert len(books.asked) == 3
        await watch.stop()

    asyncio.run(main())
