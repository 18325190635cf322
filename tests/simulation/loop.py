"""An event loop whose time is virtual, and the nodes that live on it.

Nothing ever waits: when no step is ready, time jumps to the next timer. Steps run in the order in which they were
scheduled, so the same program with the same seed does the same, step by step.

Every step belongs to the node whose context it was scheduled in, or to the world. A node is what a process is to the
real exchange: it can die between any two of its steps, or stand still for a while and go on later.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

NODE: ContextVar[Node | None] = ContextVar("node", default=None)
"""The node that the running step belongs to."""


MAX_SECONDS = 600.0
MAX_STEPS = 3_000_000


class Stuck(Exception):
    """Nothing will ever happen again, or too much has, and what was waited for has not."""


class Gone(asyncio.CancelledError):
    """Raised in a node that ends itself, so that its tasks end as cancelled ones do."""


class Step:
    """A callback to be run once; as a timer it stands at `at`."""

    __slots__ = ("arguments", "at", "callback", "context", "is_cancelled")

    def __init__(
        self, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context, at: float
    ) -> None:
        self.callback = callback
        self.arguments = arguments
        self.context = context
        self.at = at
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.at


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs steps in order and lets time jump between them. `failures` are errors that nobody caught."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self.failures: list[str] = []
        self.world = Context()
        self._ready: deque[Step] = deque()
        self._timers: list[tuple[float, int, Step]] = []
        self._count = 0
        self.nodes: list[Node] = []

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` returns; what else is under way is abandoned and closed."""
        asyncio.events._set_running_loop(self)
        task = self.world.run(self.create_task, main)
        try:
            while not task.done():
                self._advance()
            return task.result()
        finally:
            self._abandon()
            asyncio.events._set_running_loop(None)

    def _advance(self) -> None:
        if not self._ready:
            if not self._timers or self.now > MAX_SECONDS:
                raise Stuck(f"at {self.now:.6f} s")
            self.now = max(self.now, self._timers[0][0])
            while self._timers and self._timers[0][0] <= self.now:
                self._ready.append(heapq.heappop(self._timers)[2])
        if self.steps > MAX_STEPS:
            raise Stuck(f"after {self.steps} steps, at {self.now:.6f} s")
        self.run_step(self._ready.popleft())

    def run_step(self, step: Step) -> None:
        """Run one step, unless its node stands still: then it waits there."""
        if step.is_cancelled:
            return
        node = step.context.get(NODE)
        if node is not None and not node.admits(step):
            return
        self.steps += 1
        try:
            step.context.run(step.callback, *step.arguments)
        except Gone:
            pass
        except Exception as error:
            self.failures.append(f"{step.callback!r}: {type(error).__name__}: {error}")

    def _abandon(self) -> None:
        """End every task that is left, so that nothing outlives the run."""
        for node in self.nodes:
            node.die()
        self._run_ready()
        rounds = 0
        while rounds < 20 and (tasks := [task for task in asyncio.all_tasks(self) if not task.done()]):
            for task in tasks:
                task.cancel()
            self._run_ready()
            rounds += 1

    def _run_ready(self) -> None:
        for _ in range(len(self._ready)):
            self.run_step(self._ready.popleft())

    # What asyncio asks of a loop.

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Step:
        step = Step(callback, args, copy_context() if context is None else context, self.now)
        self._ready.append(step)
        return step

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Step:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Step:
        step = Step(callback, args, copy_context() if context is None else context, when)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, step))
        return step

    def again(self, steps: deque[Step]) -> None:
        """Put steps that waited at a node before all others."""
        self._ready.extendleft(reversed(steps))

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        node = NODE.get() if context is None else context.get(NODE)
        if node is not None:
            node.adopt(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context.get('message')}: {type(error).__name__}: {error}")

    def later(self, delay: float, callback: Callable[..., object], *args: Any) -> Step:
        """Let the world do something, whichever node asks for it and whatever becomes of that node."""
        return self.call_later(delay, callback, *args, context=self.world)


class Node:
    """A process: its tasks live and die with it.

    At `fate_at` steps it meets `fate`, which may end it or let it stand still.
    """

    def __init__(self, name: str, loop: SimulatedLoop) -> None:
        self.name = name
        self.loop = loop
        self.is_alive = True
        self.is_paused = False
        self.steps = 0
        self.fate_at = -1
        self.fate: Callable[[], None] = self.die
        self.context = copy_context()
        self.context.run(NODE.set, self)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._backlog: deque[Step] = deque()
        self._mourners: dict[int, Callable[[], None]] = {}
        self._count = 0
        loop.nodes.append(self)

    def admits(self, step: Step) -> bool:
        """Count a step; return False where it has to wait for the node to go on."""
        if self.is_alive and not self.is_paused:
            self.steps += 1
            if self.steps == self.fate_at:
                self.loop.world.copy().run(self.fate)
        if self.is_paused:
            self._backlog.append(step)
            return False
        return True

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a task in this node."""
        return self.loop.create_task(work, context=self.context.copy())

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Take a task that was begun here."""
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop, context=self.loop.world)
        if not self.is_alive:
            self._end_soon([task])

    def die(self) -> None:
        """End: from now on nothing that its tasks try has an effect, and all are cancelled."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.resume()
        self._end_soon(list(self._tasks))
        for mourn in list(self._mourners.values()):
            self.loop.later(0.0, mourn)
        self._mourners.clear()

    def _end_soon(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Cancel tasks once each has begun: a coroutine that was never begun is not closed by it."""
        self.loop.call_soon(_cancel_all, tasks, context=self.loop.world)

    def leave(self) -> NoReturn:
        """End from within."""
        self.die()
        raise Gone

    def pause(self) -> None:
        """Stand still: steps wait from now on."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on with the steps that waited."""
        self.is_paused = False
        backlog, self._backlog = self._backlog, deque()
        self.loop.again(backlog)

    def on_death(self, mourn: Callable[[], None]) -> Callable[[], None]:
        """Have a function called when the node dies; the result takes that back."""
        self._count += 1
        number = self._count
        self._mourners[number] = mourn
        return lambda: self._mourners.pop(number, None) and None


def _cancel_all(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
