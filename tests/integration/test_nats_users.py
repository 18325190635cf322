"""What an API key may do on NATS, and how keys come and go while the server runs."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import pytest
from nats.aio.client import Client

from infra.embedded.nats_server import NatsUser, hash_password, prepare, reload_users, wait_ready, write_users
from infra.nats.bus import NatsBus
from infra.nats.connection import Connection
from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.servers import NatsServer

pytestmark = pytest.mark.anyio

ALICE = NatsUser("mx-alice", hash_password("alice's secret"), 1)
BOB = NatsUser("mx-bob", hash_password("bob's secret"), 12)
SECRETS = {ALICE.api_key: "alice's secret", BOB.api_key: "bob's secret"}


class Outsider:
    """A client of an account, as `docs/protocol.md` tells it to connect."""

    def __init__(self, api_key: str, secret: str | None = None) -> None:
        self.client = Client()
        self.api_key = api_key
        self.secret = SECRETS[api_key] if secret is None else secret
        self.heard: list[tuple[str, bytes]] = []
        self.errors: list[str] = []

    async def connect(self, url: str) -> None:
        try:
            await self.client.connect(
                url,
                user=self.api_key,
                password=self.secret,
                inbox_prefix=f"_INBOX.{self.api_key}",
                error_cb=self._note,
                allow_reconnect=False,
            )
        except (OSError, nats.errors.Error):
            await self.client.close()
            raise

    async def listen(self, *subjects: str) -> None:
        for subject in subjects:
            await self.client.subscribe(subject, cb=self._hear)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the server has read all that was sent; the first ping may overtake it in the client's buffer."""
        for _ in range(2):
            await self.client.flush()

    async def _hear(self, message: nats.aio.msg.Msg) -> None:
        self.heard.append((message.subject, message.data))

    async def _note(self, error: Exception) -> None:
        self.errors.append(str(error).lower())


@asynccontextmanager
async def outsider(server: NatsServer, user: NatsUser) -> AsyncIterator[Outsider]:
    """Connect as soon as the server knows the user."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            client = Outsider(user.api_key)
            try:
                await client.connect(server.url)
                break
            except (OSError, nats.errors.Error):
                await asyncio.sleep(0.01)
    try:
        yield client
    finally:
        await client.client.close()


@pytest.fixture
async def internal(clean_nats_server: NatsServer) -> AsyncIterator[Connection]:
    write_users(clean_nats_server.config, [ALICE, BOB])
    reload_users(clean_nats_server.pid)
    async with clean_nats_server.with_stores() as connection:
        yield connection


async def test_an_account_hears_the_market_and_itself_alone(
    clean_nats_server: NatsServer, internal: Connection
) -> None:
    async with outsider(clean_nats_server, ALICE) as alice:
        await alice.listen("market.>", "account.1.>")
        bus = NatsBus(internal)
        for subject in ("account.12.fills", "account.1.fills", "journal.registry", "market.BTC-USDT.trade"):
            bus.publish(subject, subject.encode())
        await eventually(lambda: len(alice.heard) == 2)
        assert [subject for subject, _ in alice.heard] == ["account.1.fills", "market.BTC-USDT.trade"]
        assert not alice.errors


@pytest.mark.parametrize(
    "subject",
    [
        "account.12.fills",
        "account.>",
        "account.*.fills",
        ">",
        "journal.>",
        "feed.>",
        "_INBOX.>",
        "_INBOX.mx-bob.>",
        "$JS.>",
    ],
)
async def test_an_account_may_not_subscribe_to_what_is_not_its_own(
    clean_nats_server: NatsServer, internal: Connection, subject: str
) -> None:
    async with outsider(clean_nats_server, ALICE) as alice:
        await alice.listen(subject)
        await eventually(lambda: any("permissions violation for subscription" in error for error in alice.errors))
        NatsBus(internal).publish("account.12.fills", b"secret")
        await internal.settle()
        await alice.settle()
        assert not alice.heard


@pytest.mark.parametrize(
    "subject",
    [
        "market.BTC-USDT.trade",
        "account.1.fills",
        "journal.registry",
        "feed.BTC-USDT.updates",
        "$JS.API.STREAM.DELETE.JOURNAL",
    ],
)
async def test_an_account_may_publish_nothing(
    clean_nats_server: NatsServer, internal: Connection, subject: str
) -> None:
    heard: list[str] = []
    await NatsBus(internal).subscribe(subject, lambda where, _: heard.append(where))
    async with outsider(clean_nats_server, ALICE) as alice:
        await alice.client.publish(subject, b"forged")
        await eventually(lambda: any("permissions violation for publish" in error for error in alice.errors))
        await internal.settle()
    assert not heard
    assert (await internal.jetstream().stream_info("JOURNAL")).state.last_seq == 0


async def test_without_a_key_or_with_a_wrong_secret_nobody_gets_in(
    clean_nats_server: NatsServer, internal: Connection
) -> None:
    async with outsider(clean_nats_server, ALICE):
        for api_key, secret in ((ALICE.api_key, "wrong"), (ALICE.api_key, ""), ("nobody", "x"), ("", "")):
            with pytest.raises((OSError, nats.errors.Error)):
                await Outsider(api_key, secret).connect(clean_nats_server.url)


async def test_a_reload_adds_and_removes_users_and_disturbs_nobody_else(
    clean_nats_server: NatsServer, internal: Connection
) -> None:
    lost: list[bool] = []
    internal.on_lost(lambda: lost.append(True))
    async with outsider(clean_nats_server, ALICE) as alice, outsider(clean_nats_server, BOB) as bob:
        await alice.listen("market.>")
        write_users(clean_nats_server.config, [ALICE])
        reload_users(clean_nats_server.pid)
        await eventually(lambda: bob.client.is_closed)
        NatsBus(internal).publish("market.BTC-USDT.trade", b"print")
        await eventually(lambda: bool(alice.heard))
    carol = NatsUser("mx-carol", hash_password("carol's secret"), 3)
    SECRETS[carol.api_key] = "carol's secret"
    write_users(clean_nats_server.config, [carol])
    reload_users(clean_nats_server.pid)
    async with outsider(clean_nats_server, carol) as client:
        assert client.client.is_connected
    with pytest.raises((OSError, nats.errors.Error)):
        await Outsider(ALICE.api_key).connect(clean_nats_server.url)
    assert not lost
    assert await internal.jetstream().account_info()


async def test_users_are_known_again_after_a_restart(clean_nats_server: NatsServer, internal: Connection) -> None:
    await clean_nats_server.restart()
    async with outsider(clean_nats_server, BOB) as bob:
        assert bob.client.is_connected


async def test_another_internal_password_replaces_the_users_of_the_old_one(clean_nats_server: NatsServer) -> None:
    config = dataclasses.replace(clean_nats_server.config, password="another")
    write_users(clean_nats_server.config, [ALICE])
    prepare(clean_nats_server.config)
    assert ALICE.api_key in config.users_path.read_text()
    prepare(config)
    clean_nats_server.kill()
    clean_nats_server.start()
    await wait_ready(config, TIMEOUT_S)
    assert ALICE.api_key not in config.users_path.read_text()


async def test_only_the_owner_may_read_the_files_with_secrets(clean_nats_server: NatsServer) -> None:
    config = clean_nats_server.config
    for path in (config.users_path, config.config_path):
        assert path.stat().st_mode & 0o777 == 0o600
    assert config.directory.stat().st_mode & 0o777 == 0o700
