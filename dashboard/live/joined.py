"""A board made of others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dashboard.live.board import Board


class JoinedBoard(Board):
    """Changes when any of some boards does, at most once in `pace_s`."""

    def __init__(self, *boards: Board, pace_s: float) -> None:
        super().__init__()
        self._boards = boards
        self._pace_s = pace_s
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to follow the boards."""
        self._tasks = [asyncio.create_task(self._follow(board)) for board in self._boards]

    async def stop(self) -> None:
        """Follow them no longer."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the boards for as long as this lasts."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def _follow(self, board: Board) -> None:
        with board.watch() as looker:
            while True:
                await looker.wait()
                looker.clear()
                self.changed()
                await asyncio.sleep(self._pace_s)
