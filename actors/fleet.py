"""The parts that run as actors, and the small interface through which the directory keeps them alive."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from infra.ports import PeerLost
from mockexchange.messages.subjects import token


class Part(NamedTuple):
    """One actor: what it is and which. `kind` is accounts, book, feed, history, market or candles."""

    kind: str
    key: str = ""

    @property
    def name(self) -> str:
        """The name under which the actor is found."""
        return f"{self.kind}.{token(self.key)}" if self.key else self.kind


DIRECTORY = Part("directory")


def shard_part(shard: int) -> Part:
    """Return the part that is an accounts shard."""
    return Part("accounts", str(shard))


def book_part(symbol: str) -> Part:
    """Return the part that is a symbol's book."""
    return Part("book", symbol)


class Missing(PeerLost):
    """There is no actor of this name."""


class Fleet(Protocol):
    """Starts and ends actors."""

    async def ensure(self, part: Part) -> None:
        """Start the part if no actor of its name exists. Raises PeerLost when it cannot be done now."""

    async def remove(self, part: Part) -> None:
        """End the part for good; returns when its name is free. Raises PeerLost when that takes too long."""

    async def status(self, part: Part) -> dict[str, object]:
        """Ask the part how it is. Raises Missing, PeerLost while it restarts, or TimeoutError."""

    async def books(self) -> list[Part]:
        """Return the books that exist."""
