"""The words of an order, and its state as the ledger knows it.

What exists in great numbers is kept out of the garbage collector's sight (`gc=False`): it refers to nothing that could
refer back, and a full collection over it would stop its process for milliseconds.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from mockexchange.messages.refusals import RejectReason

HOUSE: Final = -1
"""The sub-account of each shard that owns the mirrored outside market."""

FEES: Final = -2
"""The sub-account of each shard that collects fees."""

OUTSIDE: Final = -3
"""The sub-account of each shard that stands for the world deposits come from."""

CLEARING: Final = -4
"""The sub-account of each shard that faces the other shards; sums to zero over all of them."""


class Side(IntEnum):
    """Buy or sell."""

    BUY = 1
    SELL = 2

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(IntEnum):
    """Limit or market, at once or once the symbol's last trade has reached a stop price."""

    LIMIT = 1
    MARKET = 2
    STOP_LOSS = 3
    STOP_LOSS_LIMIT = 4
    TAKE_PROFIT = 5
    TAKE_PROFIT_LIMIT = 6

    @property
    def has_limit(self) -> bool:
        """Whether the order has a limit price."""
        return self in _LIMITED

    @property
    def is_conditional(self) -> bool:
        """Whether the order waits for its stop price."""
        return self >= OrderType.STOP_LOSS

    def rises_to_trigger(self, side: Side) -> bool:
        """Whether a conditional order is triggered by a price at or above its stop price, else at or below."""
        is_stop_loss = self in {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT}
        return (side is Side.BUY) is is_stop_loss


_LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


class TimeInForce(IntEnum):
    """Good till canceled, immediate or cancel, fill or kill."""

    GTC = 1
    IOC = 2
    FOK = 3


class SelfTradePrevention(IntEnum):
    """What happens where an order meets another of its own account: the taker's mode decides."""

    NONE = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3


class OrderStatus(IntEnum):
    """State of an order; RESERVED is held and journaled, but the book has not answered yet."""

    RESERVED = 0
    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade."""
        return self <= OrderStatus.PARTIALLY_FILLED


class Order(msgspec.Struct, array_like=True, gc=False):
    """The whole state of an order in the ledger.

    `quantity`, `filled` and `price` are at the instrument's scales; `quote_amount`, `filled_quote` in quote
    asset units; `hold`, `hold_left` in units of `hold_asset` (quote for buys, base for sells); `fee` in units
    of the asset received. Times are nanoseconds since the epoch: `created_ns` is when the gateway received it,
    `reserved_ns` when its money was held. `sequence` is the journal sequence of the
    last change, `steps` counts them from the book's first word on. `cancel_command_id` is the command that canceled it.
    A conditional order has a `stop_price`, and `triggered_ns` 0 while it waits. The orders of a list share a `list_id`,
    the order id of its first, and one hold, which lies with the first until another needs it. `replaces` is the id of
    the order in whose place this one was asked for, `need` and `only_if_open` what its reservation said;
    `amended_by` is the command that last lowered its quantity, and `placed_quantity` and `placed_client_order_id` are
    what it was placed with if there is one.
    """

    order_id: int
    account: int
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    is_post_only: bool
    quantity: int
    price: int
    quote_amount: int
    command_id: str
    client_order_id: str
    hold: int
    hold_left: int
    maker_rate: int
    taker_rate: int
    created_ns: int
    updated_ns: int
    status: OrderStatus = OrderStatus.RESERVED
    filled: int = 0
    filled_quote: int = 0
    fee: int = 0
    finished_ns: int = 0
    reason: RejectReason | None = None
    sequence: int = 0
    steps: int = 0
    deadline_ns: int = 0
    cancel_command_id: str = ""
    stop_price: int = 0
    triggered_ns: int = 0
    prevention: SelfTradePrevention = SelfTradePrevention.NONE
    list_id: int = 0
    list_client_order_id: str = ""
    replaces: int = 0
    amended_by: str = ""
    need: int = 0
    only_if_open: bool = False
    reserved_ns: int = 0
    placed_quantity: int = 0
    placed_client_order_id: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade."""
        return self.status <= OrderStatus.PARTIALLY_FILLED

    @property
    def base(self) -> str:
        """Code of the base asset."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """Code of the quote asset."""
        return self.symbol.partition("/")[2]

    @property
    def hold_asset(self) -> str:
        """Code of the asset the hold is in."""
        return self.quote if self.side is Side.BUY else self.base

    @property
    def fee_asset(self) -> str:
        """Code of the asset the fee is taken from: the one received."""
        return self.base if self.side is Side.BUY else self.quote


class Fill(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One side of a trade as its account sees it. Units as in `Order`; `quote` and `base` in asset units."""

    trade_id: int
    order_id: int
    account: int
    symbol: str
    side: Side
    price: int
    quantity: int
    base_amount: int
    quote_amount: int
    fee: int
    is_maker: bool
    time_ns: int
    client_order_id: str = ""
    sequence: int = 0
    list_id: int = 0


class OrderStep(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One change of an order, for its history. Amounts are those of this step alone, units as in `Order`.

    A step that amended the order has the quantity and the client order id that it had before. One that triggered it has
    the price that did.
    """

    time_ns: int
    status: OrderStatus
    price: int = 0
    quantity: int = 0
    quote_amount: int = 0
    fee: int = 0
    hold_left: int = 0
    reason: RejectReason | None = None
    amended_from: int = 0
    amended_client_order_id: str = ""
    is_triggered: bool = False


class Trade(msgspec.Struct, array_like=True, frozen=True):
    """One line of a symbol's tape.

    `is_outside`: a print of the outside market, in which no account took part; `venue_time_ns` is when it was made
    there, which for a recorded market is long ago.
    """

    trade_id: int
    symbol: str
    price: int
    quantity: int
    taker_side: Side
    time_ns: int
    is_outside: bool
    venue_time_ns: int = 0
