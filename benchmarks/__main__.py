"""`python -m benchmarks [--quick] [--minutes N]`: measures a whole exchange on this machine, in one run.

It starts exchanges of its own on free ports, in temporary directories, and leaves nothing behind. `docs/benchmarks.md`
says what the figures mean. The modules `bench_*` beside this one measure single parts and are run one by one.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import bench_dashboard, bench_journal, bench_writer
from benchmarks.exchange import Exchange
from benchmarks.outage import first_order, pauses, recovery
from benchmarks.sizes import journal_size, memory
from benchmarks.table import Table
from benchmarks.trading import Bench, batches, cancel_all, singles
from benchmarks.wire import measure_wire

ACCOUNTS = 4
OPEN_ORDERS = 100_000
MAX_MINUTES = 24 * 60
LIMITS = (
    "limit_weight_per_minute",
    "limit_requests_per_5_minutes",
    "limit_orders_per_10_seconds",
    "limit_orders_per_day",
)
FUNDS = {"USDT": "10000000000", "BTC": "1000000", "ETH": "1000000"}


def main() -> None:
    """Measure everything, or what was asked for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure an exchange on this machine.")
    parser.add_argument("what", nargs="*", metavar="what", help=f"any of {', '.join(MEASURES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a quarter of the time, for a first look")
    parser.add_argument("--shards", type=int, default=1, help="accounts shards (default: %(default)s)")
    parser.add_argument("--gateways", type=int, default=1, help="gateway processes (default: %(default)s)")
    parser.add_argument("--minutes", type=_minutes, help="how long the dashboard is measured (default: 24 seconds)")
    options = parser.parse_args()
    unknown = set(options.what) - MEASURES.keys()
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(MEASURES)}")
    table = Table()
    for name, measure in MEASURES.items():
        if not options.what or name in options.what:
            with tempfile.TemporaryDirectory(prefix="mockx-bench-") as directory:
                measure(Path(directory), table, options)
    table.print()


def measure_trading(directory: Path, table: Table, options: argparse.Namespace) -> None:
    """Measure an exchange with the default settings."""
    table.section(f"Start: {options.shards} accounts shard(s), {options.gateways} gateway process(es)")
    with Exchange(directory, account_shards=options.shards, gateway_processes=options.gateways) as exchange:
        table.add("from nothing to ready", f"{exchange.ready_s:6.1f} s")
        keys = [exchange.create_account(f"bench-{index}", FUNDS) for index in range(ACCOUNTS)]
        bench = Bench(exchange, keys, table, _seconds(options))
        first_order(bench)
        journal_size(bench)
        singles(bench)
        cancel_all(bench)
        batches(bench)
        memory(bench)


def measure_outages(directory: Path, table: Table, options: argparse.Namespace) -> None:
    """Measure an exchange of one symbol, one shard and one account that holds all orders."""
    table.section("Start: one symbol")
    with Exchange(directory, symbols="BTC/USDT") as exchange:
        table.add("from nothing to ready", f"{exchange.ready_s:6.1f} s")
        bench = Bench(exchange, [exchange.create_account("bench", {"USDT": FUNDS["USDT"]})], table, _seconds(options))
        pauses(bench, 4 * bench.seconds)
        recovery(bench, OPEN_ORDERS)


def measure_dialect(directory: Path, table: Table, options: argparse.Namespace) -> None:
    """Measure what bots' own protocol costs, on an exchange without rate limits."""
    table.section("Start: no rate limits")
    with Exchange(directory, **dict.fromkeys(LIMITS, 0)) as exchange:
        table.add("from nothing to ready", f"{exchange.ready_s:6.1f} s")
        measure_wire(exchange, table, _seconds(options))


def measure_writer(directory: Path, table: Table, options: argparse.Namespace) -> None:
    """Measure how fast the history writer builds the read model anew."""
    table.section("The history writer builds the read model anew")
    orders = 20_000 if options.quick else 100_000
    rebuilt = asyncio.run(bench_writer.measure(directory, orders))
    table.add(f"{orders:,} orders", f"{rebuilt.seconds:6.1f} s   {orders / rebuilt.seconds:8,.0f} orders/s")
    table.add("Valkey's memory", f"{rebuilt.bytes / orders:6,.0f} bytes an order")


def measure_journal(directory: Path, table: Table, _options: argparse.Namespace) -> None:
    """Measure what `sync_interval` costs."""
    table.section("Appends of 400 bytes to a journal of its own: the price of sync_interval")
    for interval in ("1s", "always"):
        appends = asyncio.run(bench_journal.appends(directory, interval))
        table.add(f"{interval}, one writer", bench_journal.percentiles(appends.seconds))
        table.add(f"{interval}, {bench_journal.BOOKS} writers at once", f"{appends.rate:8,.0f} records/s")


def measure_dashboard(directory: Path, table: Table, options: argparse.Namespace) -> None:
    """Measure how late an open page shows what happens, and the memory of the dashboard's server."""
    table.section("The dashboard, on an exchange in which nothing else moves")
    settings = bench_dashboard.settings()
    with Exchange(directory, **settings) as exchange:
        seconds = 60 * options.minutes if options.minutes else 4 * _seconds(options)
        asyncio.run(bench_dashboard.measure(exchange, settings, table, seconds))


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes <= MAX_MINUTES:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {MAX_MINUTES}")
    return minutes


def _seconds(options: argparse.Namespace) -> float:
    return 1.5 if options.quick else 6.0


MEASURES: Final[dict[str, Callable[[Path, Table, argparse.Namespace], None]]] = {
    "trading": measure_trading,
    "wire": measure_dialect,
    "outages": measure_outages,
    "writer": measure_writer,
    "journal": measure_journal,
    "dashboard": measure_dashboard,
}

if __name__ == "__main__":
    main()
