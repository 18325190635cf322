"""How long an event on NATS takes into an open page, and what the dashboard's server then needs.

Ten WebSockets stand for ten browsers: they ask as a page does and answer what a page answers, without drawing.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from benchmarks.exchange import Exchange
from benchmarks.table import Table
from infra.credentials import FILE_NAME, NATS_USER, read_credentials
from infra.embedded.process import free_port
from infra.nats.connection import Connection, connect
from mockexchange.messages.subjects import market

SYMBOLS: Final = tuple(f"S{number:02}/USDT" for number in range(20))
TICKS_PER_S: Final = 20
BROWSERS: Final = 10
WATCHED: Final = SYMBOLS[:5]
TARGET_MS: Final = 100.0
OPEN_S: Final = 60.0
FIRST_ID: Final = 1_000_000
WARM_UP_S: Final = 6.0
MINUTE_S: Final = 60.0
MAX_GROWTH_BYTES: Final = 4_000_000
"""What a server that forgets what it should may differ by from one look to another."""


def settings() -> dict[str, object]:
    """Return the settings of an exchange to measure: nothing moves in it but what is published here."""
    return {
        "symbols": ",".join(SYMBOLS),
        "feed": "none",
        "dashboard": "on",
        "dashboard_port": free_port(),
        "nats_port": free_port(),
    }


class Browser:
    """One open market page, as far as the server knows."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, symbol: str, number: int) -> None:
        self.delays_ms: list[float] = []
        self.is_live = asyncio.Event()
        self._session = session
        self._origin = origin
        self._symbol = symbol
        self._page = f"{number:032x}"
        self._last = FIRST_ID

    async def watch(self) -> None:
        """Open the page and note how late each trade comes."""
        url = self._origin.replace("http", "ws") + "/_dash-ws-callback"
        async with self._session.ws_connect(url, headers={"Origin": self._origin}, max_msg_size=0) as socket:
            for request in self._requests():
                await socket.send_json(request)
            async for frame in socket:
                now_ns = time.perf_counter_ns()
                for message in _messages(frame.data):
                    if message["type"] == "get_props_request":
                        await socket.send_json(self._answer(message))
                    elif message["type"] == "set_props":
                        self._note(message["payload"], now_ns)

    def _requests(self) -> list[dict[str, Any]]:
        """Return what a page asks for: its market, the list of symbols, and whether all is connected."""
        shown: dict[str, object] = {"symbol.value": self._symbol, "interval.value": "1m", "connection.data": None}
        asked: dict[str, dict[str, object]] = {
            "followed": shown,
            "symbols-followed": {"connection.data": None},
            "ways-followed": {"connection.data": None, "ways.id": "ways"},
        }
        return [self._request(output, inputs) for output, inputs in asked.items()]

    def _request(self, output: str, inputs: dict[str, object]) -> dict[str, Any]:
        return {
            "type": "callback_request",
            "requestId": output,
            "rendererId": self._page,
            "payload": {
                "output": f"{output}.data",
                "outputs": {"id": output, "property": "data"},
                "inputs": [_prop(name, value) for name, value in inputs.items()],
                "changedPropIds": [next(iter(inputs))],
                "state": [_prop("page.data", self._page)],
            },
        }

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        said = {"type": "get_props_response", "rendererId": self._page, "requestId": message["requestId"]}
        return said | {"payload": {"data": self._page}}

    def _note(self, payload: dict[str, Any], now_ns: int) -> None:
        if payload["componentId"] != "live-tape":
            return
        self.is_live.set()
        trades = payload["props"]["data"]["trades"]
        self.delays_ms += [(now_ns - trade["time"]) / 1e6 for trade in trades if trade["trade_id"] > self._last]
        self._last = max([self._last, *(trade["trade_id"] for trade in trades)])


async def measure(exchange: Exchange, asked: dict[str, object], table: Table, seconds: float) -> None:
    """Tick all symbols for so many seconds while all browsers look; add delays, memory and work to the table."""
    origin = f"http://127.0.0.1:{asked['dashboard_port']}"
    password = read_credentials(exchange.data_dir / FILE_NAME).nats_password
    connection = await connect(f"nats://127.0.0.1:{asked['nats_port']}", NATS_USER, password, "benchmark")
    server = Server(exchange)
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            browsers = [Browser(session, origin, WATCHED[k % len(WATCHED)], k) for k in range(BROWSERS)]
            watching = [group.create_task(browser.watch()) for browser in browsers]
            async with asyncio.timeout(OPEN_S):
                await asyncio.gather(*(browser.is_live.wait() for browser in browsers))
            await _tick(connection, WARM_UP_S)
            for browser in browsers:
                browser.delays_ms.clear()
            sampling = group.create_task(server.sample(min(MINUTE_S, seconds / 4)))
            await _tick(connection, seconds, FIRST_ID * 2)
            for task in (sampling, *watching):
                task.cancel()
            server.look()
    finally:
        await connection.close()
    _tell_delays(table, [delay for browser in browsers for delay in browser.delays_ms])
    server.tell(table)


class Server:
    """The dashboard's process: how much memory it holds as time goes by, and how much it works."""

    def __init__(self, exchange: Exchange) -> None:
        self._pid = next(pid for pid, line in exchange.processes().items() if line.endswith("-m dashboard"))
        self._step_s = 0.0
        self._bytes: list[int] = []
        self._worked_s: list[float] = []
        self._at: list[float] = []

    async def sample(self, step_s: float) -> None:
        """Look at it now and after every step."""
        self._step_s = step_s
        while True:
            self.look()
            await asyncio.sleep(self._at[0] + len(self._at) * step_s - time.monotonic())

    def look(self) -> None:
        """Note what it holds and has worked until now."""
        self._bytes.append(self._read_bytes())
        self._worked_s.append(self._read_worked_s())
        self._at.append(time.monotonic())

    def tell(self, table: Table) -> None:
        """Add memory over time and work to the table."""
        first, last = self._bytes[1], self._bytes[-1]
        table.add(
            f"memory of its server, each {self._step_s:.0f} s",
            f"{' '.join(f'{each / 1e6:.0f}' for each in self._bytes[1:])} MB: {(last - first) / 1e6:+.1f} MB",
            f"at most {MAX_GROWTH_BYTES / 1e6:.0f} MB more",
            is_reached=last - first <= MAX_GROWTH_BYTES,
        )
        worked = (self._worked_s[-1] - self._worked_s[0]) / (self._at[-1] - self._at[0])
        table.add("its work", f"{worked:.0%} of a processor")

    def _read_bytes(self) -> int:
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def _read_worked_s(self) -> float:
        """Return the seconds of a processor that it has used, for itself and for the system's calls."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tell_delays(table: Table, delays_ms: list[float]) -> None:
    p50, p99 = statistics.median(delays_ms), statistics.quantiles(delays_ms, n=100)[98]
    name = f"{len(SYMBOLS)} symbols at {TICKS_PER_S}/s, {BROWSERS} pages: event to page"
    figure = f"p50 {p50:5.1f} ms   p99 {p99:5.1f} ms   {len(delays_ms):,} events"
    table.add(name, figure, f"p99 at most {TARGET_MS:.0f} ms", is_reached=p99 <= TARGET_MS)


async def _tick(connection: Connection, seconds: float, first: int = FIRST_ID) -> None:
    """Publish a trade of every symbol so many times a second, evenly."""
    began = time.monotonic()
    for tick in range(1, round(seconds * TICKS_PER_S) + 1):
        for symbol in SYMBOLS:
            trade = {"symbol": symbol, "trade_id": first + tick, "price": "1.00", "quantity": "1.0", "side": "buy"}
            trade |= {"outside": True, "time": time.perf_counter_ns(), "venue_time": None, "sequence": 0}
            connection.send(market(symbol, "trade"), msgspec.json.encode(trade))
        await asyncio.sleep(max(0.0, began + tick / TICKS_PER_S - time.monotonic()))


def _prop(name: str, value: object) -> dict[str, object]:
    component, _, prop = name.partition(".")
    return {"id": component, "property": prop, "value": value}


def _messages(text: str) -> Iterator[dict[str, Any]]:
    """Yield the messages of a frame, which may be one or a list."""
    content = msgspec.json.decode(text)
    yield from content if isinstance(content, list) else [content]
