"""How much memory a process uses."""

from __future__ import annotations

import os


def resident_bytes() -> int:
    """Return what this process keeps in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
