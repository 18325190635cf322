"""Starts or joins Ray, creates the directory actor and stays for as long as Ray lives.

`python -m actors.host` reads its settings from the environment, says `ready` on standard output once the directory
serves, and exits with 1 when Ray or the directory cannot go on; a supervisor starts it again, and all actors recover
from the journal.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

from actors.fleet import DIRECTORY, Missing
from actors.hosted import ACTORS
from actors.ray_fleet import RayFleet
from actors.site import Site
from infra.credentials import credentials_for
from infra.data_directory import DATA_VERSION
from infra.embedded.process import spawn
from infra.ports import PeerLost
from infra.ray_client import join, namespace_of, prepare_environment
from infra.settings import Settings, load_settings

OBJECT_STORE_BYTES: Final = 128 * 1024 * 1024
JOIN_TRIES: Final = 240
JOIN_PAUSE_S: Final = 0.25
WATCH_S: Final = 0.5
STATUS_TIMEOUT_S: Final = 5.0
MAX_SILENCES: Final = 6


def ray_command(settings: Settings) -> list[str]:
    """Return the command line of a local Ray head, which ends with its parent."""
    ray = Path(sys.executable).with_name("ray")
    return [
        str(ray),
        "start",
        "--head",
        "--block",
        f"--port={settings.ray_port}",
        # Workers take any free port: a range of their own would collide with the ports of the settings.
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--node-ip-address=127.0.0.1",
        "--include-dashboard=false",
        "--include-log-monitor=false",
        "--no-monitor",
        # Any free ports: a fixed range could contain the one above.
        "--min-worker-port=0",
        "--max-worker-port=0",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--temp-dir={ray_directory(settings)}",
        "--disable-usage-stats",
    ]


def ray_directory(settings: Settings) -> Path:
    """Return where a local Ray keeps its sessions: a short path, since its sockets' names are bounded."""
    directory = settings.data_dir / "ray"
    if len(str(directory)) < 40:
        return directory
    return Path("/tmp") / namespace_of(settings.data_dir, DATA_VERSION)  # noqa: S108


def _put_aside(directory: Path) -> None:
    """Keep the session before, for the logs of its actors, and forget the one before that."""
    previous = directory.with_suffix(".previous")
    shutil.rmtree(previous, ignore_errors=True)
    if directory.exists():
        directory.rename(previous)


async def host(settings: Settings) -> int:
    """Run until told to stop (0) or until Ray or the directory is beyond repair (1)."""
    credentials = credentials_for(settings)
    prepare_environment(credentials.ray_token)
    head = None
    if settings.ray_address is None:
        _put_aside(ray_directory(settings))
        head = await spawn(ray_command(settings), settings.data_dir / "logs" / "ray.log", is_guarded=True)
    address = settings.ray_address or f"127.0.0.1:{settings.ray_port}"
    if not await _join(address, namespace_of(settings.data_dir, DATA_VERSION), head):
        sys.stderr.write(f"Ray cannot be reached at {address}\n")
        return 1
    fleet = RayFleet(Site(settings.to_environment(), credentials), ACTORS)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return await _watch(fleet, head, stopped)


async def _join(address: str, namespace: str, head: asyncio.subprocess.Process | None) -> bool:
    """Join Ray once it listens; return whether that worked."""
    ip, _, port = address.rpartition(":")
    for _ in range(JOIN_TRIES):
        if head is not None and head.returncode is not None:
            return False
        try:
            # Ray itself waits very long for an address where nobody listens.
            _, writer = await asyncio.open_connection(ip, int(port))
            writer.close()
            await asyncio.to_thread(join, address, namespace)
        except (OSError, RuntimeError):
            await asyncio.sleep(JOIN_PAUSE_S)
        else:
            return True
    return False


async def _watch(fleet: RayFleet, head: asyncio.subprocess.Process | None, stopped: asyncio.Event) -> int:
    is_ready = False
    silences = 0
    while not stopped.is_set():
        if head is not None and head.returncode is not None:
            sys.stderr.write(f"Ray ended with {head.returncode}\n")
            return 1
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                status = await fleet.status(DIRECTORY)
            silences = 0
        except Missing:
            await fleet.ensure(DIRECTORY)
            continue
        except (PeerLost, TimeoutError):
            silences += 1
            if silences > MAX_SILENCES:
                sys.stderr.write("the directory does not answer\n")
                return 1
            status = {}
        if "failure" in status:
            sys.stderr.write(f"{status['failure']}\n")
            return 2
        if not is_ready and status.get("state") == "serving":
            is_ready = True
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        try:
            async with asyncio.timeout(WATCH_S):
                await stopped.wait()
        except TimeoutError:
            continue
    return 0


def main() -> None:
    """Run the host; it never returns."""
    code = asyncio.run(host(load_settings()))
    sys.stdout.flush()
    # Ray's own shutdown waits for servers that may be gone; its processes end with this one.
    os._exit(code)


if __name__ == "__main__":
    main()
