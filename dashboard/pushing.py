"""Pushing boards into pages: one loop for each thing a page watches, until the page watches another or goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from dash import ctx, set_props
from quart import has_websocket_context, websocket

from dashboard.live.board import Board

PACE_S: Final = 0.04
"""A page is told at most this often of one board; what changes meanwhile is told together."""

ACKNOWLEDGED_EVERY: Final = 20
"""After so many messages the page has to answer, so that nothing piles up for a browser that is slow or asleep."""

ANSWER_WITHIN_S: Final = 60.0

Key = tuple[int, str, str]


class Pushing:
    """The loops of all open pages, by connection, page, and what they push.

    A page names itself, so that a made-up name can end loops of its own connection alone.
    """

    def __init__(self) -> None:
        self._loops: dict[Key, asyncio.Task[Any]] = {}

    async def follow(
        self, page: str, what: str, board: Board, show: Callable[[], dict[str, Any]], pace_s: float = PACE_S
    ) -> None:
        """Write what `show` returns (store to data) into the page whenever the board changes.

        It ends when the same page follows something else as `what`, or is gone.
        """
        self.begin(page, what)
        told = 0
        with board.watch() as looker:
            while True:
                await looker.wait()
                looker.clear()
                for store, data in show().items():
                    set_props(store, {"data": data})
                told += 1
                if told % ACKNOWLEDGED_EVERY == 0:
                    await ctx.websocket.get_prop("page", "data", timeout=ANSWER_WITHIN_S)
                await asyncio.sleep(pace_s)

    def begin(self, page: str, what: str) -> None:
        """Make the running task the one that pushes something into a page; the one before ends."""
        task = asyncio.current_task()
        assert task is not None
        key = (_connection(), page, what)
        before = self._loops.get(key)
        if before is not None and before is not task:
            before.cancel()
        self._loops[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))

    def _forget(self, key: Key, done: asyncio.Task[Any]) -> None:
        if self._loops.get(key) is done:
            del self._loops[key]


def _connection() -> int:
    """Return what tells connections apart while they are open."""
    if not has_websocket_context():
        return 0
    current: Any = websocket
    return id(current._get_current_object())
