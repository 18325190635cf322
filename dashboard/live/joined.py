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

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the boards for as long as this lasts."""
        tasks = [asyncio.create_task(self._follow(board)) for board in self._boards]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, board: Board) -> None:
        with board.watch() as looker:
            while True:
                await looker.wait()
                looker.clear()
                self.changed()
                await asyncio.sleep(self._pace_s)
