"""Where an actor's process finds the world: settings, secrets and the connections made from them."""

from __future__ import annotations

import logging
import os
import sys
import time
from dataclasses import dataclass
from typing import Final, NoReturn

import ray

from actors.runtime import Departure, Pauses, World
from infra.credentials import NATS_USER, Credentials
from infra.nats.bus import NatsBus
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.nats.snapshots import NatsSnapshots
from infra.ports import JournalUnavailable
from infra.settings import Settings, load_settings
from infra.wall_clock import WallClock

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """What an actor is given when it is created; it travels to whatever node the actor runs on."""

    environment: dict[str, str]
    credentials: Credentials

    def settings(self) -> Settings:
        """Return the settings of the exchange, in this process too."""
        os.environ.update(self.environment)
        return load_settings()


def leave(why: Departure, detail: str) -> NoReturn:
    """End this actor's process at once; Ray starts it again unless another incarnation serves or it sleeps."""
    sys.stderr.write(f"leaving, {why.text}: {detail}\n")
    sys.stderr.flush()
    if not why.is_restarted:
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)
        # Nothing of this process may act any more while Ray ends it.
        time.sleep(5)
    os._exit(1)


async def connect_patiently(settings: Settings, credentials: Credentials, name: str) -> Connection:
    """Connect to NATS, waiting for it as long as it takes."""
    pauses = Pauses(WallClock(), first_s=0.1, longest_s=2.0)
    while True:
        try:
            return await connect(settings.nats_endpoint, NATS_USER, credentials.nats_password, name)
        except JournalUnavailable as failure:
            _log.warning("%s", failure)
            await pauses.wait()


def world_of(connection: Connection, linger_s: float = 0.0) -> World:
    """Return the real world, as seen through one connection; the journal is read with `linger_s`."""
    return World(
        NatsJournal(connection, linger_s=linger_s), NatsBus(connection), NatsSnapshots(connection), WallClock(), leave
    )
