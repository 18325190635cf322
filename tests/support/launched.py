"""An exchange that a test runs and breaks: `mockx up`, whom its processes are, and the way into its journal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp

from infra.credentials import FILE_NAME, NATS_USER, Credentials, read_credentials
from infra.http_client import HttpAnswer
from infra.nats.bus import NatsBus
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.ports import JournalMessage
from tests.support.eventually import eventually
from tests.support.running_exchange import RunningExchange

PATIENCE_S = 120.0
"""A generous bound: it is reached on a machine that does much else, and when something is broken."""

GATEWAY_HEADER = "x-mockx-gateway"
PROGRAMS = {
    "directory": "ray::DirectoryActor",
    "gateway": "-m gateway 1",
    "nats-server": "/nats-server",
    "valkey-server": "/valkey-server",
    "gcs": "gcs_server",
}
"""How the command lines of those parts look that say nothing of themselves in the directory's heartbeat."""


class LaunchedExchange(RunningExchange):
    """A running exchange seen from inside: process ids, keys and journal."""

    @property
    def credentials(self) -> Credentials:
        return read_credentials(self.data_dir / FILE_NAME)

    @property
    def gateways(self) -> int:
        return int(self.variables.get("MOCKX_GATEWAY_PROCESSES", "1"))

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def revive(self) -> None:
        """Start it again if it has ended."""
        if not self.is_running:
            self.start()

    @property
    def nats_url(self) -> str:
        """Where NATS is, with the login if it is a server of the test's own."""
        return self.variables.get("MOCKX_NATS_URL", f"nats://127.0.0.1:{self.variables['MOCKX_NATS_PORT']}")

    def administer(self, method: str, path: str, body: object = None) -> Any:
        """Ask as the administrator, again while that is not available; return the body of an answer that is a success.

        What was done although the answer did not say so is done twice, or refused where it cannot be.
        """
        until = time.monotonic() + PATIENCE_S
        while True:
            answer: HttpAnswer = self.ask(method, path, body, self.credentials.admin_key)
            if answer.status != 503 or time.monotonic() > until:
                break
            time.sleep(0.1)
        assert answer.status in {200, 201}, answer
        return answer.body

    def family(self) -> dict[int, str]:
        """Return `mockx up` and all that descends from it: process ids and command lines."""
        parents, commands = {}, {}
        for directory in Path("/proc").iterdir():
            if directory.name.isdecimal():
                with contextlib.suppress(OSError):
                    commands[int(directory.name)] = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
                    if state not in "ZX":
                        parents[int(directory.name)] = int(parent)
        family = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return {pid: commands[pid] for pid in family if pid in commands}

    def kill_everything(self) -> None:
        """Kill -9 all processes at once: all are stopped first, so that none can start another."""
        family: set[int] = set()
        for signal_number in (signal.SIGSTOP, signal.SIGSTOP, signal.SIGKILL):
            family |= self.family().keys()
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal_number)
        self._end()

    @contextlib.asynccontextmanager
    async def nats(self) -> AsyncIterator[Connection]:
        """Connect as the exchange's own parts do."""
        password = "" if "MOCKX_NATS_URL" in self.variables else self.credentials.nats_password
        connection = await connect(self.nats_url, NATS_USER, password, "test")
        try:
            yield connection
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[Watch]:
        """Watch the processes."""
        async with self.nats() as connection:
            watch = Watch(self)
            stop = await NatsBus(connection).subscribe("system.directory", watch.hear)
            try:
                yield watch
            finally:
                await stop()

    @contextlib.asynccontextmanager
    async def each_gateway(self) -> AsyncIterator[list[aiohttp.ClientSession]]:
        """Open a session to each gateway process; it keeps to that one as long as its connection lasts."""
        found: dict[str, aiohttp.ClientSession] = {}
        async with contextlib.AsyncExitStack() as stack:
            while len(found) < self.gateways:
                connector = aiohttp.TCPConnector(limit=1)
                session = await stack.enter_async_context(aiohttp.ClientSession(self.url, connector=connector))
                async with session.get("/health/live") as answer:
                    await answer.read()
                    found.setdefault(answer.headers[GATEWAY_HEADER], session)
            yield list(found.values())

    async def restart(self) -> None:
        """Press Ctrl-C, see all of it go, and start it again on the same data."""
        assert await asyncio.to_thread(self.stop) == 0
        await asyncio.to_thread(self.wait_until_gone)
        await asyncio.to_thread(self.start)

    async def wait_until_well(self, session: aiohttp.ClientSession) -> None:
        """Wait until every gateway process says that all is well."""
        well: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(well) < self.gateways:
                gateway, answer = await self._health(session)
                well = well | {gateway} if answer == 200 else set()
                await asyncio.sleep(0.05)

    async def _health(self, session: aiohttp.ClientSession) -> tuple[str, int]:
        try:
            # A new connection each time may reach another process.
            async with session.get(f"{self.url}/health", headers={"Connection": "close"}) as answer:
                return answer.headers[GATEWAY_HEADER], answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return "", 0


class Watch:
    """The process ids of an exchange's parts, as the directory last said and the system says."""

    def __init__(self, exchange: LaunchedExchange) -> None:
        self._exchange = exchange
        self._parts: dict[str, dict[str, Any]] = {}

    def hear(self, _subject: str, payload: bytes) -> None:
        self._parts = json.loads(payload)["parts"]

    def pid(self, part: str) -> int | None:
        """Return the process id of a part that runs now: `book.BTC-USDT`, `accounts.0`, `gateway` and so on."""
        family = self._exchange.family()
        if part in PROGRAMS:
            return next((pid for pid, command in family.items() if PROGRAMS[part] in command), None)
        pid = self._parts.get(part, {}).get("pid")
        return pid if pid in family else None

    async def running(self, part: str, unlike: int | None = None) -> int:
        """Return the process id of a part once it runs, in another process than before if one is named."""
        # Asked once for each look: a process that is about to run its program has no command line for a moment.
        found = [0]

        def is_there() -> bool:
            found[0] = self.pid(part) or 0
            return found[0] not in (0, unlike)

        await eventually(is_there, PATIENCE_S)
        return found[0]


async def read_journal(connection: Connection, end: int = 0) -> list[JournalMessage]:
    """Return the whole journal up to its end, or up to an earlier record."""
    journal = NatsJournal(connection)
    end = end or await journal.end()
    messages: list[JournalMessage] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(journal.read(["journal.>"], 1)) as batches:
        async for batch in batches:
            messages += [message for message in batch if message.sequence <= end]
            if batch[-1].sequence >= end:
                return messages
    raise AssertionError("the journal ended")


async def repeatedly(condition: Callable[[], bool]) -> None:
    """Wait for a condition with this module's patience."""
    await eventually(condition, PATIENCE_S)
