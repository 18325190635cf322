"""A supervisor of three small programs: `python -m tests.support.supervised <directory>`.

Prints each notice as a line of JSON, with the process ids. `slow` needs a while to stop and starts a child of its own;
a file `<directory>/broken` lets `last` end as soon as it starts.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from functools import partial
from pathlib import Path

from infra.embedded.process import spawn, wait_until
from infra.parts import Spawned
from infra.supervisor import Notice, Part, Supervisor
from infra.wall_clock import WallClock

PROGRAM = """
import pathlib, signal, subprocess, sys, threading
name, directory = sys.argv[1], pathlib.Path(sys.argv[2])
if name == "last" and (directory / "broken").exists():
    sys.exit("it is broken")
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
if name == "slow":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (directory / "grandchild").write_text(str(child.pid))
(directory / f"{name}.ready").write_text("")
stopped.wait()
"""


def part(name: str, directory: Path, pids: dict[str, int], needs: tuple[str, ...] = ()) -> Part:
    ready = directory / f"{name}.ready"

    async def launch() -> Spawned:
        ready.unlink(missing_ok=True)
        process = await spawn([sys.executable, "-c", PROGRAM, name, str(directory)], directory / f"{name}.log")
        pids[name] = process.pid
        return Spawned(process)

    async def is_there() -> bool:
        return ready.exists()

    return Part(name, launch, partial(wait_until, is_there, 600.0), needs, stop_grace_s=5.0)


async def main(directory: Path) -> None:
    pids: dict[str, int] = {}

    def tell(notice: Notice) -> None:
        step = notice.step.value
        print(json.dumps([notice.part, step, pids.get(notice.part), notice.seconds, notice.detail]), flush=True)

    parts = [
        part("first", directory, pids),
        part("slow", directory, pids),
        part("last", directory, pids, ("first", "slow")),
    ]
    supervisor = Supervisor(parts, WallClock(), tell)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    try:
        await supervisor.start()
        await stopped.wait()
    finally:
        await supervisor.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
