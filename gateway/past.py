"""A row of history, oldest first, that is searched by halves and read in pieces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

PIECE: Final = 500
MAX_PIECES: Final = 40
"""A search for rows that fit looks at no more pieces than this."""


class Past(Generic[T]):
    """Rows of one account as they were when it was asked for; what comes later lies beyond its end."""

    def __init__(self, count: int, rows_at: Callable[[int, int], Awaitable[list[T]]]) -> None:
        self.count = count
        self._rows_at = rows_at

    async def first_at(self, is_reached: Callable[[T], bool]) -> int:
        """Return the place of the first row that a rising question is true of, the end if there is none."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            rows = await self._rows_at(middle, middle + 1)
            # A row that is not there any more was among the oldest.
            if rows and is_reached(rows[0]):
                high = middle
            else:
                low = middle + 1
        return low

    async def after(
        self, place: int, limit: int, fits: Callable[[T], bool] = lambda _: True, end: int | None = None
    ) -> list[T]:
        """Return up to `limit` rows that fit, oldest first, from a place on and before `end`."""
        end, size = self.count if end is None else end, max(limit, PIECE)
        found: list[T] = []
        for start in range(place, min(end, place + MAX_PIECES * size), size):
            found += filter(fits, await self._rows_at(start, min(end, start + size)))
            if len(found) >= limit:
                break
        return found[:limit]

    async def before(self, end: int, limit: int, fits: Callable[[T], bool] = lambda _: True) -> list[T]:
        """Return the last `limit` rows that fit, oldest first, of those before a place."""
        size = max(limit, PIECE) if limit < end else end
        found: list[T] = []
        for stop in range(end, max(0, end - MAX_PIECES * size), -size or -1):
            found[:0] = filter(fits, await self._rows_at(max(0, stop - size), stop))
            if len(found) >= limit:
                break
        return found[-limit:]
