"""Listen keys in Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from infra.ports import ListenKey, ListenKeysUnavailable

T = TypeVar("T")

PREFIX: Final = "mockx-listen:"
"""Not of the read model's prefix, which is emptied when that is rebuilt."""

TIMEOUT_S: Final = 2.0

# KEYS: the owner's entry. ARGV: the wanted token, whose it is, how long it lives.
_OPEN: Final = f"""
local token = server.call('GET', KEYS[1])
if not token or server.call('EXISTS', '{PREFIX}token:' .. token) == 0 then token = ARGV[1] end
server.call('SET', KEYS[1], token, 'EX', ARGV[3])
server.call('SET', '{PREFIX}token:' .. token, ARGV[2], 'EX', ARGV[3])
return token
"""


class ValkeyListenKeys:
    """Implements `ListenKeys`; keeps one for each API key of an account."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._open = valkey.register_script(_OPEN)

    async def open(self, wanted: ListenKey, life_s: int) -> str:
        """Return the token of an API key of an account: the one it has, or the wanted."""
        owner = f"{wanted.account}:{wanted.key_id}"
        token: bytes = await _bounded(self._open([f"{PREFIX}owner:{owner}"], [wanted.token, owner, life_s]))
        return token.decode()

    async def find(self, token: str) -> ListenKey | None:
        """Return a listen key that is alive."""
        owner: bytes | None = await _bounded(self._valkey.get(_name(token)))
        if owner is None:
            return None
        account, _, key_id = owner.decode().partition(":")
        return ListenKey(token, int(account), key_id)

    async def extend(self, token: str, life_s: int) -> bool:
        """Let a listen key live so long from now; return whether there is one."""
        return bool(await _bounded(self._valkey.expire(_name(token), life_s)))

    async def close(self, token: str) -> bool:
        """End a listen key; return whether there was one."""
        return bool(await _bounded(self._valkey.delete(_name(token))))


def _name(token: str) -> str:
    return f"{PREFIX}token:{token}"


async def _bounded(question: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await question
    except (ValkeyError, OSError, TimeoutError) as error:
        raise ListenKeysUnavailable(f"{type(error).__name__}: {error}") from error
