"""The actors as Ray runs them: each wraps one shell, and starts it without making its creation wait.

`__init__` does no I/O, since one that fails would end the actor for good; until its shell serves, calls are answered
with "recovering". Nothing is ever executed twice by Ray: `max_task_retries` stays 0.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import secrets
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, ClassVar, Final, Protocol

from actors.accounts import AccountsShell, ShardSettings
from actors.directory import DirectorySettings, DirectoryShell, Secret, TooFewShards
from actors.feeds.build import build_source
from actors.feeds.live import LiveSource
from actors.feeds.shell import FeedShell
from actors.feeds.venue import VenueSettings
from actors.fleet import Part
from actors.order_book import BookSettings, OrderBookShell
from actors.ray_fleet import RayFleet
from actors.runtime import Departure, World, last_sequence, read_until
from actors.site import Site, connect_patiently, leave, world_of
from actors.surveys import journal_survey, valkey_survey
from actors.writers.candles import CandleWriter
from actors.writers.equity import EquityWriter
from actors.writers.history import HistoryWriter
from actors.writers.market import MarketWriter
from infra.credentials import ApiKey, new_api_key, seal
from infra.memory import resident_bytes
from infra.nats.calls import serve_calls
from infra.nats.connection import Connection
from infra.nats.snapshots import ensure_snapshots
from infra.nats.stream import ensure_stream
from infra.peers import Actors, RayDirectory, parts
from infra.ports import PeerLost
from infra.read_model.candle_store import ValkeyCandleStore
from infra.read_model.equity_store import ValkeyEquityStore
from infra.read_model.valkey_store import WRITE_TIMEOUT_S, ValkeyHistoryStore
from infra.settings import Settings
from infra.valkey_client import connect_valkey
from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger.limits import IntakeLimits
from mockexchange.messages.channel import BookUnready, DeliveryAnswer, Receipt
from mockexchange.messages.codec import decode_directory_answer, decode_registry_record, decode_requests, encode
from mockexchange.messages.commands import Unavailable
from mockexchange.messages.directory import DirectoryRefused, DirectoryUnready, ListInstrument
from mockexchange.messages.events import InstrumentListed
from mockexchange.messages.subjects import REGISTRY
from mockexchange.presets import preset
from mockexchange.registry import Registry

WRITER_NICENESS: Final = 5
"""Writers yield to the trading path: a history that lags for a moment hurts nobody."""

HISTORY_LINGER_S: Final = 0.02
SUMMARY_LINGER_S: Final = 0.05
"""Writers read together what is stored within so long, which costs them and the server a fraction of the work.

Candles and equity sum up: nobody waits for them as one waits for an order to be listed.
"""


class Shell(Protocol):
    """What all shells have in common."""

    async def start(self) -> None:
        """Recover and begin to serve."""

    def status(self) -> dict[str, object]:
        """Describe the actor."""


class Hosted(ABC):
    """Starts a shell in the background of its Ray actor; `methods` are those that others call over NATS."""

    methods: ClassVar[tuple[str, ...]] = ()
    linger_s: ClassVar[float] = 0.0

    def __init__(self, site: Site, key: str) -> None:
        self.site = site
        self.key = key
        self.shell: Any = None
        self.failure = ""
        self._address = ""
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
        self._starting = asyncio.get_running_loop().create_task(self._start())

    @abstractmethod
    async def build(self, settings: Settings) -> Shell:
        """Make the shell; the connections it needs are made here."""

    async def status(self) -> dict[str, object]:
        """Describe the actor; answers while it recovers, too."""
        status = {"state": "recovering"} if self.shell is None else self.shell.status()
        return (
            status | {"pid": os.getpid(), "rss": resident_bytes()} | ({"failure": self.failure} if self.failure else {})
        )

    async def _start(self) -> None:
        try:
            shell = await self.build(self.site.settings())
            await shell.start()
        except TooFewShards as error:
            self.failure = str(error)
            return
        except Exception as error:
            traceback.print_exc()
            leave(Departure.BROKEN, f"{type(error).__name__}: {error}")
        # What was read at the start lives long; full collections would walk over it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        self.shell = shell
        if hasattr(shell, "closed"):
            await self._watch_over(shell)

    async def _watch_over(self, shell: Any) -> None:
        """End this process when the shell's work has failed, so that it is started again."""
        try:
            await shell.closed()
        except Exception as error:
            traceback.print_exc()
            leave(Departure.BROKEN, f"{type(error).__name__}: {error}")

    async def address(self) -> str:
        """Return where this actor takes calls, empty before it does and for one that takes none."""
        return self._address

    async def world(self, settings: Settings, part: Part) -> World:
        """Connect this actor to the world."""
        return world_of(await self.connect(settings, part), self.linger_s)

    async def connect(self, settings: Settings, part: Part) -> Connection:
        """Connect this actor to NATS, and take calls from then on."""
        connection = await connect_patiently(settings, self.site.credentials, part.name)
        if self.methods:
            handlers = {method: getattr(self, method) for method in self.methods}
            self._address = await serve_calls(connection, part.name, handlers)
        return connection


class AccountsActor(Hosted):
    """An accounts shard; `key` is its number."""

    methods = ("handle",)

    async def build(self, settings: Settings) -> AccountsShell:
        """Make the shell."""
        connection = await self.connect(settings, Part("accounts", self.key))
        intake = IntakeLimits(settings.maker_rate, settings.taker_rate, settings.max_open_orders)
        limits = ShardSettings(intake, settings.order_timeout_seconds)
        return AccountsShell(int(self.key), _incarnation(), world_of(connection), parts(connection).books, limits)

    async def handle(self, payload: bytes) -> bytes:
        """Answer requests; see `AccountsShell.handle`."""
        if self.shell is None:
            return encode([Unavailable("the accounts are recovering")] * len(decode_requests(payload)))
        answer: bytes = await self.shell.handle(payload)
        return answer


class OrderBookActor(Hosted):
    """The order book of one symbol; `key` is the symbol."""

    methods = ("deliver", "ask")

    async def build(self, settings: Settings) -> OrderBookShell:
        """Make the shell."""
        world = await self.world(settings, Part("book", self.key))
        limits = BookSettings(settings.book_idle_seconds, settings.feed_silence_seconds)
        return OrderBookShell(self.key, _incarnation(), world, limits)

    async def deliver(self, payload: bytes) -> bytes:
        """Take a shard's call; see `OrderBookShell.deliver`."""
        if self.shell is None:
            return encode(DeliveryAnswer(Receipt.RECOVERING))
        answer: bytes = await self.shell.deliver(payload)
        return answer

    async def ask(self, payload: bytes) -> bytes:
        """Answer a question; see `OrderBookShell.ask`."""
        if self.shell is None:
            return encode(BookUnready(Receipt.RECOVERING))
        answer: bytes = await self.shell.ask(payload)
        return answer


class FeedActor(Hosted):
    """The outside market."""

    async def build(self, settings: Settings) -> FeedShell:
        """Make the shell, of the instruments that are listed with a feed."""
        world = await self.world(settings, Part("feed"))
        registry = Registry()
        end = await last_sequence(world, REGISTRY)
        async for message in read_until(world, [REGISTRY], 1, end):
            registry.apply(message.sequence, decode_registry_record(message.payload))
        fed = {symbol: instrument for symbol, instrument in registry.instruments.items() if instrument.feed}
        source = build_source(settings.feed, fed, lambda venue: _live_source(venue, settings, registry))
        listings = _fed_instruments(world, end + 1)
        return FeedShell(source, world.bus, world.clock, fed, world.clock.now_ns(), listings=listings)


class HistoryActor(Hosted):
    """The writer of orders, fills and balances."""

    linger_s = HISTORY_LINGER_S

    async def build(self, settings: Settings) -> HistoryWriter:
        """Make the shell."""
        os.nice(WRITER_NICENESS)
        world = await self.world(settings, Part("history"))
        store = ValkeyHistoryStore(connect_valkey(settings.valkey_endpoint, self.site.credentials.valkey_password))
        return HistoryWriter(world.journal, store, world.clock, world.snapshots)


class MarketActor(Hosted):
    """The writer of tickers and of the outside market's prints."""

    async def build(self, settings: Settings) -> MarketWriter:
        """Make the shell."""
        os.nice(WRITER_NICENESS)
        world = await self.world(settings, Part("market"))
        store = ValkeyHistoryStore(connect_valkey(settings.valkey_endpoint, self.site.credentials.valkey_password))
        return MarketWriter(world.bus, store, world.clock)


class CandlesActor(Hosted):
    """The writer of candles and rolling statistics."""

    linger_s = SUMMARY_LINGER_S

    async def build(self, settings: Settings) -> CandleWriter:
        """Make the shell."""
        os.nice(WRITER_NICENESS)
        world = await self.world(settings, Part("candles"))
        valkey = connect_valkey(settings.valkey_endpoint, self.site.credentials.valkey_password)
        return CandleWriter(world.journal, world.bus, ValkeyCandleStore(valkey, timeout_s=WRITE_TIMEOUT_S), world.clock)


class EquityActor(Hosted):
    """The writer of equity over time."""

    linger_s = SUMMARY_LINGER_S

    async def build(self, settings: Settings) -> EquityWriter:
        """Make the shell."""
        os.nice(WRITER_NICENESS)
        world = await self.world(settings, Part("equity"))
        valkey = connect_valkey(settings.valkey_endpoint, self.site.credentials.valkey_password)
        return EquityWriter(world.journal, world.bus, ValkeyEquityStore(valkey), world.clock, settings.cash_asset)


class DirectoryActor(Hosted):
    """The directory; `key` is empty."""

    async def build(self, settings: Settings) -> DirectoryShell:
        """Make the shell, and before it what the others need on the NATS server."""
        connection = await connect_patiently(settings, self.site.credentials, "directory")
        await ensure_stream(connection, max_bytes=settings.journal_max_bytes)
        await ensure_snapshots(connection)
        fleet = RayFleet(self.site, ACTORS)
        new_secret: Callable[[], Secret] = lambda: _sealed(new_api_key(), self.site)  # noqa: E731
        valkey = connect_valkey(settings.valkey_endpoint, self.site.credentials.valkey_password)
        surveys = {"journal": journal_survey(connection), "valkey": valkey_survey(valkey)}
        return DirectoryShell(
            world_of(connection), fleet, _directory_settings(settings, self.site), new_secret, surveys
        )

    async def handle(self, payload: bytes) -> bytes:
        """Answer a request; see `DirectoryShell.handle`."""
        if self.shell is None:
            return encode(DirectoryUnready(self.failure or "the directory is recovering"))
        answer: bytes = await self.shell.handle(payload)
        return answer


ACTORS: Final[dict[str, type[Hosted]]] = {
    "accounts": AccountsActor,
    "book": OrderBookActor,
    "feed": FeedActor,
    "history": HistoryActor,
    "market": MarketActor,
    "candles": CandlesActor,
    "equity": EquityActor,
    "directory": DirectoryActor,
}


async def _fed_instruments(world: World, start: int) -> AsyncGenerator[Instrument, None]:
    """Yield the instruments with a feed that are listed, or change, in records from `start` on, without end."""
    async with aclosing(world.journal.read([REGISTRY], start)) as batches:
        async for batch in batches:
            for message in batch:
                for event in decode_registry_record(message.payload).events:
                    if isinstance(event, InstrumentListed) and event.instrument.feed:
                        yield event.instrument


def _live_source(exchange: str, settings: Settings, registry: Registry) -> LiveSource:
    """Make the source of a ccxt exchange; what it finds is listed by the directory."""
    venue = VenueSettings(
        exchange,
        options=json.loads(settings.feed_options),
        mode=settings.feed_mode,
        symbols=settings.symbols,
        quote=settings.feed_quote,
        limit=settings.feed_limit,
        silence_s=settings.feed_silence_seconds,
    )
    directory = RayDirectory(Actors())

    async def list_instrument(instrument: Instrument) -> str:
        answer = decode_directory_answer(await directory.handle(encode(ListInstrument(instrument, []))))
        match answer:
            case DirectoryRefused(field, reason):
                return f"{field}: {reason}"
            case DirectoryUnready(detail):
                raise PeerLost(detail)
        return ""

    return LiveSource(venue, registry.instruments, list_instrument)


def _incarnation() -> str:
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def _sealed(key: ApiKey, site: Site) -> Secret:
    return Secret(key.api_key, key.api_secret, seal(key, site.credentials.seal_key))


def _directory_settings(settings: Settings, site: Site) -> DirectorySettings:
    """Return what exists from the first start on."""
    is_live = settings.feed_source.kind == "ccxt"
    # A real exchange's instruments are listed by the feed, which learns their rules there.
    listed = () if is_live else settings.symbols
    instruments = [preset(symbol, feed=symbol in settings.fed_symbols) for symbol in listed]
    codes = [settings.cash_asset, *settings.demo_balances]
    codes += [code for instrument in instruments for code in (instrument.base, instrument.quote)]
    demo = ApiKey(site.credentials.demo_api_key, site.credentials.demo_api_secret)
    funds = settings.demo_balances
    always_on = [Part("history"), Part("market"), Part("candles"), Part("equity")]
    if settings.fed_symbols or is_live:
        always_on.append(Part("feed"))
    return DirectorySettings(
        shards=settings.account_shards,
        assets=[Asset(code) for code in dict.fromkeys(codes)],
        instruments=instruments,
        demo_name="demo",
        demo_funds=funds,
        demo_values={asset: amount for asset, amount in funds.items() if asset == settings.cash_asset},
        demo_secret=_sealed(demo, site),
        always_on=always_on,
    )
