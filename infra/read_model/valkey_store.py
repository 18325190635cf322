"""The read model's write side in Valkey.

Rows and position are written by one script, which Valkey runs and persists as a whole, and which does nothing when
the position is not the expected one. So no crash tears them apart, and a writer that lost its place cannot write.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from infra.read_model import keys
from infra.read_model.rows import READ_MODEL_VERSION, TAPE_LENGTH, Position, Rows, decode_position, encode
from infra.read_model.store import HistoryUnavailable, PositionMoved
from mockexchange.messages.orders import Fill, Order, Trade

WRITE_TIMEOUT_S: Final = 10.0
KEYS_AT_ONCE: Final = 1_000

# ARGV: the expected position, the new one (empty: leave it), and the commands in msgpack, since the client would take
# longer to send each of their parts than all else takes it. Numbers are texts: Lua's are floating.
_GUARDED: Final = """
if (server.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
for _, command in ipairs(cmsgpack.unpack(ARGV[3])) do server.call(unpack(command)) end
if ARGV[2] ~= '' then server.call('SET', KEYS[1], ARGV[2]) end
return 1
"""

Command = list[str | bytes]
P = TypeVar("P")

_STRING: Final = 0xDB
_STRING_HEAD: Final = struct.Struct(">BI")


@asynccontextmanager
async def reachable(timeout_s: float) -> AsyncIterator[None]:
    """Turn whatever says that Valkey cannot answer in time into HistoryUnavailable."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (ValkeyError, OSError, TimeoutError) as error:
        raise HistoryUnavailable(f"{type(error).__name__}: {error}") from error


async def call(valkey: Valkey, *parts: str | bytes | int) -> Any:
    """Send one command and return its answer."""
    return await valkey.execute_command(*parts)  # type: ignore[no-untyped-call]


class ValkeyHistoryStore:
    """Implements `HistoryStore`; `timeout_s` bounds every transaction, and every chunk of the longer tasks."""

    def __init__(self, valkey: Valkey, *, timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self._valkey = valkey
        self._timeout_s = timeout_s

    async def position(self) -> Position | None:
        """Return how far the journal is folded, None when nothing is or by another version."""
        stored = await self._call("GET", keys.POSITION)
        return None if stored is None else known_position(stored)

    async def wipe(self) -> None:
        """Delete all but candles and equity, the position first, so that nothing half deleted is taken for whole."""
        await self._call("UNLINK", keys.POSITION)
        cursor = b"0"
        while True:
            cursor, found = await self._call("SCAN", cursor, "MATCH", f"{keys.PREFIX}*", "COUNT", KEYS_AT_ONCE)
            # Candles and equity have positions of their own and hold what no journal knows.
            if names := [name for name in found if not name.startswith((keys.CANDLES.encode(), keys.EQUITY.encode()))]:
                await self._call("UNLINK", *names)
            if int(cursor) == 0:
                return

    async def write(self, rows: Rows, expected: Position | None, position: Position) -> None:
        """Write rows and position in one transaction, if the position still is `expected`."""
        if rows.cleared:
            # What is deleted must not be what an attempt before this one wrote.
            if await self.position() == position:
                return
            await self._clear(rows, expected)
        if not await self._guarded(expected, position, commands_of(rows)) and await self.position() != position:
            raise PositionMoved(expected)

    async def put_tickers(self, tickers: Mapping[str, bytes]) -> None:
        """Keep the last ticker payload of some symbols."""
        if tickers:
            await self._call("HSET", keys.TICKERS, *(part for pair in tickers.items() for part in pair))

    async def put_prints(self, prints: Sequence[Trade]) -> None:
        """Put prints of the outside market on their tapes."""
        rows = Rows()
        for each in prints:
            rows.add_trade(each)
        for command in _tape_commands(rows):
            await self._call(*command)

    async def _clear(self, rows: Rows, expected: Position | None) -> None:
        """Delete the history of accounts but for the orders among the rows, which are still open."""
        symbols = [symbol.decode() for symbol in await self._call("SMEMBERS", keys.SYMBOLS)]
        for account in rows.cleared:
            start = 0
            while ids := await self._call("ZRANGE", keys.orders(account), start, start + KEYS_AT_ONCE - 1):
                over = [int(order_id) for order_id in ids if int(order_id) not in rows.orders]
                names = [name for order_id in over for name in (keys.order(order_id), keys.steps(order_id))]
                await self._delete(names, expected)
                start += KEYS_AT_ONCE
            lists = [name(account, symbol) for name in (keys.orders, keys.fills) for symbol in ("", *symbols)]
            await self._delete(lists, expected)

    async def _delete(self, names: list[str], expected: Position | None) -> None:
        commands: Iterator[Command] = (["UNLINK", *chunk] for chunk in _chunks(names, KEYS_AT_ONCE))
        if not await self._guarded(expected, None, commands):
            raise PositionMoved(expected)

    async def _guarded(self, expected: Position | None, position: Position | None, commands: Iterator[Command]) -> bool:
        """Run commands if the position is the expected one; return whether it was."""
        arguments = (
            _encoded(expected),
            _encoded(position),
            encode([list(map(_packed, command)) for command in commands]),
        )
        return bool(await self._call("EVAL", _GUARDED, 1, keys.POSITION, *arguments))

    async def _call(self, *parts: str | bytes | int) -> Any:
        async with reachable(self._timeout_s):
            return await call(self._valkey, *parts)


def known_position(stored: bytes) -> Position | None:
    """Return a stored position, None where another version of the read model wrote it."""
    try:
        position = decode_position(stored)
    except msgspec.DecodeError:
        return None
    return position if position.version == READ_MODEL_VERSION else None


def commands_of(rows: Rows) -> Iterator[Command]:
    """Yield the commands that write rows, with many keys or members in each where the server takes them."""
    if symbols := rows.symbols():
        yield ["SADD", keys.SYMBOLS, *sorted(symbols)]
    yield from _order_commands(rows.orders)
    for order_id, steps in rows.steps.items():
        for chunk in _chunks(list(map(encode, steps)), KEYS_AT_ONCE):
            yield ["RPUSH", keys.steps(order_id), *chunk]
    for account, fills in rows.fills.items():
        yield from _fill_commands(account, fills)
    for account, balances in rows.balances.items():
        yield ["HSET", keys.balances(account), *_flat((asset, encode(row)) for asset, row in balances.items())]
    yield from _tape_commands(rows)


def _order_commands(orders: Mapping[int, Order]) -> Iterator[Command]:
    members: dict[str, Command] = {}
    for order_id, order in orders.items():
        member = str(order_id)
        for name in (keys.orders(order.account), keys.orders(order.account, order.symbol)):
            members.setdefault(name, []).extend((member, member))
    yield from _chunked("MSET", [], _flat((keys.order(order_id), encode(order)) for order_id, order in orders.items()))
    for name, scored in members.items():
        yield from _chunked("ZADD", [name], scored)


def _fill_commands(account: int, fills: list[tuple[int, Fill]]) -> Iterator[Command]:
    members: dict[str, Command] = {}
    for number, fill in fills:
        row = encode(fill)
        for name in (keys.fills(account), keys.fills(account, fill.symbol)):
            members.setdefault(name, []).extend((str(number), row))
    for name, scored in members.items():
        yield from _chunked("ZADD", [name], scored)


def _tape_commands(rows: Rows) -> Iterator[Command]:
    for symbol, trades in rows.trades.items():
        scored = _flat((str(trade.trade_id), encode(trade)) for trade in trades[-TAPE_LENGTH:])
        yield from _chunked("ZADD", [keys.tape(symbol)], scored)
        yield ["ZREMRANGEBYRANK", keys.tape(symbol), "0", str(-TAPE_LENGTH - 1)]


def _flat(pairs: Iterator[tuple[str, bytes]]) -> Command:
    return [part for pair in pairs for part in pair]


def _chunked(name: str, first: Command, pairs: Command) -> Iterator[Command]:
    """Yield a command over pairs in several pieces, since a script cannot unpack thousands of parts at once."""
    for chunk in _chunks(pairs, 2 * KEYS_AT_ONCE):
        yield [name, *first, *chunk]


def _chunks(parts: Sequence[P], size: int) -> Iterator[Sequence[P]]:
    return (parts[start : start + size] for start in range(0, len(parts), size))


def _packed(part: str | bytes) -> str | msgspec.Raw:
    """Make bytes a string in msgpack: what the server reads it with is older than msgpack's type for bytes."""
    return part if isinstance(part, str) else msgspec.Raw(_STRING_HEAD.pack(_STRING, len(part)) + part)


def _encoded(position: Position | None) -> bytes:
    return b"" if position is None else encode(position)
