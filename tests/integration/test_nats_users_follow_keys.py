"""Keys that come and go in the registry come and go as NATS users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import nats
import pytest
from nats.aio.client import Client

from infra.credentials import ApiKey, CredentialsError, new_api_key, seal
from infra.embedded.nats_server import reload_users
from infra.embedded.process import wait_until
from infra.nats.connection import Connection
from infra.nats.journal import NatsJournal
from infra.nats_users import NatsUsers
from mockexchange.messages.codec import encode
from mockexchange.messages.events import SCHEMA_VERSION, KeyCreated, KeyRevoked, RegistryEvent, RegistryRecord
from mockexchange.messages.subjects import REGISTRY
from mockexchange.registry import key_digest
from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio

SEAL_KEY = "b" * 43 + "="


class Keys:
    """Writes keys into the registry."""

    def __init__(self, connection: Connection) -> None:
        self.journal = NatsJournal(connection)
        self.sequence = 0

    async def write(self, *events: RegistryEvent) -> None:
        record = RegistryRecord(SCHEMA_VERSION, self.sequence, 0, list(events))
        self.sequence = await self.journal.append(REGISTRY, encode(record), self.sequence)

    async def create(self, key_id: str, account: int, seal_key: str = SEAL_KEY) -> ApiKey:
        key = new_api_key()
        digest = key_digest(key.api_key)
        await self.write(KeyCreated(key_id, account, digest, seal(key, seal_key), ["read"]))
        return key


@pytest.fixture
async def internal(clean_nats_server: NatsServer) -> AsyncIterator[Connection]:
    async with clean_nats_server.with_stores() as connection:
        yield connection


@pytest.fixture
async def users(clean_nats_server: NatsServer, internal: Connection) -> AsyncIterator[asyncio.Task[None]]:
    follower = NatsUsers(clean_nats_server.config, SEAL_KEY, lambda: reload_users(clean_nats_server.pid))
    task = asyncio.create_task(follower.follow(NatsJournal(internal)))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def ignore(error: Exception) -> None:
    """Let the client alone with what it complains of."""


async def is_let_in(server: NatsServer, key: ApiKey) -> bool:
    client = Client()
    try:
        await client.connect(
            server.url, user=key.api_key, password=key.api_secret, allow_reconnect=False, error_cb=ignore
        )
    except (OSError, nats.errors.Error):
        return False
    finally:
        await client.close()
    return True


async def wait_for_entry(server: NatsServer, key: ApiKey, *, is_open: bool) -> None:
    async def is_as_wanted() -> bool:
        return await is_let_in(server, key) is is_open

    await wait_until(is_as_wanted, TIMEOUT_S)


async def test_a_new_key_gets_in_and_a_revoked_one_does_not(
    clean_nats_server: NatsServer, internal: Connection, users: asyncio.Task[None]
) -> None:
    keys = Keys(internal)
    first = await keys.create("first", 1)
    await wait_for_entry(clean_nats_server, first, is_open=True)
    second = await keys.create("second", 2)
    await wait_for_entry(clean_nats_server, second, is_open=True)
    await keys.write(KeyRevoked("first"))
    await wait_for_entry(clean_nats_server, first, is_open=False)
    assert await is_let_in(clean_nats_server, second)


async def test_keys_made_before_the_follower_started_get_in_together(
    clean_nats_server: NatsServer, internal: Connection
) -> None:
    keys = Keys(internal)
    made = [await keys.create(f"key {number}", number) for number in range(30)]
    reloads: list[int] = []

    def reload() -> None:
        reloads.append(len(clean_nats_server.config.users_path.read_text().splitlines()))
        reload_users(clean_nats_server.pid)

    follower = NatsUsers(clean_nats_server.config, SEAL_KEY, reload)
    task = asyncio.create_task(follower.follow(NatsJournal(internal)))
    try:
        await wait_for_entry(clean_nats_server, made[-1], is_open=True)
        assert await is_let_in(clean_nats_server, made[0])
        assert len(reloads) == 1
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_are_followed_through_a_restart_of_the_server(
    clean_nats_server: NatsServer, internal: Connection, users: asyncio.Task[None]
) -> None:
    keys = Keys(internal)
    before = await keys.create("before", 1)
    await wait_for_entry(clean_nats_server, before, is_open=True)
    await clean_nats_server.restart()
    assert await is_let_in(clean_nats_server, before)
    await eventually(lambda: internal.is_connected)
    after = await keys.create("after", 1)
    await wait_for_entry(clean_nats_server, after, is_open=True)


async def test_keys_sealed_for_other_credentials_end_the_follower_with_one_line(
    internal: Connection, users: asyncio.Task[None]
) -> None:
    await Keys(internal).create("foreign", 1, seal_key="c" * 43 + "=")
    with pytest.raises(CredentialsError, match="seal_key does not open"):
        await asyncio.wait_for(users, TIMEOUT_S)
