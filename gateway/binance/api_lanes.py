"""The order in which requests of one connection are worked off.

What changes orders of one symbol is done in the order in which it came: while one batch is under way all that comes
waits, and is then the next. Reads need no order and run beside each other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Generic, TypeVar

R = TypeVar("R")


class Lanes(Generic[R]):
    """Works off requests: `do_batch` is given runs of one kind, `do_one` what needs no order.

    Neither may raise. `is_batched` tells the two kinds of a lane apart: those that are done in one call, and those that
    are done side by side.
    """

    def __init__(
        self,
        do_one: Callable[[R], Awaitable[None]],
        do_batch: Callable[[Sequence[R]], Awaitable[None]],
        is_batched: Callable[[R], bool],
        max_pending: int,
    ) -> None:
        self._do_one = do_one
        self._do_batch = do_batch
        self._is_batched = is_batched
        self._max_pending = max_pending
        self._pending = 0
        self._room = asyncio.Event()
        self._room.set()
        self._queues: dict[str, deque[R]] = {}
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
            self._start(self._do_and_forget(request))
            return
        queue = self._queues.get(lane)
        if queue is not None:
            queue.append(request)
            return
        self._queues[lane] = deque([request])
        self._start(self._work_off(lane))

    def stop(self) -> None:
        """Answer nobody any more."""
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do_and_forget(self, request: R) -> None:
        await self._do_one(request)
        self._finish(1)

    async def _work_off(self, lane: str) -> None:
        queue = self._queues[lane]
        while queue:
            batch = list(queue)
            queue.clear()
            for is_batched, group in groupby(batch, self._is_batched):
                run = list(group)
                if is_batched:
                    await self._do_batch(run)
                elif len(run) == 1:
                    await self._do_one(run[0])
                else:
                    await asyncio.gather(*(self._do_one(request) for request in run))
                self._finish(len(run))
        del self._queues[lane]

    def _finish(self, count: int) -> None:
        self._pending -= count
        self._room.set()
