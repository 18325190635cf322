"""Lists of an account's orders: the open ones from its shard, all others from the read model."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

from gateway.auth import Caller
from gateway.failures import CommandRefused, NotAvailable
from gateway.history_desk import HistoryDesk
from gateway.order_desk import OrderDesk
from mockexchange.ledger.reservations import SHARD_BASE
from mockexchange.messages.orders import Order, OrderStatus, OrderType, Side
from mockexchange.messages.refusals import RejectReason

MAX_PAGES: Final = 20
"""A list looks at no more pages than this in search of orders that fit; the cursor tells where to go on."""

PAGE: Final = 500
LEGS: Final = 2
WHOLE_PAGE: Final = 5_000


class StatusFilter(NamedTuple):
    """Which orders a status name stands for; `has_fills` (None: either) parts those that were canceled."""

    statuses: frozenset[OrderStatus]
    has_fills: bool | None = None

    @property
    def is_open(self) -> bool:
        """Whether all such orders are open, so that the shard knows them."""
        return bool(self.statuses) and all(status.is_open for status in self.statuses)

    def fits(self, order: Order) -> bool:
        """Whether an order is one of these."""
        is_status = not self.statuses or order.status in self.statuses
        return is_status and self.has_fills in (None, order.filled > 0)


ANY: Final = StatusFilter(frozenset())
OPEN: Final = StatusFilter(frozenset(status for status in OrderStatus if status.is_open))

STATUS_FILTERS: Final = {
    "open": OPEN,
    "new": StatusFilter(frozenset({OrderStatus.RESERVED, OrderStatus.NEW})),
    "partially_filled": StatusFilter(frozenset({OrderStatus.PARTIALLY_FILLED})),
    "filled": StatusFilter(frozenset({OrderStatus.FILLED})),
    "canceled": StatusFilter(frozenset({OrderStatus.CANCELED}), has_fills=False),
    "partially_canceled": StatusFilter(frozenset({OrderStatus.CANCELED}), has_fills=True),
    "rejected": StatusFilter(frozenset({OrderStatus.REJECTED})),
}


class OrderQuery(NamedTuple):
    """Which orders are asked for: ids below `before` (0: the newest), at most `limit`.

    `base` names the asset they buy or sell. They were made at `start_ns` or later, and before `end_ns` unless it is 0.
    """

    status: StatusFilter
    symbol: str
    side: Side | None
    before: int
    limit: int
    order_type: OrderType | None = None
    base: str = ""
    start_ns: int = 0
    end_ns: int = 0

    @property
    def is_picky(self) -> bool:
        """Whether orders must be looked at to know if they fit."""
        is_by_kind = self.side is not None or self.order_type is not None or bool(self.base)
        return is_by_kind or bool(self.end_ns) or self.status not in (ANY, OPEN)

    def fits(self, order: Order) -> bool:
        """Whether an order is one of those asked for."""
        is_kind = self.side in (None, order.side) and self.order_type in (None, order.order_type)
        is_base = not self.base or order.symbol.partition("/")[0] == self.base
        is_in_time = not self.end_ns or order.created_ns < self.end_ns
        return is_kind and is_base and is_in_time and self.status.fits(order)


class OrderLists:
    """Pages through the orders of one account at a time, newest first."""

    def __init__(self, orders: OrderDesk, history: HistoryDesk) -> None:
        self._orders = orders
        self._history = history

    async def page(self, caller: Caller, query: OrderQuery) -> tuple[list[Order], int]:
        """Return a page and where to go on (0: that was all). Raises Failure."""
        found: list[Order] = []
        before = query.before or await self._end_of(caller, query)
        for _ in range(MAX_PAGES):
            # One more than asked for tells whether there are more.
            orders, before = await self._next(caller, query, before, PAGE if query.is_picky else query.limit + 1)
            for order in filter(query.fits, orders):
                if len(found) == query.limit:
                    return found, found[-1].order_id
                if order.created_ns < query.start_ns:
                    return found, 0
                found.append(order)
            if not before:
                break
        return found, before

    async def all_open(self, caller: Caller, symbol: str = "") -> tuple[list[Order], int]:
        """Return all open orders of an account, in pages so that nobody is held up, and the first page's sequence."""
        first = await self._orders.open_orders(caller, symbol, 0, WHOLE_PAGE)
        found, page = first.orders, first.orders
        while len(page) == WHOLE_PAGE:
            page = (await self._orders.open_orders(caller, symbol, found[-1].order_id, WHOLE_PAGE)).orders
            found += page
        return found, first.sequence

    async def find(self, caller: Caller, order_id: int) -> Order:
        """Return one order of the account, however old. Raises Failure."""
        try:
            return await self._orders.order(caller, order_id)
        except CommandRefused as refusal:
            # The shard forgets what has been closed for long. An id of another shard was never this account's.
            if refusal.reason is not RejectReason.UNKNOWN_ORDER or order_id % SHARD_BASE != caller.shard:
                raise
            order = await self._history.order(caller, order_id)
            if order is None:
                raise
            return order

    async def find_named(self, caller: Caller, symbol: str, client_order_id: str) -> Order:
        """Return the last order of a symbol with a client order id, among the last 20,000. Raises Failure.

        What the shard does not know of is unknown also while the read model is away: who asks whether an order has come
        must not have to wait for that.
        """
        try:
            return await self._orders.order(caller, 0, client_order_id)
        except CommandRefused as refusal:
            if refusal.reason is not RejectReason.UNKNOWN_ORDER:
                raise
            order = None
            with suppress(NotAvailable):
                order = await self._history.order_named(caller, symbol, client_order_id)
            if order is None:
                raise
            return order

    async def find_list(self, caller: Caller, list_id: int, list_client_order_id: str = "") -> list[Order]:
        """Return the orders of a list of the account, however old where it is asked for by id. Raises Failure."""
        try:
            return await self._orders.order_list(caller, list_id, list_client_order_id)
        except CommandRefused as refusal:
            is_old = refusal.reason is RejectReason.UNKNOWN_ORDER and list_id and list_id % SHARD_BASE == caller.shard
            if not is_old:
                raise
            past = await self._history.past_orders(caller, "")
            # Orders of one list have ids that follow each other.
            place = await past.first_at(lambda order: order.order_id >= list_id)
            legs = await past.after(place, LEGS, lambda order: order.list_id == list_id, place + LEGS)
            if not legs:
                raise
            return legs

    async def _next(self, caller: Caller, query: OrderQuery, before: int, limit: int) -> tuple[list[Order], int]:
        if query.status.is_open:
            return await self._open(caller, query.symbol, before, limit)
        return await self._history.orders(
            caller,
            symbol=query.symbol,
            statuses=query.status.statuses,
            side=query.side,
            order_type=query.order_type,
            base=query.base,
            since_ns=query.start_ns,
            before=before,
            limit=limit,
        )

    async def _end_of(self, caller: Caller, query: OrderQuery) -> int:
        """Return the id below which the orders lie that are old enough, 0 where all of them are.

        Ids of an account rise with time, so it is found by halves.
        """
        if not query.end_ns or query.status.is_open:
            return 0
        past = await self._history.past_orders(caller, query.symbol)
        place = await past.first_at(lambda order: order.created_ns >= query.end_ns)
        following = await past.after(place, 1, end=place + 1) if place < past.count else []
        return following[0].order_id if following else 0

    async def _open(self, caller: Caller, symbol: str, before: int, limit: int) -> tuple[list[Order], int]:
        orders = (await self._orders.open_orders(caller, symbol, before, limit)).orders
        return orders, orders[-1].order_id if len(orders) == limit else 0
