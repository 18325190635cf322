"""The read model in memory: says what Valkey would hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from infra.read_model.rows import TAPE_LENGTH, Position, Rows, encode
from infra.read_model.store import PositionMoved
from mockexchange.messages.orders import Trade

Table = dict[int, bytes]


async def _nothing(_step: str) -> None:
    """Let every step succeed."""


class MemoryHistoryStore:
    """Implements `infra.read_model.store.HistoryStore`.

    `at(step)` is awaited at `before write`, `after write`, `clearing`, `before wipe` and `wiping`; it may raise
    HistoryUnavailable, or whatever kills the writer, and what was done until then stays done.
    """

    def __init__(self, at: Callable[[str], Awaitable[None]] = _nothing) -> None:
        self.at = at
        self.stored: Position | None = None
        self.orders: dict[int, bytes] = {}
        self.owners: dict[int, int] = {}
        self.steps: dict[int, list[bytes]] = {}
        self.fills: dict[int, Table] = {}
        self.balances: dict[tuple[int, str], bytes] = {}
        self.tapes: dict[str, Table] = {}
        self.tickers: dict[str, bytes] = {}

    def content(self) -> dict[str, object]:
        """Return everything, to be compared."""
        tables = ("stored", "orders", "steps", "fills", "balances", "tapes")
        return {name: repr(getattr(self, name)) if name == "stored" else getattr(self, name) for name in tables}

    async def position(self) -> Position | None:
        return self.stored

    async def wipe(self) -> None:
        await self.at("before wipe")
        self.stored = None
        await self.at("wiping")
        self.empty()

    def empty(self) -> None:
        """Lose everything."""
        self.stored = None
        for table in (self.orders, self.owners, self.steps, self.fills, self.balances, self.tapes, self.tickers):
            table.clear()  # type: ignore[attr-defined]

    async def write(self, rows: Rows, expected: Position | None, position: Position) -> None:
        await self.at("before write")
        if self.stored == position:
            return
        if self.stored != expected:
            raise PositionMoved(expected)
        for account in rows.cleared:
            self._clear(account, rows)
            await self.at("clearing")
            if self.stored != expected:
                raise PositionMoved(expected)
        self._put(rows)
        self.stored = position
        await self.at("after write")

    async def put_tickers(self, tickers: Mapping[str, bytes]) -> None:
        await self.at("before tickers")
        self.tickers.update(tickers)

    async def put_prints(self, prints: Sequence[Trade]) -> None:
        await self.at("before prints")
        for trade in prints:
            self._put_trade(trade)

    def _put(self, rows: Rows) -> None:
        for order_id, order in rows.orders.items():
            self.orders[order_id] = encode(order)
            self.owners[order_id] = order.account
        for order_id, steps in rows.steps.items():
            self.steps.setdefault(order_id, []).extend(map(encode, steps))
        for account, fills in rows.fills.items():
            self.fills.setdefault(account, {}).update({number: encode(fill) for number, fill in fills})
        for account, balances in rows.balances.items():
            self.balances.update({(account, asset): encode(balance) for asset, balance in balances.items()})
        for trades in rows.trades.values():
            for trade in trades:
                self._put_trade(trade)

    def _put_trade(self, trade: Trade) -> None:
        tape = self.tapes.setdefault(trade.symbol, {})
        tape[trade.trade_id] = encode(trade)
        for trade_id in sorted(tape)[:-TAPE_LENGTH]:
            del tape[trade_id]

    def _clear(self, account: int, rows: Rows) -> None:
        over = [order_id for order_id, owner in self.owners.items() if owner == account and order_id not in rows.orders]
        for order_id in over:
            del self.orders[order_id], self.owners[order_id]
            self.steps.pop(order_id, None)
        self.fills.pop(account, None)
