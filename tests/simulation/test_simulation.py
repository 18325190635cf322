"""The whole exchange under faults: 200 seeds that stay the same, and a new one each time."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest

from tests.simulation.exchange import simulate
from tests.simulation.faults import CALM

SEEDS = 200


def check(seed: int) -> None:
    report = simulate(seed)
    problems = "\n".join(report.violations[:5])
    assert not report.violations, f"replay it: make sim SEED={seed} RUNS=1\n{problems}"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_exchange_keeps_its_promises_whatever_fails(seed: int) -> None:
    check(seed)


def test_the_exchange_keeps_its_promises_with_a_new_seed() -> None:
    check(secrets.randbelow(2**31) + SEEDS)


def test_without_faults_nothing_is_refused_for_them() -> None:
    report = simulate("calm", rates=CALM)
    assert not report.violations
    assert report.counts["deaths"] == report.counts["zombies"] == 0
    assert report.counts["unknown_append"] == report.counts["not_appended"] == 0


def test_the_same_seed_gives_the_same_journal_byte_by_byte() -> None:
    for seed in (3, 12):
        assert simulate(seed).digest == simulate(seed).digest
    assert simulate(3).digest != simulate(12).digest


def test_the_same_seed_gives_the_same_journal_in_every_process() -> None:
    outputs = set()
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.simulation", "--seed", "8", "--runs", "1"]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        outputs.add(next(line for line in done.stdout.splitlines() if line.startswith("journal ")))
    assert outputs == {f"journal {simulate(8).digest}"}
