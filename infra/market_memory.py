"""What was heard of the markets: the last ticker of each symbol, from the book or else from the feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

import msgspec

from infra.ports import Bus, Clock
from mockexchange.instruments import Instrument
from mockexchange.messages.codec import decode_feed_ticker
from mockexchange.messages.orders import Side
from mockexchange.messages.subjects import symbol_of
from mockexchange.money import to_units
from mockexchange.views import TickerView, ticker_view

FRESH_S: Final = 3.0
"""An awake book speaks once a second; what is older says nothing of now."""

_decode_ticker: Final = msgspec.json.Decoder(TickerView).decode


class Heard(NamedTuple):
    """A payload and when it came."""

    payload: bytes
    at: float


class Quote(NamedTuple):
    """Best prices and the last, in price units; 0 is unknown."""

    bid: int
    ask: int
    last: int

    def of_taker(self, side: Side) -> int:
        """Return the price that a taker of this side would meet first."""
        return self.ask if side is Side.BUY else self.bid

    @property
    def value(self) -> int:
        """The price to value a holding at: the last, brought between the best bid and ask; 0 if nothing is known."""
        price = self.last or self.bid or self.ask
        if self.bid:
            price = max(price, self.bid)
        return min(price, self.ask) if self.ask else price


UNKNOWN: Final = Quote(0, 0, 0)


class MarketMemory:
    """Keeps tickers as they came and reads them only when somebody asks."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._market: dict[str, Heard] = {}
        self._feed: dict[str, Heard] = {}
        self._quotes: dict[str, tuple[Heard, Quote]] = {}
        self._links = AsyncExitStack()

    async def start(self) -> None:
        """Begin to listen."""
        self._links.push_async_callback(await self._bus.subscribe("market.*.ticker", self._hear_market))
        self._links.push_async_callback(await self._bus.subscribe("feed.*.ticker", self._hear_feed))

    def remember(self, tickers: Mapping[str, bytes]) -> None:
        """Take tickers of long ago for what was not heard of since."""
        for symbol, payload in tickers.items():
            self._market.setdefault(symbol, Heard(payload, float("-inf")))

    async def stop(self) -> None:
        """Listen no longer."""
        await self._links.aclose()

    def ticker(self, instrument: Instrument) -> TickerView | None:
        """Return the ticker of a symbol: the book's while it speaks, else the outside market's, else the last known."""
        symbol = instrument.symbol
        market, feed = self._market.get(symbol), self._feed.get(symbol)
        if market is not None and (self._is_fresh(market) or feed is None):
            return _decode_ticker(market.payload)
        return None if feed is None else self._feed_view(feed, instrument)

    def quote(self, instrument: Instrument) -> Quote:
        """Return the best prices known of a symbol now."""
        market = self._market.get(instrument.symbol)
        if market is not None and self._is_fresh(market):
            return self._read(market, instrument)
        feed = self._feed.get(instrument.symbol)
        if feed is None:
            return UNKNOWN
        ticker = decode_feed_ticker(feed.payload)
        return Quote(ticker.bid, ticker.ask, ticker.last)

    def value_quote(self, instrument: Instrument) -> Quote:
        """Return the last known prices, however old: what a holding is valued at."""
        view = self.ticker(instrument)
        return UNKNOWN if view is None else _quote_of(view, instrument)

    def is_awake(self, symbol: str) -> bool:
        """Whether the book of a symbol spoke lately."""
        market = self._market.get(symbol)
        return market is not None and self._is_fresh(market)

    def silent_feeds(self, instruments: Iterable[Instrument]) -> list[str]:
        """Return the symbols with a feed of which nothing was heard lately."""
        return [
            instrument.symbol
            for instrument in instruments
            if instrument.feed and not self._is_heard_of(instrument.symbol)
        ]

    def _read(self, market: Heard, instrument: Instrument) -> Quote:
        """Return what a book's ticker says. Every market order asks, so it is read once."""
        heard, quote = self._quotes.get(instrument.symbol, (None, UNKNOWN))
        if heard is not market:
            quote = _quote_of(_decode_ticker(market.payload), instrument)
            self._quotes[instrument.symbol] = market, quote
        return quote

    def _is_heard_of(self, symbol: str) -> bool:
        heard = (self._feed.get(symbol), self._market.get(symbol))
        return any(message is not None and self._is_fresh(message) for message in heard)

    def _is_fresh(self, heard: Heard) -> bool:
        return self._clock.monotonic() - heard.at <= FRESH_S

    def _feed_view(self, feed: Heard, instrument: Instrument) -> TickerView:
        ticker = decode_feed_ticker(feed.payload)
        return ticker_view(
            instrument,
            bid=ticker.bid,
            bid_quantity=ticker.bid_quantity,
            ask=ticker.ask,
            ask_quantity=ticker.ask_quantity,
            last=ticker.last,
            time_ns=ticker.time_ns,
            is_stale=not self._is_fresh(feed),
        )

    def _hear_market(self, subject: str, payload: bytes) -> None:
        self._market[symbol_of(subject.split(".")[1])] = Heard(payload, self._clock.monotonic())

    def _hear_feed(self, subject: str, payload: bytes) -> None:
        self._feed[symbol_of(subject.split(".")[1])] = Heard(payload, self._clock.monotonic())


def value_in(
    cash: str, asset: str, amount: int, instruments: Mapping[str, Instrument], memory: MarketMemory
) -> int | None:
    """Return what an amount of an asset is worth in the cash asset's units, None without a price."""
    if asset == cash:
        return amount
    instrument = instruments.get(f"{asset}/{cash}")
    if instrument is None:
        return None
    price = memory.value_quote(instrument).value
    return value_at(price, amount, instrument) if price else None


def value_at(price: int, amount: int, instrument: Instrument) -> int:
    """Return what an amount of an instrument's base asset is worth at a price, in the quote asset's units."""
    # amount / 10^base_scale * price / 10^price_scale, in units of 10^-quote_scale, rounded down.
    return int(amount * price * 10**instrument.quote_scale // 10 ** (instrument.base_scale + instrument.price_scale))


def _quote_of(view: TickerView, instrument: Instrument) -> Quote:
    return Quote(*(to_units(price or 0, instrument.price_scale) for price in (view.bid, view.ask, view.last)))
