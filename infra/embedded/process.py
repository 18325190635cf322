"""Child processes that do not outlive the process that started them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.05
_SHIM: Final = Path(__file__).with_name("die_with_parent.py")


def free_port() -> int:
    """Return a port of this machine that nobody listens on; another program may take it at any time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def bound_to_this_process(argv: Sequence[str], *, is_guarded: bool = False, timer_slack_ns: int = 0) -> list[str]:
    """Return the command line of a program that the kernel kills when the thread that starts it ends.

    A tiny Python program asks for that and then becomes `argv`. Asking between fork and exec, as `preexec_fn` does,
    may deadlock in a process with threads. `is_guarded`: whatever the program has started in its session ends
    with it, too. By `timer_slack_ns` Linux may wake the program later than it asks for, 0 meaning its default of
    50 us; so a program that naps for microseconds again and again naps less often.
    """
    guard = "guarded" if is_guarded else "unguarded"
    return [sys.executable, "-I", "-S", str(_SHIM), str(os.getpid()), guard, str(timer_slack_ns), *argv]


async def spawn(
    argv: Sequence[str],
    log_path: Path,
    env: Mapping[str, str] | None = None,
    *,
    is_guarded: bool = False,
    timer_slack_ns: int = 0,
) -> Process:
    """Start a program in a session of its own, its output appended to `log_path`; return its process.

    It is killed when the calling thread ends, so call this from the thread that lives as long as the process.
    `is_guarded` and `timer_slack_ns` as in `bound_to_this_process`.
    """
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *bound_to_this_process(argv, is_guarded=is_guarded, timer_slack_ns=timer_slack_ns),
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    finally:
        os.close(log)


async def stop(process: Process, grace_s: float) -> int:
    """Ask a spawned program to end, kill its whole session's group after `grace_s`; return its exit status."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), grace_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return await process.wait()


async def wait_until(is_ready: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
    """Ask again and again until the answer is yes. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            if await is_ready():
                return
            await asyncio.sleep(_POLL_S)
