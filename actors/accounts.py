"""The accounts actor: one shard of the ledger, the only authority on free money, ids and client ids.

Two tasks work on it. The *intake* decides what arrives, appends one record for all of it and hands the orders to their
books. The *follower* reads the journal in stream order, folds it into the ledger, and answers whoever waits. Nothing
but the follower changes the ledger, so what is read from it is what the journal holds.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec

from actors.account_stream import publish_account_events
from actors.book_channel import BookChannel
from actors.refusals import Refusals
from actors.runtime import (
    MAX_RECORD_BYTES,
    Departure,
    Tenure,
    World,
    let_others_go_first,
    load_snapshots,
    open_subject,
    run,
    save_snapshot,
    shard_snapshot,
)
from actors.shard_answers import Answers
from actors.shard_decisions import Decisions
from actors.shard_requests import WRITES, Write, deadline_of, read
from actors.shard_step import Step
from actors.waiting import Batch, Waiter
from infra.ports import Books, JournalMessage, JournalUnavailable, Snapshot
from mockexchange.ledger.changes import AccountEvent, OrderChanged
from mockexchange.ledger.identity import Placement
from mockexchange.ledger.intake import Intake
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.limits import IntakeLimits
from mockexchange.ledger.reservations import reservation_of
from mockexchange.ledger.snapshot import SnapshotUnknown
from mockexchange.messages.codec import RawShardRecord, decode_record, decode_requests, encode
from mockexchange.messages.commands import AwaitSequence, Deposit, ShardRequest, Unavailable
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    BookRecord,
    OrderReserved,
    RegistryRecord,
    ShardEvent,
    ShardOpened,
    ShardRecord,
)
from mockexchange.messages.orders import OrderStatus
from mockexchange.messages.subjects import BOOKS, REGISTRY, accounts_journal, heartbeat

MAX_QUEUE: Final = 20_000
SWEEP_S: Final = 0.25
GRACE_S: Final = 0.5
"""How long after a command's deadline its outcome may still come before the answer is "maybe"."""

RECOVERING: Final = "the accounts are recovering"
NO_JOURNAL: Final = "the journal cannot be reached"


class ShardState(Enum):
    """What the actor is doing."""

    RECOVERING = "recovering"
    SERVING = "serving"


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """Limits of a shard; times in seconds."""

    intake: IntakeLimits
    order_timeout_s: float = 5.0
    snapshot_every_records: int = 20_000


class AccountsShell:
    """Runs one `Ledger` and its `Intake` in the world."""

    def __init__(self, shard: int, incarnation: str, world: World, books: Books, settings: ShardSettings) -> None:
        self.shard = shard
        self.state = ShardState.RECOVERING
        self.epoch = 0
        self.ledger = Ledger(shard)
        self.intake: Intake
        self._answers: Answers
        self._decisions: Decisions
        self._subject = accounts_journal(shard)
        self._incarnation = incarnation
        self._world = world
        self._books = books
        self._settings = settings
        self._tenure = Tenure(world, self._subject)
        self._channels: dict[str, BookChannel] = {}
        self._queue: deque[tuple[Write, Waiter]] = deque()
        self._wakeup = asyncio.Event()
        self._in_flight: deque[tuple[bytes, ShardRecord]] = deque()
        self._batches: dict[Batch, None] = {}
        self._funding: set[str] = set()
        self._records_since_snapshot = 0
        self._saving: asyncio.Task[None] | None = None
        self._recovered = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._refusals = Refusals()
        self.counters = {"calls": 0, "commands": 0, "refused": 0, "appends": 0, "folded": 0, "parked": 0, "expired": 0}

    async def start(self) -> None:
        """Recover from the journal, then serve. Returns when serving has begun."""
        await self._load()
        self.intake = Intake(self.ledger, self._settings.intake)
        self._answers = Answers(self.ledger, self.intake)
        self._decisions = Decisions(self.intake, self._answers, self._world.clock, self.counters, self._refusals)
        self.epoch = await open_subject(self._world, self._subject, self._opening)
        self._tasks = [run(self._world, self._follow())]
        await self._recovered.wait()
        self._resend_unresolved()
        self._wake_books()
        self.state = ShardState.SERVING
        self._fund_new_accounts()
        self._tasks += [run(self._world, self._serve()), run(self._world, self._sweep())]

    async def stop(self) -> None:
        """End all tasks. What was not answered stays unanswered."""
        for task in self._tasks:
            task.cancel()
        for channel in self._channels.values():
            channel.stop()

    async def handle(self, payload: bytes) -> bytes:
        """Answer an encoded list of requests, each in its place; every wait is bounded by the commands' deadlines."""
        requests = decode_requests(payload)
        self.counters["calls"] += 1
        refusal = self._refusal_of_all(requests)
        if refusal is not None:
            return encode([refusal] * len(requests))
        batch = Batch(len(requests), self._expiry(requests))
        self._batches[batch] = None
        for index, request in enumerate(requests):
            self._take(request, Waiter(batch, index))
        try:
            await batch.done
        finally:
            del self._batches[batch]
        # The orders in the answers are live: what is shown of them must not change while the proof is awaited.
        answers = encode(batch.answers)
        try:
            await self._tenure.prove()
        except JournalUnavailable:
            return encode([Unavailable(NO_JOURNAL, may_execute=True)] * len(requests))
        return answers

    def status(self) -> dict[str, object]:
        """Describe the actor for people and metrics."""
        return {
            "shard": self.shard,
            "state": self.state.value,
            "epoch": self.epoch,
            "sequence": self.ledger.sequence,
            "accounts": len(self.ledger.accounts),
            "queued": len(self._queue),
            "undelivered": sum(channel.waiting for channel in self._channels.values()),
            "retries": sum(channel.retries for channel in self._channels.values()),
            "refusals": self._refusals.all(),
            **self.counters,
        }

    # --- recovery ---

    async def _load(self) -> None:
        for snapshot in await load_snapshots(self._world, shard_snapshot(self.shard)):
            # One that another version wrote is no loss: the journal holds everything.
            with suppress(SnapshotUnknown, msgspec.DecodeError):
                self.ledger = Ledger.from_snapshot(snapshot.payload)
                return

    def _opening(self, previous: int) -> bytes:
        opened = ShardOpened(self._incarnation)
        return encode(ShardRecord(SCHEMA_VERSION, previous, self._world.clock.now_ns(), [opened]))

    def _resend_unresolved(self) -> None:
        """Hand every reservation without an outcome to its book again; the book skips what it has decided."""
        for orders in self.ledger.unresolved().values():
            self._send([(reserved, encode(reserved)) for reserved in map(reservation_of, orders)])

    def _send(self, orders: Iterable[tuple[OrderReserved, bytes]]) -> None:
        """Hand orders to their books, those of a list together, which follow each other."""
        first = b""
        for order, encoded in orders:
            if order.list_id == order.order_id:
                first = encoded
            elif order.list_id:
                self._channel(order.symbol).add_list(first, encoded)
            else:
                self._channel(order.symbol).add_order(encoded)

    def _wake_books(self) -> None:
        """Have the books run in which an order rests: the outside market may fill it."""
        accounts = self.ledger.accounts.values()
        for symbol in sorted({order.symbol for account in accounts for order in account.open_orders.values()}):
            self._channel(symbol).wake()

    # --- what arrives ---

    def _refusal_of_all(self, requests: list[ShardRequest]) -> Unavailable | None:
        if self.state is not ShardState.SERVING:
            return Unavailable(RECOVERING)
        if not self._world.journal.is_available:
            return Unavailable(NO_JOURNAL)
        if len(self._queue) + len(requests) > MAX_QUEUE:
            return Unavailable("the accounts are busy")
        return None

    def _expiry(self, requests: list[ShardRequest]) -> float:
        """Return the monotonic time at which the last of these commands is past its deadline."""
        now_ns = self._world.clock.now_ns()
        latest = now_ns + int(self._settings.order_timeout_s * 1e9)
        latest = max(latest, *map(deadline_of, requests)) if requests else latest
        return self._world.clock.monotonic() + (latest - now_ns) / 1e9 + GRACE_S

    def _take(self, request: ShardRequest, waiter: Waiter) -> None:
        if isinstance(request, WRITES):
            self._queue.append((request, waiter))
            self._wakeup.set()
        elif isinstance(request, AwaitSequence):
            self._answers.expect_sequence(request.sequence, waiter)
        else:
            waiter.answer(read(self.ledger, request))

    # --- the intake ---

    async def _serve(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._queue:
                await self._commit(self._decide_queue())

    def _decide_queue(self) -> Step:
        step = Step()
        while self._queue and step.size < MAX_RECORD_BYTES:
            request, waiter = self._queue.popleft()
            self._decisions.decide(step, request, waiter)
        return step

    async def _commit(self, step: Step) -> None:
        """Append a step's records; after the acknowledgement, and not before, the books hear of it."""
        stored = 0
        try:
            for events, raws in step.records():
                await self._append(events, raws)
                stored += len(events)
        except JournalUnavailable as failure:
            self._take_back(step, stored, str(failure))
        for symbol, cancel in step.cancels:
            self._channel(symbol).add_cancel(cancel)
        for symbol, amend in step.amends:
            self._channel(symbol).add_amend(amend)

    async def _append(self, events: list[ShardEvent], raws: list[msgspec.Raw]) -> None:
        previous, now_ns = self._tenure.sequence, self._world.clock.now_ns()
        payload = encode(RawShardRecord(SCHEMA_VERSION, previous, now_ns, raws))
        # The follower may meet the record before its acknowledgement arrives here.
        self._in_flight.append((payload, ShardRecord(SCHEMA_VERSION, previous, now_ns, events)))
        try:
            await self._tenure.append(payload)
        except JournalUnavailable:
            self._in_flight.pop()
            raise
        self.counters["appends"] += 1
        pairs = zip(events, raws, strict=True)
        self._send((event, bytes(raw)) for event, raw in pairs if isinstance(event, OrderReserved))

    def _take_back(self, step: Step, stored: int, detail: str) -> None:
        """Forget the promises whose record is known not to be stored: all after the first `stored`."""
        self.intake.settle(step.events[stored:])
        self._answers.fail(step.events[stored:], Unavailable(detail))
        # What waited for this money, and the starting funds among it, are decided anew.
        self._decide_again(self._decisions.unpark_all())
        self._funding.clear()

    def _channel(self, symbol: str) -> BookChannel:
        channel = self._channels.get(symbol)
        if channel is None:
            channel = BookChannel(self.shard, self.epoch, symbol, self._world, self._books)
            self._channels[symbol] = channel
        return channel

    # --- the follower ---

    async def _follow(self) -> None:
        subjects = [REGISTRY, self._subject, BOOKS]
        async with aclosing(self._world.journal.read(subjects, self.ledger.sequence + 1)) as batches:
            async for batch in batches:
                for message in batch:
                    await self._fold(message)
                self._answers.tell_sequence()
                self._snapshot_if_due(len(batch))

    async def _fold(self, message: JournalMessage) -> None:
        is_own = message.subject == self._subject
        if message.sequence <= self.epoch:
            self.ledger.apply(message.sequence, message.subject, decode_record(message.subject, message.payload))
            if message.sequence == self.epoch:
                self._tenure.sequence = self.epoch
                self._recovered.set()
            return
        if is_own:
            # It is on its way to its books, which nobody but them waits for.
            await let_others_go_first()
        record = self._own_record(message) if is_own else decode_record(message.subject, message.payload)
        events = self.ledger.apply(message.sequence, message.subject, record)
        self.counters["folded"] += 1
        if is_own:
            assert isinstance(record, ShardRecord)
            self.intake.settle(record.events)
            for account in self._answers.tell_transfers(record):
                self._decide_again(self._decisions.unpark(account))
        elif isinstance(record, RegistryRecord) and self.state is ShardState.SERVING:
            self._fund_new_accounts()
        self._note_rejected(events)
        if isinstance(record, BookRecord):
            self._answers.tell_amendments(record)
        for account in self._answers.tell(events):
            self._decide_again(self._decisions.unpark(account))
        if events:
            # Whoever waits for an answer is told first.
            await let_others_go_first()
            publish_account_events(self._world.bus, self.ledger.registry, events)

    def _note_rejected(self, events: Iterable[AccountEvent]) -> None:
        for event in events:
            if isinstance(event, OrderChanged) and event.step.status is OrderStatus.REJECTED:
                order, step = event.order, event.step
                assert step.reason is not None, "a rejection has a reason"
                self._refusals.note(step.time_ns, step.reason, order.symbol, order.account, "rejected by the book")

    def _decide_again(self, parked: list[tuple[Placement, Waiter]]) -> None:
        """Put what waited for money before all that came since."""
        self._queue.extendleft(reversed(parked))
        if parked:
            self._wakeup.set()

    def _own_record(self, message: JournalMessage) -> ShardRecord:
        """Return the record we sent, without decoding it again; leave when the journal holds another's."""
        if not self._in_flight or self._in_flight[0][0] != message.payload:
            self._world.leave(Departure.FENCED, f"{self._subject} was written by another incarnation")
        return self._in_flight.popleft()[1]

    def _fund_new_accounts(self) -> None:
        """Deposit the starting funds of accounts that were created since; each account is funded once."""
        due = [event for event in self.ledger.funds_due() if f"{event.account}/{event.asset}" not in self._funding]
        now_ns = self._world.clock.now_ns()
        nobody = Batch(len(due), float("inf"))
        for index, event in enumerate(due):
            self._funding.add(f"{event.account}/{event.asset}")
            deposit = Deposit(event.command_id, event.account, event.asset, event.amount, event.value, now_ns)
            self._queue.append((deposit, Waiter(nobody, index)))
        if due:
            self._wakeup.set()

    # --- time ---

    async def _sweep(self) -> None:
        beats = 0
        while True:
            await self._world.clock.sleep(SWEEP_S)
            now = self._world.clock.monotonic()
            for batch in [batch for batch in self._batches if batch.expires_at < now]:
                self.counters["expired"] += 1
                batch.expire("the outcome is not known yet; the order's id will tell")
            self._decisions.refuse_parked()
            if self.ledger.unfunded:
                self._fund_new_accounts()
            beats += 1
            if beats % 4 == 0:
                payload = json.dumps({"part": "accounts", **self.status()}).encode()
                self._world.bus.publish(heartbeat(f"accounts.{self.shard}"), payload)

    def _snapshot_if_due(self, records: int) -> None:
        self._records_since_snapshot += records
        if self._records_since_snapshot < self._settings.snapshot_every_records or self.state is ShardState.RECOVERING:
            return
        if self._saving is not None and not self._saving.done():
            return
        self._records_since_snapshot = 0
        snapshot = Snapshot(self.ledger.sequence, self.ledger.to_snapshot())
        self._saving = run(self._world, save_snapshot(self._world, shard_snapshot(self.shard), snapshot))
