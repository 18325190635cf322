"""`python -m dashboard`: the dashboard of a running exchange. It reads its settings from the environment."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from typing import Final

import uvicorn
import uvloop

from dashboard.app import create_app
from dashboard.gateway_client import GatewayClient
from dashboard.live.exchange import LiveExchange
from dashboard.sessions import Sessions
from infra.credentials import NATS_USER, Credentials, credentials_for
from infra.nats.connection import Connection, connect
from infra.ports import JournalUnavailable
from infra.problem import Problem
from infra.settings import Settings, load_settings

PAUSE_S: Final = 0.25

logger = logging.getLogger("dashboard")


def main() -> int:
    """Run until told to stop; return the exit status."""
    try:
        settings = load_settings()
        credentials = credentials_for(settings)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    return uvloop.run(_run(settings, credentials))


async def _run(settings: Settings, credentials: Credentials) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    connection = await _connect_patiently(settings, credentials, stopped)
    if connection is None:
        return 0
    gateway = GatewayClient(settings.gateway_url, settings.tls_cert)
    live = LiveExchange(connection, gateway, first=settings.symbols, admin_key=credentials.admin_key)
    sessions = Sessions(
        gateway,
        seal_key=credentials.seal_key,
        admin_key=credentials.admin_key,
        password=credentials.dashboard_password,
    )
    try:
        await live.start()
        await _serve(
            create_app(live, sessions, taker_fee=settings.taker_fee, maker_fee=settings.maker_fee).server,
            settings,
            stopped,
        )
    finally:
        await live.close()
        await gateway.close()
        await connection.close()
    return 0


async def _serve(app: object, settings: Settings, stopped: asyncio.Event) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.host,
        port=settings.dashboard_port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(_without_signals(server))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


async def _without_signals(server: uvicorn.Server) -> None:
    """Serve, and leave signals to the process."""
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    await server.serve()


async def _connect_patiently(settings: Settings, credentials: Credentials, stopped: asyncio.Event) -> Connection | None:
    """Connect to NATS, waiting for it as long as it takes; None when told to stop."""
    while not stopped.is_set():
        try:
            return await connect(settings.nats_endpoint, NATS_USER, credentials.nats_password, "dashboard")
        except JournalUnavailable as failure:
            logger.warning("%s", failure)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), PAUSE_S)
    return None


if __name__ == "__main__":
    sys.exit(main())
