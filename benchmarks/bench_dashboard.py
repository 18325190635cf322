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
            await socket.send_json(self._request())
            async for frame in socket:
                now_ns = time.perf_counter_ns()
                for message in _messages(frame.data):
                    if message["type"] == "get_props_request":
                        await socket.send_json(self._answer(message))
                    elif message["type"] == "set_props":
                        self._note(message["payload"], now_ns)

    def _request(self) -> dict[str, Any]:
        inputs = {"symbol.value": self._symbol, "interval.value": "1m", "connection.data": None}
        return {
            "type": "callback_request",
            "requestId": "1",
            "rendererId": self._page,
            "payload": {
                "output": "followed.data",
                "outputs": {"id": "followed", "property": "data"},
                "inputs": [_prop(name, value) for name, value in inputs.items()],
                "changedPropIds": ["symbol.value"],
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
    """Tick all symbols while all browsers look; add delays and memory to the table."""
    origin = f"http://127.0.0.1:{asked['dashboard_port']}"
    password = read_credentials(exchange.data_dir / FILE_NAME).nats_password
    connection = await connect(f"nats://127.0.0.1:{asked['nats_port']}", NATS_USER, password, "benchmark")
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            browsers = [Browser(session, origin, WATCHED[k % len(WATCHED)], k) for k in range(BROWSERS)]
            watching = [group.create_task(browser.watch()) for browser in browsers]
            async with asyncio.timeout(OPEN_S):
                await asyncio.gather(*(browser.is_live.wait() for browser in browsers))
            await _tick(connection, seconds)
            before = _resident_bytes(exchange)
            for browser in browsers:
                browser.delays_ms.clear()
            await _tick(connection, 4 * seconds, FIRST_ID * 2)
            after = _resident_bytes(exchange)
            for task in watching:
                task.cancel()
    finally:
        await connection.close()
    delays = [delay for browser in browsers for delay in browser.delays_ms]
    p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    name = f"{len(SYMBOLS)} symbols at {TICKS_PER_S}/s, {BROWSERS} pages: event to page"
    figure = f"p50 {p50:5.1f} ms   p99 {p99:5.1f} ms   {len(delays):,} events"
    table.add(name, figure, f"p99 at most {TARGET_MS:.0f} ms", is_reached=p99 <= TARGET_MS)
    table.add(f"memory of its server, {4 * seconds:.0f} s later", f"{before / 1e6:.0f} MB, then {after / 1e6:.0f} MB")


async def _tick(connection: Connection, seconds: float, first: int = FIRST_ID) -> None:
    """Publish a trade of every symbol so many times a second, evenly."""
    began = time.monotonic()
    for tick in range(1, round(seconds * TICKS_PER_S) + 1):
        for symbol in SYMBOLS:
            trade = {"symbol": symbol, "trade_id": first + tick, "price": "1.00", "quantity": "1.0", "side": "buy"}
            trade |= {"outside": True, "time": time.perf_counter_ns(), "venue_time": None, "sequence": 0}
            connection.send(market(symbol, "trade"), msgspec.json.encode(trade))
        await asyncio.sleep(max(0.0, began + tick / TICKS_PER_S - time.monotonic()))


def _resident_bytes(exchange: Exchange) -> int:
    pid = next(pid for pid, line in exchange.processes().items() if line.endswith("-m dashboard"))
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _prop(name: str, value: object) -> dict[str, object]:
    component, _, prop = name.partition(".")
    return {"id": component, "property": prop, "value": value}


def _messages(text: str) -> Iterator[dict[str, Any]]:
    """Yield the messages of a frame, which may be one or a list."""
    content = msgspec.json.decode(text)
    yield from content if isinstance(content, list) else [content]
