"""Real servers for tests, on free ports and in temporary directories.

`nats_server` and `valkey_server` are shared by a whole run: leave them running and use names of your own in them.
`clean_nats_server` and `clean_valkey_server` belong to one test, which may kill, pause and restart them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from valkey.asyncio import Valkey

from infra.embedded import nats_server as nats_program
from infra.embedded import valkey_server as valkey_program
from infra.embedded.nats_server import INTERNAL_USER, NatsServerConfig
from infra.embedded.process import bound_to_this_process, free_port
from infra.embedded.valkey_server import ValkeyServerConfig
from infra.nats.connection import Connection, connect
from infra.nats.snapshots import ensure_snapshots
from infra.nats.stream import ensure_stream
from infra.valkey_client import connect_valkey

READY_TIMEOUT_S = 20.0
_S = TypeVar("_S", "NatsServer", "ValkeyServer")


class Server:
    """A server that a test may kill, pause and start again on the same store."""

    def __init__(self, argv: list[str], log_path: Path) -> None:
        self._argv = argv
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(bound_to_this_process(self._argv), stdout=log, stderr=log)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop it as a hung machine would: connections stay open and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._is_stopped():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def _is_stopped(self) -> bool:
        states = [
            path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{self.pid}/task").glob("*/stat")
        ]
        return set(states) <= {"T", "t"}

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class NatsServer(Server):
    def __init__(self, directory: Path, sync_interval: str = "1s", max_store_bytes: int | None = None) -> None:
        self.config = NatsServerConfig(directory / "nats", free_port(), "internal", sync_interval, max_store_bytes)
        super().__init__(nats_program.prepare(self.config), directory / "nats.log")

    @property
    def url(self) -> str:
        return self.config.url

    async def wait_ready(self) -> None:
        await nats_program.wait_ready(self.config, READY_TIMEOUT_S)

    async def restart(self) -> None:
        """Kill -9 and start again on the same store."""
        self.kill()
        self.start()
        await self.wait_ready()

    @contextlib.asynccontextmanager
    async def connection(self, name: str = "test") -> AsyncIterator[Connection]:
        """Connect as the internal user."""
        connection = await connect(self.url, INTERNAL_USER, self.config.password, name)
        try:
            yield connection
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def with_stores(self, name: str = "test") -> AsyncIterator[Connection]:
        """Connect, and make the journal's stream and the place for snapshots."""
        async with self.connection(name) as connection:
            await ensure_stream(connection)
            await ensure_snapshots(connection)
            yield connection


class ValkeyServer(Server):
    def __init__(self, directory: Path) -> None:
        self.config = ValkeyServerConfig(directory / "valkey", free_port(), "internal")
        super().__init__(valkey_program.prepare(self.config), directory / "valkey.log")

    @property
    def url(self) -> str:
        return self.config.url

    async def wait_ready(self) -> None:
        await valkey_program.wait_ready(self.config, READY_TIMEOUT_S)

    async def restart(self) -> None:
        """Kill -9 and start again on the same store."""
        self.kill()
        self.start()
        await self.wait_ready()

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Valkey]:
        client = connect_valkey(self.url, self.config.password)
        try:
            yield client
        finally:
            await client.aclose()


@contextlib.contextmanager
def _running(server: _S) -> Iterator[_S]:
    server.start()
    try:
        asyncio.run(server.wait_ready())
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests, marked `anyio`, run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with _running(NatsServer(tmp_path_factory.mktemp("nats"))) as server:
        yield server


@pytest.fixture
def clean_nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    with _running(NatsServer(tmp_path)) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with _running(ValkeyServer(tmp_path_factory.mktemp("valkey"))) as server:
        yield server


@pytest.fixture
def clean_valkey_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    with _running(ValkeyServer(tmp_path)) as server:
        yield server
