"""What people ask for: commands to an accounts shard, reads of it, and their answers.

A batch travels as a msgpack list of the union `ShardRequest`; the answer is a list of `ShardAnswer` of the same
length, in the same order.
"""

from __future__ import annotations

import msgspec

from mockexchange.messages.orders import Fill, Order, OrderType, SelfTradePrevention, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason


class PlaceOrder(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Place an order.

    Either `quantity` is given or, for a market order, `quote_amount`. `reference_price` is the best price known on
    the other side (0: unknown), which sizes the hold of a market buy by quantity and of a market sell by quote amount.
    A conditional order has a `stop_price`. Past `deadline_ns` the book refuses it.
    """

    command_id: str
    account: int
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    is_post_only: bool
    quantity: int
    price: int
    quote_amount: int
    reference_price: int
    client_order_id: str
    received_ns: int
    deadline_ns: int
    stop_price: int = 0
    prevention: SelfTradePrevention = SelfTradePrevention.NONE


class CancelOrder(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Cancel an order by `order_id` or, when that is 0, by `client_order_id`.

    The other order of its list is canceled with it and comes second in the answer.
    """

    command_id: str
    account: int
    order_id: int
    client_order_id: str
    deadline_ns: int


class CancelAll(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Cancel all open orders of an account, of one symbol or (empty) of all."""

    command_id: str
    account: int
    symbol: str
    deadline_ns: int
    by_admin: bool = False


class Deposit(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Bring money in from the outside world. `value` is its worth in the cash asset's units."""

    command_id: str
    account: int
    asset: str
    amount: int
    value: int
    received_ns: int


class Withdraw(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """Take free money out to the outside world. `value` is its worth in the cash asset's units."""

    command_id: str
    account: int
    asset: str
    amount: int
    value: int
    received_ns: int


class SetBalance(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """Set a free balance by a balancing posting; `used`, where not -1, must equal the holds."""

    command_id: str
    account: int
    asset: str
    free: int
    used: int
    received_ns: int


class ClearHistory(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """Bring every account of the shard without open orders back to its starting funds; start history anew."""

    command_id: str
    received_ns: int


class PlaceList(msgspec.Struct, array_like=True, frozen=True, tag=8):
    """Place two orders of one symbol and side of which at most one trades (one cancels the other).

    The first rests or waits above the other's trigger, at least one is conditional. They hold money once: the greater
    need of both. As soon as one trades or is triggered the other is canceled, and a cancel of one cancels both. The
    answer is an OrdersAnswer of both. `command_id` is that of the first leg; the second's is its own.
    """

    legs: tuple[PlaceOrder, PlaceOrder]
    list_client_order_id: str

    @property
    def command_id(self) -> str:
        """The id of the command: that of its first leg."""
        return self.legs[0].command_id

    @property
    def account(self) -> int:
        """The account of both."""
        return self.legs[0].account


class ReplaceOrder(msgspec.Struct, array_like=True, frozen=True, tag=9):
    """Cancel an order by `order_id` or, when that is 0, by `client_order_id`, and place another, as one step.

    With `only_if_open` nothing is placed unless the order was still open to be canceled. The new order may use the
    money of the old one. It is of the same symbol. The answer is an OrderAnswer with the new order and `replaced`.
    """

    place: PlaceOrder
    order_id: int
    client_order_id: str
    only_if_open: bool

    @property
    def command_id(self) -> str:
        """The id of the command: that of the order it places."""
        return self.place.command_id

    @property
    def account(self) -> int:
        """The account of both orders."""
        return self.place.account


class AmendOrder(msgspec.Struct, array_like=True, frozen=True, tag=10):
    """Lower the quantity of an open order, found as in CancelOrder; it keeps its place in the queue.

    `quantity` is the new one, above what is filled. A `new_client_order_id` that is not empty replaces the old.
    """

    command_id: str
    account: int
    order_id: int
    client_order_id: str
    quantity: int
    new_client_order_id: str
    deadline_ns: int


class ReadAccount(msgspec.Struct, array_like=True, frozen=True, tag=16):
    """Read balances, capital and trade statistics of an account."""

    account: int


class ReadOrder(msgspec.Struct, array_like=True, frozen=True, tag=17):
    """Read one order by `order_id` or, when that is 0, by `client_order_id`."""

    account: int
    order_id: int
    client_order_id: str


class ReadOpenOrders(msgspec.Struct, array_like=True, frozen=True, tag=18):
    """Read open orders with `order_id` below `before` (0: newest), newest first, at most `limit`."""

    account: int
    symbol: str
    before: int
    limit: int


class ReadFills(msgspec.Struct, array_like=True, frozen=True, tag=19):
    """Read the recent fills the shard still remembers, newest first, at most `limit`."""

    account: int
    symbol: str
    limit: int


class ReadList(msgspec.Struct, array_like=True, frozen=True, tag=21):
    """Read the orders of a list by `list_id` or, when that is 0, by `list_client_order_id`, as an OrdersAnswer."""

    account: int
    list_id: int
    list_client_order_id: str


class AwaitSequence(msgspec.Struct, array_like=True, frozen=True, tag=20):
    """Answer once the shard has folded the journal up to `sequence`."""

    sequence: int


ShardRequest = (
    PlaceOrder
    | CancelOrder
    | CancelAll
    | Deposit
    | Withdraw
    | SetBalance
    | ClearHistory
    | PlaceList
    | ReplaceOrder
    | AmendOrder
    | ReadAccount
    | ReadOrder
    | ReadOpenOrders
    | ReadFills
    | ReadList
    | AwaitSequence
)


class OrderAnswer(msgspec.Struct, array_like=True, tag=1):
    """The order's state after the command's outcome was folded. `repeated`: the id had been seen before.

    `replaced` is the order that a ReplaceOrder was to cancel, as it is now.
    """

    order: Order
    fills: list[Fill] = []
    repeated: bool = False
    replaced: Order | None = None


class OrdersAnswer(msgspec.Struct, array_like=True, tag=2):
    """Several orders; `sequence` is the journal sequence the shard has folded."""

    orders: list[Order]
    sequence: int


class Balance(msgspec.Struct, array_like=True):
    """Free and held money of one asset, in its units."""

    asset: str
    free: int
    held: int


class Flow(msgspec.Struct, array_like=True):
    """Total of one asset moved in or out: amount in its units, value in the cash asset's units."""

    asset: str
    amount: int
    value: int


class TradeTotal(msgspec.Struct, array_like=True):
    """Totals of one side of one symbol. `orders` counts orders with at least one fill; fee in the asset received."""

    symbol: str
    side: Side
    orders: int
    base_amount: int
    quote_amount: int
    fee: int


class AccountAnswer(msgspec.Struct, array_like=True, tag=3):
    """The state of one account at journal `sequence`; `number` is that of its last account event, at `changed_ns`."""

    account: int
    balances: list[Balance]
    deposits: list[Flow]
    withdrawals: list[Flow]
    trades: list[TradeTotal]
    number: int
    sequence: int
    changed_ns: int


class FillsAnswer(msgspec.Struct, array_like=True, tag=4):
    """Fills, newest first. Older ones are in the read model, where their events' numbers are below `following`.

    `following` is 0 where there are none.
    """

    fills: list[Fill]
    following: int
    sequence: int


class SequenceAnswer(msgspec.Struct, array_like=True, tag=5):
    """The journal sequence the shard has folded."""

    sequence: int


class Refused(msgspec.Struct, array_like=True, tag=6):
    """A refusal: nothing was done. `order` is given where one exists."""

    reason: RejectReason
    detail: str = ""
    order: Order | None = None


class Unavailable(msgspec.Struct, array_like=True, tag=7):
    """No answer now. Where `may_execute`, the command may still execute until its deadline; its id tells."""

    detail: str
    may_execute: bool = False


ShardAnswer = OrderAnswer | OrdersAnswer | AccountAnswer | FillsAnswer | SequenceAnswer | Refused | Unavailable
