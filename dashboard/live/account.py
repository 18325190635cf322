"""One account: its open orders, balances and last fills."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from dashboard.gateway_client import GatewayAway, GatewayClient, GatewayRefusal
from dashboard.live.board import Board, Payload, decode
from infra.ports import Bus
from mockexchange.messages.subjects import account as subject_of

FILLS: Final = 200
OPEN_ORDERS: Final = 500
RETRY_S: Final = 1.0

_OPEN: Final = ("new", "partially_filled")
_log: Final = logging.getLogger(__name__)


class AccountBoard(Board):
    """Follows `account.<id>.*`, joined with a snapshot by the journal's sequence: nothing is missed or shown twice."""

    def __init__(self, account: int, key: str, bus: Bus, gateway: GatewayClient) -> None:
        super().__init__()
        self.account = account
        self.orders: dict[str, Payload] = {}
        self.balances: dict[str, Payload] = {}
        self.fills: deque[Payload] = deque(maxlen=FILLS)
        self.is_known = False
        self._key = key
        self._bus = bus
        self._gateway = gateway
        self._sequence = 0
        self._number = 0
        self._early: deque[Payload] = deque(maxlen=5000)
        self._endings: list[Callable[[], Awaitable[None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow; the snapshot comes when it comes."""
        self._endings.append(await self._bus.subscribe(subject_of(self.account, "*"), self._on_message))
        self.resync()

    async def stop(self) -> None:
        """Follow no longer."""
        if self._reading is not None:
            self._reading.cancel()
        for end in self._endings:
            await end()
        self._endings.clear()

    def resync(self) -> None:
        """Read everything anew: messages may have been lost."""
        self.is_known = False
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name=f"read account {self.account}")

    async def _read(self) -> None:
        while True:
            try:
                state = await self._gateway.get("/account", self._key)
                orders = await self._gateway.get("/orders", self._key, status="open", limit=OPEN_ORDERS)
                fills = await self._gateway.get("/trades", self._key, limit=50)
            except (GatewayAway, GatewayRefusal) as failure:
                _log.info("account %s cannot be read now: %s", self.account, failure)
                await asyncio.sleep(RETRY_S)
                continue
            self._take(state, orders, fills)
            return

    def _take(self, state: Payload, orders: list[Payload], fills: list[Payload]) -> None:
        """Take a snapshot, and then what was heard while it was read."""
        self.balances = {row["asset"]: row for row in state["balances"]}
        self.orders = {order["id"]: order for order in orders}
        self.fills = deque(reversed(fills), maxlen=FILLS)
        self._sequence, self._number = state["sequence"], 0
        self.is_known = True
        early, self._early = self._early, deque(maxlen=5000)
        for message in early:
            self._hear(message)
        self.changed()

    def _on_message(self, _subject: str, payload: bytes) -> None:
        message = decode(payload)
        if not self.is_known:
            self._early.append(message)
        elif self._number and message["number"] > self._number + 1:
            self._early.append(message)
            self.resync()
        else:
            self._hear(message)
            self.changed()

    def _hear(self, message: Payload) -> None:
        """Take one event; the parts of the snapshot that were read later than it know it already."""
        self._number = max(self._number, message["number"])
        if "order" in message:
            self._hear_order(message["order"])
        elif "fill" in message:
            fill = message["fill"]
            if not self.fills or fill["trade_id"] not in {each["trade_id"] for each in self.fills}:
                self.fills.append(fill)
        elif "balances" in message and message["sequence"] > self._sequence:
            self.balances |= {row["asset"]: row for row in message["balances"]}

    def _hear_order(self, order: Payload) -> None:
        known = self.orders.get(order["id"])
        if known is not None and known["history_count"] >= order["history_count"]:
            return
        if order["status"] in _OPEN:
            self.orders[order["id"]] = order
        else:
            self.orders.pop(order["id"], None)
