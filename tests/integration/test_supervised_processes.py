"""The supervisor with real child processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

DEADLINE_S = 30.0


class Told(NamedTuple):
    part: str
    step: str
    pid: int | None
    seconds: float
    detail: str


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "tests.support.supervised", str(directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.told: list[Told] = []

    def read_until(self, part: str, step: str) -> Told:
        """Return the next notice of this kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(Told(*json.loads(line)))
            if self.told[-1][:2] == (part, step):
                return self.told[-1]
        raise AssertionError(f"{part} was never {step}: {self.told}")

    def finish(self) -> int:
        """Read to the end; return the exit status."""
        output, _ = self.process.communicate(timeout=DEADLINE_S)
        self.told += [Told(*json.loads(line)) for line in output.splitlines()]
        return self.process.returncode

    def pids(self) -> set[int]:
        """Return the ids of all children, and of the grandchild."""
        grandchild = self.directory / "grandchild"
        pids = {told.pid for told in self.told if told.pid is not None and told.step in ("ready", "died", "stopped")}
        return pids | ({int(grandchild.read_text())} if grandchild.exists() else set())


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    running = Supervised(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if is_alive(pid)]}"
        time.sleep(0.01)


def test_a_killed_child_is_told_of_and_replaced(supervised: Supervised) -> None:
    supervised.read_until("last", "ready")
    before = next(told.pid for told in supervised.told if told[:2] == ("first", "ready"))
    assert before is not None
    os.kill(before, signal.SIGKILL)
    died = supervised.read_until("first", "died")
    assert (died.pid, died.seconds, died.detail) == (before, 0.2, "was killed by signal 9")
    after = supervised.read_until("first", "ready").pid
    assert after is not None
    assert after != before
    assert is_alive(after)


def test_a_child_that_died_leaves_no_grandchild_behind(supervised: Supervised) -> None:
    supervised.read_until("last", "ready")
    slow = next(told.pid for told in supervised.told if told[:2] == ("slow", "ready"))
    grandchild = int((supervised.directory / "grandchild").read_text())
    assert slow is not None
    os.kill(slow, signal.SIGKILL)
    supervised.read_until("slow", "ready")
    wait_until_gone({grandchild})


def test_a_terminated_supervisor_stops_its_children_in_order(supervised: Supervised) -> None:
    supervised.read_until("last", "ready")
    supervised.process.terminate()
    assert supervised.finish() == 0
    stopped = [(told.part, told.detail) for told in supervised.told if told.step == "stopped"]
    assert stopped[0] == ("last", "ended with status 0")
    assert sorted(stopped[1:]) == [("first", "ended with status 0"), ("slow", "ended with status 0")]
    wait_until_gone(supervised.pids())


def test_a_killed_supervisor_leaves_no_child(supervised: Supervised) -> None:
    supervised.read_until("last", "ready")
    children = supervised.pids() - {int((supervised.directory / "grandchild").read_text())}
    assert len(children) == 3
    supervised.process.kill()
    supervised.process.communicate()
    wait_until_gone(children)
    grandchild = int((supervised.directory / "grandchild").read_text())
    os.kill(grandchild, signal.SIGKILL)


def test_a_part_that_fails_at_the_first_start_stops_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("")
    supervised = Supervised(tmp_path)
    _, error = "", ""
    with supervised.process:
        assert supervised.process.stdout is not None
        assert supervised.process.stderr is not None
        supervised.told = [Told(*json.loads(line)) for line in supervised.process.stdout]
        error = supervised.process.stderr.read()
    assert supervised.process.returncode == 1
    assert "PartFailed: last ended with status 1" in error
    assert (tmp_path / "last.log").read_text() == "it is broken\n"
    assert {told.part for told in supervised.told if told.step == "stopped"} == {"first", "slow"}
    wait_until_gone(supervised.pids())
