"""`mockx up --tls`: https and wss, a certificate that is kept, and commands that find and trust it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from infra.credentials import FILE_NAME, read_credentials
from infra.tls import CERTIFICATE_FILE, FOLDER
from mockexchange.client import MockExchangePro
from tests.support.running_exchange import RunningExchange


async def first_bid(url: str, certificate: Path, key: str, secret: str) -> float:
    """Watch a book over wss, as a client that checks names and trusts nothing but the certificate."""
    client = MockExchangePro(base_url=url, api_key=key, secret=secret, ca_file=str(certificate))
    try:
        async with asyncio.timeout(60):
            await client.load_markets()
            book = await client.watch_order_book("BTC/USDT")
            return float(book["bids"][0][0])
    finally:
        await client.close()


def test_an_exchange_with_tls_serves_clients_and_its_own_commands(tmp_path):
    exchange = RunningExchange(tmp_path / "data", symbols="BTC/USDT")
    certificate = tmp_path / "data" / FOLDER / CERTIFICATE_FILE
    url = exchange.url.replace("http", "https", 1)
    exchange.start("--tls")
    try:
        said = "".join(exchange.lines)
        for text in (url, url.replace("http", "ws", 1), f"--cacert {certificate}", f"SSL_CERT_FILE={certificate}"):
            assert text in said
        status = json.loads(exchange.run("status", "--json"))
        assert (status["gateway"], status["health"]["status"]) == (url, "ok")
        assert json.loads(exchange.run("order", "BTC/USDT", "buy", "0.001", "--json"))["status"] == "filled"
        credentials = read_credentials(exchange.data_dir / FILE_NAME)
        bid = first_bid(
            url.replace("127.0.0.1", "localhost"), certificate, credentials.demo_api_key, credentials.demo_api_secret
        )
        assert asyncio.run(bid) > 0
        before = certificate.read_bytes()
    finally:
        assert exchange.stop() == 0
    exchange.start("--tls")
    try:
        assert certificate.read_bytes() == before
    finally:
        assert exchange.stop() == 0
