"""Binance's dialect over several gateway processes: they count, sign and close as one."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.floor import Floor
from tests.support.launched import PATIENCE_S, repeatedly

pytestmark = pytest.mark.anyio


async def used_weight(session: aiohttp.ClientSession) -> int:
    """Ask a gateway something that weighs 1; return what is used up since."""
    async with session.get("/api/v3/ping") as answer:
        assert answer.status == 200, await answer.text()
        return int(answer.headers["X-MBX-USED-WEIGHT-1M"])


async def test_weight_is_counted_once_over_all_gateways(floor: Floor) -> None:
    async with floor.exchange.each_gateway() as sessions:
        assert len(sessions) == 2
        weights = [await used_weight(session) for _ in range(15) for session in sessions]
    # One step of them may cross into the next minute.
    jumps = [(before, after) for before, after in pairwise(weights) if after != before + 1]
    assert len(jumps) <= 1
    assert all(after == 1 for _, after in jumps)


async def test_requests_are_answered_while_counts_are_away(floor: Floor) -> None:
    async with floor.exchange.watched() as watch, floor.exchange.each_gateway() as sessions:
        pid = await watch.running("valkey-server")
        os.kill(pid, signal.SIGKILL)
        for session in sessions:
            assert await used_weight(session) > 0
        await watch.running("valkey-server", unlike=pid)
        await floor.exchange.wait_until_well(sessions[0])


async def test_maintenance_closes_every_gateway_until_it_ends(floor: Floor) -> None:
    async def status(session: aiohttp.ClientSession) -> int:
        async with session.get("/sapi/v1/system/status") as answer:
            return int((await answer.json())["status"])

    async def all_are(sessions: list[aiohttp.ClientSession], wanted: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while [await status(session) for session in sessions] != [wanted] * len(sessions):
                pass

    async with floor.exchange.each_gateway() as sessions:
        assert json.loads(floor.exchange.run("maintenance", "on", "--json")) == {"on": True}
        try:
            await all_are(sessions, 1)
            refused = floor.exchange.ask("POST", "/orders", {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"})
            assert refused.status == 503
        finally:
            floor.exchange.run("maintenance", "off")
        await all_are(sessions, 0)


async def test_a_key_of_a_public_key_signs_at_every_gateway(floor: Floor, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "bot.pem").write_bytes(pem)
    made = json.loads(
        floor.exchange.run("key", "create", "1", "--read-only", "--public-key", str(tmp_path / "bot.pem"), "--json")
    )
    async with floor.exchange.each_gateway() as sessions:
        for session in sessions:
            query = f"timestamp={time.time_ns() // 1_000_000}"
            signature = base64.b64encode(private.sign(query.encode())).decode()
            url = f"/sapi/v1/asset/tradeFee?{query}&signature={quote(signature, safe='')}"
            async with session.get(url, headers={"X-MBX-APIKEY": made["api_key"]}) as answer:
                assert answer.status == 200, await answer.text()
            async with session.get(f"{url[:-6]}AA%3D%3D", headers={"X-MBX-APIKEY": made["api_key"]}) as answer:
                assert (await answer.json())["code"] == -1022
        floor.exchange.run("key", "revoke", made["key_id"])
    await repeatedly(lambda: made["key_id"] not in floor.exchange.run("key", "list", "1"))
