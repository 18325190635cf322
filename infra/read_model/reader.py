"""The read model's read side: pages of history, newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

import msgspec

from infra.read_model import keys
from infra.read_model.candle_reader import CandleReader
from infra.read_model.rows import (
    decode_balance,
    decode_fill,
    decode_order,
    decode_step,
    decode_trade,
)
from infra.read_model.store import HistoryUnavailable
from infra.read_model.valkey_store import call, known_position, reachable
from mockexchange.messages.commands import Balance
from mockexchange.messages.orders import Fill, Order, OrderStatus, OrderStep, OrderType, Side, Trade

SCAN_CHUNK: Final = 200
SCAN_LIMIT: Final = 2_000
"""A call looks at no more orders than this in search of those that are wanted."""

_T = TypeVar("_T")


class HistoryReader(CandleReader):
    """Answers questions about history. Every call may raise HistoryUnavailable, within about a second."""

    async def position(self) -> int:
        """Return the journal sequence up to which the rows hold everything, 0 when there are none."""
        stored = await self._call("GET", keys.POSITION)
        position = None if stored is None else known_position(stored)
        return 0 if position is None else position.sequence

    async def orders(
        self,
        account: int,
        *,
        symbol: str = "",
        statuses: frozenset[OrderStatus] = frozenset(),
        side: Side | None = None,
        order_type: OrderType | None = None,
        base: str = "",
        since_ns: int = 0,
        before: int = 0,
        limit: int = 50,
    ) -> tuple[list[Order], int]:
        """Return orders with ids below `before` (0: newest), newest first, and where to go on (0: that was all).

        `base` names the asset they buy or sell; none is older than `since_ns`.
        A call may return fewer than `limit`, even none, and still say where to go on: it looks at a bounded number.
        """
        wanted = _Wanted(statuses, side, order_type, base, since_ns)
        async with reachable(self._timeout_s):
            return await self._search(keys.orders(account, symbol), wanted, before, limit)

    async def order(self, order_id: int) -> Order | None:
        """Return the state of an order."""
        row = await self._call("GET", keys.order(order_id))
        return None if row is None else _decoded(decode_order, row)

    async def steps(self, order_id: int) -> list[OrderStep]:
        """Return the history of an order, oldest first."""
        return [_decoded(decode_step, row) for row in await self._call("LRANGE", keys.steps(order_id), 0, -1)]

    async def fills(
        self, account: int, *, symbol: str = "", before: int = 0, limit: int = 50
    ) -> tuple[list[Fill], int]:
        """Return fills, newest first, and where to go on (0: that was all)."""
        return await self._page(keys.fills(account, symbol), decode_fill, before, limit)

    async def order_count(self, account: int, symbol: str) -> int:
        """Return how many orders there are of a symbol, or (empty) of all."""
        return int(await self._call("ZCARD", keys.orders(account, symbol)))

    async def orders_at(self, account: int, symbol: str, start: int, stop: int) -> list[Order]:
        """Return the orders of a symbol or of all from place `start` up to before `stop`, the oldest at 0."""
        async with reachable(self._timeout_s):
            ids = await call(self._valkey, "ZRANGE", keys.orders(account, symbol), start, stop - 1)
            rows = await call(self._valkey, "MGET", *map(keys.order, map(int, ids))) if ids else []
        return [_decoded(decode_order, row) for row in rows if row is not None]

    async def fill_count(self, account: int, symbol: str) -> int:
        """Return how many fills there are of a symbol, or (empty) of all."""
        return int(await self._call("ZCARD", keys.fills(account, symbol)))

    async def fills_at(self, account: int, symbol: str, start: int, stop: int) -> list[Fill]:
        """Return the fills of a symbol or of all from place `start` up to before `stop`, the oldest at 0."""
        rows = await self._call("ZRANGE", keys.fills(account, symbol), start, stop - 1)
        return [_decoded(decode_fill, row) for row in rows]

    async def trades(self, symbol: str, *, before: int = 0, limit: int = 50) -> tuple[list[Trade], int]:
        """Return the tape of a symbol with trade ids below `before`, newest first, and where to go on."""
        return await self._page(keys.tape(symbol), decode_trade, before, limit)

    async def balances(self, account: int) -> list[Balance]:
        """Return the balances of an account by asset code."""
        rows = await self._call("HGETALL", keys.balances(account))
        return [_decoded(decode_balance, row) for _, row in sorted(rows.items())]

    async def tickers(self) -> dict[str, bytes]:
        """Return the last `market.<symbol>.ticker` payload of each symbol."""
        return {symbol.decode(): payload for symbol, payload in (await self._call("HGETALL", keys.TICKERS)).items()}

    async def _search(self, name: str, wanted: _Wanted, before: int, limit: int) -> tuple[list[Order], int]:
        found: list[Order] = []
        for _ in range(SCAN_LIMIT // SCAN_CHUNK):
            chunk, cursor = await self._orders_before(name, before)
            for order in filter(wanted.fits, chunk):
                if len(found) == limit:
                    return found, found[-1].order_id
                found.append(order)
            before = 0 if chunk and chunk[-1].created_ns < wanted.since_ns else cursor
            if not before:
                break
        return found, before

    async def _orders_before(self, name: str, before: int) -> tuple[list[Order], int]:
        """Return the next chunk of orders, and where to go on."""
        ids = [int(order_id) for order_id, _ in await self._scored(name, before, SCAN_CHUNK)]
        if not ids:
            return [], 0
        rows = await call(self._valkey, "MGET", *map(keys.order, ids))
        # A row may be missing for the moment in which the history of its account is deleted.
        orders = [_decoded(decode_order, row) for row in rows if row is not None]
        return orders, ids[-1] if len(ids) == SCAN_CHUNK else 0

    async def _page(self, name: str, decode: Callable[[bytes], _T], before: int, limit: int) -> tuple[list[_T], int]:
        async with reachable(self._timeout_s):
            members = await self._scored(name, before, limit + 1)
        rows = [_decoded(decode, row) for row, _ in members[:limit]]
        return rows, members[limit - 1][1] if len(members) > limit else 0

    async def _scored(self, name: str, before: int, limit: int) -> list[tuple[bytes, int]]:
        """Return members with scores below `before` (0: all), the highest first, with their scores."""
        top = f"({before}" if before else "+inf"
        parts = await call(self._valkey, "ZREVRANGEBYSCORE", name, top, "-inf", "WITHSCORES", "LIMIT", 0, limit)
        return [(member, int(score)) for member, score in zip(parts[::2], parts[1::2], strict=True)]


class _Wanted(NamedTuple):
    statuses: frozenset[OrderStatus]
    side: Side | None
    order_type: OrderType | None
    base: str
    since_ns: int

    def fits(self, order: Order) -> bool:
        return (
            (not self.statuses or order.status in self.statuses)
            and self.side in (None, order.side)
            and self.order_type in (None, order.order_type)
            and (not self.base or order.symbol.partition("/")[0] == self.base)
            and order.created_ns >= self.since_ns
        )


def _decoded(decode: Callable[[bytes], _T], row: bytes) -> _T:
    try:
        return decode(row)
    except msgspec.DecodeError as error:
        raise HistoryUnavailable("a row was written by another version; it is being replaced") from error
