"""The order book actor: one symbol's only authority on matching, and the only writer of its journal subject.

All that reaches it waits in one queue. One cycle takes what has come, decides and evolves it, appends one record and
then answers, so between two cycles the state is exactly what the journal holds. Reads are answered there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

from actors.book_feed import FeedLink
from actors.book_market import MarketPublisher
from actors.book_orders import undecided
from actors.book_recovery import recover, snapshot_name
from actors.runtime import (
    Departure,
    Tenure,
    World,
    run,
    save_snapshot,
)
from infra.ports import JournalUnavailable, Snapshot
from mockexchange.matching.book import DEFAULT_LIMITS, OrderBook
from mockexchange.matching.floor import BookLimits
from mockexchange.messages.channel import (
    BookAnswer,
    BookRequest,
    BookUnready,
    Delivery,
    DeliveryAnswer,
    DepthAnswer,
    OverrideAnswer,
    OverridePrice,
    ReadDepth,
    Receipt,
    ReleasePrice,
)
from mockexchange.messages.codec import (
    decode_book_request,
    decode_delivery,
    encode,
)
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    Applied,
    BookClosed,
    BookEvent,
    BookRecord,
    OrderReserved,
)
from mockexchange.messages.market import MarketSilent, MarketUpdate
from mockexchange.messages.orders import Trade
from mockexchange.messages.subjects import book_journal

Answer = TypeVar("Answer")

MAX_EVENTS: Final = 3_000
"""Events after which a record is full; with those of one more step, three for each fill, it stays below its bound."""

MAX_QUEUE: Final = 1_000
MAX_PENDING_UPDATES: Final = 5_000


class BookState(Enum):
    """What the actor is doing."""

    RECOVERING = "recovering"
    SERVING = "serving"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class BookSettings:
    """Limits and intervals of a book actor; times in seconds.

    A book that has just started waits up to `resync_s` for its feed before it serves without.
    """

    idle_s: float = 300.0
    feed_silence_s: float = 5.0
    resync_s: float = 4.0
    publish_s: float = 0.1
    snapshot_every_events: int = 50_000
    limits: BookLimits = DEFAULT_LIMITS


@dataclass(slots=True)
class _Step:
    """What one record will hold, and who waits for it."""

    events: list[BookEvent] = field(default_factory=list)
    applied: dict[int, Applied] = field(default_factory=dict)
    prints: list[Trade] = field(default_factory=list)
    deliveries: list[asyncio.Future[Receipt]] = field(default_factory=list)
    changes: list[asyncio.Future[BookAnswer]] = field(default_factory=list)

    @property
    def is_journaled(self) -> bool:
        return bool(self.events or self.applied)


class OrderBookShell:
    """Runs one `OrderBook` in the world."""

    def __init__(self, symbol: str, incarnation: str, world: World, settings: BookSettings) -> None:
        self.symbol = symbol
        self.state = BookState.RECOVERING
        self._subject = book_journal(symbol)
        self._incarnation = incarnation
        self._world = world
        self._settings = settings
        self._tenure = Tenure(world, self._subject)
        self._deliveries: list[tuple[Delivery, asyncio.Future[Receipt]]] = []
        self._requests: list[tuple[BookRequest, asyncio.Future[BookAnswer]]] = []
        self._updates: list[MarketUpdate] = []
        self._is_publication_due = False
        self._wakeup = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._used_at = world.clock.monotonic()
        self._snapshot_due = settings.snapshot_every_events
        self._saving: asyncio.Task[None] | None = None
        self._feed: FeedLink | None = None
        self.book: OrderBook
        self.epoch = 0
        self.counters = {"deliveries": 0, "orders": 0, "events": 0, "appends": 0, "updates": 0, "updates_dropped": 0}

    async def start(self) -> None:
        """Recover from the journal, then serve. Returns when serving has begun."""
        self.book, self.epoch = await recover(
            self.symbol, self._incarnation, self._world, self._tenure, self._settings.limits
        )
        self._market = MarketPublisher(self.book, self._world)
        if self.book.instrument.feed:
            self._feed = FeedLink(self.symbol, self._world, self._offer, self._settings.feed_silence_s)
            await self._feed.start()
            await self._feed.wait_in_step(self._settings.resync_s)
        self.state = BookState.SERVING
        self._tasks = [run(self._world, self._serve()), run(self._world, self._keep_time())]

    async def stop(self) -> None:
        """End all tasks. What was not answered stays unanswered."""
        for task in self._tasks:
            task.cancel()
        if self._feed is not None:
            await self._feed.stop()

    async def deliver(self, payload: bytes) -> bytes:
        """Take a shard's numbered call; the answer comes when its outcome is in the journal."""
        if self.state is not BookState.SERVING:
            return encode(DeliveryAnswer(_receipt_of(self.state)))
        if not self._world.journal.is_available:
            return encode(DeliveryAnswer(Receipt.UNAVAILABLE))
        if len(self._deliveries) >= MAX_QUEUE:
            return encode(DeliveryAnswer(Receipt.BUSY))
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._deliveries.append((decode_delivery(payload), future))
        self._wakeup.set()
        receipt = await future
        return encode(DeliveryAnswer(receipt, self._tenure.sequence))

    async def ask(self, payload: bytes) -> bytes:
        """Answer a question or an administrator's change, from journaled state only."""
        if self.state is not BookState.SERVING:
            return encode(BookUnready(_receipt_of(self.state)))
        if len(self._requests) >= MAX_QUEUE:
            return encode(BookUnready(Receipt.BUSY))
        future: asyncio.Future[BookAnswer] = asyncio.get_running_loop().create_future()
        self._requests.append((decode_book_request(payload), future))
        self._wakeup.set()
        answer = await future
        try:
            await self._tenure.prove()
        except JournalUnavailable:
            return encode(BookUnready(Receipt.UNAVAILABLE))
        return encode(answer)

    def status(self) -> dict[str, object]:
        """Describe the actor for people and metrics."""
        serving = self.state is BookState.SERVING
        return {
            "symbol": self.symbol,
            "state": self.state.value,
            "epoch": self.epoch,
            "sequence": self._tenure.sequence,
            "open_orders": self.book.open_orders if serving else 0,
            "feed": "none" if self._feed is None else "in step" if self._feed.is_in_step else "resyncing",
            **self.counters,
        }

    # --- the one consumer ---

    async def _serve(self) -> None:
        while self.state is BookState.SERVING:
            await self._wakeup.wait()
            self._wakeup.clear()
            self._answer_reads()
            await self._work_off()
            self._publish_if_due()

    def _answer_reads(self) -> None:
        reads = [(request, future) for request, future in self._requests if isinstance(request, ReadDepth)]
        if not reads:
            return
        self._requests = [entry for entry in self._requests if not isinstance(entry[0], ReadDepth)]
        self._used_at = self._world.clock.monotonic()
        for request, future in reads:
            _resolve(future, self._read_depth(request.limit))

    def _read_depth(self, limit: int) -> DepthAnswer:
        self._market.publish_depth()
        bids, asks = self.book.depth(limit)
        now_ns = self._world.clock.now_ns()
        return DepthAnswer(self._market.update_id, bids, asks, now_ns, self.book.last_price, self.book.is_stale)

    async def _work_off(self) -> None:
        if not self._world.journal.is_available:
            self._refuse_all()
            return
        step = await self._settle(_Step(), [])
        updates, self._updates = self._updates, []
        self.counters["updates"] += len(updates)
        for update in updates:
            events, trade = self.book.on_market(update)
            step = await self._settle(step, events)
            if trade is not None:
                step.prints.append(trade)
        requests, self._requests = self._requests, []
        for request, answer in requests:
            step = await self._change(step, request, answer)
        deliveries, self._deliveries = self._deliveries, []
        for delivery, receipt in deliveries:
            step = await self._take_delivery(step, delivery, receipt)
        await self._commit(step)

    def _refuse_all(self) -> None:
        """Refuse before deciding: nothing can be journaled now."""
        if self._updates and self._feed is not None:
            self._drop_updates()
        for _, receipt in self._deliveries:
            _resolve(receipt, Receipt.UNAVAILABLE)
        for _, answer in self._requests:
            _resolve(answer, BookUnready(Receipt.UNAVAILABLE))
        self._deliveries, self._requests = [], []

    async def _change(self, step: _Step, request: BookRequest, answer: asyncio.Future[BookAnswer]) -> _Step:
        match request:
            case OverridePrice(price, bid_quantity, ask_quantity):
                step = await self._settle(step, self.book.override(price, bid_quantity, ask_quantity))
            case ReleasePrice():
                step = await self._settle(step, self.book.release_override())
            case ReadDepth():
                # It came in after this cycle's reads were answered.
                self._requests.append((request, answer))
                self._wakeup.set()
                return step
        self._used_at = self._world.clock.monotonic()
        step.changes.append(answer)
        return step

    async def _take_delivery(self, step: _Step, delivery: Delivery, receipt: asyncio.Future[Receipt]) -> _Step:
        """Decide a shard's call. A long one fills several records, each of which says how far it came."""
        verdict = self._place_in_channel(delivery)
        if verdict is Receipt.DONE:
            step.deliveries.append(receipt)
            return step
        if verdict is not None:
            _resolve(receipt, verdict)
            return step
        self._used_at = self._world.clock.monotonic()
        self.counters["deliveries"] += 1
        last = self.book.applied.get(delivery.shard, Applied(0, 0, 0)).last_order_id
        for orders in undecided(delivery, last):
            last = orders[-1].order_id
            self._move_channel(step, delivery, delivery.number - 1, last)
            step = await self._place(step, orders, delivery.shard)
        for cancel in delivery.cancels:
            # Whoever asked was told that it may be done until then, and goes by what is there afterwards.
            if not cancel.deadline_ns or self._world.clock.now_ns() <= cancel.deadline_ns:
                step = await self._settle(step, self.book.cancel(cancel, delivery.shard))
        for amend in delivery.amends:
            now_ns = self._world.clock.now_ns()
            step = await self._settle(step, self.book.amend(amend, delivery.shard, now_ns))
        self._move_channel(step, delivery, delivery.number, last)
        step.deliveries.append(receipt)
        return step

    async def _place(self, step: _Step, orders: list[OrderReserved], shard: int) -> _Step:
        """Decide an order, or both of a list, of which no record tells only one."""
        self.counters["orders"] += len(orders)
        # The clock is asked for each order, since the records before it took their time.
        now_ns = self._world.clock.now_ns()
        if len(orders) == 1:
            return await self._settle(step, self.book.place(orders[0], shard, now_ns))
        first, second = orders
        return await self._settle(step, self.book.place_list(first, second, shard, now_ns))

    def _place_in_channel(self, delivery: Delivery) -> Receipt | None:
        """Return what is wrong with a call's place in its channel, DONE for a repetition, None when it is next."""
        applied = self.book.applied.get(delivery.shard, Applied(0, 0, 0))
        if delivery.epoch < applied.epoch:
            return Receipt.STALE
        number = applied.number if delivery.epoch == applied.epoch else 0
        if delivery.number <= number:
            return Receipt.DONE
        return None if delivery.number == number + 1 else Receipt.GAP

    def _move_channel(self, step: _Step, delivery: Delivery, number: int, last_order_id: int) -> None:
        applied = Applied(delivery.epoch, number, last_order_id)
        step.applied[delivery.shard] = self.book.applied[delivery.shard] = applied

    async def _settle(self, step: _Step, events: list[BookEvent]) -> _Step:
        """Evolve what was decided, and what a limit of fills had interrupted; begin a new record when one is full."""
        while True:
            for event in events:
                self.book.evolve(event)
            step.events += events
            if len(step.events) >= MAX_EVENTS:
                await self._commit(step)
                step = _Step()
            events = self.book.uncross()
            if not events:
                return step

    async def _commit(self, step: _Step) -> None:
        """Append a step's record, if it has one, and then let the world know."""
        if step.is_journaled:
            record = BookRecord(
                SCHEMA_VERSION,
                self._tenure.sequence,
                self._world.clock.now_ns(),
                self.symbol,
                step.applied,
                step.events,
            )
            sequence = await self._append(encode(record))
            self.counters["appends"] += 1
            self.counters["events"] += len(step.events)
            self._market.publish_trades(record, sequence)
            self._snapshot_if_due(len(step.events))
        for receipt in step.deliveries:
            _resolve(receipt, Receipt.DONE)
        for change in step.changes:
            _resolve(change, OverrideAnswer(self._tenure.sequence))
        for trade in step.prints:
            self._market.publish_print(trade)

    async def _append(self, payload: bytes) -> int:
        try:
            return await self._tenure.append(payload)
        except JournalUnavailable as failure:
            # The book has evolved already and must not be seen by anybody.
            self._world.leave(Departure.NOT_APPENDED, f"{self._subject}: {failure}")

    # --- the market ---

    def _offer(self, updates: list[MarketUpdate]) -> None:
        if len(self._updates) > MAX_PENDING_UPDATES:
            self._drop_updates()
            return
        self._updates += updates
        self._wakeup.set()

    def _drop_updates(self) -> None:
        """Forget what the feed said; what it had said before is not the market any more."""
        self.counters["updates_dropped"] += len(self._updates)
        self._updates = []
        if self._feed is not None:
            self._feed.lose()
        self._updates = [MarketSilent()]

    async def _keep_time(self) -> None:
        while self.state is BookState.SERVING:
            await self._world.clock.sleep(self._settings.publish_s)
            if self._feed is not None:
                self._feed.check_silence()
            self._is_publication_due = True
            self._wakeup.set()

    def _publish_if_due(self) -> None:
        if not self._is_publication_due:
            return
        self._is_publication_due = False
        self._market.publish_depth()
        self._market.publish_ticker()
        self._market.publish_heartbeat(self.status())
        if self._is_idle():
            self.state = BookState.PASSIVE
            self._saving = run(self._world, self._close())

    # --- snapshots and sleep ---

    def _snapshot_if_due(self, events: int) -> None:
        self._snapshot_due -= events
        if self._snapshot_due > 0 or (self._saving is not None and not self._saving.done()):
            return
        self._snapshot_due = self._settings.snapshot_every_events
        snapshot = Snapshot(self._tenure.sequence, self.book.to_snapshot())
        self._saving = run(self._world, save_snapshot(self._world, snapshot_name(self.symbol), snapshot))

    def _is_idle(self) -> bool:
        if self.book.open_orders or self.book.is_overridden or self._deliveries or self._requests:
            return False
        return self._world.clock.monotonic() - self._used_at > self._settings.idle_s

    async def _close(self) -> None:
        """Go to sleep: whoever calls then has the directory start a new incarnation."""
        await self._commit(_Step(events=[BookClosed()]))
        snapshot = Snapshot(self._tenure.sequence, self.book.to_snapshot())
        await save_snapshot(self._world, snapshot_name(self.symbol), snapshot)
        self._world.leave(Departure.ASLEEP, self.symbol)


def _receipt_of(state: BookState) -> Receipt:
    return Receipt.PASSIVE if state is BookState.PASSIVE else Receipt.RECOVERING


def _resolve(future: asyncio.Future[Answer], value: Answer) -> None:
    if not future.done():
        future.set_result(value)
