"""One call of one process to another, over NATS as gateway, shards and books make it, and through Ray, in one run.

Run `python -m benchmarks.bench_calls`. The payload goes there and back; processor time is that of both sides together,
without the servers between them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import ray
import uvloop

from benchmarks.bench_journal import connected, percentiles, running_server
from infra.embedded.nats_server import NatsServerConfig
from infra.nats.calls import Caller, serve_calls
from infra.ray_client import prepare_environment

PAYLOAD: Final = bytes(2_000)
WARM_UP: Final = 200
CALLS: Final = 2_000

Call = Callable[[bytes], Awaitable[bytes]]


def main() -> None:
    """Measure both ways, and print a line of each."""
    with tempfile.TemporaryDirectory(prefix="mockx-bench-") as directory:
        uvloop.run(measure_nats(Path(directory)))
    prepare_environment("")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    uvloop.run(measure_ray())
    ray.shutdown()


async def measure_nats(directory: Path) -> None:
    """Call a peer over a server of its own."""
    async with running_server(directory, "1s") as config, connected(config) as connection:
        here, there = multiprocessing.get_context("spawn").Pipe()
        peer = multiprocessing.get_context("spawn").Process(target=_serve, args=(config, there), daemon=True)
        peer.start()
        address = await asyncio.to_thread(here.recv)
        caller = Caller(connection)

        async def used() -> float:
            return float(await caller.call(address, "used", b""))

        await _measure("over NATS", lambda payload: caller.call(address, "echo", payload), used)
        peer.terminate()
        peer.join()


async def measure_ray() -> None:
    """Call an actor."""
    actor: Any = ray.remote(num_cpus=0)(Echo).remote()

    async def used() -> float:
        seconds: float = await actor.used.remote()
        return seconds

    await _measure("through Ray", actor.echo.remote, used)


class Echo:
    """An actor that gives back what it is given."""

    async def echo(self, payload: bytes) -> bytes:
        """Return the payload."""
        return payload

    async def used(self) -> float:
        """Return the processor time of this process, in seconds."""
        return _used()


def _serve(config: NatsServerConfig, there: Any) -> None:
    uvloop.run(_answer(config, there))


async def _answer(config: NatsServerConfig, there: Any) -> None:
    async def echo(payload: bytes) -> bytes:
        return payload

    async def used(_: bytes) -> bytes:
        return str(_used()).encode()

    async with connected(config) as connection:
        there.send(await serve_calls(connection, "echo", {"echo": echo, "used": used}))
        await asyncio.Event().wait()


async def _measure(name: str, call: Call, used_there: Callable[[], Awaitable[float]]) -> None:
    for _ in range(WARM_UP):
        await call(PAYLOAD)
    times, before = [], _used() + await used_there()
    for _ in range(CALLS):
        began = time.perf_counter()
        await call(PAYLOAD)
        times.append(time.perf_counter() - began)
    spent = _used() + await used_there() - before
    print(f"{name:<12} {percentiles(times)}   {spent / CALLS * 1e3:.3f} ms of processor time a call")


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
