"""The embedded valkey-server and the client of the read model."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from valkey.asyncio import Valkey
from valkey.exceptions import AuthenticationError, ConnectionError, TimeoutError

from infra.embedded.process import wait_until
from infra.valkey_client import connect_valkey
from tests.support.eventually import TIMEOUT_S
from tests.support.servers import ValkeyServer

pytestmark = pytest.mark.anyio


async def write_rows(client: Valkey, first: int, last: int) -> None:
    """Write rows and the position beside them, as a writer does."""
    for number in range(first, last + 1):
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.rpush("rows", number)
            pipeline.set("position", number)
            await pipeline.execute()


async def has_reached(client: Valkey, position: int) -> bool:
    return int(await client.get("position") or 0) >= position


async def test_rows_and_position_survive_a_kill_together(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        await write_rows(client, 1, 500)
        await clean_valkey_server.restart()
        assert int(await client.get("position")) == 500
        assert [int(row) for row in await client.lrange("rows", 0, -1)] == list(range(1, 501))


async def test_killed_in_the_middle_of_writing_the_position_still_tells_the_rows(
    clean_valkey_server: ValkeyServer,
) -> None:
    async with clean_valkey_server.client() as client:
        for _ in range(3):
            first = int(await client.get("position") or 0) + 1
            writing = asyncio.ensure_future(write_rows(client, first, first + 100_000))
            await wait_until(partial(has_reached, client, first + 200), TIMEOUT_S)
            clean_valkey_server.kill()
            with pytest.raises((ConnectionError, TimeoutError)):
                await writing
            clean_valkey_server.start()
            await clean_valkey_server.wait_ready()
            position = int(await client.get("position"))
            assert position >= first + 200
            assert [int(row) for row in await client.lrange("rows", 0, -1)] == list(range(1, position + 1))


async def test_a_half_written_transaction_at_the_end_of_the_file_is_not_loaded(
    clean_valkey_server: ValkeyServer,
) -> None:
    async with clean_valkey_server.client() as client:
        await write_rows(client, 1, 20)
        clean_valkey_server.kill()
        log = next(clean_valkey_server.config.directory.glob("appendonlydir/*.incr.aof"))
        log.write_bytes(log.read_bytes()[:-40])
        clean_valkey_server.start()
        await clean_valkey_server.wait_ready()
        assert int(await client.get("position")) == 19
        assert await client.llen("rows") == 19


async def test_a_client_without_the_password_is_refused(valkey_server: ValkeyServer) -> None:
    client = connect_valkey(valkey_server.url, "wrong")
    with pytest.raises(AuthenticationError):
        await client.ping()
    await client.aclose()


async def test_a_call_to_a_dead_or_hung_server_ends_with_an_error(
    clean_valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.valkey_client._ANSWER_TIMEOUT_S", 0.2)
    async with clean_valkey_server.client() as client:
        await client.set("key", "value")
        clean_valkey_server.pause()
        with pytest.raises((ConnectionError, TimeoutError)):
            await client.get("key")
        clean_valkey_server.resume()
        assert await client.get("key") == b"value"
        clean_valkey_server.kill()
        with pytest.raises(ConnectionError):
            await client.get("key")
