"""The accounts actor: one shard of the ledger, the only authority on free money, ids and client ids.

Two tasks work on it. The *intake* decides what arrives, appends one record for all of it and hands the orders to their
books. The *follower* reads the journal in stream order, folds it into the ledger, and answers whoever waits. Nothing
but the follower changes the ledger, so what is read from it is what the journal holds.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from contextlib import aclosing, suppress
from copy import copy
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import msgspec

from actors.account_stream import publish_account_events
from actors.book_channel import BookChannel
from actors.runtime import (
    MAX_RECORD_BYTES,
    Departure,
    Tenure,
    World,
    load_snapshots,
    open_subject,
    run,
    save_snapshot,
    shard_snapshot,
)
from actors.waiting import Batch, Closing, Waiter, cancel_answer
from infra.ports import Books, JournalMessage, JournalUnavailable, Snapshot
from mockexchange.ledger.changes import AccountEvent, Filled, OrderChanged
from mockexchange.ledger.decisions import Joined, Known, KnownTransfer, MustWait
from mockexchange.ledger.fold import reservation_of
from mockexchange.ledger.intake import Intake
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.limits import IntakeLimits
from mockexchange.ledger.snapshot import SnapshotUnknown
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.codec import RawShardRecord, decode_record, decode_requests, encode
from mockexchange.messages.commands import (
    AwaitSequence,
    CancelAll,
    CancelOrder,
    ClearHistory,
    Deposit,
    FillsAnswer,
    OrderAnswer,
    OrdersAnswer,
    PlaceOrder,
    ReadAccount,
    ReadFills,
    ReadOpenOrders,
    ReadOrder,
    Refused,
    SequenceAnswer,
    SetBalance,
    ShardAnswer,
    ShardRequest,
    Unavailable,
    Withdraw,
)
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    Adjusted,
    Deposited,
    HistoryCleared,
    OrderReserved,
    RegistryRecord,
    ShardEvent,
    ShardOpened,
    ShardRecord,
    Withdrawn,
)
from mockexchange.messages.orders import Fill, Order
from mockexchange.messages.refusals import RejectReason
from mockexchange.messages.subjects import BOOKS, REGISTRY, accounts_journal, heartbeat

MAX_QUEUE: Final = 20_000
EVENTS_OF_A_PART: Final = 2_000
SHARD_ITSELF: Final = 0
"""In place of an account where a command is about the whole shard."""

SWEEP_S: Final = 0.25
GRACE_S: Final = 0.5
"""How long after a command's deadline its outcome may still come before the answer is "maybe"."""

Write = PlaceOrder | CancelOrder | CancelAll | Deposit | Withdraw | SetBalance | ClearHistory
WRITES: Final = (PlaceOrder, CancelOrder, CancelAll, Deposit, Withdraw, SetBalance, ClearHistory)
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


@dataclass(slots=True)
class _Step:
    """What one record will hold, and the cancels that go to the books after it."""

    events: list[ShardEvent] = field(default_factory=list)
    raws: list[msgspec.Raw] = field(default_factory=list)
    size: int = 0
    cancels: list[tuple[str, BookCancel]] = field(default_factory=list)

    def add(self, event: ShardEvent) -> None:
        encoded = encode(event)
        self.events.append(event)
        self.raws.append(msgspec.Raw(encoded))
        self.size += len(encoded)

    def records(self) -> Iterator[tuple[list[ShardEvent], list[msgspec.Raw]]]:
        """Yield the events, and the same encoded, of each record to append: one, unless they are too large for it."""
        if not self.events:
            return
        if self.size < 2 * MAX_RECORD_BYTES:
            yield self.events, self.raws
            return
        for start in range(0, len(self.events), EVENTS_OF_A_PART):
            part = slice(start, start + EVENTS_OF_A_PART)
            yield self.events[part], self.raws[part]


class AccountsShell:
    """Runs one `Ledger` and its `Intake` in the world."""

    def __init__(self, shard: int, incarnation: str, world: World, books: Books, settings: ShardSettings) -> None:
        self.shard = shard
        self.state = ShardState.RECOVERING
        self.epoch = 0
        self.ledger = Ledger(shard)
        self.intake: Intake
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
        self._commands: dict[tuple[int, str], list[Waiter]] = {}
        self._cancels: dict[int, list[Waiter]] = {}
        self._closings: dict[int, list[Closing]] = {}
        self._parked: dict[int, list[tuple[PlaceOrder, Waiter]]] = {}
        self._awaited: list[tuple[int, Waiter]] = []
        self._funding: set[str] = set()
        self._records_since_snapshot = 0
        self._saving: asyncio.Task[None] | None = None
        self._recovered = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.counters = {"calls": 0, "commands": 0, "refused": 0, "appends": 0, "folded": 0, "parked": 0, "expired": 0}

    async def start(self) -> None:
        """Recover from the journal, then serve. Returns when serving has begun."""
        await self._load()
        self.epoch = await open_subject(self._world, self._subject, self._opening)
        self._tasks = [run(self._world, self._follow())]
        await self._recovered.wait()
        self.intake = Intake(self.ledger, self._settings.intake)
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
        for symbol, orders in self.ledger.unresolved().items():
            for order in orders:
                self._channel(symbol).add_order(encode(reservation_of(order)))

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
        for request in requests:
            if isinstance(request, PlaceOrder | CancelOrder | CancelAll) and request.deadline_ns > latest:
                latest = request.deadline_ns
        return self._world.clock.monotonic() + (latest - now_ns) / 1e9 + GRACE_S

    def _take(self, request: ShardRequest, waiter: Waiter) -> None:
        if isinstance(request, WRITES):
            self._queue.append((request, waiter))
            self._wakeup.set()
        elif isinstance(request, AwaitSequence):
            self._awaited.append((request.sequence, waiter))
            self._answer_awaited()
        else:
            waiter.answer(self._read(request))

    def _read(self, request: ReadAccount | ReadOrder | ReadOpenOrders | ReadFills) -> ShardAnswer:
        ledger = self.ledger
        if request.account not in ledger.accounts:
            return Refused(RejectReason.UNKNOWN_ACCOUNT)
        match request:
            case ReadAccount(account):
                return ledger.read_account(account)
            case ReadOpenOrders(account, symbol, before, limit):
                return OrdersAnswer(ledger.open_orders(account, symbol, before, limit), ledger.sequence)
            case ReadFills(account, symbol, limit):
                return FillsAnswer(ledger.read_fills(account, symbol, limit), ledger.sequence)
            case ReadOrder(account, order_id, client_order_id):
                order = self._find(account, order_id, client_order_id)
                return Refused(RejectReason.UNKNOWN_ORDER) if order is None else OrderAnswer(order)

    def _find(self, account: int, order_id: int, client_order_id: str) -> Order | None:
        if order_id:
            return self.ledger.order(account, order_id)
        return self.ledger.order_by_client_id(account, client_order_id)

    # --- the intake ---

    async def _serve(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._queue:
                await self._commit(self._decide_queue())

    def _decide_queue(self) -> _Step:
        step = _Step()
        while self._queue and step.size < MAX_RECORD_BYTES:
            request, waiter = self._queue.popleft()
            self.counters["commands"] += 1
            self._decide(step, request, waiter)
        return step

    def _decide(self, step: _Step, request: Write, waiter: Waiter) -> None:
        match request:
            case CancelOrder():
                self._cancel(step, request, waiter)
            case CancelAll():
                self._cancel_all(step, request, waiter)
            case ClearHistory():
                self._clear_history(step, request, waiter)
            case _:
                self._promise(step, request, waiter)

    def _promise(self, step: _Step, request: PlaceOrder | Deposit | Withdraw | SetBalance, waiter: Waiter) -> None:
        decision = self.intake.decide(request, self._world.clock.now_ns())
        match decision:
            case OrderReserved() | Deposited() | Withdrawn() | Adjusted():
                self._commands[request.account, request.command_id] = [waiter]
                step.add(decision)
            case Joined():
                self._commands.setdefault((request.account, request.command_id), []).append(waiter)
            case Known(order):
                waiter.answer(OrderAnswer(order, repeated=True))
            case KnownTransfer():
                waiter.answer(self.ledger.read_account(request.account))
            case MustWait():
                self._park(request, waiter)
            case Refused(RejectReason.INSUFFICIENT_FUNDS) if self._is_parked(request):
                # The same command waits for money and may get it: both have one answer.
                self._park(request, waiter)
            case Refused():
                self.counters["refused"] += 1
                waiter.answer(decision)

    def _park(self, request: PlaceOrder | Deposit | Withdraw | SetBalance, waiter: Waiter) -> None:
        """Let a market buy wait for money that other market buys of the account hold in excess."""
        assert isinstance(request, PlaceOrder)
        self.counters["parked"] += 1
        self._parked.setdefault(request.account, []).append((request, waiter))

    def _is_parked(self, request: PlaceOrder | Deposit | Withdraw | SetBalance) -> bool:
        parked = self._parked.get(request.account, ())
        return isinstance(request, PlaceOrder) and any(other.command_id == request.command_id for other, _ in parked)

    def _unpark(self, account: int) -> None:
        parked = self._parked.pop(account, None)
        if parked:
            self._queue.extendleft(reversed(parked))
            self._wakeup.set()

    def _cancel(self, step: _Step, request: CancelOrder, waiter: Waiter) -> None:
        account, order_id, client_order_id = request.account, request.order_id, request.client_order_id
        if account not in self.ledger.accounts:
            waiter.answer(Refused(RejectReason.UNKNOWN_ACCOUNT))
            return
        promised = self.intake.promised_order(account, order_id, client_order_id)
        order = promised or self._find(account, order_id, client_order_id)
        if order is None:
            waiter.answer(Refused(RejectReason.UNKNOWN_ORDER))
        elif isinstance(order, Order) and not order.is_open:
            waiter.answer(self._answer_late_cancel(order, request))
        else:
            self._cancels.setdefault(order.order_id, []).append(waiter)
            cancel = BookCancel(order.order_id, request.command_id, deadline_ns=request.deadline_ns)
            step.cancels.append((order.symbol, cancel))

    def _answer_late_cancel(self, order: Order, request: CancelOrder) -> ShardAnswer:
        """Answer a cancel of a closed order: done, if this very command closed it and its answer was lost."""
        if order.cancel_command_id == request.command_id:
            return OrdersAnswer([order], self.ledger.sequence)
        return Refused(RejectReason.ORDER_NOT_OPEN, order=order)

    def _cancel_all(self, step: _Step, request: CancelAll, waiter: Waiter) -> None:
        if request.account not in self.ledger.accounts:
            waiter.answer(Refused(RejectReason.UNKNOWN_ACCOUNT))
            return
        orders: list[Order | OrderReserved] = [
            *self.ledger.open_orders(request.account, request.symbol, 0, 0),
            *self.intake.promised_orders(request.account, request.symbol),
        ]
        if not orders:
            waiter.answer(OrdersAnswer([], self.ledger.sequence))
            return
        closing = Closing(waiter, {order.order_id for order in orders})
        for order in orders:
            self._closings.setdefault(order.order_id, []).append(closing)
            cancel = BookCancel(order.order_id, request.command_id, request.by_admin, request.deadline_ns)
            step.cancels.append((order.symbol, cancel))

    def _clear_history(self, step: _Step, request: ClearHistory, waiter: Waiter) -> None:
        events = None if step.events else self.intake.restore_funds(request.command_id)
        if events is None:
            waiter.answer(Unavailable("orders are still open"))
            return
        if not events:
            waiter.answer(SequenceAnswer(self.ledger.sequence))
            return
        self._commands[SHARD_ITSELF, request.command_id] = [waiter]
        for event in events:
            step.add(event)

    async def _commit(self, step: _Step) -> None:
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
        for event, raw in zip(events, raws, strict=True):
            if isinstance(event, OrderReserved):
                self._channel(event.symbol).add_order(bytes(raw))

    def _take_back(self, step: _Step, stored: int, detail: str) -> None:
        """Forget the promises whose record is known not to be stored: all after the first `stored`."""
        self.intake.settle(step.events[stored:])
        for event in step.events[stored:]:
            for waiter in self._commands.pop(_command_of(event), ()):
                waiter.answer(Unavailable(detail))
        # What waited for this money, and the starting funds among it, are decided anew.
        for account in list(self._parked):
            self._unpark(account)
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
                    self._fold(message)
                self._answer_awaited()
                self._snapshot_if_due(len(batch))

    def _fold(self, message: JournalMessage) -> None:
        is_own = message.subject == self._subject
        if message.sequence <= self.epoch:
            self.ledger.apply(message.sequence, message.subject, decode_record(message.subject, message.payload))
            if message.sequence == self.epoch:
                self._tenure.sequence = self.epoch
                self._recovered.set()
            return
        record = self._own_record(message) if is_own else decode_record(message.subject, message.payload)
        events = self.ledger.apply(message.sequence, message.subject, record)
        self.counters["folded"] += 1
        if is_own:
            assert isinstance(record, ShardRecord)
            self.intake.settle(record.events)
            self._answer_transfers(record)
        elif isinstance(record, RegistryRecord) and self.state is ShardState.SERVING:
            self._fund_new_accounts()
        self._tell(events)

    def _own_record(self, message: JournalMessage) -> ShardRecord:
        """Return the record we sent, without decoding it again; leave when the journal holds another's."""
        if not self._in_flight or self._in_flight[0][0] != message.payload:
            self._world.leave(Departure.FENCED, f"{self._subject} was written by another incarnation")
        return self._in_flight.popleft()[1]

    def _tell(self, events: list[AccountEvent]) -> None:
        """Publish what happened to accounts, and answer who waited for it."""
        decided: dict[int, Order] = {}
        fills: dict[int, list[Fill]] = {}
        publish_account_events(self._world.bus, self.ledger.registry, events)
        for event in events:
            if isinstance(event, OrderChanged):
                decided[event.order.order_id] = event.order
            elif isinstance(event, Filled):
                fills.setdefault(event.fill.order_id, []).append(event.fill)
        for order in decided.values():
            for waiter in self._commands.pop((order.account, order.command_id), ()):
                waiter.answer(OrderAnswer(copy(order), fills.get(order.order_id, [])))
            if not order.is_open:
                self._answer_cancels(order)
                self._unpark(order.account)

    def _answer_cancels(self, order: Order) -> None:
        sequence = self.ledger.sequence
        for waiter in self._cancels.pop(order.order_id, ()):
            waiter.answer(cancel_answer(order, sequence))
        for closing in self._closings.pop(order.order_id, ()):
            closing.note(order, sequence)

    def _answer_transfers(self, record: ShardRecord) -> None:
        for event in record.events:
            match event:
                case Deposited() | Withdrawn() | Adjusted():
                    self._unpark(event.account)
                    for waiter in self._commands.pop(_command_of(event), ()):
                        waiter.answer(self.ledger.read_account(event.account))
                case HistoryCleared():
                    for waiter in self._commands.pop(_command_of(event), ()):
                        waiter.answer(SequenceAnswer(self.ledger.sequence))

    def _answer_awaited(self) -> None:
        if not self._awaited:
            return
        folded = self.ledger.sequence
        for sequence, waiter in self._awaited:
            if sequence <= folded:
                waiter.answer(SequenceAnswer(folded))
        self._awaited = [entry for entry in self._awaited if entry[0] > folded]

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
            self._refuse_parked()
            if self.ledger.unfunded:
                self._fund_new_accounts()
            beats += 1
            if beats % 4 == 0:
                payload = json.dumps({"part": "accounts", **self.status()}).encode()
                self._world.bus.publish(heartbeat(f"accounts.{self.shard}"), payload)

    def _refuse_parked(self) -> None:
        """Refuse the commands that are past their deadline, of which each counts as long as its last repetition."""
        now_ns = self._world.clock.now_ns()
        for account, parked in list(self._parked.items()):
            live = {request.command_id for request, _ in parked if request.deadline_ns >= now_ns}
            for request, waiter in parked:
                if request.command_id not in live:
                    waiter.answer(Refused(RejectReason.INSUFFICIENT_FUNDS))
            self._parked[account] = [entry for entry in parked if entry[0].command_id in live]
            if not live:
                del self._parked[account]

    def _snapshot_if_due(self, records: int) -> None:
        self._records_since_snapshot += records
        if self._records_since_snapshot < self._settings.snapshot_every_records or self.state is ShardState.RECOVERING:
            return
        if self._saving is not None and not self._saving.done():
            return
        self._records_since_snapshot = 0
        snapshot = Snapshot(self.ledger.sequence, self.ledger.to_snapshot())
        self._saving = run(self._world, save_snapshot(self._world, shard_snapshot(self.shard), snapshot))


def _command_of(event: ShardEvent) -> tuple[int, str]:
    """Return whose command an event came from, and its id."""
    match event:
        case OrderReserved() | Deposited() | Withdrawn() | Adjusted():
            return event.account, event.command_id
        case HistoryCleared(command_id):
            return SHARD_ITSELF, command_id
        case ShardOpened(incarnation):
            return SHARD_ITSELF, incarnation
