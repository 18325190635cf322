"""Rows of the read model and how they are encoded: msgpack arrays of the core's own structs."""

from __future__ import annotations

from typing import Final

import msgspec

from mockexchange.messages.commands import Balance
from mockexchange.messages.orders import Fill, Order, OrderStep, Trade

READ_MODEL_VERSION: Final = 2
"""Version of names and encodings; rows of another version are wiped and built anew."""

TAPE_LENGTH: Final = 10_000
"""A symbol's tape keeps so many trades."""


class Position(msgspec.Struct, array_like=True, frozen=True):
    """How far the journal is folded into the rows: `sequence`, and a checksum of the record that stands there.

    The checksum tells another journal from the one that was folded.
    """

    sequence: int
    checksum: int
    version: int = READ_MODEL_VERSION


class Rows:
    """What some records changed, to be written at once; of an order only its last state.

    The history of the accounts in `cleared` is deleted first. An order is held as the ledger's live object: write
    the rows before the ledger goes on.
    """

    __slots__ = ("balances", "cleared", "count", "fills", "orders", "steps", "trades")

    def __init__(self) -> None:
        self.cleared: list[int] = []
        self.orders: dict[int, Order] = {}
        self.steps: dict[int, list[OrderStep]] = {}
        self.fills: dict[int, list[tuple[int, Fill]]] = {}
        self.balances: dict[int, dict[str, Balance]] = {}
        self.trades: dict[str, list[Trade]] = {}
        self.count = 0

    def put_order(self, order: Order) -> None:
        """Add the state of an order."""
        self.orders[order.order_id] = order

    def add_step(self, order_id: int, step: OrderStep) -> None:
        """Add a step of an order."""
        self.steps.setdefault(order_id, []).append(step)
        self.count += 1

    def add_fill(self, number: int, fill: Fill) -> None:
        """Add a fill with its number among its account's events."""
        self.fills.setdefault(fill.account, []).append((number, fill))
        self.count += 1

    def put_balances(self, account: int, balances: list[Balance]) -> None:
        """Add the balances that an event changed."""
        known = self.balances.setdefault(account, {})
        for balance in balances:
            known[balance.asset] = balance

    def add_trade(self, trade: Trade) -> None:
        """Add a trade to its symbol's tape."""
        self.trades.setdefault(trade.symbol, []).append(trade)
        self.count += 1

    def symbols(self) -> set[str]:
        """Return the symbols these rows speak of."""
        return {order.symbol for order in self.orders.values()} | self.trades.keys()


encode: Final = msgspec.msgpack.Encoder().encode
decode_position: Final = msgspec.msgpack.Decoder(Position).decode
decode_order: Final = msgspec.msgpack.Decoder(Order).decode
decode_step: Final = msgspec.msgpack.Decoder(OrderStep).decode
decode_fill: Final = msgspec.msgpack.Decoder(Fill).decode
decode_balance: Final = msgspec.msgpack.Decoder(Balance).decode
decode_trade: Final = msgspec.msgpack.Decoder(Trade).decode
