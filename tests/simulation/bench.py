"""Shells on a world where nothing fails by itself: a test lets fail what it wants to see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from actors.accounts import AccountsShell, ShardSettings
from actors.order_book import BookSettings, OrderBookShell
from actors.runtime import Departure
from infra.ports import Books, PeerLost
from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger.limits import IntakeLimits
from mockexchange.messages.codec import decode_answers, decode_record, encode
from mockexchange.messages.commands import ShardAnswer, ShardRequest
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    AccountCreated,
    AssetListed,
    InstrumentListed,
    RegistryEvent,
    RegistryRecord,
    ShardsConfigured,
)
from mockexchange.messages.market import DepthSnapshot, FeedMessage, MarketUpdate
from mockexchange.messages.subjects import REGISTRY, feed_snapshot, feed_updates
from tests.simulation.actors import INSTRUMENTS, SHARDS
from tests.simulation.loop import Node
from tests.simulation.surroundings import START_NS, Surroundings

Levels = list[tuple[int, int]]

WAIT_S = 60.0
STEP_S = 0.01
FUNDS = {"USDT": 1_000_000 * 10**8, "BTC": 100 * 10**8, "ETH": 1_000 * 10**8}

INTAKE = IntakeLimits(maker_rate=1_000, taker_rate=2_000)


class Bench:
    """Holds a world, its nodes and their shells. Accounts 1, 3, .. live on shard 0, accounts 2, 4, .. on shard 1."""

    def __init__(self) -> None:
        self.around = Surroundings()
        self.books: dict[str, tuple[Node, OrderBookShell]] = {}
        self.renewed: list[str] = []
        self.book_settings = BookSettings(idle_s=1e9)
        self._count = 0

    @property
    def journal(self) -> Any:
        return self.around.journal

    def node(self, name: str = "node") -> Node:
        """Return a new node."""
        self._count += 1
        return self.around.loop.world.copy().run(Node, f"{name}#{self._count}", self.around.loop)

    async def register(self, *events: RegistryEvent) -> int:
        """Append a record to the registry."""
        journal = self.journal.seen_by(self.node("directory"))
        previous = await journal.last_sequence(REGISTRY)
        sequence: int = await journal.append(
            REGISTRY, encode(RegistryRecord(SCHEMA_VERSION, previous, 1, list(events))), previous
        )
        return sequence

    async def list_everything(self, accounts: int = 4, instruments: Sequence[Instrument] = ()) -> None:
        """List instruments and create accounts with funds."""
        await self.register(
            ShardsConfigured(SHARDS),
            *(AssetListed(Asset(code)) for code in ("BTC", "ETH", "USDT")),
            *(InstrumentListed(instrument) for instrument in instruments or INSTRUMENTS.values()),
            *(account_created(number) for number in range(1, accounts + 1)),
        )

    async def start_shard(
        self,
        shard: int = 0,
        settings: ShardSettings | None = None,
        *,
        books: Books | None = None,
        is_funded: bool = True,
    ) -> tuple[Node, AccountsShell]:
        """Start a shard; return once it serves, and its accounts are funded."""
        node = self.node(f"shard {shard}")
        world = self.around.world_of(node)
        shell = AccountsShell(shard, node.name, world, books or BenchBooks(self), settings or ShardSettings(INTAKE))
        await node.spawn(shell.start())
        if is_funded:
            await self.until(lambda: not shell.ledger.unfunded)
        return node, shell

    async def start_feed(self, symbol: str, bids: Levels, asks: Levels) -> BenchFeed:
        """Start a feed that shows this depth."""
        feed = BenchFeed(self, symbol)
        await feed.start(bids, asks)
        return feed

    async def start_book(self, symbol: str) -> tuple[Node, OrderBookShell]:
        """Start a book in place of the one there is; return once it serves."""
        node = self.node(symbol)
        shell = OrderBookShell(symbol, node.name, self.around.world_of(node), self.book_settings)
        await node.spawn(shell.start())
        self.books[symbol] = node, shell
        return node, shell

    def now_ns(self) -> int:
        """Return the wall time."""
        return START_NS + round(self.around.loop.now * 1e9)

    @property
    def departures(self) -> list[Departure]:
        """Why nodes left, in order."""
        return [why for _, why, _ in self.around.departures]

    async def ask(self, shard: tuple[Node, AccountsShell], *requests: ShardRequest) -> list[ShardAnswer]:
        """Ask a shard in one call."""
        node, shell = shard
        answers: list[ShardAnswer] = decode_answers(await node.spawn(shell.handle(encode(list(requests)))))
        return answers

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until a condition holds. Raises TimeoutError."""
        until = self.around.loop.now + WAIT_S
        while not condition():
            if self.around.loop.now > until:
                raise TimeoutError
            await asyncio.sleep(STEP_S)

    def records(self, subject: str) -> list[Any]:
        """Return the decoded records of a subject."""
        return [decode_record(r.subject, r.payload) for r in self.journal.records if r.subject == subject]

    def events(self, subject: str) -> list[Any]:
        """Return the events of a subject."""
        return [event for record in self.records(subject) for event in record.events]


class BenchBooks:
    """Implements `infra.ports.Books` over the bench's books. A book that is not there is lost, until it is renewed."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._starting: set[str] = set()

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        answer: bytes = await self._call(symbol, "deliver", payload)
        return answer

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        answer: bytes = await self._call(symbol, "ask", payload)
        return answer

    async def renew(self, symbol: str) -> None:
        self._bench.renewed.append(symbol)
        node, _ = self._bench.books.get(symbol, (None, None))
        if symbol not in self._starting and (node is None or not node.is_alive):
            self._starting.add(symbol)
            self._bench.around.loop.world.copy().run(asyncio.ensure_future, self._start(symbol))

    async def _start(self, symbol: str) -> None:
        await self._bench.start_book(symbol)
        self._starting.discard(symbol)

    async def _call(self, symbol: str, method: str, payload: bytes) -> Any:
        node, shell = self._bench.books.get(symbol, (None, None))
        if node is None or not node.is_alive:
            raise PeerLost(f"no book of {symbol}")
        try:
            return await asyncio.shield(node.spawn(getattr(shell, method)(payload)))
        except asyncio.CancelledError:
            if node.is_alive:
                raise
            raise PeerLost(f"the book of {symbol} died") from None


class BenchFeed:
    """A feed that says what a test says."""

    def __init__(self, bench: Bench, symbol: str) -> None:
        self.node = bench.node("feed")
        self.number = 0
        self.depth = DepthSnapshot([], [], 1)
        self._symbol = symbol
        self._bus = bench.around.bus.seen_by(self.node)

    async def start(self, bids: Levels, asks: Levels) -> None:
        """Show a depth to whoever asks."""
        self.depth = DepthSnapshot(bids, asks, 1)
        await self._bus.serve(feed_snapshot(self._symbol), self._answer)

    def say(self, *updates: MarketUpdate, is_lost: bool = False) -> None:
        """Publish updates; lost ones are only counted."""
        self.number += 1
        if not is_lost:
            self._bus.publish(feed_updates(self._symbol), encode(FeedMessage(1, self.number, 1, list(updates))))

    def _answer(self, _subject: str, _payload: bytes) -> bytes:
        return encode(FeedMessage(1, self.number, 1, [self.depth]))


def account_created(number: int, **funds: int) -> AccountCreated:
    """Return the event that creates an account."""
    return AccountCreated(number, f"account {number}", (number - 1) % SHARDS, funds or dict(FUNDS), {})


def on_bench(test: Callable[[Bench], Awaitable[None]]) -> Callable[[], None]:
    """Make a test of a coroutine function that is given a bench; nothing may fail unseen."""

    def run() -> None:
        bench = Bench()

        async def main() -> None:
            await test(bench)

        bench.around.loop.run(main())
        assert bench.around.loop.failures == []

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
