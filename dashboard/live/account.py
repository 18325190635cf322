"""One account: its open orders, balances and last fills."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from dashboard.gateway_client import GatewayClient, GatewayRefusal
from dashboard.live.board import RETRY_S, Board, Payload, Reading, decode
from infra.ports import Bus
from mockexchange.messages.subjects import account as subject_of

FILLS: Final = 200
OPEN_ORDERS: Final = 500
FIRST_FILLS: Final = 100
EARLY: Final = 5000
FEWEST: Final = OPEN_ORDERS // 2
"""Where an account has more open orders than are kept, the older ones are read when so few are left."""

_OPEN: Final = ("new", "partially_filled")
_UNAUTHORIZED: Final = 401


class AccountBoard(Board):
    """Follows `account.<id>.*`, joined with a snapshot by the journal's sequence: nothing is missed or shown twice.

    It keeps the newest `OPEN_ORDERS` open orders. `is_refused` once the gateway knows the key no more: then it shows
    nothing.
    """

    def __init__(
        self,
        account: int,
        key: str,
        bus: Bus,
        gateway: GatewayClient,
        tell_refused: Callable[[str], None],
        *,
        pause_s: float = RETRY_S,
    ) -> None:
        super().__init__()
        self.account = account
        self.key = key
        self.is_known = False
        self.is_refused = False
        self._bus = bus
        self._gateway = gateway
        self._tell_refused = tell_refused
        self._reading = Reading(f"account {account}", self._read, pause_s)
        self._endings: list[Callable[[], Awaitable[None]]] = []
        self._forget()

    async def start(self) -> None:
        """Begin to follow; the snapshot comes when it comes."""
        self._endings.append(await self._bus.subscribe(subject_of(self.account, "*"), self._on_message))
        self.resync()

    async def stop(self) -> None:
        """Follow no longer."""
        await self._reading.stop()
        for end in self._endings:
            await end()
        self._endings.clear()

    def resync(self) -> None:
        """Read everything anew: messages may have been lost, or the key revoked."""
        self.is_known = False
        self._reading.ask()

    def _forget(self) -> None:
        self.orders: dict[str, Payload] = {}
        self.balances: dict[str, Payload] = {}
        self.fills: deque[Payload] = deque(maxlen=FILLS)
        self._sequence = 0
        self._number = 0
        self._early: deque[Payload] = deque(maxlen=EARLY)
        self._has_older = False

    async def _read(self) -> None:
        try:
            state = await self._gateway.get("/account", self.key, account=self.account)
            orders = await self._gateway.get(
                "/orders", self.key, status="open", limit=OPEN_ORDERS, account=self.account
            )
            fills = await self._gateway.get("/trades", self.key, limit=FIRST_FILLS, account=self.account)
        except GatewayRefusal as refusal:
            if refusal.status != _UNAUTHORIZED:
                raise
            self._forget()
            self.is_refused = True
            self.changed()
            self._tell_refused(self.key)
            return
        if not self._reading.is_outdated:
            self._take(state, orders, fills)

    def _take(self, state: Payload, orders: list[Payload], fills: list[Payload]) -> None:
        """Take a snapshot, and then what was heard while it was read."""
        early = self._early
        self._forget()
        self.balances = {row["asset"]: row for row in state["balances"]}
        self.orders = {order["id"]: order for order in orders}
        self._has_older = len(orders) >= OPEN_ORDERS
        self.fills.extend(reversed(fills))
        self._sequence, self._number = state["sequence"], state["number"]
        self.is_known = True
        for message in early:
            self._hear(message)
        self.changed()

    def _on_message(self, _subject: str, payload: bytes) -> None:
        if not self.is_refused:
            self._hear(decode(payload))
            self.changed()

    def _hear(self, message: Payload) -> None:
        """Take one event, or keep it for the snapshot that is under way or has become necessary."""
        if not self.is_known:
            self._early.append(message)
        elif message["number"] > self._number + 1:
            self._early.append(message)
            self.resync()
        else:
            self._number = max(self._number, message["number"])
            self._apply(message)

    def _apply(self, message: Payload) -> None:
        """Show one event; parts of the snapshot that were read later than it know it already."""
        if "order" in message:
            self._apply_order(message["order"])
        elif "fill" in message:
            fill = message["fill"]
            if _identity(fill) not in {_identity(each) for each in self.fills}:
                self.fills.append(fill)
        elif "balances" in message and message["sequence"] > self._sequence:
            self.balances |= {row["asset"]: row for row in message["balances"]}

    def _apply_order(self, order: Payload) -> None:
        known = self.orders.get(order["id"])
        if known is not None and known["history_count"] >= order["history_count"]:
            return
        if order["status"] in _OPEN:
            self.orders[order["id"]] = order
            if len(self.orders) > OPEN_ORDERS:
                del self.orders[min(self.orders, key=int)]
                self._has_older = True
        elif self.orders.pop(order["id"], None) is not None and self._has_older and len(self.orders) < FEWEST:
            self.resync()


def _identity(fill: Payload) -> tuple[str, int, str]:
    """Return what tells fills apart: trade ids are a symbol's own, and an account may be both sides of a trade."""
    return fill["symbol"], fill["trade_id"], fill["order_id"]
