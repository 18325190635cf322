"""The order in which requests of one connection are worked off.

What changes orders of one symbol is done in the order in which it came. Orders are sent on their way as they come, in
batches of what has come meanwhile, and need not be answered before the next are sent; whatever else changes orders
waits for their answers, and they for its. Reads need no order and run beside each other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Generic, TypeVar

R = TypeVar("R")


class _Lane(Generic[R]):
    """What waits for one symbol, and the batches that were sent and have no answer yet."""

    def __init__(self) -> None:
        self.queue: deque[R] = deque()
        self.sent: set[asyncio.Task[None]] = set()
        self.is_worked_off = False


class Lanes(Generic[R]):
    """Works off requests: `send_batch` is given runs of one kind, `do_one` what needs no order.

    `send_batch` returns when a run has been sent, and what it returns ends when the run is answered. Nothing may raise.
    `is_batched` tells the two kinds of a lane apart: those that are sent in batches, and those that are done one beside
    the other.
    """

    def __init__(
        self,
        do_one: Callable[[R], Awaitable[None]],
        send_batch: Callable[[Sequence[R]], Awaitable[Awaitable[None]]],
        is_batched: Callable[[R], bool],
        max_pending: int,
    ) -> None:
        self._do_one = do_one
        self._send_batch = send_batch
        self._is_batched = is_batched
        self._max_pending = max_pending
        self._pending = 0
        self._room = asyncio.Event()
        self._room.set()
        self._lanes: dict[str, _Lane[R]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """How many requests have no answer yet."""
        return self._pending

    async def put(self, request: R, lane: str | None) -> None:
        """Take a request, into a lane if it needs an order; waits while too many have no answer."""
        while self._pending >= self._max_pending:
            self._room.clear()
            await self._room.wait()
        self._pending += 1
        if lane is None:
            self._start(self._do(request))
            return
        chosen = self._lanes.get(lane)
        if chosen is None:
            chosen = self._lanes[lane] = _Lane()
        chosen.queue.append(request)
        if not chosen.is_worked_off:
            chosen.is_worked_off = True
            self._start(self._work_off(lane, chosen))

    def stop(self) -> None:
        """Answer nobody any more."""
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _do(self, request: R) -> None:
        await self._do_one(request)
        self._finish(1)

    async def _work_off(self, name: str, lane: _Lane[R]) -> None:
        while lane.queue:
            batch = list(lane.queue)
            lane.queue.clear()
            for is_batched, group in groupby(batch, self._is_batched):
                run = list(group)
                if is_batched:
                    answered = await self._send_batch(run)
                    lane.sent.add(self._start(self._await_answers(name, lane, answered, len(run))))
                else:
                    await asyncio.gather(*lane.sent)
                    await asyncio.gather(*map(self._do, run))
        lane.is_worked_off = False
        self._forget_idle(name, lane)

    async def _await_answers(self, name: str, lane: _Lane[R], answered: Awaitable[None], count: int) -> None:
        await answered
        self._finish(count)
        task = asyncio.current_task()
        assert task is not None
        lane.sent.discard(task)
        self._forget_idle(name, lane)

    def _forget_idle(self, name: str, lane: _Lane[R]) -> None:
        if not lane.sent and not lane.is_worked_off:
            self._lanes.pop(name, None)

    def _finish(self, count: int) -> None:
        self._pending -= count
        self._room.set()
