"""The last refusals of an actor, for people who wonder why."""

from __future__ import annotations

from collections import deque
from typing import Final

from mockexchange.messages.refusals import RejectReason

KEPT: Final = 20
NS_PER_MS: Final = 1_000_000


class Refusals:
    """Keeps the last few, newest last."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, object]] = deque(maxlen=KEPT)

    def note(self, time_ns: int, reason: RejectReason, symbol: str, account: int, detail: str = "") -> None:
        """Keep one; `detail` is what is told beside the reason."""
        self._kept.append(
            {
                "time": time_ns // NS_PER_MS,
                "reason": reason.text,
                "symbol": symbol,
                "account": account,
                "detail": detail,
            }
        )

    def all(self) -> list[dict[str, object]]:
        """Return them, ready to be published."""
        return list(self._kept)
