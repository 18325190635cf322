"""A board: state that follows the bus, and those who look at it.

A looker is told that something changed, not what: it reads the board when it is ready for more. So a slow browser sees
fewer pictures and never old ones, and nothing piles up for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

import msgspec

from dashboard.gateway_client import GatewayAway, GatewayRefusal

_log: Final = logging.getLogger(__name__)

RETRY_S: Final = 1.0

LINGER_S: Final = 5.0
"""A board nobody looks at goes on so long, since people switch to and fro."""

K = TypeVar("K")
B = TypeVar("B", bound="Board")


class Board(ABC):
    """State and lookers. `version` rises with every change."""

    def __init__(self) -> None:
        self.version = 0
        self._lookers: set[asyncio.Event] = set()

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._lookers)

    def changed(self) -> None:
        """Wake all lookers."""
        self.version += 1
        for looker in self._lookers:
            looker.set()

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """Look at the board: the event is set now and whenever something changes."""
        looker = asyncio.Event()
        looker.set()
        self._lookers.add(looker)
        try:
            yield looker
        finally:
            self._lookers.discard(looker)

    @abstractmethod
    async def start(self) -> None:
        """Begin to follow."""

    @abstractmethod
    async def stop(self) -> None:
        """Follow no longer."""


class Reading:
    """Reads a snapshot from the gateway as often as it is asked to, once at a time, and until the gateway answers.

    What was lost while it read is not in what it has read, so asked meanwhile it reads once more.
    """

    def __init__(self, name: str, read: Callable[[], Awaitable[None]], pause_s: float = RETRY_S) -> None:
        self._name = name
        self._read = read
        self._pause_s = pause_s
        self._is_asked = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether what is being read now will be read again."""
        return self._is_asked

    def ask(self) -> None:
        """Have it read anew."""
        self._is_asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"read {self._name}")

    async def stop(self) -> None:
        """Read no more."""
        self._is_asked = False
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while self._is_asked:
            self._is_asked = False
            try:
                await self._read()
            except (GatewayAway, GatewayRefusal) as failure:
                _log.info("%s cannot be read now: %s", self._name, failure)
                self._is_asked = True
                await asyncio.sleep(self._pause_s)


class Boards(Generic[K, B]):
    """Boards by key, each made when somebody first looks at it and stopped when nobody does any more."""

    def __init__(self, make: Callable[[K], B]) -> None:
        self._make = make
        self._boards: dict[K, B] = {}
        self._starting: dict[K, asyncio.Task[None]] = {}
        self._stops: dict[K, asyncio.TimerHandle] = {}
        self._endings: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> B:
        """Return a board that follows. Raises what its start raises."""
        stop = self._stops.pop(key, None)
        if stop is not None:
            stop.cancel()
        board = self._boards.get(key)
        if board is None:
            board = self._boards[key] = self._make(key)
            self._starting[key] = asyncio.create_task(board.start(), name=f"start board {key}")
        try:
            await asyncio.shield(self._starting[key])
        except Exception:
            if self._boards.get(key) is board:
                del self._boards[key], self._starting[key]
            raise
        return board

    def all(self) -> list[B]:
        """Return all boards that follow now."""
        return list(self._boards.values())

    def release(self, key: K) -> None:
        """Say that a looker has gone; call it after `watch` has ended."""
        board = self._boards.get(key)
        if board is not None and not board.is_watched and key not in self._stops:
            self._stops[key] = asyncio.get_running_loop().call_later(LINGER_S, self._let_go, key)

    async def close(self) -> None:
        """Stop all."""
        for stop in self._stops.values():
            stop.cancel()
        self._stops.clear()
        boards, self._boards = self._boards, {}
        self._starting.clear()
        for board in boards.values():
            await board.stop()
        await asyncio.gather(*self._endings)

    def _let_go(self, key: K) -> None:
        self._stops.pop(key, None)
        board = self._boards.get(key)
        if board is not None and not board.is_watched:
            del self._boards[key], self._starting[key]
            ending = asyncio.create_task(board.stop())
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)


Payload = dict[str, Any]
decode: Final[Callable[[bytes], Payload]] = msgspec.json.Decoder(dict[str, Any]).decode
