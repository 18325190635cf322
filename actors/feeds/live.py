"""A real exchange, followed through ccxt: by WebSocket where it has it, by polling where not.

Each symbol has tasks of its own, so that the trouble of one stops no other. Whatever goes wrong, the answer is the
same: count it, wait a little longer than the last time, and begin with a whole book. A symbol of which no believable
book came for `silence_s` is unknown until the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from random import Random
from typing import Any, Final

import msgspec

from actors.feeds.backoff import Backoff
from actors.feeds.past import VenuePast, candles_of
from actors.feeds.sieve import Sieve
from actors.feeds.source import MarketSource, Tick
from actors.feeds.venue import Quiet, Venue, VenueSettings
from actors.feeds.venue_rules import Unlistable, instrument_of, is_spot
from infra.ports import Clock, PeerLost
from mockexchange.candles import Candle, Interval
from mockexchange.instruments import ASSET_PATTERN, Instrument
from mockexchange.messages.market import MarketUpdate

_log: Final = logging.getLogger(__name__)

POLL_S: Final = 1.0
WINDOW_S: Final = 0.05
REQUESTS_AT_ONCE: Final = 4
QUIET_PARTS: Final = 2
"""A stream is quiet after so many parts of the silence; then the venue is asked whether something was missed."""

TRADES_QUIET_S: Final = 30.0

ListInstrument = Callable[[Instrument], Awaitable[str]]
"""Lists an instrument; returns why it was refused, or nothing. Raises PeerLost when it must be tried again."""


class LiveSource(MarketSource):
    """The markets of a venue. `listed` are all instruments by symbol; those with a feed are followed."""

    def __init__(
        self,
        settings: VenueSettings,
        listed: Mapping[str, Instrument],
        list_instrument: ListInstrument,
        open_venue: Callable[[VenueSettings], Venue] = Venue,
    ) -> None:
        self._settings = settings
        self._listed = dict(listed)
        self._list_instrument = list_instrument
        self._open_venue = open_venue
        self._random = Random()
        self._past = VenuePast()
        self._sieves: dict[str, Sieve] = {}
        self._heard_at: dict[str, float] = {}
        self._joining: asyncio.Queue[str] = asyncio.Queue()
        self._outbox: dict[str, list[MarketUpdate]] = {}
        self._wakeup = asyncio.Event()
        self._requests = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._counters: Counter[str] = Counter()
        self._problems: dict[str, str] = {}
        self._is_connected = False
        for instrument in listed.values():
            if instrument.feed:
                self.add(instrument)

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols it speaks of, or would if the venue had them."""
        return frozenset(self._sieves)

    def add(self, instrument: Instrument) -> None:
        """Follow an instrument that was listed, or judge by its new filters what the venue says of it."""
        symbol = instrument.symbol
        self._listed[symbol] = instrument
        if symbol in self._sieves:
            self._sieves[symbol].change(instrument)
            return
        self._sieves[symbol] = Sieve(instrument)
        self._joining.put_nowait(symbol)

    def status(self) -> dict[str, object]:
        """Describe the venue: whether it is reached, what failed and what was refused, by symbol."""
        state = {} if self._is_connected else {"state": "connecting"}
        refused: Counter[str] = Counter()
        for sieve in self._sieves.values():
            refused.update(sieve.refused)
        return {
            **state,
            "venue": self._settings.exchange,
            "known": sum(sieve.is_known for sieve in self._sieves.values()),
            "refused": dict(refused),
            "problems": dict(self._problems),
            **self._counters,
        }

    def past(self, symbol: str, interval: Interval, first_ms: int, last_ms: int) -> list[Candle] | None:
        """Return what one call to the venue gave; None before, and then the venue is asked."""
        return self._past.read(symbol, interval, first_ms, last_ms)

    async def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        """Yield what happens as it happens, without end."""
        venue = self._open_venue(self._settings)
        work = asyncio.create_task(self._work(venue, clock))
        work.add_done_callback(lambda _: self._wakeup.set())
        try:
            while not work.done():
                await self._wakeup.wait()
                await clock.sleep(WINDOW_S)
                self._wakeup.clear()
                outbox, self._outbox = self._outbox, {}
                yield [Tick(0, symbol, updates) for symbol, updates in outbox.items()]
            work.result()
        finally:
            work.cancel()
            await asyncio.wait({work})
            await venue.close()

    async def _work(self, venue: Venue, clock: Clock) -> None:
        await self._connect(venue, clock)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._list_wanted(venue, clock))
            tasks.create_task(self._watch_silence(clock))
            tasks.create_task(self._past.run(lambda symbol, interval: self._past_of(venue, symbol, interval)))
            if not venue.can_watch("OrderBook") and (venue.can_fetch("BidsAsks") or venue.can_fetch("Tickers")):
                tasks.create_task(self._forever(clock, "", lambda: self._poll_best(venue, clock)))
            while True:
                symbol = await self._joining.get()
                if symbol not in venue.markets:
                    self._problems[symbol] = "the venue does not have it"
                    continue
                tasks.create_task(self._follow_book(venue, clock, symbol))
                tasks.create_task(self._follow_trades(venue, clock, symbol))

    async def _connect(self, venue: Venue, clock: Clock) -> None:
        """Load the markets, trying as long as it takes."""
        backoff = Backoff(clock, self._random)
        while True:
            try:
                await venue.load_markets()
            except Exception as failure:
                self._note("venue", failure)
                _log.warning("%s cannot be reached yet: %s", self._settings.exchange, self._problems["venue"])
                await backoff.wait()
            else:
                self._is_connected = True
                self._problems.pop("venue", None)
                return

    # --- what is listed ---

    async def _list_wanted(self, venue: Venue, clock: Clock) -> None:
        """List what the settings ask for and is not listed; an instrument that is listed keeps its rules."""
        tickers = await self._tickers(venue)
        for symbol in self._settings.symbols or self._found(venue.markets, tickers):
            listed = self._listed.get(symbol)
            if listed is not None and (listed.feed or not self._settings.symbols):
                continue
            try:
                market = venue.markets.get(symbol)
                if market is None or not is_spot(market):
                    raise Unlistable("the venue has no such spot market")
                last = tickers.get(symbol, {}).get("last")
                wanted = instrument_of(market, venue.precision_mode, last)
            except (ValueError, ArithmeticError, LookupError, TypeError) as error:
                # Unlistable and ListingError say why; the others come of rules that are garbage.
                self._problems[symbol] = str(error) or type(error).__name__
                continue
            await self._list(wanted if listed is None else msgspec.structs.replace(listed, feed=True), clock)

    async def _list(self, instrument: Instrument, clock: Clock) -> None:
        backoff = Backoff(clock, self._random)
        while True:
            try:
                refusal = await self._list_instrument(instrument)
            except PeerLost as failure:
                self._note(instrument.symbol, failure)
                await backoff.wait()
                continue
            self._problems.pop(instrument.symbol, None)
            if refusal:
                self._problems[instrument.symbol] = refusal
            return

    async def _tickers(self, venue: Venue) -> dict[str, dict[str, Any]]:
        """Return all tickers where there are any: they rank symbols, and help to find the ticks of some venues."""
        if not venue.can_fetch("Tickers"):
            return {}
        try:
            return await venue.fetch_tickers()
        except Exception as failure:
            self._note("tickers", failure)
            return {}

    def _found(self, markets: Mapping[str, dict[str, Any]], tickers: Mapping[str, dict[str, Any]]) -> list[str]:
        """Return the wanted quote's symbols with the most volume; those that are listed count towards the limit."""
        quote = self._settings.quote
        found = [
            symbol
            for symbol, market in markets.items()
            if is_spot(market) and market["quote"] == quote and symbol == f"{market['base']}/{quote}"
            if ASSET_PATTERN.fullmatch(market["base"]) and symbol not in self._listed
        ]
        found.sort(key=lambda symbol: -(tickers.get(symbol, {}).get("quoteVolume") or 0))
        known = sum(each.feed and each.quote == quote for each in self._listed.values())
        return found[: max(self._settings.limit - known, 0)]

    # --- what is followed ---

    async def _follow_book(self, venue: Venue, clock: Clock, symbol: str) -> None:
        if venue.can_watch("OrderBook"):
            await self._forever(clock, symbol, lambda: self._watch_book(venue, clock, symbol))
        if not venue.can_fetch("OrderBook"):
            self._problems[symbol] = "the venue shows no order book"
            return
        await self._forever(clock, symbol, lambda: self._poll_book(venue, clock, symbol))

    async def _follow_trades(self, venue: Venue, clock: Clock, symbol: str) -> None:
        if venue.can_watch("Trades"):
            await self._forever(clock, symbol, lambda: self._watch_trades(venue, symbol))
        elif venue.can_fetch("Trades"):
            await self._forever(clock, symbol, lambda: self._poll_trades(venue, clock, symbol))

    async def _forever(self, clock: Clock, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step again and again; after one that fails, wait longer each time."""
        backoff = Backoff(clock, self._random)
        while True:
            try:
                await step()
            except Exception as failure:
                # ccxt raises whatever a venue's garbage makes it raise; none of it may end the other symbols.
                self._note(name, failure)
                if name:
                    self._sieves[name].begin_anew()
                await backoff.wait()
            else:
                backoff.reset()

    async def _watch_book(self, venue: Venue, clock: Clock, symbol: str) -> None:
        quiet_s = self._settings.silence_s / QUIET_PARTS
        try:
            book = await venue.watch_book(symbol, quiet_s)
        except Quiet:
            await self._look_after_quiet_book(venue, clock, symbol, quiet_s)
        else:
            self._hear_book(clock, symbol, book)

    async def _look_after_quiet_book(self, venue: Venue, clock: Clock, symbol: str, quiet_s: float) -> None:
        """Ask for the book: it may be quiet, or the stream dead."""
        sieve = self._sieves[symbol]
        sieve.begin_anew()
        before = sieve.best_levels()
        is_missed = True
        try:
            async with self._requests:
                self._hear_book(clock, symbol, await venue.fetch_book(symbol))
            is_missed = sieve.best_levels() != before
        finally:
            if is_missed:
                self._counters["streams_missed"] += 1
                await venue.drop_silent_streams(quiet_s)

    async def _poll_book(self, venue: Venue, clock: Clock, symbol: str) -> None:
        async with self._requests:
            book = await venue.fetch_book(symbol)
        self._hear_book(clock, symbol, book)
        await self._pause(clock)

    async def _poll_best(self, venue: Venue, clock: Clock) -> None:
        symbols = [symbol for symbol, sieve in self._sieves.items() if sieve.is_known]
        if symbols:
            for symbol, ticker in (await venue.fetch_best(symbols)).items():
                if symbol in self._sieves:
                    self._say_of_book(clock, symbol, self._sieves[symbol].best(ticker))
        await self._pause(clock)

    async def _watch_trades(self, venue: Venue, symbol: str) -> None:
        try:
            trades = await venue.watch_trades(symbol, TRADES_QUIET_S)
        except Quiet:
            async with self._requests:
                missed = self._sieves[symbol].prints(await venue.fetch_trades(symbol), is_poll=True)
            if missed:
                self._counters["streams_missed"] += 1
                await venue.drop_silent_streams(TRADES_QUIET_S)
            self._say(symbol, missed)
        else:
            self._say(symbol, self._sieves[symbol].prints(trades))

    async def _poll_trades(self, venue: Venue, clock: Clock, symbol: str) -> None:
        async with self._requests:
            trades = await venue.fetch_trades(symbol)
        self._say(symbol, self._sieves[symbol].prints(trades, is_poll=True))
        await self._pause(clock)

    async def _past_of(self, venue: Venue, symbol: str, interval: Interval) -> list[Candle]:
        """Return what one call gives; a failure means none."""
        if symbol not in venue.markets or not venue.has_candles(interval):
            return []
        try:
            async with self._requests:
                rows = await venue.fetch_candles(symbol, interval)
            return candles_of(rows, interval, self._sieves[symbol].instrument)
        except Exception as failure:
            # As in `_forever`: ccxt raises whatever garbage makes it raise.
            self._note(f"past candles of {symbol}", failure)
            return []

    async def _pause(self, clock: Clock) -> None:
        await clock.sleep(POLL_S * self._random.uniform(0.75, 1.25))

    async def _watch_silence(self, clock: Clock) -> None:
        while True:
            await clock.sleep(self._settings.silence_s / 10)
            latest = clock.monotonic() - self._settings.silence_s
            for symbol, sieve in self._sieves.items():
                if sieve.is_known and self._heard_at[symbol] < latest:
                    self._counters["silences"] += 1
                    self._say(symbol, sieve.lose())

    # --- what is said ---

    def _hear_book(self, clock: Clock, symbol: str, book: dict[str, Any]) -> None:
        self._say_of_book(clock, symbol, self._sieves[symbol].book(book, clock.now_ns() // 1_000_000))

    def _say_of_book(self, clock: Clock, symbol: str, updates: list[MarketUpdate]) -> None:
        if updates:
            self._heard_at[symbol] = clock.monotonic()
            self._problems.pop(symbol, None)
        self._say(symbol, updates)

    def _say(self, symbol: str, updates: list[MarketUpdate]) -> None:
        if updates:
            self._outbox.setdefault(symbol, []).extend(updates)
            self._wakeup.set()

    def _note(self, name: str, failure: Exception) -> None:
        """Remember and count what failed, shortened: some venues answer with whole pages."""
        self._counters["failures"] += 1
        self._problems[name or "tickers"] = f"{type(failure).__name__}: {failure}"[:200]
