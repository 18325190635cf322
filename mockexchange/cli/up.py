"""`mockx up`: runs all parts of an exchange until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from infra.address import address_of, leave_address
from infra.credentials import NATS_USER, credentials_for
from infra.data_directory import locked_data_directory
from infra.http_client import HttpAnswer, NoAnswer, request
from infra.nats.connection import connect
from infra.nats.journal import NatsJournal
from infra.nats_users import NatsUsers
from infra.parts import Exchange, PortUnusable, last_lines
from infra.ports import JournalUnavailable
from infra.problem import Problem
from infra.settings import Settings
from infra.supervisor import PartFailed, Supervisor
from infra.tls import CertificateFiles, check_certificate, own_certificate
from infra.wall_clock import WallClock
from mockexchange.cli.banner import banner
from mockexchange.cli.console import Narrator

HEALTH_TIMEOUT_S: Final = 30.0
PATIENCE_S: Final = 10.0
LINES_SHOWN: Final = 15
STATUS_OF_PROBLEM: Final = 2
"""A part that ends with it has said in its last line what a person must change."""

EXIT_FORCED: Final = 130

_POLL_S: Final = 0.1


def run_up(settings: Settings, console: Console, *, with_tls: bool = False) -> int:
    """Run the exchange until SIGINT or SIGTERM; return 0 once all parts have stopped."""
    with locked_data_directory(settings.data_dir) as was_killed:
        settings = _with_certificate(settings, with_tls)
        leave_address(settings)
        exchange = Exchange(settings, credentials_for(settings))
        exchange.prepare_logs()
        narrator = Narrator(console, exchange.log_path("up"))
        try:
            asyncio.run(_Run(exchange, narrator, was_killed).until_stopped())
        except PartFailed as failure:
            _explain(failure, exchange.log_path(failure.part), narrator)
            raise
        finally:
            narrator.close()
    return 0


def _with_certificate(settings: Settings, with_tls: bool) -> Settings:
    """Return settings whose certificate can be served: a given one, or with `--tls` one that is made here."""
    if settings.tls_cert is None and with_tls:
        files = own_certificate(settings.data_dir, settings.host)
        return settings.model_copy(update={"tls_cert": files.certificate, "tls_key": files.key})
    if settings.tls_cert is not None and settings.tls_key is not None:
        check_certificate(CertificateFiles(settings.tls_cert, settings.tls_key))
    return settings


@dataclass
class _Run:
    """One run, from the first part's start to the last one's end."""

    exchange: Exchange
    narrator: Narrator
    is_after_kill: bool

    async def until_stopped(self) -> None:
        """Start everything, then wait for a signal; stop everything in any case."""
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _stop_or_leave, stopped)
        await self.exchange.check_ports(PATIENCE_S if self.is_after_kill else 0.0)
        supervisor = Supervisor(self.exchange.parts(), WallClock(), self.narrator.hear)
        work = asyncio.create_task(self._work(supervisor))
        stopping = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            self.narrator.settle()
            for task in (work, stopping):
                task.cancel()
            await asyncio.gather(work, stopping, return_exceptions=True)
            await supervisor.stop()
            # Ray's own processes take a moment to follow it; who starts again at once must find the ports free.
            with suppress(PortUnusable):
                await self.exchange.check_ports(PATIENCE_S)

    async def _work(self, supervisor: Supervisor) -> None:
        await supervisor.start()
        duties = [supervisor.watch(), self._announce()]
        if self.exchange.settings.nats_url is None:
            duties.append(self._keep_nats_users())
        await _together(duties)

    async def _announce(self) -> None:
        self.narrator.wait_for("the exchange to be well")
        complaint = await self._become_healthy()
        self.narrator.settle()
        if complaint:
            # What works is of use: trading, say, while an external Valkey is down or a long journal is being read.
            self.narrator.say(f"After {HEALTH_TIMEOUT_S:.0f} s not all is well yet: {complaint}")
        self.narrator.say(banner(self.exchange.settings, self.exchange.credentials))

    async def _become_healthy(self) -> str:
        """Wait until all is well, or for long enough; return what is not."""
        url, certificate = address_of(self.exchange.settings)
        ask = partial(request, "GET", f"{url}/health", timeout_s=3.0, certificate=certificate)
        deadline = asyncio.get_running_loop().time() + HEALTH_TIMEOUT_S
        complaint = "the gateway does not answer"
        while complaint and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_S)
            with suppress(NoAnswer):
                complaint = _complaint_of(await asyncio.to_thread(ask))
        return complaint

    async def _keep_nats_users(self) -> None:
        config = self.exchange.nats_config
        users = NatsUsers(config, self.exchange.credentials.seal_key, self.exchange.reload_nats_users)
        while True:
            with suppress(JournalUnavailable):
                connection = await connect(config.url, NATS_USER, config.password, "up")
                try:
                    await users.follow(NatsJournal(connection))
                finally:
                    await connection.close()


async def _together(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run coroutines until all have ended or one has failed; none is left running."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _complaint_of(health: HttpAnswer) -> str:
    """Say in one line what /health finds wrong; nothing when all is well."""
    if health.status == 200:
        return ""
    if not isinstance(health.body, dict) or not health.body.get("failing"):
        return f"/health answers {health.status}"
    parts = health.body.get("parts", {})
    return ", ".join(f"{name} {parts.get(name, '')}" for name in health.body["failing"])


def _stop_or_leave(stopped: asyncio.Event) -> None:
    """Ask for an orderly stop; at the second signal leave at once, and the kernel ends the children."""
    if stopped.is_set():
        os._exit(EXIT_FORCED)
    stopped.set()


def _explain(failure: PartFailed, log: Path, narrator: Narrator) -> None:
    """Say why a part did not come up: in its own words where a person can mend it, else with the end of its log."""
    lines = last_lines(log, LINES_SHOWN)
    if failure.ending.status == STATUS_OF_PROBLEM and lines:
        raise Problem(lines[-1]) from failure
    narrator.say("\n".join([f"the end of {log}:", *(f"  {line}" for line in lines)]))
