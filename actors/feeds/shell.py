"""The feed: publishes an outside market and shows its depth to whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Final

from actors.background import Background
from actors.feeds.depth import OutsideDepth
from actors.feeds.prints import PrintedSeconds
from actors.feeds.source import SECOND_NS, MarketSource, Tick
from infra.ports import Bus, Clock
from mockexchange.instruments import Instrument
from mockexchange.messages.codec import decode_candles_wanted, encode, encode_feed_candles, encode_feed_prints
from mockexchange.messages.market import CANDLES_AT_ONCE, FeedMessage, FeedTicker, MarketUpdate, Print
from mockexchange.messages.subjects import feed_candles, feed_prints, feed_snapshot, feed_ticker, feed_updates

TICKER_PAUSE_S: Final = 0.25
TICKER_AT_LEAST_S: Final = 1.5
PRINTS_AFTER_NS: Final = SECOND_NS // 20
"""Prints of a second are told so long after its end, before the candles of that second are."""


@dataclass(slots=True)
class _Market:
    """One symbol: how far it was published, and what was said so far."""

    symbol: str
    prints: PrintedSeconds
    depth: OutsideDepth = field(default_factory=OutsideDepth)
    number: int = 0
    changed_ns: int = 0
    ticker_number: int = -1
    ticker_at: float = 0.0


class FeedShell:
    """Publishes what a source says, numbered, of the symbols that are listed with a feed.

    A source that fails ends the feed: `closed` raises what happened.
    """

    def __init__(
        self,
        source: MarketSource,
        bus: Bus,
        clock: Clock,
        instruments: dict[str, Instrument],
        epoch: int,
        *,
        listings: AsyncGenerator[Instrument, None] | None = None,
    ) -> None:
        """Make a feed; `listings` yields instruments with a feed that are listed, or change, while it runs."""
        self._source = source
        self._bus = bus
        self._clock = clock
        self._epoch = epoch
        self._listings = listings
        self._markets = {
            symbol: _Market(symbol, PrintedSeconds(instruments[symbol]))
            for symbol in sorted(source.symbols & instruments.keys())
        }
        self._links = AsyncExitStack()
        self._background = Background()

    async def start(self) -> None:
        """Answer snapshot requests and begin to publish."""
        for market in self._markets.values():
            await self._serve(market)
        self._background.begin(self._run())

    async def stop(self) -> None:
        """Publish and answer no more."""
        await self._background.stop()
        await self._links.aclose()

    async def closed(self) -> None:
        """Return once stopped; raise what made the source fail."""
        await self._background.closed()

    def status(self) -> dict[str, object]:
        """Describe the feed: its state, and how many messages of each symbol it published."""
        return {
            **self._background.status(),
            "epoch": self._epoch,
            "messages": {symbol: market.number for symbol, market in self._markets.items()},
            **self._source.status(),
        }

    async def _serve(self, market: _Market) -> None:
        self._links.push_async_callback(await self._bus.serve(feed_snapshot(market.symbol), self._answerer(market)))
        self._links.push_async_callback(
            await self._bus.serve(feed_candles(market.symbol), self._past_of(market.symbol))
        )

    async def _hear_listings(self, listings: AsyncGenerator[Instrument, None]) -> None:
        async with aclosing(listings):
            async for instrument in listings:
                await self._list(instrument)

    async def _list(self, instrument: Instrument) -> None:
        """Let the source speak of an instrument that was listed, and publish it if it does."""
        symbol = instrument.symbol
        self._source.add(instrument)
        if symbol in self._markets:
            self._markets[symbol].prints.instrument = instrument
        elif symbol in self._source.symbols:
            self._markets[symbol] = _Market(symbol, PrintedSeconds(instrument))
            await self._serve(self._markets[symbol])

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._listings is not None:
                    tasks.create_task(self._hear_listings(self._listings))
                tasks.create_task(self._publish_updates())
                tasks.create_task(self._publish_tickers())
                tasks.create_task(self._publish_prints())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _publish_updates(self) -> None:
        async with aclosing(self._source.ticks(self._clock)) as batches:
            async for ticks in batches:
                for symbol, updates in _by_symbol(ticks).items():
                    if symbol in self._markets:
                        self._publish(self._markets[symbol], updates)

    def _publish(self, market: _Market, updates: list[MarketUpdate]) -> None:
        market.number += 1
        market.changed_ns = self._clock.now_ns()
        for update in updates:
            market.depth.apply(update)
            if isinstance(update, Print):
                market.prints.add(update, market.changed_ns)
        message = FeedMessage(self._epoch, market.number, market.changed_ns, updates)
        self._bus.publish(feed_updates(market.symbol), encode(message))

    def _answerer(self, market: _Market) -> Callable[[str, bytes], bytes | None]:
        def answer(_subject: str, _payload: bytes) -> bytes | None:
            if not market.depth.is_known:
                return None
            return encode(FeedMessage(self._epoch, market.number, self._clock.now_ns(), [market.depth.snapshot()]))

        return answer

    def _past_of(self, symbol: str) -> Callable[[str, bytes], bytes | None]:
        def answer(_subject: str, payload: bytes) -> bytes | None:
            wanted = decode_candles_wanted(payload)
            past = self._source.past(symbol, wanted.interval, wanted.first_ms, wanted.last_ms)
            return encode_feed_candles(None if past is None else past[:CANDLES_AT_ONCE])

        return answer

    async def _publish_tickers(self) -> None:
        while True:
            await self._clock.sleep(TICKER_PAUSE_S)
            for market in list(self._markets.values()):
                self._publish_ticker(market)

    def _publish_ticker(self, market: _Market) -> None:
        """Publish a ticker that changed, or that nobody has heard for a while; none of a market that is not known."""
        now = self._clock.monotonic()
        is_changed = market.number != market.ticker_number
        if not market.depth.is_known or not (is_changed or now - market.ticker_at >= TICKER_AT_LEAST_S):
            return
        market.ticker_number, market.ticker_at = market.number, now
        bid, ask = market.depth.best()
        ticker = FeedTicker(market.symbol, *bid, *ask, market.depth.last_price, market.changed_ns)
        self._bus.publish(feed_ticker(market.symbol), encode(ticker))

    async def _publish_prints(self) -> None:
        """Tell once a second of the prints of the last one, of those symbols that had any."""
        while True:
            past = (self._clock.now_ns() - PRINTS_AFTER_NS) % SECOND_NS
            await self._clock.sleep((SECOND_NS - past) / SECOND_NS)
            now_ns = self._clock.now_ns()
            for market in list(self._markets.values()):
                message = market.prints.over(now_ns, self._epoch)
                if message is not None:
                    self._bus.publish(feed_prints(market.symbol), encode_feed_prints(message))


def _by_symbol(ticks: list[Tick]) -> dict[str, list[MarketUpdate]]:
    """Return the updates of each symbol, in order."""
    updates: dict[str, list[MarketUpdate]] = {}
    for tick in ticks:
        updates.setdefault(tick.symbol, []).extend(tick.updates)
    return updates
