"""What became of an account's orders lately, of whatever kind and state."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from dashboard.live.board import Board, Payload, decode
from infra.ports import Bus
from mockexchange.messages.subjects import account as subject_of

KEPT: Final = 2_000


class OrderNews(Board):
    """Follows `account.<id>.*` and keeps the last orders that changed, as they then were.

    `number` counts the changes and `traded` the fills. A looker reads what it shows from the gateway and then asks for
    what changed since a number; where that is not known, it reads anew.
    """

    def __init__(self, account: int, bus: Bus) -> None:
        super().__init__()
        self.number = 0
        self.traded = 0
        self._account = account
        self._bus = bus
        self._kept: deque[Payload] = deque(maxlen=KEPT)
        self._last = 0
        self._end: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Begin to follow."""
        self._end = await self._bus.subscribe(subject_of(self._account, "*"), self._hear)

    async def stop(self) -> None:
        """Follow no longer."""
        if self._end is not None:
            await self._end()
            self._end = None

    def resync(self) -> None:
        """Forget what is known, since messages may have been lost."""
        self._kept.clear()
        self.number += KEPT + 1
        self.traded += 1
        self.changed()

    def since(self, number: int) -> list[Payload] | None:
        """Return the orders that changed after a number, oldest first; None where some are not known any more."""
        count = self.number - number
        if count > len(self._kept):
            return None
        return list(self._kept)[len(self._kept) - count :] if count else []

    def _hear(self, _subject: str, payload: bytes) -> None:
        message = decode(payload)
        number, before = message["number"], self._last
        self._last = number
        if before and number != before + 1:
            self.resync()
        elif "order" in message:
            self._kept.append(message["order"])
            self.number += 1
            self.changed()
        elif "fill" in message:
            self.traded += 1
            self.changed()
