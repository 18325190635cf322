"""The load: a process of its own that keeps clients busy and tells how long their requests took.

Run as `python -m benchmarks.load` with a `Plan` as JSON on standard input; a `Result` comes out. It shares the machine
with the exchange, so it does as little as it can: a request is bytes made beforehand, an answer is read as far as its
length. Nothing is sent on a connection before the answer to what was sent there last.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from functools import partial
from typing import Final, cast

import msgspec
import uvloop

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_OK: Final = b"200"


class Request(msgspec.Struct):
    """What is sent, and what a good answer contains, as often as `times`."""

    method: str
    path: str
    key: str = ""
    body: str = ""
    expected: str = ""
    times: int = 1
    key_header: str = "x-api-key"


class Plan(msgspec.Struct):
    """Whose requests, for how long. Client k begins with request k and goes through all of them again and again.

    `pause_s` is how long a client waits from sending one request to sending the next, at least. `total` (0: no bound)
    ends the run early. What is sent in the first `warm_up_s` is not counted.
    """

    port: int
    clients: int
    requests: list[Request]
    seconds: float
    warm_up_s: float = 0.5
    pause_s: float = 0.0
    total: int = 0


class Result(msgspec.Struct):
    """What came back. `failed` answers were no good, one is the `sample`; `times`, in seconds, are of those counted."""

    times: list[float]
    failed: int
    seconds: float
    sample: str = ""

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return len(self.times) / self.seconds

    @property
    def longest_ms(self) -> float:
        """The longest time of a request."""
        return max(self.times, default=0.0) * 1e3

    def quantile_ms(self, percent: int) -> float:
        """Return the time that so many of a hundred requests did not exceed."""
        return sorted(self.times)[len(self.times) * percent // 100] * 1e3 if self.times else 0.0

    def quantiles(self) -> str:
        """Return the median and the 99th percentile for people."""
        return f"p50 {self.quantile_ms(50):6.2f} ms   p99 {self.quantile_ms(99):6.2f} ms"

    def __add__(self, other: Result) -> Result:
        """Return both as if they were one."""
        seconds = self.seconds + other.seconds
        return Result(self.times + other.times, self.failed + other.failed, seconds, self.sample or other.sample)


class _Run:
    """What all clients of a run share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = [(_encoded(request), request) for request in plan.requests]
        self.began = time.perf_counter()
        self.counted_from = self.began + plan.warm_up_s
        self.ends = self.counted_from + plan.seconds
        self.sent = 0
        self.times: list[float] = []
        self.failed = 0
        self.sample = ""

    def is_over(self, now: float) -> bool:
        return now >= self.ends or bool(self.plan.total and self.sent >= self.plan.total)

    def note(self, request: Request, sent_at: float, now: float, answer: bytes) -> None:
        if sent_at >= self.counted_from:
            self.times.append(now - sent_at)
        good = answer[9:12] == _OK
        if good and request.expected:
            good = answer.count(request.expected.encode()) == request.times
        if not good:
            self.failed += 1
            self.sample = self.sample or answer[:1500].decode(errors="replace")

    def result(self) -> Result:
        counted = max(min(time.perf_counter(), self.ends) - self.counted_from, 1e-9)
        return Result(self.times, self.failed, counted, self.sample)


class _Client(asyncio.Protocol):
    """One keep-alive connection."""

    transport: asyncio.Transport

    def __init__(self, run: _Run, number: int, done: asyncio.Future[None]) -> None:
        self._run = run
        self._next = number
        self._done = done
        self._answer = b""
        self._missing = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop derive from no class of asyncio.
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._run.failed += 1
            self._run.sample = self._run.sample or f"connection lost: {exc}"
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._answer:
            self._answer += data
            self._missing -= len(data)
        else:
            self._answer = data
            self._missing = _length(data) - len(data)
        if self._missing <= 0:
            self._finish()

    def _send(self) -> None:
        run = self._run
        encoded, self._request = run.requests[self._next % len(run.requests)]
        self._next += 1
        run.sent += 1
        self._sent_at = time.perf_counter()
        self.transport.write(encoded)

    def _finish(self) -> None:
        run, now = self._run, time.perf_counter()
        run.note(self._request, self._sent_at, now, self._answer)
        self._answer = b""
        if run.is_over(now):
            self._done.set_result(None)
            self.transport.close()
        elif run.plan.pause_s:
            pause_s = max(self._sent_at + run.plan.pause_s - now, 0.0)
            asyncio.get_running_loop().call_later(pause_s, self._send)
        else:
            self._send()


def _encoded(request: Request) -> bytes:
    lines = [f"{request.method} {request.path} HTTP/1.1", "host: localhost"]
    if request.key:
        lines.append(f"{request.key_header}: {request.key}")
    if request.body:
        lines += ["content-type: application/json", f"content-length: {len(request.body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + request.body).encode()


def _length(data: bytes) -> int:
    """Return the length of an answer whose head is in `data`."""
    head = data.index(_END_OF_HEAD)
    start = data.index(_LENGTH) + len(_LENGTH)
    return head + len(_END_OF_HEAD) + int(data[start : data.index(b"\r\n", start)])


async def _drive(plan: Plan) -> Result:
    run, loop = _Run(plan), asyncio.get_running_loop()
    finished: list[asyncio.Future[None]] = []
    for number in range(plan.clients):
        finished.append(loop.create_future())
        await loop.create_connection(partial(_Client, run, number, finished[-1]), "127.0.0.1", plan.port)
    await asyncio.gather(*finished)
    return run.result()


def begin(plan: Plan) -> subprocess.Popen[bytes]:
    """Start a process that carries out a plan."""
    argv = [sys.executable, "-m", "benchmarks.load"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(plan))
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[bytes]) -> Result:
    """Wait for a process that `begin` has started; return its result. Raises RuntimeError when it failed."""
    assert process.stdout is not None
    with process, process.stdout:
        said = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"the load ended with {process.returncode}")
    return msgspec.json.decode(said, type=Result)


def load(plan: Plan) -> Result:
    """Carry out a plan in a process of its own; return the result."""
    return finish(begin(plan))


def say(result: msgspec.Struct) -> None:
    """Write a result to standard output, whole: where Python is told not to buffer, `sys.stdout` may take a part."""
    with open(sys.stdout.fileno(), "wb", closefd=False) as output:
        output.write(msgspec.json.encode(result))


if __name__ == "__main__":
    say(uvloop.run(_drive(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))))
