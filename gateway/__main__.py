"""`python -m gateway [index]`: one gateway process of a running exchange.

It reads its settings from the environment and shares its port with the other gateway processes; `index` tells them
apart. It exits with 0 when told to stop and with 1 when it must be started anew.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import time
from functools import partial
from typing import Final

import uvloop

from gateway.app import create_app
from gateway.gateway import GatewayParts
from gateway.rate_limits import RateLimits
from gateway.server import make_server, shared_socket
from gateway.streams.streams import StreamLimits
from infra.credentials import NATS_USER, Credentials, credentials_for, unseal
from infra.data_directory import DATA_VERSION
from infra.nats.bus import NatsBus
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.peers import PeerParts, parts
from infra.ports import JournalUnavailable
from infra.problem import Problem
from infra.ray_client import join, namespace_of, prepare_environment
from infra.read_model.equity_store import EquityReader
from infra.read_model.reader import HistoryReader
from infra.settings import Settings, load_settings
from infra.valkey_client import connect_valkey
from infra.valkey_counters import ValkeyCounters
from infra.valkey_listen_keys import ValkeyListenKeys
from infra.wall_clock import WallClock

JOIN_WITHIN_S: Final = 60.0
PAUSE_S: Final = 0.25

logger = logging.getLogger("gateway")


def main() -> int:
    """Run until told to stop; return the exit status."""
    index = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    try:
        settings = load_settings()
        credentials = credentials_for(settings)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    prepare_environment(credentials.ray_token)
    if not _join_ray(settings):
        return 1
    return uvloop.run(_run(settings, credentials, index))


def _join_ray(settings: Settings) -> bool:
    """Join Ray, waiting for it for a while: it may be starting."""
    address = settings.ray_address or f"127.0.0.1:{settings.ray_port}"
    until = time.monotonic() + JOIN_WITHIN_S
    while True:
        try:
            join(address, namespace_of(settings.data_dir, DATA_VERSION))
        except (ConnectionError, RuntimeError) as error:
            if time.monotonic() > until:
                logger.error("Ray cannot be reached at %s: %s", address, error)
                return False
            time.sleep(PAUSE_S)
        else:
            return True


async def _run(settings: Settings, credentials: Credentials, index: int) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ray's own handler would raise inside whatever runs; the web server has to stop before Ray does.
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    connection = await _connect_patiently(settings, credentials, index)
    valkey = connect_valkey(settings.valkey_endpoint, credentials.valkey_password)
    peers = parts(connection)
    try:
        history = HistoryReader(valkey)
        stores = history, ValkeyCounters(valkey), ValkeyListenKeys(valkey), EquityReader(valkey)
        given = _parts(settings, credentials, index=index, connection=connection, peers=peers, stores=stores)
        return await _serve(given, settings, stopped)
    finally:
        await connection.close()
        await valkey.aclose()
        await peers.close()


async def _serve(given: GatewayParts, settings: Settings, stopped: asyncio.Event) -> int:
    """Serve until told to stop (0), or until the journal can no longer be trusted (1)."""
    app = create_app(given)
    server = make_server(
        app,
        given.index,
        graceful_s=int(settings.order_timeout_seconds) + 2,
        certificate=settings.tls_cert,
        key=settings.tls_key,
    )
    serving = asyncio.create_task(server.serve(sockets=[shared_socket(settings.host, settings.gateway_port)]))
    if not await server.is_ready(serving):
        return 1
    # What was made at the start lives as long as the process; full collections would walk over it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    following: asyncio.Task[None] = app.state["following"]
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait((serving, stopping, following), return_when=asyncio.FIRST_COMPLETED)
    if following.done():
        logger.error("the registry can no longer be followed: %s", following.exception())
    stopping.cancel()
    server.should_exit = True
    await serving
    return 0 if stopped.is_set() else 1


def _parts(
    settings: Settings,
    credentials: Credentials,
    *,
    index: int,
    connection: Connection,
    peers: PeerParts,
    stores: tuple[HistoryReader, ValkeyCounters, ValkeyListenKeys, EquityReader],
) -> GatewayParts:
    return GatewayParts(
        shards=peers.shards,
        books=peers.books,
        directory=peers.directory,
        journal=NatsJournal(connection),
        bus=NatsBus(connection),
        history=stores[0],
        counters=stores[1],
        listen_keys=stores[2],
        equity=stores[3],
        streams=StreamLimits(max_connections=settings.max_streams, book_idle_s=settings.book_idle_seconds),
        limits=_limits(settings),
        clock=WallClock(),
        unseal=partial(unseal, seal_key=credentials.seal_key),
        index=index,
        admin_key=credentials.admin_key,
        is_auth_on=settings.auth,
        cash_asset=settings.cash_asset,
        demo_funds=settings.demo_balances,
        command_timeout_s=settings.order_timeout_seconds,
        maker_rate=settings.maker_rate,
        taker_rate=settings.taker_rate,
        max_open_orders=settings.max_open_orders,
    )


def _limits(settings: Settings) -> RateLimits:
    return RateLimits(
        weight_per_minute=settings.limit_weight_per_minute,
        requests_per_5_minutes=settings.limit_requests_per_5_minutes,
        orders_per_10_seconds=settings.limit_orders_per_10_seconds,
        orders_per_day=settings.limit_orders_per_day,
    )


async def _connect_patiently(settings: Settings, credentials: Credentials, index: int) -> Connection:
    """Connect to NATS, waiting for it as long as it takes."""
    while True:
        try:
            return await connect(settings.nats_endpoint, NATS_USER, credentials.nats_password, f"gateway.{index}")
        except JournalUnavailable as failure:
            logger.warning("%s", failure)
            await asyncio.sleep(PAUSE_S)


if __name__ == "__main__":
    sys.exit(main())
