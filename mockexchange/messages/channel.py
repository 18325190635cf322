"""The numbered channel from a shard to a book, and the questions others ask a book."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class BookCancel(msgspec.Struct, array_like=True, frozen=True):
    """Cancel one order of the delivering shard; past `deadline_ns` (0: none) it is not done."""

    order_id: int
    command_id: str
    by_admin: bool = False
    deadline_ns: int = 0


class BookAmend(msgspec.Struct, array_like=True, frozen=True):
    """Lower the quantity of an order of the delivering shard; past `deadline_ns` it is not done."""

    order_id: int
    command_id: str
    quantity: int
    client_order_id: str
    deadline_ns: int


class Delivery(msgspec.Struct, array_like=True, frozen=True):
    """One numbered call of a shard to a book.

    `orders` are encoded `OrderReserved` events in order-id order, as they stand in the journal; `cancels` and then
    `amends` follow them.
    """

    shard: int
    epoch: int
    number: int
    orders: list[msgspec.Raw]
    cancels: list[BookCancel]
    amends: list[BookAmend] = []


class Receipt(IntEnum):
    """What became of a delivery. Only DONE means that its outcome is in the journal."""

    DONE = 1
    STALE = 2
    GAP = 3
    RECOVERING = 4
    PASSIVE = 5
    BUSY = 6
    UNAVAILABLE = 7


class DeliveryAnswer(msgspec.Struct, array_like=True, frozen=True):
    """A receipt; when DONE, what came of the delivery stands in the journal up to stream `sequence`."""

    receipt: Receipt
    sequence: int = 0


class ReadDepth(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Read the best `limit` levels of each side."""

    limit: int


class OverridePrice(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Put a price in place of the outside market until released."""

    price: int
    bid_quantity: int
    ask_quantity: int


class ReleasePrice(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Let the outside market count again."""


BookRequest = ReadDepth | OverridePrice | ReleasePrice


class DepthAnswer(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Levels as (price, quantity), best first; `update_id` is shared with the depth stream."""

    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    time_ns: int
    last_price: int = 0
    is_stale: bool = False


class OverrideAnswer(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """The change is in the journal at stream `sequence`, with the fills it caused."""

    sequence: int


class BookUnready(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """No answer now, and why: RECOVERING, PASSIVE, BUSY or UNAVAILABLE."""

    receipt: Receipt


BookAnswer = DepthAnswer | OverrideAnswer | BookUnready
