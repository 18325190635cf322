"""What a run has measured, as a table that grows while it is measured."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

WIDTH = 52


class Row(NamedTuple):
    """A figure, and whether it reaches its target where it has one."""

    name: str
    figure: str
    target: str = ""
    is_reached: bool = True


class Table:
    """Prints each figure at once, with the time and the machine's load, and all of them at the end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._sections: list[tuple[str, list[Row]]] = []

    def section(self, title: str) -> None:
        """Begin a part of the table."""
        self._sections.append((title, []))
        print(f"[{time.monotonic() - self._began:4.0f} s, load {os.getloadavg()[0]:.1f}] {title}", flush=True)

    def add(self, name: str, figure: str, target: str = "", *, is_reached: bool = True) -> None:
        """Add a figure."""
        row = Row(name, figure, target, is_reached)
        self._sections[-1][1].append(row)
        print(f"    {_line(row)}", flush=True)

    def print(self) -> None:
        """Print the whole table."""
        print(f"\n{os.cpu_count()} processors, {time.monotonic() - self._began:.0f} s, load {os.getloadavg()[0]:.1f}")
        for title, rows in self._sections:
            print(f"\n{title}")
            for row in rows:
                print(f"  {_line(row)}")


def _line(row: Row) -> str:
    verdict = f"   target {row.target}{'' if row.is_reached else ': MISSED'}" if row.target else ""
    return f"{row.name:<{WIDTH}} {row.figure}{verdict}"
