"""The parts of an exchange on one machine: which processes run, in what order, and when each is ready."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from infra.credentials import Credentials, ray_environment
from infra.embedded import nats_server, valkey_server
from infra.embedded.nats_server import NatsServerConfig
from infra.embedded.process import spawn, stop
from infra.embedded.valkey_server import ValkeyServerConfig
from infra.http_client import NoAnswer, request
from infra.problem import Problem
from infra.settings import Settings
from infra.supervisor import Child, Part

NATS: Final = "nats-server"
VALKEY: Final = "valkey-server"
HOST: Final = "actors"
DASHBOARD: Final = "dashboard"
LOG_BYTES: Final = 10_000_000
READY_LINE: Final = b"ready\n"

_A_LONG_TIME_S: Final = 3600.0
_POLL_S: Final = 0.05


class PortUnusable(Problem):
    """A port that cannot be listened on."""


@dataclass(frozen=True)
class Spawned:
    """A child process, with whatever it has started in its session."""

    process: Process

    async def wait(self) -> int:
        """Return its exit status once it has ended."""
        return await self.process.wait()

    async def stop(self, grace_s: float) -> int:
        """Ask it to end, force it to after `grace_s`; nothing of its process group is left."""
        status = await stop(self.process, grace_s)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return status


@dataclass
class Exchange:
    """All parts of one exchange, as its settings ask for them."""

    settings: Settings
    credentials: Credentials
    _running: dict[str, Process] = field(default_factory=dict)
    _log_starts: dict[str, int] = field(default_factory=dict)

    @property
    def nats_config(self) -> NatsServerConfig:
        """What the embedded NATS server is told."""
        return nats_config(self.settings, self.credentials)

    def parts(self) -> list[Part]:
        """Return the parts, each after those that it needs."""
        servers = []
        if self.settings.nats_url is None:
            servers.append(self._nats())
        if self.settings.valkey_url is None:
            servers.append(self._valkey())
        needs = tuple(part.name for part in servers)
        gateways = [self._gateway(number) for number in range(1, self.settings.gateway_processes + 1)]
        dashboard = [self._dashboard()] if self.settings.dashboard else []
        return [*servers, self._host(needs), *gateways, *dashboard]

    def log_path(self, name: str) -> Path:
        """Return where a part's output goes."""
        return self.settings.data_dir / "logs" / f"{name}.log"

    def prepare_logs(self) -> None:
        """Make the folder of logs; put aside what has grown large."""
        folder = self.settings.data_dir / "logs"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in folder.glob("*.log"):
            if path.stat().st_size > LOG_BYTES:
                path.replace(path.with_suffix(".log.1"))

    async def check_ports(self, patience_s: float) -> None:
        """Raise PortUnusable unless all ports can be had within some time."""
        deadline = asyncio.get_running_loop().time() + patience_s
        for name, host, port in self._ports():
            while not _is_free(name, host, port):
                if asyncio.get_running_loop().time() > deadline:
                    raise PortUnusable(
                        f"{name} is {port}, which another program uses on {host}: stop that, or set {name} to another"
                    )
                await asyncio.sleep(_POLL_S)

    def reload_nats_users(self) -> None:
        """Have the embedded NATS server read its users again, if it runs."""
        process = self._running.get(NATS)
        if process is not None and process.returncode is None:
            nats_server.reload_users(process.pid)

    def _ports(self) -> list[tuple[str, str, int]]:
        settings = self.settings
        ports = [("MOCKX_GATEWAY_PORT", settings.host, settings.gateway_port)]
        if settings.dashboard:
            ports.append(("MOCKX_DASHBOARD_PORT", settings.host, settings.dashboard_port))
        if settings.nats_url is None:
            ports.append(("MOCKX_NATS_PORT", settings.host, settings.nats_port))
        if settings.valkey_url is None:
            ports.append(("MOCKX_VALKEY_PORT", "127.0.0.1", settings.valkey_port))
        if settings.ray_address is None:
            ports.append(("MOCKX_RAY_PORT", "127.0.0.1", settings.ray_port))
        return ports

    def _nats(self) -> Part:
        config = self.nats_config
        return Part(
            NATS,
            partial(
                self._launch,
                NATS,
                lambda: nats_server.prepare(config),
                nats_server.environment(),
                timer_slack_ns=nats_server.TIMER_SLACK_NS,
            ),
            partial(nats_server.wait_ready, config, _A_LONG_TIME_S),
        )

    def _valkey(self) -> Part:
        config = valkey_config(self.settings, self.credentials)
        return Part(
            VALKEY,
            partial(self._launch, VALKEY, lambda: valkey_server.prepare(config)),
            partial(valkey_server.wait_ready, config, _A_LONG_TIME_S),
        )

    def _host(self, needs: tuple[str, ...]) -> Part:
        # Recovery folds a journal of any length, so this part alone has a long time to become ready.
        return Part(
            HOST,
            partial(self._launch, HOST, lambda: [sys.executable, "-m", "actors.host"]),
            partial(self._wait_for_ready_line, HOST),
            needs,
            ready_timeout_s=300.0,
            stop_grace_s=20.0,
        )

    def _gateway(self, number: int) -> Part:
        name = f"gateway-{number}"
        return Part(
            name,
            partial(self._launch, name, lambda: [sys.executable, "-m", "gateway", str(number)]),
            # All gateways share the port, so that this is a sign of life of any of them.
            partial(_wait_until_it_answers, f"{self.settings.gateway_url}/health/live", self.settings.tls_cert),
            needs=(HOST,),
            follows=HOST,
            # Requests under way are answered first.
            stop_grace_s=self.settings.order_timeout_seconds + 5.0,
        )

    def _dashboard(self) -> Part:
        return Part(
            DASHBOARD,
            partial(self._launch, DASHBOARD, lambda: [sys.executable, "-m", "dashboard"]),
            partial(_wait_until_it_answers, f"{self.settings.dashboard_url}/sign-in", self.settings.tls_cert),
            needs=(HOST,),
        )

    async def _launch(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        extra: Mapping[str, str] | None = None,
        *,
        timer_slack_ns: int = 0,
    ) -> Child:
        environment = {key: value for key, value in os.environ.items() if not key.upper().startswith("MOCKX_")}
        environment |= self.settings.to_environment() | ray_environment(self.credentials.ray_token) | dict(extra or {})
        path = self.log_path(name)
        self._log_starts[name] = path.stat().st_size if path.exists() else 0
        process = await spawn(command(), path, environment, timer_slack_ns=timer_slack_ns)
        self._running[name] = process
        return Spawned(process)

    async def _wait_for_ready_line(self, name: str) -> None:
        """Wait until a part has written, since its last launch, that it is ready."""
        while True:
            with self.log_path(name).open("rb") as log:
                log.seek(self._log_starts[name])
                if READY_LINE in log:
                    return
            await asyncio.sleep(_POLL_S)


def nats_config(settings: Settings, credentials: Credentials) -> NatsServerConfig:
    """Return what the embedded NATS server of these settings is told."""
    return NatsServerConfig(
        settings.data_dir / "nats",
        settings.nats_port,
        credentials.nats_password,
        settings.journal_sync_interval,
        host=settings.host,
    )


def valkey_config(settings: Settings, credentials: Credentials) -> ValkeyServerConfig:
    """Return what the embedded Valkey server of these settings is told."""
    return ValkeyServerConfig(settings.data_dir / "valkey", settings.valkey_port, credentials.valkey_password)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a log."""
    if not path.exists():
        return []
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 20_000))
        return log.read().decode(errors="replace").splitlines()[-count:]


async def _wait_until_it_answers(url: str, certificate: Path | None) -> None:
    while True:
        with suppress(NoAnswer):
            answer = await asyncio.to_thread(request, "GET", url, timeout_s=2.0, certificate=certificate)
            if answer.status == 200:
                return
        await asyncio.sleep(_POLL_S)


def _is_free(name: str, host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError as error:
        raise PortUnusable(f"{name} is {port}, which needs more rights: set it to a port above 1023") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise PortUnusable(f"MOCKX_HOST is {host!r}, which is no address of this machine: set it to one") from error
    return True
