"""Keeps the parts of an exchange running: starts them in order, restarts what dies, stops them in reverse.

A part is any child process. It starts once all that it needs is ready, and again, after a growing pause, whenever it
has died. A part that `follows` another lives no longer than that one: it is stopped when the other dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from infra.ports import Clock
from infra.problem import Problem

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0
HEALTHY_AFTER_S: Final = 30.0


class Child(Protocol):
    """A running process."""

    async def wait(self) -> int:
        """Return its exit status once it has ended."""

    async def stop(self, grace_s: float) -> int:
        """Ask it to end, force it to after `grace_s`; return its exit status."""


@dataclass(frozen=True)
class Part:
    """One process to keep running. `wait_ready` waits without end; `follows` must be among `needs`."""

    name: str
    launch: Callable[[], Awaitable[Child]]
    wait_ready: Callable[[], Coroutine[Any, Any, None]]
    needs: tuple[str, ...] = ()
    follows: str | None = None
    ready_timeout_s: float = 60.0
    stop_grace_s: float = 10.0


class Step(Enum):
    """What happens to a part."""

    STARTING = "starting"
    READY = "ready"
    DIED = "died"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Notice:
    """Something happened to a part. `seconds` is the time it took, or the pause before the restart of one that died."""

    part: str
    step: Step
    seconds: float = 0.0
    detail: str = ""


class Ending(NamedTuple):
    """Why a part is not running any more, and its exit status where it ended by itself."""

    detail: str
    status: int | None = None


class PartFailed(Problem):
    """A part did not come up at the first start."""

    def __init__(self, part: str, ending: Ending) -> None:
        self.part = part
        self.ending = ending
        super().__init__(f"{part} {ending.detail}")


class Pauses:
    """Pauses between restarts: each twice the last, and short again once a part has lived for a healthy while."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def after(self, lived_s: float) -> float:
        """Return how long to wait after a part that lived this long."""
        if lived_s >= HEALTHY_AFTER_S:
            self._next_s = FIRST_PAUSE_S
        pause_s = self._next_s
        self._next_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return pause_s


@dataclass
class _State:
    part: Part
    child: Child | None = None
    keeper: asyncio.Task[None] | None = None
    up: asyncio.Event = field(default_factory=asyncio.Event)
    down: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Runs parts until it is stopped. `tell` hears of every step, in order."""

    def __init__(self, parts: Sequence[Part], clock: Clock, tell: Callable[[Notice], None]) -> None:
        self._states = {part.name: _State(part) for part in parts}
        self._clock = clock
        self._tell = tell
        self._is_started = False
        for part in parts:
            assert set(part.needs) <= set(self._states), f"{part.name} needs a part that is not there"
            assert part.follows is None or part.follows in part.needs

    async def start(self) -> None:
        """Start all parts; return once all are ready. Raises PartFailed when one does not come up."""
        for state in self._states.values():
            state.keeper = asyncio.create_task(self._keep(state), name=f"keep {state.part.name}")
        everything = asyncio.create_task(self._all_up())
        try:
            await _first_of(everything, *self._keepers())
            for keeper in self._keepers():
                if keeper.done():
                    keeper.result()
        finally:
            await _cancel(everything)
        self._is_started = True

    async def _all_up(self) -> None:
        for state in self._states.values():
            await state.up.wait()

    async def watch(self) -> None:
        """Restart what dies, without end. Raises what breaks the supervisor itself."""
        await asyncio.gather(*self._keepers())

    async def stop(self) -> None:
        """Stop all parts, each before those that it needs."""
        for level in reversed(self._levels()):
            await asyncio.gather(*(self._stop_part(state) for state in level))

    def _keepers(self) -> list[asyncio.Task[None]]:
        return [state.keeper for state in self._states.values() if state.keeper is not None]

    def _levels(self) -> list[list[_State]]:
        """Return the parts in groups, each group after all that it needs."""
        levels: list[list[_State]] = []
        placed: set[str] = set()
        while len(placed) < len(self._states):
            level = [
                state for name, state in self._states.items() if name not in placed and placed >= set(state.part.needs)
            ]
            assert level, "parts need each other in a circle"
            levels.append(level)
            placed |= {state.part.name for state in level}
        return levels

    async def _keep(self, state: _State) -> None:
        pauses = Pauses()
        while True:
            for need in state.part.needs:
                await self._states[need].up.wait()
            began_at = self._clock.monotonic()
            ending = await self._live(state)
            if not self._is_started:
                raise PartFailed(state.part.name, ending)
            pause_s = pauses.after(self._clock.monotonic() - began_at)
            self._tell(Notice(state.part.name, Step.DIED, pause_s, ending.detail))
            await self._clock.sleep(pause_s)

    async def _live(self, state: _State) -> Ending:
        """Run a part once, from launch to end; return what ended it."""
        part = state.part
        self._tell(Notice(part.name, Step.STARTING))
        began_at = self._clock.monotonic()
        state.child = await part.launch()
        ended = asyncio.create_task(state.child.wait())
        try:
            ending = await self._become_ready(part, ended)
            if ending is None:
                self._tell(Notice(part.name, Step.READY, self._clock.monotonic() - began_at))
                state.down.clear()
                state.up.set()
                ending = await self._until_end(part, ended)
        finally:
            state.up.clear()
            state.down.set()
            await _cancel(ended)
        await state.child.stop(part.stop_grace_s)
        state.child = None
        return ending

    async def _become_ready(self, part: Part, ended: asyncio.Task[int]) -> Ending | None:
        """Wait until a part is ready; return None then, else why it is not."""
        ready = asyncio.create_task(part.wait_ready())
        expired = asyncio.create_task(self._sleep(part.ready_timeout_s))
        try:
            await _first_of(ready, ended, expired)
            if ended.done():
                return _ending(ended.result())
            if not ready.done():
                return Ending(f"was not ready within {part.ready_timeout_s:.0f} s")
            return ready.result()
        finally:
            await _cancel(ready, expired)

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _until_end(self, part: Part, ended: asyncio.Task[int]) -> Ending:
        if part.follows is None:
            return _ending(await ended)
        followed = asyncio.create_task(self._states[part.follows].down.wait())
        try:
            await _first_of(ended, followed)
            return _ending(ended.result()) if ended.done() else Ending(f"follows {part.follows}")
        finally:
            await _cancel(followed)

    async def _stop_part(self, state: _State) -> None:
        if state.keeper is not None:
            await _cancel(state.keeper)
        if state.child is None:
            return
        self._tell(Notice(state.part.name, Step.STOPPING))
        began_at = self._clock.monotonic()
        status = await state.child.stop(state.part.stop_grace_s)
        state.child = None
        self._tell(Notice(state.part.name, Step.STOPPED, self._clock.monotonic() - began_at, _ending(status).detail))


async def _first_of(*awaited: asyncio.Future[Any]) -> None:
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    """End tasks, whatever has become of them; what they raised was heard or no longer matters."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _ending(status: int) -> Ending:
    return Ending(f"was killed by signal {-status}" if status < 0 else f"ended with status {status}", status)
