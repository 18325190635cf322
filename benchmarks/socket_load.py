"""Load over WebSockets: a process of its own, as `benchmarks.load` is for HTTP.

Run as `python -m benchmarks.socket_load` with a `SocketPlan` as JSON on standard input; a `benchmarks.load.Result`
comes out. Frames are made beforehand and masked with zeros, which RFC 6455 allows, and of an answer only what is looked
for is read: the client shares the machine with the exchange.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Final, cast

import msgspec
import uvloop

from benchmarks.load import Result, say

_SHORT: Final = 126
_LONG: Final = 127
_TEXT: Final = 0x81
_PING: Final = 0x89
_CLOSE: Final = 0x88
_MADE_AT: Final = re.compile(rb'"E":(\d+)')


class SocketPlan(msgspec.Struct):
    """What to do on how many connections, for how long.

    `opening` is sent first on each connection. With `messages`, so many requests are kept in flight over all
    connections, and their times counted; a good answer contains `expected`. Without, what arrives is counted with
    the time since the event in it was made.
    """

    port: int
    path: str
    connections: int
    seconds: float
    opening: list[list[str]] = []
    messages: list[list[str]] = []
    in_flight: int = 0
    expected: str = ""
    warm_up_s: float = 0.5


class _Run:
    def __init__(self, plan: SocketPlan) -> None:
        self.plan = plan
        self.expected = plan.expected.encode()
        self.counted_from = time.perf_counter() + plan.warm_up_s
        self.ends = self.counted_from + plan.seconds
        self.times: list[float] = []
        self.failed = 0
        self.sample = ""

    def fail(self, sample: str) -> None:
        self.failed += 1
        self.sample = self.sample or sample

    def result(self) -> Result:
        counted = max(min(time.perf_counter(), self.ends) - self.counted_from, 1e-9)
        return Result(self.times, self.failed, counted, self.sample)


class _Connection(asyncio.Protocol):
    """One WebSocket."""

    transport: asyncio.Transport

    def __init__(self, run: _Run, number: int, done: asyncio.Future[None]) -> None:
        self._run = run
        self._done = done
        plan = run.plan
        self._opening = [_frame(text) for text in plan.opening[number % len(plan.opening)]] if plan.opening else []
        texts = plan.messages[number % len(plan.messages)] if plan.messages else []
        self._frames = [_frame(text) for text in texts]
        self._next = 0
        self._sent: deque[float] = deque()
        self._data = b""
        self._is_open = False
        self._unanswered_openings = len(self._opening)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {self._run.plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._run.fail(f"connection lost: {exc}")
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._is_open:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self._run.fail(head.decode(errors="replace"))
                self._finish()
                return
            self._is_open, self._data = True, rest
            self.transport.write(b"".join(self._opening))
            if not self._opening:
                self._begin()
        self._read()

    def _read(self) -> None:
        answered = 0
        for kind, payload in self._take_frames():
            if kind == _TEXT:
                answered += self._hear(payload)
            elif kind == _PING:
                self.transport.write(b"\x8a\x80\0\0\0\0" if not payload else _frame(payload.decode(), 0x8A))
            elif kind == _CLOSE:
                self._run.fail(f"closed: {payload!r}")
        now = time.perf_counter()
        if now >= self._run.ends:
            self._finish()
        elif answered:
            self._send(answered, now)

    def _hear(self, payload: bytes) -> int:
        """Take in a message; return how many requests may follow it."""
        if self._unanswered_openings:
            self._unanswered_openings -= 1
            if b'"error"' in payload:
                self._run.fail(payload.decode(errors="replace"))
            if not self._unanswered_openings:
                self._begin()
            return 0
        if not self._frames:
            self._note_event(payload)
            return 0
        now, sent_at = time.perf_counter(), self._sent.popleft()
        if self._run.expected not in payload:
            self._run.fail(payload[:1500].decode(errors="replace"))
        if sent_at >= self._run.counted_from:
            self._run.times.append(now - sent_at)
        return 1

    def _note_event(self, payload: bytes) -> None:
        found = _MADE_AT.search(payload)
        if found is not None and time.perf_counter() >= self._run.counted_from:
            self._run.times.append(max(time.time() - int(found[1]) / 1000, 0.0))

    def _begin(self) -> None:
        if self._frames:
            self._send(max(self._run.plan.in_flight // self._run.plan.connections, 1), time.perf_counter())

    def _send(self, requests: int, now: float) -> None:
        frames = self._frames
        self.transport.write(b"".join(frames[(self._next + k) % len(frames)] for k in range(requests)))
        self._next += requests
        self._sent.extend([now] * requests)

    def _take_frames(self) -> Iterator[tuple[int, bytes]]:
        data, at = self._data, 0
        while len(data) - at >= 2:
            length, begin = data[at + 1], at + 2
            if length >= _SHORT:
                width = 2 if length == _SHORT else 8
                length, begin = int.from_bytes(data[begin : begin + width], "big"), begin + width
            if len(data) < begin + length:
                break
            yield data[at], data[begin : begin + length]
            at = begin + length
        self._data = data[at:]

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
        self.transport.close()


def _frame(text: str, kind: int = _TEXT) -> bytes:
    payload = text.encode()
    if len(payload) < _SHORT:
        head = bytes((kind, 0x80 | len(payload)))
    elif len(payload) < 1 << 16:
        head = bytes((kind, 0x80 | _SHORT)) + len(payload).to_bytes(2, "big")
    else:
        head = bytes((kind, 0x80 | _LONG)) + len(payload).to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


async def _drive(plan: SocketPlan) -> Result:
    run, loop = _Run(plan), asyncio.get_running_loop()
    finished: list[asyncio.Future[None]] = []
    transports = []
    for number in range(plan.connections):
        finished.append(loop.create_future())
        transport, _ = await loop.create_connection(
            partial(_Connection, run, number, finished[-1]), "127.0.0.1", plan.port
        )
        transports.append(transport)
    await asyncio.wait(finished, timeout=plan.warm_up_s + plan.seconds + 5.0)
    result = run.result()
    for transport in transports:
        transport.abort()
    return result


def socket_load(plan: SocketPlan) -> Result:
    """Carry out a plan in a process of its own; return the result. Raises RuntimeError when it failed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.socket_load"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the load ended with {done.returncode}")
    return msgspec.json.decode(done.stdout, type=Result)


if __name__ == "__main__":
    say(uvloop.run(_drive(msgspec.json.decode(sys.stdin.buffer.read(), type=SocketPlan))))
