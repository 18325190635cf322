"""The gateway's own cost: orders through the whole application to shards that answer at once, beside an empty POST.

The application is called in this process, without a web server, so that nothing but its own work is measured.
Run `python -m benchmarks.bench_gateway`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
from litestar import Litestar

from gateway.app import create_app
from gateway.gateway import GatewayParts
from infra.ports import Books, Directory, JournalMessage
from infra.read_model.store import HistoryUnavailable
from infra.wall_clock import WallClock
from mockexchange.instruments import Asset
from mockexchange.messages.codec import decode_requests, encode
from mockexchange.messages.commands import OrderAnswer, PlaceOrder, SequenceAnswer, ShardAnswer, ShardRequest
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    AccountCreated,
    AssetListed,
    InstrumentListed,
    KeyCreated,
    RegistryEvent,
    RegistryRecord,
    ShardsConfigured,
)
from mockexchange.messages.orders import Order, OrderStatus
from mockexchange.presets import preset
from mockexchange.registry import key_digest

KEY = "benchmark"
SINGLES = 20_000
BATCHES = 100
BATCH = 500
CLIENTS = (1, 128)
ORDER = {
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "limit",
    "amount": "0.001",
    "limit_price": "1000.00",
    "client_order_id": "benchmark-order",
}


class InstantShards:
    """Shards that take every order at once."""

    async def handle(self, _shard: int, payload: bytes) -> bytes:
        """Answer that every order rests."""
        return encode([_answer(request) for request in decode_requests(payload)])


class SmallJournal:
    """A journal that holds a registry and nothing else."""

    is_available = True

    def __init__(self) -> None:
        instrument = preset("BTC/USDT")
        events: list[RegistryEvent] = [
            ShardsConfigured(1),
            AssetListed(Asset("BTC")),
            AssetListed(Asset("USDT")),
            InstrumentListed(instrument),
            AccountCreated(1, "demo", 0, {}),
            KeyCreated("benchmark", 1, key_digest(KEY), b"", ["read", "trade"]),
        ]
        self._registry = encode(RegistryRecord(SCHEMA_VERSION, 0, 0, events))

    async def append(self, subject: str, payload: bytes, expected: int) -> int:
        """Take nothing in."""
        raise AssertionError(f"{subject}: {len(payload)} bytes after {expected}")

    async def last_sequence(self, _subject: str) -> int:
        """Return the one sequence."""
        return 1

    async def end(self) -> int:
        """Return the one sequence."""
        return 1

    async def read(self, subjects: Sequence[str], _start: int) -> AsyncGenerator[list[JournalMessage], None]:
        """Yield the registry, then nothing more."""
        yield [JournalMessage(1, subjects[0], self._registry)]
        await asyncio.Event().wait()


class DeafBus:
    """A bus on which nothing is heard."""

    def publish(self, subject: str, payload: bytes) -> None:
        """Drop it."""

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Drop them."""

    async def subscribe(self, _subject: str, _handler: Callable[[str, bytes], None]) -> Callable[[], Awaitable[None]]:
        """Hear nothing."""
        return self._end

    async def request(self, _subject: str, _payload: bytes, _timeout_s: float) -> bytes | None:
        """Get no answer."""
        return None

    async def serve(
        self, _subject: str, _handler: Callable[[str, bytes], bytes | None]
    ) -> Callable[[], Awaitable[None]]:
        """Hear no question."""
        return self._end

    async def _end(self) -> None:
        """Have nothing to end."""


class Absent:
    """A part that is not there."""

    def __getattr__(self, name: str) -> Any:
        async def raise_absent(*_: Any, **__: Any) -> Any:
            raise HistoryUnavailable(name)

        return raise_absent


async def main() -> None:
    """Measure and print."""
    absent: Any = Absent()
    books: Books = absent
    directory: Directory = absent
    parts = GatewayParts(InstantShards(), books, directory, SmallJournal(), DeafBus(), absent, WallClock(), absent)
    app = create_app(parts)
    async with app.lifespan():
        await app.state["gateway"].follower.catch_up()
        await measure(app)


async def measure(app: Litestar) -> None:
    """Print microseconds for each kind of request."""
    single, batch = msgspec.json.encode(ORDER), msgspec.json.encode([ORDER] * BATCH)
    for clients in CLIENTS:
        empty = await cost(app, "/health/echo", single, SINGLES, clients)
        order = await cost(app, "/orders", single, SINGLES, clients)
        print(
            f"{clients:4} clients: empty POST {empty:6.1f} us, order {order:6.1f} us, {order - empty:6.1f} us above it"
        )
    whole = await cost(app, "/orders/batch", batch, BATCHES, 2)
    print(f"batch of {BATCH}: {whole / BATCH:6.1f} us an order, {1e6 * BATCH / whole:,.0f} orders/s")


async def cost(app: Litestar, path: str, body: bytes, requests: int, clients: int) -> float:
    """Return microseconds a request, with so many clients at once."""
    await _run(app, path, body, requests // 20 + clients, clients)
    return await _run(app, path, body, requests, clients) / requests * 1e6


async def _run(app: Litestar, path: str, body: bytes, requests: int, clients: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(_client(app, path, body, requests // clients) for _ in range(clients)))
    return time.perf_counter() - began


async def _client(app: Litestar, path: str, body: bytes, requests: int) -> None:
    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-api-key", KEY.encode()),
    ]
    request = {"type": "http.request", "body": body, "more_body": False}
    for _ in range(requests):
        status = 0

        async def receive() -> Any:
            return request

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        scope: Any = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": list(headers),
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": {},
        }  # fmt: skip
        await app(scope, receive, send)
        if status != 200:
            sys.exit(f"{path} answered {status}")


def _answer(request: ShardRequest) -> ShardAnswer:
    if not isinstance(request, PlaceOrder):
        return SequenceAnswer(1)
    return OrderAnswer(
        Order(
            1024,
            request.account,
            request.symbol,
            request.side,
            request.order_type,
            request.time_in_force,
            request.is_post_only,
            request.quantity,
            request.price,
            request.quote_amount,
            request.command_id,
            request.client_order_id,
            100_000_000,
            100_000_000,
            1_000,
            1_000,
            request.received_ns,
            request.received_ns,
            OrderStatus.NEW,
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
