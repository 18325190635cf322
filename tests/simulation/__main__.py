"""Simulate the exchange for some seeds: `python -m tests.simulation --seed 7 --runs 1` replays one."""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from tests.simulation.exchange import Report, simulate


def main() -> int:
    """Run the seeds; return 1 if one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="the first seed; a new one unless given")
    parser.add_argument("--runs", type=int, default=200, help="how many seeds, one after the other (200)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    began = time.monotonic()
    failed = 0
    for number in range(seed, seed + arguments.runs):
        report = simulate(number)
        failed += bool(report.violations)
        _tell(report, is_alone=arguments.runs == 1)
    print(f"{arguments.runs} runs from seed {seed}, {failed} failed, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


def _tell(report: Report, *, is_alone: bool) -> None:
    """Say what a run found: in one line, or everything where it is the only one."""
    if report.violations:
        what = report.violations[0].splitlines()[0][:200]
        print(f"seed {report.seed}: {what} (replay: make sim SEED={report.seed} RUNS=1)", flush=True)
    if is_alone:
        for violation in report.violations:
            print(f"\n{violation}")
        print(" ".join(f"{name}={count}" for name, count in report.counts.items()))
        print(f"journal {report.digest}")


if __name__ == "__main__":
    sys.exit(main())
