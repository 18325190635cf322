"""A whole exchange in this process: the real shells on a journal, a bus and a read model in memory."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, NoReturn

import httpx
import msgspec
from litestar import Litestar

from actors.accounts import AccountsShell, ShardSettings
from actors.directory import DirectorySettings, DirectoryShell, Secret
from actors.fleet import Part
from actors.order_book import BookSettings, OrderBookShell
from actors.runtime import Departure, World
from actors.writers.candles import CandleWriter
from actors.writers.equity import EquityWriter
from actors.writers.history import HistoryWriter
from actors.writers.market import MarketWriter
from gateway.app import create_app
from gateway.gateway import GatewayParts
from infra.credentials import ApiKey
from infra.ports import Fenced, JournalMessage, JournalUnavailable, PeerLost
from infra.read_model.candle_rows import CandleRange, CandleRows
from infra.read_model.rows import decode_fill, decode_order, decode_step, decode_trade
from infra.read_model.store import HistoryUnavailable
from infra.wall_clock import WallClock
from mockexchange.candles import Candle, Interval
from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger import IntakeLimits
from mockexchange.messages.codec import encode
from mockexchange.messages.market import DepthSnapshot, FeedMessage, FeedTicker, MarketUpdate, Print
from mockexchange.messages.orders import Fill, Order, OrderStatus, OrderStep, OrderType, Side, Trade
from mockexchange.messages.subjects import feed_snapshot, feed_ticker, feed_updates
from tests.support.eventually import eventually
from tests.support.heard_bus import HeardBus
from tests.support.memory_candles import MemoryCandleStore
from tests.support.memory_equity import MemoryEquityStore
from tests.support.memory_history import MemoryHistoryStore
from tests.support.memory_journal import MemoryJournal, MemorySnapshots

ADMIN_KEY = "the-administrators-key"
DEMO_KEY = "the-demo-key"
DEMO_SECRET = "the-demo-secret"
DEMO_FUNDS = {"USDT": 100_000 * 10**8, "BTC": 10 * 10**8}

BTC_USDT = Instrument("BTC", "USDT", 8, 8, 2, 5, min_notional=5 * 10**8, feed=True)
ETH_USDT = Instrument("ETH", "USDT", 8, 8, 2, 4, tick_size=5, step_size=10, max_quantity=10**9, feed=True)
GOLD_USDT = Instrument("GOLD", "USDT", 8, 8, 2, 2)


class LocalJournal(MemoryJournal):
    """A journal that can be appended to, and taken away."""

    async def append(self, subject: str, payload: bytes, expected: int) -> int:
        await asyncio.sleep(0)
        if not self.is_available:
            raise JournalUnavailable("the journal is away")
        if await super().last_sequence(subject) != expected:
            raise Fenced(subject)
        self.extend([(len(self.records) + 1, subject, payload)])
        return len(self.records)

    async def last_sequence(self, subject: str) -> int:
        if not self.is_available:
            raise JournalUnavailable("the journal is away")
        return await super().last_sequence(subject)

    async def end(self) -> int:
        if not self.is_available:
            raise JournalUnavailable("the journal is away")
        return await super().end()

    def subjects(self) -> list[str]:
        return [message.subject for message in self.records]

    def messages(self, pattern: str) -> list[JournalMessage]:
        return [message for message in self.records if fnmatchcase(message.subject, pattern)]


class LocalBus(HeardBus):
    """A bus on which `>` stands for all that follows."""

    async def subscribe(self, subject: str, handler: Callable[[str, bytes], None]) -> Callable[[], Awaitable[None]]:
        return await super().subscribe(subject.replace(">", "*"), handler)


class HandFeed:
    """The outside market of one symbol, moved by the test."""

    def __init__(self, symbol: str, bus: HeardBus) -> None:
        self.symbol = symbol
        self.bids: list[tuple[int, int]] = []
        self.asks: list[tuple[int, int]] = []
        self._bus = bus
        self._number = 0
        self._clock = WallClock()
        bus.servers[feed_snapshot(symbol)] = lambda _subject, _payload: encode(self._message(self._snapshot()))

    def show(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        """Replace the displayed depth, and say so."""
        self.bids, self.asks = bids, asks
        self.say(self._snapshot())
        self.tick()

    def tick(self) -> None:
        """Say the best prices."""
        bid, ask = self.bids[0] if self.bids else (0, 0), self.asks[0] if self.asks else (0, 0)
        ticker = FeedTicker(self.symbol, *bid, *ask, bid[0], self._clock.now_ns())
        self._bus.publish(feed_ticker(self.symbol), encode(ticker))

    def print(self, price: int, quantity: int, side: Side) -> None:
        """Let others trade."""
        self.say(Print(price, quantity, side, self._number, self._clock.now_ns()))

    def say(self, update: MarketUpdate) -> None:
        self._number += 1
        self._bus.publish(feed_updates(self.symbol), encode(self._message(update)))

    def _snapshot(self) -> DepthSnapshot:
        return DepthSnapshot(list(self.bids), list(self.asks), self._number)

    def _message(self, update: MarketUpdate) -> FeedMessage:
        return FeedMessage(1, self._number, self._clock.now_ns(), [update])


class LocalShards:
    """Implements `infra.ports.Shards`. A shard can be lost for some calls, or hang."""

    def __init__(self) -> None:
        self.shells: list[AccountsShell] = []
        self.lost_calls: dict[int, int] = {}
        self.calls = 0

    async def handle(self, shard: int, payload: bytes) -> bytes:
        self.calls += 1
        if self.lost_calls.get(shard, 0):
            self.lost_calls[shard] -= 1
            # It did its work, and only the answer is lost.
            await self.shells[shard].handle(payload)
            raise PeerLost(f"accounts.{shard}")
        return await self.shells[shard].handle(payload)


class LocalBooks:
    """Implements `infra.ports.Books`: starts books when they are used. A symbol can be made to hang."""

    def __init__(self, world: World) -> None:
        self.shells: dict[str, OrderBookShell] = {}
        self.hung: set[str] = set()
        self._world = world
        self._incarnations = count(1)

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        return await (await self._book(symbol)).deliver(payload)

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        return await (await self._book(symbol)).ask(payload)

    async def renew(self, symbol: str) -> None:
        shell = OrderBookShell(symbol, f"book {next(self._incarnations)}", self._world, BookSettings())
        await shell.start()
        self.shells[symbol] = shell

    async def _book(self, symbol: str) -> OrderBookShell:
        if symbol in self.hung:
            await asyncio.Event().wait()
        if symbol not in self.shells:
            raise PeerLost(f"book.{symbol}")
        return self.shells[symbol]


class LocalFleet:
    """Implements `actors.fleet.Fleet` for parts that the exchange itself starts."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[str, object]] = {}

    async def ensure(self, part: Part) -> None:
        """Have nothing to do."""

    async def remove(self, part: Part) -> None:
        """Have nothing to do."""

    async def status(self, part: Part) -> dict[str, object]:
        return self.statuses.get(part.name, {"state": "serving"})

    async def books(self) -> list[Part]:
        return []


class MemoryHistory:
    """Implements the gateway's `History` on the rows of a writer."""

    def __init__(self, store: MemoryHistoryStore, kept_candles: MemoryCandleStore) -> None:
        self.store = store
        self.kept_candles = kept_candles
        self.is_available = True
        self.is_frozen = False
        self._position = 0

    async def position(self) -> int:
        self._check()
        if not self.is_frozen:
            self._position = self.store.stored.sequence if self.store.stored else 0
        return self._position

    async def orders(
        self,
        account: int,
        *,
        symbol: str = "",
        statuses: frozenset[OrderStatus] = frozenset(),
        side: Side | None = None,
        order_type: OrderType | None = None,
        base: str = "",
        since_ns: int = 0,
        before: int = 0,
        limit: int = 50,
    ) -> tuple[list[Order], int]:
        self._check()
        ids = sorted((i for i, owner in self.store.owners.items() if owner == account), reverse=True)
        orders = [decode_order(self.store.orders[i]) for i in ids if not before or i < before]
        fitting = [
            order
            for order in orders
            if order.symbol in (symbol or order.symbol)
            and (not statuses or order.status in statuses)
            and side in (None, order.side)
            and order_type in (None, order.order_type)
            and order.symbol.startswith(f"{base}/" if base else "")
            and order.created_ns >= since_ns
        ]
        return fitting[:limit], fitting[limit - 1].order_id if len(fitting) > limit else 0

    async def order(self, order_id: int) -> Order | None:
        self._check()
        row = self.store.orders.get(order_id)
        return None if row is None else decode_order(row)

    async def steps(self, order_id: int) -> list[OrderStep]:
        self._check()
        return [decode_step(row) for row in self.store.steps.get(order_id, [])]

    async def fills(
        self, account: int, *, symbol: str = "", before: int = 0, limit: int = 50
    ) -> tuple[list[Fill], int]:
        self._check()
        rows = sorted(self.store.fills.get(account, {}).items(), reverse=True)
        numbered = [(number, decode_fill(row)) for number, row in rows if not before or number < before]
        fitting = [(number, fill) for number, fill in numbered if fill.symbol in (symbol or fill.symbol)]
        fills = [fill for _, fill in fitting[:limit]]
        return fills, fitting[limit - 1][0] if len(fitting) > limit else 0

    async def order_count(self, account: int, symbol: str) -> int:
        return len(await self.orders_at(account, symbol, 0, 2**62))

    async def orders_at(self, account: int, symbol: str, start: int, stop: int) -> list[Order]:
        return (await self.orders(account, symbol=symbol, limit=2**62))[0][::-1][start:stop]

    async def fill_count(self, account: int, symbol: str) -> int:
        return len(await self.fills_at(account, symbol, 0, 2**62))

    async def fills_at(self, account: int, symbol: str, start: int, stop: int) -> list[Fill]:
        return (await self.fills(account, symbol=symbol, limit=2**62))[0][::-1][start:stop]

    async def trades(self, symbol: str, *, before: int = 0, limit: int = 50) -> tuple[list[Trade], int]:
        self._check()
        rows = sorted(self.store.tapes.get(symbol, {}).items(), reverse=True)
        trades = [decode_trade(row) for number, row in rows if not before or number < before]
        return trades[:limit], trades[limit - 1].trade_id if len(trades) > limit else 0

    async def tickers(self) -> dict[str, bytes]:
        self._check()
        return dict(self.store.tickers)

    async def candles(self, ranges: list[CandleRange]) -> list[CandleRows]:
        self._check()
        return await self.kept_candles.candles(ranges)

    async def next_candle(self, symbol: str, interval: Interval, from_ms: int) -> Candle | None:
        self._check()
        return await self.kept_candles.next_candle(symbol, interval, from_ms)

    async def trades_after(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        return [trade for trade in self._tape(symbol) if trade.trade_id >= from_id][:limit]

    async def trades_between(self, symbol: str, start_ms: int, end_ms: int, limit: int) -> list[Trade]:
        tape = self._tape(symbol)
        return [trade for trade in tape if start_ms <= trade.time_ns // 1_000_000 <= end_ms][:limit]

    def _tape(self, symbol: str) -> list[Trade]:
        self._check()
        return [decode_trade(row) for _, row in sorted(self.store.tapes.get(symbol, {}).items())]

    def _check(self) -> None:
        if not self.is_available:
            raise HistoryUnavailable("the read model is away")


class LocalExchange:
    """Two shards, a directory, the writers, books as they are used, and feeds moved by hand."""

    def __init__(self) -> None:
        self.journal = LocalJournal()
        self.bus = LocalBus()
        self.world = World(self.journal, self.bus, MemorySnapshots(), WallClock(), _leave)
        self.books = LocalBooks(self.world)
        self.shards = LocalShards()
        self.store = MemoryHistoryStore()
        self.kept_candles = MemoryCandleStore()
        self.kept_equity = MemoryEquityStore()
        self.history = MemoryHistory(self.store, self.kept_candles)
        self.fleet = LocalFleet()
        self.feeds = {symbol: HandFeed(symbol, self.bus) for symbol in ("BTC/USDT", "ETH/USDT")}
        self._secrets = count(1)
        self.directory = DirectoryShell(self.world, self.fleet, self._directory_settings(), self._new_secret)
        self.writer = HistoryWriter(self.journal, self.store, self.world.clock, self.world.snapshots)
        self.market_writer = MarketWriter(self.bus, self.store, self.world.clock)
        self.candle_writer = CandleWriter(self.journal, self.bus, self.kept_candles, self.world.clock)
        self.equity_writer = EquityWriter(self.journal, self.bus, self.kept_equity, self.world.clock, "USDT")

    async def start(self) -> None:
        self.feeds["BTC/USDT"].show([(5_999_990, 20_000)], [(6_000_000, 100_000), (6_000_100, 500_000)])
        self.feeds["ETH/USDT"].show([(259_995, 100_000)], [(260_000, 100_000)])
        await self.directory.start()
        for shard in range(2):
            limits = IntakeLimits(maker_rate=1_000, taker_rate=2_000, max_open_orders=1_000)
            shell = AccountsShell(shard, f"shard {shard}", self.world, self.books, ShardSettings(limits))
            self.shards.shells.append(shell)
            await shell.start()
        for symbol in ("BTC/USDT", "ETH/USDT", "GOLD/USDT"):
            await self.books.renew(symbol)
        for writer in self._writers():
            await writer.start()

    async def stop(self) -> None:
        for writer in self._writers():
            await writer.stop()
        await self.directory.stop()
        for shell in (*self.shards.shells, *self.books.shells.values()):
            await shell.stop()
        # What the shells started and do not wait for.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _writers(self) -> tuple[HistoryWriter, MarketWriter, CandleWriter, EquityWriter]:
        return self.writer, self.market_writer, self.candle_writer, self.equity_writer

    def parts(self, **changes: Any) -> GatewayParts:
        """Return what a gateway is given."""
        options: dict[str, Any] = {
            "shards": self.shards,
            "books": self.books,
            "directory": self.directory,
            "journal": self.journal,
            "bus": self.bus,
            "history": self.history,
            "equity": self.kept_equity,
            "clock": self.world.clock,
            "unseal": unseal,
            "maker_rate": 1_000,
            "taker_rate": 2_000,
            "max_open_orders": 1_000,
            "admin_key": ADMIN_KEY,
            "demo_funds": DEMO_FUNDS,
            "command_timeout_s": 2.0,
        }
        return GatewayParts(**(options | changes))

    def _directory_settings(self) -> DirectorySettings:
        return DirectorySettings(
            shards=2,
            assets=[Asset("BTC"), Asset("USDT"), Asset("ETH"), Asset("GOLD")],
            instruments=[BTC_USDT, ETH_USDT, GOLD_USDT],
            demo_name="demo",
            demo_funds=DEMO_FUNDS,
            demo_values={"USDT": DEMO_FUNDS["USDT"]},
            demo_secret=sealed(DEMO_KEY, DEMO_SECRET),
        )

    def _new_secret(self) -> Secret:
        number = next(self._secrets)
        return sealed(f"key-{number}", f"secret-{number}")


def sealed(api_key: str, api_secret: str) -> Secret:
    """Return a key, sealed as `unseal` opens it."""
    return Secret(api_key, api_secret, msgspec.json.encode(ApiKey(api_key, api_secret)))


def unseal(envelope: bytes) -> ApiKey:
    return msgspec.json.decode(envelope, type=ApiKey)


def _leave(why: Departure, detail: str) -> NoReturn:
    raise AssertionError(f"{why.text}: {detail}")


class Api:
    """A client of one gateway of a local exchange, with the demo account's key unless told otherwise."""

    def __init__(self, exchange: LocalExchange, app: Litestar, key: str | None = DEMO_KEY) -> None:
        self.exchange = exchange
        self.app = app
        headers = {} if key is None else {"x-api-key": key}
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://exchange", headers=headers)

    def with_key(self, key: str | None) -> Api:
        return Api(self.exchange, self.app, key)

    @property
    def admin(self) -> Api:
        return self.with_key(ADMIN_KEY)

    async def get(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        return _checked(await self.http.get(path, params=parameters or None), status)

    async def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        return _checked(await self.http.post(path, json=body, headers=_named(headers)), status)

    async def post_raw(self, path: str, body: bytes, status: int = 200) -> Any:
        return _checked(await self.http.post(path, content=body), status)

    async def patch(self, path: str, body: Any = None, status: int = 200, /, **parameters: Any) -> Any:
        return _checked(await self.http.patch(path, json=body, params=parameters or None), status)

    async def delete(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        return _checked(await self.http.delete(path, params=parameters or None), status)

    async def place(self, status: int = 200, **order: Any) -> Any:
        """Place an order on BTC/USDT unless told otherwise."""
        return await self.post("/orders", {"symbol": "BTC/USDT", "side": "buy", **order}, status)

    async def buy(self, amount: str, price: str, status: int = 200, **order: Any) -> Any:
        return await self.place(status, type="limit", amount=amount, limit_price=price, **order)

    async def sell(self, amount: str, price: str, status: int = 200, **order: Any) -> Any:
        return await self.place(status, side="sell", type="limit", amount=amount, limit_price=price, **order)

    async def second_account(self) -> Api:
        """Make an account on the other shard; return its client."""
        made = await self.admin.post("/accounts", {"name": "second"}, 201)
        return self.with_key(made["api_key"])


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _checked(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    return response.json() if response.content else None


@asynccontextmanager
async def local_exchange(**changes: Any) -> AsyncIterator[Api]:
    """Run an exchange and one gateway."""
    exchange = LocalExchange()
    async with AsyncExitStack() as stack:
        await exchange.start()
        stack.push_async_callback(exchange.stop)
        app = create_app(exchange.parts(**changes))
        await stack.enter_async_context(app.lifespan())
        await eventually(lambda: bool(app.state["gateway"].floor.registry.accounts))
        for feed in exchange.feeds.values():
            feed.tick()
        yield Api(exchange, app)


def with_exchange(**changes: Any) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Run an async test against an exchange of its own; the test's first parameter is the client."""

    def decorate(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**arguments: Any) -> None:
            failures: list[Exception] = []

            async def main() -> None:
                async with local_exchange(**changes) as api:
                    try:
                        await test(api, **arguments)
                    except Exception as failure:
                        failures.append(failure)

            asyncio.run(main())
            # Raised here, where no task group wraps it.
            for failure in failures:
                raise failure

        parameters = list(inspect.signature(test).parameters.values())[1:]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return run

    return decorate
