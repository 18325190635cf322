"""The user data stream of one account: what happens to its orders and balances, as this dialect's events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import msgspec

from gateway.auth import Caller
from gateway.binance.listen_keys import caller_of, is_valid
from gateway.binance.user_events import account_position, balance_update, execution_report, list_status
from gateway.failures import NotAvailable
from gateway.gateway import Gateway
from gateway.streams.account_feed import AccountEvent, OrderEvent
from gateway.streams.channels import Leave
from gateway.streams.connection import POLICY, RESTART
from mockexchange.candles import NS_PER_MS
from mockexchange.views import OrderView

CHECK_S: Final = 2.0
LISTEN_KEY_EVERY: Final = 5
"""At every so many checks of its API key a listen key is looked up, too."""

REVOKED: Final = "the API key was revoked"
EXPIRED: Final = "the listen key has expired"

encode_event: Final = msgspec.json.Encoder().encode

Json = dict[str, Any]
_OPEN: Final = frozenset({"new", "partially_filled"})


class UserStream:
    """Tells the events of an account until it is closed, its key is revoked or events are missing.

    `send` is given each event, `end` is called once with a close code and the reason when it ends by itself.
    """

    def __init__(
        self, gateway: Gateway, caller: Caller, send: Callable[[Json], None], end: Callable[[int, str], None]
    ) -> None:
        self._gateway = gateway
        self._caller = caller
        self._send = send
        self._end = end
        self._lists: dict[str, dict[str, OrderView]] = {}
        self._told_lists: set[str] = set()
        self._leave: Leave | None = None
        self._checking: asyncio.Task[None] | None = None

    async def open(self, *, listen_key: str = "") -> None:
        """Begin; whatever happens after this returned is told. Raises Failure."""
        self._leave = await self._gateway.streams.accounts.join(self._caller, self)
        self._checking = asyncio.create_task(self._check(listen_key), name="check a user data stream")

    def close(self) -> None:
        """Tell nothing any more."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
        if self._checking is not None and self._checking is not asyncio.current_task():
            self._checking.cancel()

    def take(self, event: AccountEvent) -> None:
        """Tell an event."""
        for told in self._events_of(event):
            self._send(told)

    def lose(self, _name: str, reason: str) -> None:
        """End, since events are missing."""
        self.close()
        self._end(RESTART, reason)

    def _events_of(self, event: AccountEvent) -> list[Json]:
        now_ms = self._gateway.parts.clock.now_ns() // NS_PER_MS
        if isinstance(event, OrderEvent):
            fill = None if event.fill is None else event.fill.fill
            told = [execution_report(event.told, fill, now_ms), self._list_event(event.told.order, now_ms)]
        else:
            told = [balance_update(event.told, now_ms), account_position(event.told, now_ms)]
        return [each for each in told if each is not None]

    def _list_event(self, order: OrderView, now_ms: int) -> Json | None:
        """Tell of a list when both its orders are known, and when none of them is open any more."""
        if order.list_id is None:
            return None
        legs = self._lists.setdefault(order.list_id, {})
        legs[order.id] = order
        if len(legs) < LEGS:
            return None
        is_open = any(leg.status in _OPEN for leg in legs.values())
        if is_open and order.list_id in self._told_lists:
            return None
        if is_open:
            self._told_lists.add(order.list_id)
        else:
            self._told_lists.discard(order.list_id)
            del self._lists[order.list_id]
        return list_status(list(legs.values()), now_ms)

    async def _check(self, listen_key: str) -> None:
        for number in count():
            if not is_valid(self._gateway, self._caller.key_id):
                self._finish(REVOKED)
                return
            if listen_key and number % LISTEN_KEY_EVERY == 0 and not await self._is_alive(listen_key):
                now_ms = self._gateway.parts.clock.now_ns() // NS_PER_MS
                self._send({"e": "listenKeyExpired", "E": now_ms, "listenKey": listen_key})
                self._finish(EXPIRED)
                return
            await self._gateway.parts.clock.sleep(CHECK_S)

    async def _is_alive(self, token: str) -> bool:
        try:
            return await caller_of(self._gateway, token) is not None
        except NotAvailable:
            # Nobody can say now, so it goes on.
            return is_valid(self._gateway, self._caller.key_id)

    def _finish(self, reason: str) -> None:
        self.close()
        self._end(POLICY, reason)


LEGS: Final = 2
