"""The users of the embedded NATS server: one for each API key, kept in step with the registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Final

from infra.credentials import unseal
from infra.embedded.nats_server import NatsServerConfig, NatsUser, hash_password, write_users
from infra.ports import Journal, JournalRewound, JournalUnavailable
from mockexchange.messages.codec import decode_registry_record
from mockexchange.messages.events import KeyCreated
from mockexchange.messages.subjects import REGISTRY
from mockexchange.registry import Registry

_RETRY_S: Final = 0.5


class NatsUsers:
    """Follows the registry and writes the users file anew whenever keys come or go.

    `reload` tells a running server; one that starts later reads the file by itself.
    """

    def __init__(self, config: NatsServerConfig, seal_key: str, reload: Callable[[], None]) -> None:
        self._config = config
        self._seal_key = seal_key
        self._reload = reload
        self._users: dict[str, NatsUser] = {}

    async def follow(self, journal: Journal) -> None:
        """Keep the users in step, without end. Raises CredentialsError when the keys were sealed with another key."""
        while True:
            with suppress(JournalUnavailable, JournalRewound):
                await self._follow(journal)
            await asyncio.sleep(_RETRY_S)

    async def _follow(self, journal: Journal) -> None:
        registry = Registry()
        # Before the registry is read whole, keys would seem to be missing, and their connections would be closed.
        end = await journal.last_sequence(REGISTRY)
        async with aclosing(journal.read([REGISTRY], 1)) as batches:
            async for batch in batches:
                for message in batch:
                    registry.apply(message.sequence, decode_registry_record(message.payload))
                # Hashing takes about a millisecond for each key, so it is done beside the event loop.
                if registry.sequence >= end and await asyncio.to_thread(self._take, registry):
                    self._reload()

    def _take(self, registry: Registry) -> bool:
        """Write the keys of a registry as users; return whether they have changed."""
        if self._users.keys() == registry.keys.keys():
            return False
        self._users = {key_id: self._users.get(key_id) or self._user(key) for key_id, key in registry.keys.items()}
        write_users(self._config, list(self._users.values()))
        return True

    def _user(self, key: KeyCreated) -> NatsUser:
        opened = unseal(key.sealed, self._seal_key)
        return NatsUser(opened.api_key, hash_password(opened.api_secret), key.account)
