"""TLS of a gateway on a real socket, with a certificate that it made for itself."""

from __future__ import annotations

import asyncio
import datetime
import ssl

import aiohttp
import pytest
from cryptography import x509

from gateway.app import create_app
from gateway.server import make_server, shared_socket
from infra import tls
from infra.embedded.process import free_port
from infra.http_client import NoAnswer, request
from infra.tls import CertificateFiles, CertificateProblem, check_certificate, own_certificate
from tests.support.local_exchange import DEMO_KEY, LocalExchange


def serve_and(check, files: CertificateFiles) -> None:
    """Run a coroutine function against the URL of a gateway that serves a certificate."""

    async def main() -> None:
        exchange = LocalExchange()
        await exchange.start()
        port = free_port()
        app = create_app(exchange.parts(index=1))
        server = make_server(app, 1, graceful_s=5, certificate=files.certificate, key=files.key)
        serving = asyncio.create_task(server.serve(sockets=[shared_socket("127.0.0.1", port)]))
        try:
            assert await server.is_ready(serving)
            await check(f"https://localhost:{port}")
        finally:
            server.should_exit = True
            await serving
            await exchange.stop()

    asyncio.run(main())


def test_a_client_that_trusts_the_certificate_trades_over_tls(tmp_path) -> None:
    files = own_certificate(tmp_path, "127.0.0.1")

    async def check(url: str) -> None:
        # As a client would: with the host's name checked, unlike this machine's own programs.
        context = ssl.create_default_context(cafile=str(files.certificate))
        async with aiohttp.ClientSession(headers={"x-api-key": DEMO_KEY}) as session:
            for host in ("localhost", "127.0.0.1"):
                async with session.get(f"{url.replace('localhost', host)}/balance", ssl=context) as answer:
                    assert answer.status == 200
                    assert (await answer.json())["BTC"]["free"] == "10.00000000"
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{url}/time")
            with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
                await session.get(f"{url.replace('https', 'http')}/time")

    serve_and(check, files)


def test_programs_of_this_machine_trust_the_served_certificate_and_no_other(tmp_path) -> None:
    files = own_certificate(tmp_path / "served", "exchange.example")
    other = own_certificate(tmp_path / "other", "127.0.0.1")

    async def check(url: str) -> None:
        answer = await asyncio.to_thread(request, "GET", f"{url}/time", certificate=files.certificate)
        assert answer.status == 200
        for certificate in (other.certificate, None):
            with pytest.raises(NoAnswer, match="certificate"):
                await asyncio.to_thread(request, "GET", f"{url}/time", certificate=certificate)

    serve_and(check, files)


def test_the_certificate_is_kept_and_its_key_is_private(tmp_path) -> None:
    first = own_certificate(tmp_path, "127.0.0.1")
    before = first.certificate.read_bytes()
    assert own_certificate(tmp_path, "127.0.0.1") == first
    assert first.certificate.read_bytes() == before
    assert first.key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("cause", ["ends soon", "another host", "damaged", "another key"])
def test_the_certificate_is_made_anew_when_it_no_longer_serves(tmp_path, monkeypatch, cause) -> None:
    host = "127.0.0.1"
    if cause == "ends soon":
        monkeypatch.setattr(tls, "VALID_DAYS", tls.RENEW_DAYS_BEFORE - 1)
    files = own_certificate(tmp_path, host)
    before = files.certificate.read_bytes()
    monkeypatch.undo()
    match cause:
        case "another host":
            host = "exchange.example"
        case "damaged":
            files.certificate.write_text("nothing")
        case "another key":
            files.key.write_bytes(own_certificate(tmp_path / "other", host).key.read_bytes())
    own_certificate(tmp_path, host)
    assert files.certificate.read_bytes() != before
    check_certificate(files)
    made = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost"} <= set(names.get_values_for_type(x509.DNSName))
    assert "127.0.0.1" in map(str, names.get_values_for_type(x509.IPAddress))
    if cause == "another host":
        assert host in names.get_values_for_type(x509.DNSName)
    left = made.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert left.days > 300


def test_a_given_certificate_that_has_ended_or_has_another_key_is_refused(tmp_path, monkeypatch) -> None:
    good = own_certificate(tmp_path / "good", "127.0.0.1")
    monkeypatch.setattr(tls, "VALID_DAYS", -1)
    monkeypatch.setattr(tls.datetime, "timedelta", _long_before(tls.datetime.timedelta))
    ended = own_certificate(tmp_path / "ended", "127.0.0.1")
    monkeypatch.undo()
    with pytest.raises(CertificateProblem, match="renew it"):
        check_certificate(ended)
    with pytest.raises(CertificateProblem, match="MOCKX_TLS_KEY"):
        check_certificate(CertificateFiles(good.certificate, ended.key))


def _long_before(timedelta):
    """Have what begins an hour ago begin ten days ago."""
    return lambda hours=0, days=0: timedelta(hours=hours * 240, days=days)
