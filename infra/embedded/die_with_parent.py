"""Become another program that the kernel kills when its parent ends.

Run as `python die_with_parent.py <pid of the parent> <guard> <program> <arguments...>`, with the guard `guarded` or
`unguarded`. It imports nothing of the project.
"""

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, then replace this program."""
    parent, guard, program = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if guard == "guarded" and os.getppid() == parent:
            _start_guard(parent)
    # The parent may have ended before the kernel was asked.
    if os.getppid() != parent:
        sys.exit(1)
    try:
        os.execvp(program, sys.argv[3:])  # noqa: S606
    except OSError as error:
        sys.exit(f"cannot run {program}: {error.strerror}")


def _start_guard(parent: int) -> None:
    """Leave a process that kills the whole process group as soon as the program or its parent has ended.

    The kernel's signal reaches the program alone; what it has started would be left behind.
    """
    watched = [os.pidfd_open(parent), os.pidfd_open(os.getpid())]
    if os.fork():
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    select.select(watched, [], [])
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
