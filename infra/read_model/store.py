"""What the writers need of the read model, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from infra.read_model.rows import Position, Rows
from mockexchange.messages.orders import Trade


class HistoryUnavailable(Exception):
    """The read model cannot be reached, or answers too slowly. A write may have happened."""


class PositionMoved(Exception):
    """The read model is not where the writer left it: emptied, or written by another."""


class HistoryStore(Protocol):
    """The read model as its writers see it. Every call ends within seconds; all may raise HistoryUnavailable."""

    async def position(self) -> Position | None:
        """Return how far the journal is folded; None when nothing is, or by another version of the read model."""

    async def wipe(self) -> None:
        """Delete all but candles and equity, the position first."""

    async def write(self, rows: Rows, expected: Position | None, position: Position) -> None:
        """Write rows and position in one transaction, if the position still is `expected`.

        May be repeated after HistoryUnavailable: it is done once. Raises PositionMoved, and then nothing is written.
        """

    async def put_tickers(self, tickers: Mapping[str, bytes]) -> None:
        """Keep the last ticker payload of some symbols."""

    async def put_prints(self, prints: Sequence[Trade]) -> None:
        """Put prints of the outside market on their tapes; may be repeated."""
