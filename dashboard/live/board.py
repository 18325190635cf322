"""A board: state that follows the bus, and those who look at it.

A looker is told that something changed, not what: it reads the board when it is ready for more. So a slow browser sees
fewer pictures and never old ones, and nothing piles up for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

import msgspec

LINGER_S: Final = 5.0
"""A board nobody looks at goes on so long, since people switch to and fro."""

K = TypeVar("K")
B = TypeVar("B", bound="Board")


class Board:
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

    async def start(self) -> None:
        """Begin to follow."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Follow no longer."""
        raise NotImplementedError


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
            self._boards.pop(key, None)
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
        for board in self._boards.values():
            await board.stop()
        self._boards.clear()

    def _let_go(self, key: K) -> None:
        self._stops.pop(key, None)
        board = self._boards.get(key)
        if board is not None and not board.is_watched:
            del self._boards[key]
            ending = asyncio.create_task(board.stop())
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)


Subscribe = Callable[[str, Callable[[str, bytes], None]], Awaitable[Callable[[], Awaitable[None]]]]
Payload = dict[str, Any]
decode: Final[Callable[[bytes], Payload]] = msgspec.json.Decoder(dict[str, Any]).decode
