"""Rate at which a recording is parsed, and cost of a synthetic tick.

Run `python -m benchmarks.bench_feed [recording]`; without one, the recording in `MOCKX_TEST_DATA` is taken.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import islice, takewhile
from pathlib import Path

from actors.feeds.depth import OutsideDepth
from actors.feeds.replay import ReplaySource
from actors.feeds.source import SECOND_NS, Tick
from actors.feeds.synthetic import SyntheticSource
from mockexchange.messages.codec import encode
from mockexchange.messages.market import DepthSnapshot, FeedMessage
from mockexchange.presets import preset

INSTRUMENTS = {symbol: preset(symbol, feed=True) for symbol in ("BTC/USDT", "ETH/USDT", "SOL/USDT")}
RECORDING = Path(os.environ.get("MOCKX_TEST_DATA", "../shared/data")) / "binance_spot_btcusdt_20240808.gz"


def parse(path: Path) -> None:
    """Parse one pass of a recording."""
    schedule = ReplaySource(path, INSTRUMENTS).schedule()
    began = time.perf_counter()
    ticks = [next(schedule), *takewhile(lambda tick: not isinstance(tick.updates[0], DepthSnapshot), schedule)]
    passed = time.perf_counter() - began
    updates = sum(len(tick.updates) for tick in ticks)
    recorded_s = ticks[-1].at_ns / SECOND_NS
    print(f"replay: {updates / passed:,.0f} updates/s parsed, {passed / recorded_s:.2%} of one core at recorded pace")
    publish("replay", ticks)


def synthesize() -> None:
    """Make five minutes of three synthetic markets."""
    schedule = SyntheticSource(INSTRUMENTS, 1).schedule(1_780_000_000 * SECOND_NS)
    began = time.perf_counter()
    ticks = list(islice(schedule, 7_200))
    passed = time.perf_counter() - began
    print(f"synthetic: {len(ticks) / passed:,.0f} ticks/s made, {passed / len(ticks) * 1e6:.0f} us a tick")
    publish("synthetic", ticks)


def publish(name: str, ticks: list[Tick]) -> None:
    """Mirror and encode what the ticks say, as the feed does before it publishes."""
    depth = OutsideDepth()
    began = time.perf_counter()
    for number, tick in enumerate(ticks):
        for update in tick.updates:
            depth.apply(update)
        encode(FeedMessage(1, number, 0, tick.updates))
    passed = time.perf_counter() - began
    print(f"{name}: {len(ticks) / passed:,.0f} ticks/s mirrored and encoded")


if __name__ == "__main__":
    parse(Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING)
    synthesize()
