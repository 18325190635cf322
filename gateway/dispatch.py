"""Micro-batching of requests to the accounts shards.

A call costs as much as several orders, however much it carries. So whatever arrives on a channel while it has its calls
in flight goes into the next one: no timer, nothing added when idle. A channel is a (shard, name) pair: a symbol's
orders have one of their own, so that a symbol that hangs delays itself alone. Calls of a channel reach the shard in the
order in which they are made, so that while one waits for the book the next is already decided.

A call that got no answer is sent again with the same command ids, which the shard executes once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

import msgspec

from gateway.waiting import is_done_within
from infra.ports import Clock, PeerLost, Shards
from mockexchange.messages.commands import ShardAnswer, ShardRequest, Unavailable

logger = logging.getLogger(__name__)

NS_PER_S: Final = 1_000_000_000

READS: Final = "@reads"
"""The channel of reads, which wait for no book."""

TRANSFERS: Final = "@transfers"
"""The channel of deposits, withdrawals and the administrator's changes."""

LOST: Final = "the accounts shard cannot be reached"
SILENT: Final = "the accounts shard did not answer in time"
BUSY: Final = "too many requests are waiting"
CLOSED: Final = "the gateway is stopping"
BROKEN: Final = "internal error"

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[ShardAnswer]).decode


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """Bounds of the dispatcher.

    A channel has up to `depth` calls in flight, and one at a time after a failure. A call older than `patience_s` no
    longer counts, up to `max_calls` in all: one order that waits for another symbol must not make all orders of its own
    symbol wait. `grace_s` is how long after its deadline an answer may still come in. `pauses_s` grow from one failed
    call of a channel to the next.
    """

    max_batch: int = 500
    max_queue: int = 5_000
    max_pending: int = 20_000
    depth: int = 2
    max_calls: int = 6
    patience_s: float = 0.25
    grace_s: float = 0.75
    pauses_s: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Call(NamedTuple):
    """One request, and the shard and channel it goes to."""

    shard: int
    channel: str
    request: ShardRequest


class _Group:
    """The answers that one caller waits for."""

    __slots__ = ("answers", "future", "missing")

    def __init__(self, size: int) -> None:
        self.answers: list[ShardAnswer] = [_UNANSWERED] * size
        self.missing = size
        self.future: asyncio.Future[list[ShardAnswer]] = asyncio.get_running_loop().create_future()

    def settle(self, index: int, answer: ShardAnswer) -> None:
        self.answers[index] = answer
        self.missing -= 1
        if not self.missing and not self.future.done():
            self.future.set_result(self.answers)


class _Entry:
    """A request on its way, and what is known of its fate."""

    __slots__ = ("deadline_ns", "detail", "group", "index", "may_execute", "number", "request")

    def __init__(self, number: int, request: ShardRequest, deadline_ns: int, group: _Group, index: int) -> None:
        self.number = number
        self.request = request
        self.deadline_ns = deadline_ns
        self.group = group
        self.index = index
        self.may_execute = False
        self.detail = SILENT

    def settle(self, answer: ShardAnswer) -> None:
        self.group.settle(self.index, answer)

    def give_up(self, detail: str = "") -> None:
        self.group.settle(self.index, Unavailable(detail or self.detail, self.may_execute))


@dataclass(eq=False, slots=True)
class _Channel:
    """What waits for one (shard, name), and the calls under way; `holders` are those for which the next ones wait."""

    shard: int
    name: str
    queue: deque[_Entry] = field(default_factory=deque)
    calls: set[asyncio.Task[None]] = field(default_factory=set)
    holders: set[asyncio.Task[None]] = field(default_factory=set)
    failures: int = 0
    is_starting: bool = False


_UNANSWERED: Final = Unavailable(SILENT)


class Dispatcher:
    """Sends requests to the shards, many a call, each until it is answered or its deadline has passed.

    An answer `Unavailable` says with `may_execute` whether the command may have reached the journal.
    """

    def __init__(self, shards: Shards, clock: Clock, limits: DispatchLimits | None = None) -> None:
        self._shards = shards
        self._clock = clock
        self._limits = limits or DispatchLimits()
        self._channels: dict[tuple[int, str], _Channel] = {}
        self._is_closed = False
        self._numbers = count()
        self.pending = 0
        self.counters = {"calls": 0, "requests": 0, "resent": 0, "lost_calls": 0, "refused_busy": 0, "given_up": 0}

    async def ask(self, shard: int, channel: str, request: ShardRequest, deadline_ns: int) -> ShardAnswer:
        """Send one request; return its answer, at the latest a little after `deadline_ns`."""
        return (await self.ask_all([Call(shard, channel, request)], deadline_ns))[0]

    async def ask_all(self, calls: Sequence[Call], deadline_ns: int) -> list[ShardAnswer]:
        """Send several requests; return their answers in the same order, once all are there."""
        return await self.send_all(calls, deadline_ns)

    def send_all(self, calls: Sequence[Call], deadline_ns: int) -> asyncio.Future[list[ShardAnswer]]:
        """Send several requests on their way; the result becomes their answers in the same order.

        Of two requests on one channel the shard takes the one that was sent first first, as long as no call fails.
        """
        group = _Group(len(calls))
        for index, (shard, name, request) in enumerate(calls):
            self._put(shard, name, _Entry(next(self._numbers), request, deadline_ns, group, index))
        if not calls:
            group.future.set_result([])
        return group.future

    async def close(self) -> None:
        """Give up all that is under way and take nothing more."""
        self._is_closed = True
        calls = [call for channel in self._channels.values() for call in channel.calls]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for channel in self._channels.values():
            self._give_up_all(channel.queue, CLOSED)
        self._channels.clear()

    def _put(self, shard: int, name: str, entry: _Entry) -> None:
        key = (shard, name)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = _Channel(shard, name)
        if self._is_closed or len(channel.queue) >= self._limits.max_queue or self.pending >= self._limits.max_pending:
            self.counters["refused_busy"] += 1
            entry.give_up(CLOSED if self._is_closed else BUSY)
            self._forget_idle(channel)
            return
        self.pending += 1
        channel.queue.append(entry)
        self._advance(channel)

    def _advance(self, channel: _Channel) -> None:
        """Start the next call of a channel where something waits and nothing holds it back.

        The batch is taken when the task runs: all that arrives in this turn of the event loop shares the call.
        """
        depth = 1 if channel.failures else self._limits.depth
        if self._is_closed or channel.is_starting or len(channel.holders) >= depth:
            return
        if channel.queue and len(channel.calls) < self._limits.max_calls:
            call = asyncio.create_task(self._deliver(channel))
            channel.is_starting = True
            channel.holders.add(call)
            channel.calls.add(call)
        else:
            self._forget_idle(channel)

    def _forget_idle(self, channel: _Channel) -> None:
        if not channel.queue and not channel.calls:
            self._channels.pop((channel.shard, channel.name), None)

    async def _deliver(self, channel: _Channel) -> None:
        """Send one batch and settle it; what got no answer goes back to the head of the queue."""
        call = asyncio.current_task()
        assert call is not None
        channel.is_starting = False
        batch = self._take(channel)
        self._advance(channel)
        try:
            if batch:
                answers = await self._call(channel, call, batch)
                unanswered = self._settle(batch, answers)
                batch = []
                self._put_back(channel, unanswered)
                await self._pause(channel, call, len(unanswered) == len(answers))
        except asyncio.CancelledError:
            self._give_up_all(self._unanswered(batch, CLOSED), CLOSED)
            raise
        except Exception:
            logger.exception("a call to shard %d broke", channel.shard)
            self._give_up_all(self._unanswered(batch, BROKEN), BROKEN)
        finally:
            channel.calls.discard(call)
            self._release(channel, call)

    @staticmethod
    def _put_back(channel: _Channel, entries: list[_Entry]) -> None:
        """Put entries before all that came later."""
        if entries:
            channel.queue = deque(sorted([*entries, *channel.queue], key=lambda entry: entry.number))

    def _take(self, channel: _Channel) -> list[_Entry]:
        """Take what the next call carries, leaving out what is past its deadline."""
        now_ns = self._clock.now_ns()
        queue = channel.queue
        batch: list[_Entry] = []
        while queue and len(batch) < self._limits.max_batch:
            entry = queue.popleft()
            if entry.deadline_ns > now_ns:
                batch.append(entry)
            else:
                self._finish(entry, None)
        return batch

    async def _call(
        self, channel: _Channel, call: asyncio.Task[None], batch: list[_Entry]
    ) -> Sequence[ShardAnswer | None]:
        """Make one bounded call; None stands for an answer that did not come, which may have executed."""
        self.counters["calls"] += 1
        self.counters["requests"] += len(batch)
        payload = _encode([entry.request for entry in batch])
        deadline_ns = min(entry.deadline_ns for entry in batch)
        remaining_s = (deadline_ns - self._clock.now_ns()) / NS_PER_S + self._limits.grace_s
        patience_s = min(self._limits.patience_s, remaining_s)
        handled = asyncio.ensure_future(self._shards.handle(channel.shard, payload))
        try:
            if not await is_done_within(self._clock, patience_s, handled):
                self._release(channel, call)
                await is_done_within(self._clock, remaining_s - patience_s, handled)
            if not handled.done():
                self._unanswered(batch, SILENT)
                return [None] * len(batch)
            answers: list[ShardAnswer] = _decode(handled.result())
        except PeerLost:
            self.counters["lost_calls"] += 1
            self._unanswered(batch, LOST)
            return [None] * len(batch)
        finally:
            handled.cancel()
        if len(answers) != len(batch):
            raise ValueError(f"{len(batch)} requests got {len(answers)} answers")
        return answers

    @staticmethod
    def _unanswered(batch: list[_Entry], detail: str) -> list[_Entry]:
        """Note that nobody knows what became of these."""
        for entry in batch:
            entry.may_execute = True
            entry.detail = detail
        return batch

    def _settle(self, batch: list[_Entry], answers: Sequence[ShardAnswer | None]) -> list[_Entry]:
        """Hand out answers; return the entries to be sent again."""
        again: list[_Entry] = []
        for entry, answer in zip(batch, answers, strict=True):
            if type(answer) is Unavailable:
                entry.may_execute = entry.may_execute or answer.may_execute
                entry.detail = answer.detail
                again.append(entry)
            elif answer is None:
                again.append(entry)
            else:
                self._finish(entry, answer)
        self.counters["resent"] += len(again)
        return again

    async def _pause(self, channel: _Channel, call: asyncio.Task[None], is_failure: bool) -> None:
        """Wait before the channel's next call where this one brought no answer at all."""
        if not is_failure:
            channel.failures = 0
            return
        pauses = self._limits.pauses_s
        pause_s = pauses[min(channel.failures, len(pauses) - 1)]
        channel.failures += 1
        first_ns = min((entry.deadline_ns for entry in channel.queue), default=0)
        remaining_s = (first_ns - self._clock.now_ns()) / NS_PER_S
        # A call that was overtaken has no channel to hold back.
        if call in channel.holders and remaining_s > 0:
            await self._clock.sleep(min(pause_s, remaining_s))

    def _finish(self, entry: _Entry, answer: ShardAnswer | None) -> None:
        self.pending -= 1
        if answer is None:
            self.counters["given_up"] += 1
            entry.give_up()
        else:
            entry.settle(answer)

    def _give_up_all(self, entries: Iterable[_Entry], detail: str) -> None:
        for entry in entries:
            self.pending -= 1
            self.counters["given_up"] += 1
            entry.give_up(detail)

    def _release(self, channel: _Channel, call: asyncio.Task[None]) -> None:
        channel.holders.discard(call)
        self._advance(channel)
