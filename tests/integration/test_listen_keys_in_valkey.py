"""Listen keys in a real store: one for each API key, alive for a while, known everywhere and after a restart."""

from __future__ import annotations

import pytest

from infra.ports import ListenKey, ListenKeysUnavailable
from infra.valkey_listen_keys import ValkeyListenKeys
from tests.support.servers import ValkeyServer

pytestmark = pytest.mark.anyio


async def test_a_key_has_one_token_until_it_is_closed(valkey_server: ValkeyServer) -> None:
    async with valkey_server.client() as client:
        keys = ValkeyListenKeys(client)
        assert await keys.open(ListenKey("one", 71, "a"), 60) == "one"
        assert await keys.open(ListenKey("two", 71, "a"), 60) == "one"
        assert await keys.open(ListenKey("three", 71, "b"), 60) == "three"
        assert await keys.find("one") == ListenKey("one", 71, "a")
        assert await keys.extend("one", 60)
        assert await keys.close("one")
        assert not await keys.close("one")
        assert not await keys.extend("one", 60)
        assert await keys.open(ListenKey("four", 71, "a"), 60) == "four"


async def test_a_token_lives_as_long_as_it_was_given(valkey_server: ValkeyServer) -> None:
    async with valkey_server.client() as client:
        keys = ValkeyListenKeys(client)
        await keys.open(ListenKey("brief", 72, "a"), 100)
        assert 0 < await client.ttl("mockx-listen:token:brief") <= 100
        await keys.extend("brief", 3_600)
        assert await client.ttl("mockx-listen:token:brief") > 100
        await client.delete("mockx-listen:token:brief")
        assert await keys.find("brief") is None
        assert await keys.open(ListenKey("next", 72, "a"), 100) == "next"


async def test_tokens_outlive_their_server_and_nothing_waits_for_it(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        keys = ValkeyListenKeys(client)
        await keys.open(ListenKey("lasting", 73, ""), 3_600)
        clean_valkey_server.kill()
        with pytest.raises(ListenKeysUnavailable):
            await keys.find("lasting")
        await clean_valkey_server.restart()
        assert await keys.find("lasting") == ListenKey("lasting", 73, "")
