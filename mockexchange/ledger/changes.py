"""What a record changed for an account: the source of the private streams and of answers to waiting requests."""

from __future__ import annotations

import msgspec

from mockexchange.messages.commands import Balance
from mockexchange.messages.orders import Fill, Order, OrderStep


class OrderChanged(msgspec.Struct, frozen=True, gc=False):
    """An order took a step: the first is its acceptance or rejection by the book.

    `order` is the live object: it shows the state after the whole record, and changes with the next. Encode it
    before the ledger applies another. `ordinal` counts the order's steps up to this one, and `filled` and
    `filled_quote` are what it had traded after it, which the live object does not say where a record holds several.
    """

    account: int
    number: int
    sequence: int
    order: Order
    step: OrderStep
    ordinal: int
    filled: int
    filled_quote: int


class Filled(msgspec.Struct, frozen=True, gc=False):
    """An order of the account traded."""

    account: int
    number: int
    sequence: int
    fill: Fill


class BalanceChanged(msgspec.Struct, frozen=True):
    """Balances after one event of the record.

    `cause` is `reserved`, `rejected`, `filled`, `canceled` or `amended` where an order did it, else that of the event.
    `amount` is what a transfer moved, of either sign, and 0 where an order did it.
    """

    account: int
    number: int
    sequence: int
    balances: list[Balance]
    cause: str
    time_ns: int
    amount: int = 0


AccountEvent = OrderChanged | Filled | BalanceChanged
