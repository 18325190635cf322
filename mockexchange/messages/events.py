"""What happened: the events of the journal, and the records that carry them.

One JetStream message is one record of one subject; `previous` is the stream sequence of the subject's record
before it (0: none), so that a reader notices a missing one.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce, Trade
from mockexchange.messages.refusals import RejectReason

SCHEMA_VERSION: Final = 1

# --- accounts.<k> ------------------------------------------------------------------------------------------------


class ShardOpened(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """An incarnation of the shard begins; its epoch is this record's stream sequence."""

    incarnation: str


class OrderReserved(msgspec.Struct, array_like=True, frozen=True, tag=2, gc=False):
    """Money is held for an order, which now goes to the book. Units as in `Order`.

    `hold` is what was taken from free money for it, `need` what it must have to be accepted. They differ where another
    order's hold is to serve it as well: that of the order it `replaces`, or that of the first of its list. With
    `only_if_open` it is refused unless the order it replaces is open.
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
    maker_rate: int
    taker_rate: int
    received_ns: int
    reserved_ns: int
    deadline_ns: int
    need: int = 0
    stop_price: int = 0
    prevention: SelfTradePrevention = SelfTradePrevention.NONE
    list_id: int = 0
    list_client_order_id: str = ""
    replaces: int = 0
    only_if_open: bool = False


class Deposited(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Money came in from the outside world."""

    command_id: str
    account: int
    asset: str
    amount: int
    value: int
    cause: str


class Withdrawn(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Money left to the outside world."""

    command_id: str
    account: int
    asset: str
    amount: int
    value: int
    cause: str


class Adjusted(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """A free balance was changed by `amount` (either sign), outside of deposits and withdrawals."""

    command_id: str
    account: int
    asset: str
    amount: int
    cause: str


class HistoryCleared(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """History of the shard's accounts begins anew: closed orders, fills, flows and totals are forgotten."""

    command_id: str


ShardEvent = ShardOpened | OrderReserved | Deposited | Withdrawn | Adjusted | HistoryCleared


class ShardRecord(msgspec.Struct, array_like=True, frozen=True):
    """One record of `journal.accounts.<k>`."""

    version: int
    previous: int
    time_ns: int
    events: list[ShardEvent]


# --- book.<symbol> -----------------------------------------------------------------------------------------------


class BookOpened(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """An incarnation of the book begins; its epoch is this record's stream sequence."""

    incarnation: str


class OrderAccepted(msgspec.Struct, array_like=True, frozen=True, tag=2, gc=False):
    """The book took the order in: it rests with what the fills that follow leave of it, or waits for its stop price.

    `hold` is all that it has, with what was moved to it just before.
    """

    order_id: int
    account: int
    shard: int
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: int
    quantity: int
    quote_amount: int
    hold: int
    maker_rate: int
    taker_rate: int
    stop_price: int = 0
    prevention: SelfTradePrevention = SelfTradePrevention.NONE
    list_id: int = 0


class OrderRejected(msgspec.Struct, array_like=True, frozen=True, tag=3, gc=False):
    """The book refused the order; `release` gives the whole hold back."""

    order_id: int
    account: int
    shard: int
    reason: RejectReason
    release: int


class FillSide(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a fill does to one side.

    `fee` is in the asset received, `release` in the asset held, `remaining` in quantity units (-1 for an order by
    quote amount, which has no quantity to go). The house has `order_id` 0 and account HOUSE, and stands on its
    counterparty's shard.
    """

    order_id: int
    account: int
    shard: int
    fee: int
    release: int
    remaining: int


class OrderFilled(msgspec.Struct, array_like=True, frozen=True, tag=4, gc=False):
    """Two sides traded `quantity` at `price`: `base` and `quote` are the amounts in asset units.

    `cause` is the venue's sequence where the outside market caused the fill, else 0.
    """

    trade_id: int
    price: int
    quantity: int
    base: int
    quote: int
    taker_side: Side
    taker: FillSide
    maker: FillSide
    cause: int


class OrderCanceled(msgspec.Struct, array_like=True, frozen=True, tag=5, gc=False):
    """What was left of the order is gone; `release` gives the rest of its hold back."""

    order_id: int
    account: int
    shard: int
    command_id: str
    reason: RejectReason
    release: int


class TradeIdsReserved(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """Trade ids up to `until` may be given to trades and to outside prints, which are not journaled."""

    until: int


class PriceOverridden(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """An administrator put `price` in place of the outside market, with these quantities on both sides."""

    price: int
    bid_quantity: int
    ask_quantity: int


class PriceReleased(msgspec.Struct, array_like=True, frozen=True, tag=8):
    """The outside market counts again."""


class BookClosed(msgspec.Struct, array_like=True, frozen=True, tag=9):
    """The book had no open order and was put to sleep."""


class OrderTriggered(msgspec.Struct, array_like=True, frozen=True, tag=10, gc=False):
    """The last price, `price`, reached an order's stop price: it matches or rests from now on."""

    order_id: int
    account: int
    shard: int
    price: int


class OrderAmended(msgspec.Struct, array_like=True, frozen=True, tag=11, gc=False):
    """The order's quantity was lowered to `quantity`, of which `remaining` is left; `release` gives money back."""

    order_id: int
    account: int
    shard: int
    command_id: str
    quantity: int
    remaining: int
    release: int
    client_order_id: str


class AmendRejected(msgspec.Struct, array_like=True, frozen=True, tag=12, gc=False):
    """The order stays as it was."""

    order_id: int
    account: int
    shard: int
    command_id: str
    reason: RejectReason


class HoldMoved(msgspec.Struct, array_like=True, frozen=True, tag=13, gc=False):
    """Held money moved from one order of an account to another of the same symbol and side; nothing became free."""

    order_id: int
    to_order_id: int
    account: int
    shard: int
    amount: int


BookEvent = (
    BookOpened
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCanceled
    | TradeIdsReserved
    | PriceOverridden
    | PriceReleased
    | BookClosed
    | OrderTriggered
    | OrderAmended
    | AmendRejected
    | HoldMoved
)


class Applied(msgspec.Struct, array_like=True, frozen=True):
    """How far a book has worked off one shard's channel: the shard's epoch, call number and last order id."""

    epoch: int
    number: int
    last_order_id: int


class BookRecord(msgspec.Struct, array_like=True, frozen=True):
    """One record of `journal.book.<symbol>`. `applied` holds the channels this record moved on."""

    version: int
    previous: int
    time_ns: int
    symbol: str
    applied: dict[int, Applied]
    events: list[BookEvent]


def trade_of(fill: OrderFilled, record: BookRecord) -> Trade:
    """Return the line of the tape that a fill of this record makes."""
    return Trade(
        fill.trade_id, record.symbol, fill.price, fill.quantity, fill.taker_side, record.time_ns, is_outside=False
    )


# --- registry ----------------------------------------------------------------------------------------------------


class ShardsConfigured(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """How many accounts shards exist; it may grow and never shrinks below those in use."""

    count: int


class AssetListed(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """An asset is known from now on; its scale never changes."""

    asset: Asset


class InstrumentListed(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """An instrument is listed, or its filters change; its scales never do."""

    instrument: Instrument


class AccountCreated(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """An account lives on `shard` for life.

    `funds` are its starting funds, asset code to units; `values` their worth in the cash asset's units.
    """

    account: int
    name: str
    shard: int
    funds: dict[str, int]
    values: dict[str, int] = {}


class KeyCreated(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """A key of an account. `digest` is the SHA-256 of the API key; `sealed` holds key and secret, encrypted.

    With a `public_key` (PEM) requests are signed by its other half, and no longer by the secret.
    """

    key_id: str
    account: int
    digest: bytes
    sealed: bytes
    permissions: list[str]
    public_key: str = ""


class KeyRevoked(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """The key is no longer valid."""

    key_id: str


class MaintenanceSwitched(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """While maintenance is on, gateways refuse new orders."""

    is_on: bool


RegistryEvent = (
    ShardsConfigured | AssetListed | InstrumentListed | AccountCreated | KeyCreated | KeyRevoked | MaintenanceSwitched
)


class RegistryRecord(msgspec.Struct, array_like=True, frozen=True):
    """One record of `journal.registry`."""

    version: int
    previous: int
    time_ns: int
    events: list[RegistryEvent]
