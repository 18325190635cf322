"""What stands in a Valkey server, to be compared."""

from __future__ import annotations

from valkey.asyncio import Valkey

from infra.read_model import keys
from infra.read_model.reader import HistoryReader
from mockexchange.messages.orders import Fill, Order
from tests.support.memory_history import MemoryHistoryStore

Content = dict[bytes, object]

_READ = {
    b"string": ("GET",),
    b"list": ("LRANGE", 0, -1),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
}


async def content_of(valkey: Valkey) -> Content:
    """Return every key of the read model with what it holds."""
    content: Content = {}
    async for name in valkey.scan_iter(match=f"{keys.PREFIX}*", count=1000):
        command, *arguments = _READ[await valkey.type(name)]
        content[name] = await valkey.execute_command(command, name, *arguments)
    return content


async def all_orders(reader: HistoryReader, account: int, limit: int = 50, **wanted: object) -> list[Order]:
    """Page through all orders of an account."""
    found: list[Order] = []
    before = 0
    while True:
        page, before = await reader.orders(account, before=before, limit=limit, **wanted)  # type: ignore[arg-type]
        assert len(page) <= limit
        found += page
        if not before:
            return found


async def all_fills(reader: HistoryReader, account: int, limit: int = 50, symbol: str = "") -> list[Fill]:
    """Page through all fills of an account."""
    found: list[Fill] = []
    before = 0
    while True:
        page, before = await reader.fills(account, symbol=symbol, before=before, limit=limit)
        assert len(page) <= limit
        found += page
        if not before:
            return found


async def copied(reader: HistoryReader, like: MemoryHistoryStore) -> dict[str, object]:
    """Return, through the reader, everything that a store in memory holds, decoded."""
    return {
        "position": await reader.position(),
        "orders": {order_id: await reader.order(order_id) for order_id in like.orders},
        "steps": {order_id: await reader.steps(order_id) for order_id in like.orders},
        "listed": {account: await all_orders(reader, account, 7) for account in sorted(set(like.owners.values()))},
        "fills": {account: await all_fills(reader, account, 7) for account in sorted(like.fills)},
        "tapes": {symbol: (await reader.trades(symbol, limit=10_000))[0] for symbol in sorted(like.tapes)},
        "balances": {account: await reader.balances(account) for account in sorted({a for a, _ in like.balances})},
    }
