"""Listen keys: tokens that stand for the private stream of an account, for an hour at a time.

Every gateway knows them, since they are in the read model's store, and a restart keeps them.
"""

from __future__ import annotations

import secrets
from typing import Final

from infra.ports import Clock, ListenKey

LIFE_S: Final = 3_600
TOKEN_BYTES: Final = 48


def mint() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class LocalListenKeys:
    """Implements `ListenKeys` for one process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, tuple[ListenKey, float]] = {}

    async def open(self, wanted: ListenKey, life_s: int) -> str:
        """Return the token of an API key of an account."""
        self._forget()
        for known, _ in self._keys.values():
            if (known.account, known.key_id) == (wanted.account, wanted.key_id):
                wanted = known
        self._keys[wanted.token] = (wanted, self._clock.monotonic() + life_s)
        return wanted.token

    async def find(self, token: str) -> ListenKey | None:
        """Return a listen key that is alive."""
        self._forget()
        entry = self._keys.get(token)
        return None if entry is None else entry[0]

    async def extend(self, token: str, life_s: int) -> bool:
        """Let a listen key live so long from now."""
        key = await self.find(token)
        if key is not None:
            self._keys[token] = (key, self._clock.monotonic() + life_s)
        return key is not None

    async def close(self, token: str) -> bool:
        """End a listen key."""
        self._forget()
        return self._keys.pop(token, None) is not None

    def _forget(self) -> None:
        now = self._clock.monotonic()
        self._keys = {token: entry for token, entry in self._keys.items() if entry[1] > now}
