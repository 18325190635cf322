"""Lists and history from the read model, once it knows all that the account's shard knew when it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final, Protocol, TypeVar

from gateway.auth import Caller
from gateway.dispatch import READS
from gateway.failures import NotAvailable
from gateway.floor import Floor
from gateway.past import Past
from infra.read_model.candle_rows import CandleHistory
from infra.read_model.store import HistoryUnavailable
from mockexchange.messages.commands import AwaitSequence, FillsAnswer, ReadFills, SequenceAnswer
from mockexchange.messages.orders import Fill, Order, OrderStatus, OrderStep, OrderType, Side, Trade

T = TypeVar("T")

CATCH_UP_S: Final = 1.0
POLL_S: Final = 0.01


class History(CandleHistory, Protocol):
    """The read side of the read model; see `infra.read_model.reader`. Every call may raise HistoryUnavailable.

    Cursors are integers: 0 as `before` asks for the newest, 0 in an answer says that was all.
    """

    async def position(self) -> int:
        """Return the journal sequence up to which the rows hold everything."""

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
        """Return orders, newest first, and where to go on; may return fewer than there are."""

    async def order(self, order_id: int) -> Order | None:
        """Return the state of an order."""

    async def steps(self, order_id: int) -> list[OrderStep]:
        """Return the history of an order, oldest first."""

    async def fills(
        self, account: int, *, symbol: str = "", before: int = 0, limit: int = 50
    ) -> tuple[list[Fill], int]:
        """Return fills, newest first, and where to go on."""

    async def order_count(self, account: int, symbol: str) -> int:
        """Return how many orders there are of a symbol, or (empty) of all."""

    async def orders_at(self, account: int, symbol: str, start: int, stop: int) -> list[Order]:
        """Return orders from place `start` up to before `stop`, the oldest at 0."""

    async def fill_count(self, account: int, symbol: str) -> int:
        """Return how many fills there are of a symbol, or (empty) of all."""

    async def fills_at(self, account: int, symbol: str, start: int, stop: int) -> list[Fill]:
        """Return fills from place `start` up to before `stop`, the oldest at 0."""

    async def trades(self, symbol: str, *, before: int = 0, limit: int = 50) -> tuple[list[Trade], int]:
        """Return the tape of a symbol, newest first, and where to go on."""

    async def tickers(self) -> dict[str, bytes]:
        """Return the last `market.<symbol>.ticker` payload of each symbol."""


class HistoryDesk:
    """Reads history. While the read model is away every answer is NotAvailable; trading does not need it."""

    def __init__(self, history: History, floor: Floor) -> None:
        self._history = history
        self._floor = floor

    async def position(self) -> int:
        """Return how far the read model is. Raises NotAvailable."""
        return await self._ask(self._history.position())

    async def orders(
        self,
        caller: Caller,
        *,
        symbol: str,
        statuses: frozenset[OrderStatus],
        side: Side | None,
        order_type: OrderType | None,
        base: str,
        since_ns: int,
        before: int,
        limit: int,
    ) -> tuple[list[Order], int]:
        """Return a page of an account's orders, newest first, and where to go on (0: that was all)."""
        await self._catch_up(caller)
        return await self._ask(
            self._history.orders(
                caller.account,
                symbol=symbol,
                statuses=statuses,
                side=side,
                order_type=order_type,
                base=base,
                since_ns=since_ns,
                before=before,
                limit=limit,
            )
        )

    async def order(self, caller: Caller, order_id: int) -> Order | None:
        """Return an order of the account that its shard has forgotten, or None."""
        order = await self._ask(self._history.order(order_id))
        return order if order is not None and order.account == caller.account else None

    async def order_named(self, caller: Caller, symbol: str, client_order_id: str) -> Order | None:
        """Return the account's last order of a symbol with a client order id, or None.

        There is no index of them: it looks back over as many orders as `Past.before` does, and no further.
        """
        past = await self.past_orders(caller, symbol)
        found = await past.before(past.count, 1, lambda order: order.client_order_id == client_order_id)
        return found[0] if found else None

    async def steps(self, caller: Caller, orders: Sequence[Order]) -> list[list[OrderStep]]:
        """Return the history of each of these orders, which must be the caller's."""
        await self._catch_up(caller)
        return [await self._ask(self._history.steps(order.order_id)) for order in orders]

    async def fills(self, caller: Caller, symbol: str, before: int, limit: int) -> tuple[list[Fill], int]:
        """Return a page of an account's fills, newest first, and where to go on (0: that was all).

        While the read model is away the newest page comes from what the shard still remembers; older ones have to wait.
        """
        try:
            await self._catch_up(caller)
            return await self._ask(self._history.fills(caller.account, symbol=symbol, before=before, limit=limit))
        except NotAvailable:
            if before:
                raise
            return await self._recent_fills(caller, symbol, limit)

    async def past_orders(self, caller: Caller, symbol: str) -> Past[Order]:
        """Return the account's orders of a symbol, or (empty) of all, as a row that can be searched."""
        await self._catch_up(caller)
        history, account = self._history, caller.account
        count = await self._ask(history.order_count(account, symbol))
        return Past(count, lambda start, stop: self._ask(history.orders_at(account, symbol, start, stop)))

    async def past_fills(self, caller: Caller, symbol: str) -> Past[Fill]:
        """Return the account's fills of a symbol, or (empty) of all, as a row that can be searched."""
        await self._catch_up(caller)
        history, account = self._history, caller.account
        count = await self._ask(history.fill_count(account, symbol))
        return Past(count, lambda start, stop: self._ask(history.fills_at(account, symbol, start, stop)))

    async def trades(self, symbol: str, before: int, limit: int) -> tuple[list[Trade], int]:
        """Return a page of a symbol's tape, newest first, and where to go on (0: that was all)."""
        return await self._ask(self._history.trades(symbol, before=before, limit=limit))

    async def tickers(self) -> dict[str, bytes]:
        """Return the last ticker payload of each symbol. Raises NotAvailable."""
        return await self._ask(self._history.tickers())

    async def _recent_fills(self, caller: Caller, symbol: str, limit: int) -> tuple[list[Fill], int]:
        request = ReadFills(caller.account, symbol, limit)
        answer = await self._floor.ask(caller.shard, READS, request, FillsAnswer)
        return answer.fills, answer.following

    async def _catch_up(self, caller: Caller) -> None:
        """Return once the read model holds all that the shard had folded when this was called."""
        folded = (await self._floor.ask(caller.shard, READS, AwaitSequence(0), SequenceAnswer)).sequence
        until = self._floor.clock.monotonic() + CATCH_UP_S
        while await self._ask(self._history.position()) < folded:
            if self._floor.clock.monotonic() >= until:
                raise NotAvailable("history is catching up")
            await self._floor.clock.sleep(POLL_S)

    @staticmethod
    async def _ask(question: Awaitable[T]) -> T:
        try:
            return await question
        except HistoryUnavailable as error:
            raise NotAvailable("history is not available") from error
