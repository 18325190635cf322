"""Become another program that the kernel kills when its parent ends.

Run as `python die_with_parent.py <pid of the parent> <guard> <timer slack> <program> <arguments...>`, with the guard
`guarded` or `unguarded` and the timer slack in nanoseconds, 0 for the kernel's default. It imports nothing of the
project.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29
_PAUSE_S = 0.01


def main() -> None:
    """Ask the kernel for the signal, then replace this program."""
    parent, guard, timer_slack_ns, program = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(timer_slack_ns))
        if guard == "guarded" and os.getppid() == parent:
            _start_guard(parent)
    # The parent may have ended before the kernel was asked.
    if os.getppid() != parent:
        sys.exit(1)
    try:
        os.execvp(program, sys.argv[4:])  # noqa: S606
    except OSError as error:
        sys.exit(f"cannot run {program}: {error.strerror}")


def _start_guard(parent: int) -> None:
    """Leave a process that kills the whole session as soon as the program or its parent has ended.

    The kernel's signal reaches the program alone; what it has started would be left behind.
    """
    watched = [os.pidfd_open(parent), os.pidfd_open(os.getpid())]
    if os.fork():
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    select.select(watched, [], [])
    while others := _others_of_session():
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)
    os._exit(0)


def _others_of_session() -> list[int]:
    """Return the processes of this one's session that have not ended."""
    session = str(os.getsid(0))
    others = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, _, _, its_session = file.read().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if its_session == session and state not in "ZX" and int(name) != os.getpid():
            others.append(int(name))
    return others


if __name__ == "__main__":
    main()
