"""Bodies and answers of this dialect. Amounts come as JSON numbers or strings and go out as decimal strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from gateway.native.errors import ErrorDetail
from gateway.new_orders import NewOrder
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce
from mockexchange.money import RATE_SCALE, to_text
from mockexchange.views import OrderView, TickerView

SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
TYPES: Final = {
    "limit": OrderType.LIMIT,
    "market": OrderType.MARKET,
    "stop_loss": OrderType.STOP_LOSS,
    "stop_loss_limit": OrderType.STOP_LOSS_LIMIT,
    "take_profit": OrderType.TAKE_PROFIT,
    "take_profit_limit": OrderType.TAKE_PROFIT_LIMIT,
}
PREVENTIONS: Final = {
    "none": SelfTradePrevention.NONE,
    "expire_taker": SelfTradePrevention.EXPIRE_TAKER,
    "expire_maker": SelfTradePrevention.EXPIRE_MAKER,
    "expire_both": SelfTradePrevention.EXPIRE_BOTH,
}
TIMES_IN_FORCE: Final = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}

SideName = Literal["buy", "sell"]
TypeName = Literal["limit", "market", "stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"]
StatusName = Literal[
    "open", "new", "partially_filled", "filled", "canceled", "partially_canceled", "rejected",
    "expired", "partially_expired", "partially_rejected",
]  # fmt: skip


class OrderBody(msgspec.Struct):
    """An order. A limit order has `limit_price`; a market order has `amount` or `quote_amount`.

    The other types wait until the symbol's last trade reaches `stop_price`: a `stop_loss` buy or a `take_profit` sell
    for a rise to it, the other two for a fall. With `_limit` they then are limit orders, else market orders.
    `self_trade_prevention` says which order expires where this one meets another of its account.
    """

    side: SideName
    symbol: str = "BTC/USDT"
    type: TypeName = "market"
    amount: Decimal | None = None
    quote_amount: Decimal | None = None
    limit_price: Decimal | None = None
    time_in_force: Literal["GTC", "IOC", "FOK"] | None = None
    post_only: bool = False
    client_order_id: str | None = None
    stop_price: Decimal | None = None
    self_trade_prevention: Literal["none", "expire_taker", "expire_maker", "expire_both"] = "none"


class ReplaceBody(OrderBody):
    """The order to place; with `only_if_open` nothing is placed where the old one was not canceled by it."""

    only_if_open: bool = True


class AmendBody(msgspec.Struct):
    """The new amount, below the old one and above what is filled, and a new client order id if there is to be one."""

    amount: Decimal
    client_order_id: str | None = None


class ListBody(msgspec.Struct):
    """Two orders of one symbol, side and amount, of which one cancels the other: one above the market, one below.

    At least one is a stop or take-profit order; the other may be a limit order, which then must rest.
    """

    orders: Annotated[list[OrderBody], msgspec.Meta(min_length=2, max_length=2)]
    list_client_order_id: str | None = None


class BatchBody(msgspec.Struct):
    """Up to 500 orders; each is answered for itself."""

    orders: list[msgspec.Raw]


class AmountBody(msgspec.Struct):
    """How much to move."""

    amount: Decimal = Decimal(100_000)


class BalanceBody(msgspec.Struct):
    """The free balance to set; `used` may only repeat what open orders hold."""

    free: Decimal = Decimal(1)
    used: Decimal | None = None


class PriceBody(msgspec.Struct):
    """A price to put in place of the outside market, and how much there is at it; or `released` to end that."""

    price: Decimal | None = None
    bid_volume: Decimal | None = None
    ask_volume: Decimal | None = None
    released: bool = False


class AccountBody(msgspec.Struct):
    """A new account; without `funds` it starts as the demo account did."""

    name: str
    funds: dict[str, Decimal] | None = None


class KeyBody(msgspec.Struct):
    """What a new key may do; with a public key (PEM, RSA or Ed25519) its other half signs, and not the secret."""

    permissions: list[Literal["read", "trade"]] = msgspec.field(default_factory=lambda: ["read", "trade"])
    public_key: str | None = None


class MaintenanceBody(msgspec.Struct):
    """Whether new orders are to be refused."""

    on: bool


class InstrumentBody(msgspec.Struct):
    """A symbol to list as a plain book between accounts, or new filters of a listed one.

    Decimals are for life; what is left out is as listed before, or else a sensible guess. A limit price may lie between
    the last price times `band_down`, at most 1, and times `band_up`, at least 1; 0 is no bound.
    """

    symbol: str
    price_decimals: int | None = None
    quantity_decimals: int | None = None
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    band_down: Decimal | None = None
    band_up: Decimal | None = None


class InstrumentView(msgspec.Struct):
    """An instrument: its filters as decimal strings. `feed`: an outside market is mirrored into its book.

    A limit price may lie between the last price times `band_down` and times `band_up`; null is no bound.
    """

    symbol: str
    base: str
    quote: str
    price_decimals: int
    quantity_decimals: int
    base_decimals: int
    quote_decimals: int
    tick_size: str
    step_size: str
    min_quantity: str
    max_quantity: str
    min_notional: str
    band_down: str | None
    band_up: str | None
    feed: bool


class TickerEntry(msgspec.Struct):
    """The market of a symbol; what is unknown is null. `timestamp` is in milliseconds."""

    symbol: str
    price: str | None
    timestamp: int | None
    bid: str | None
    ask: str | None
    bid_volume: str | None
    ask_volume: str | None
    stale: bool
    overridden: bool
    info: TickerView | None


class BalanceList(msgspec.Struct):
    """The assets an account has."""

    length: int
    assets: list[str]


class OrderList(msgspec.Struct):
    """Ids of orders."""

    length: int
    orders: list[str]


class CanceledOrder(msgspec.Struct):
    """A canceled order, and the money it gave back by asset."""

    canceled_order: OrderView
    freed: dict[str, str]


class ReplacedOrder(msgspec.Struct):
    """The order that was placed, and the one in whose place it was to come, as it is now."""

    order: OrderView
    replaced: OrderView | None


class OrderListView(msgspec.Struct):
    """A list of orders of which one cancels the other."""

    list_id: str
    list_client_order_id: str | None
    orders: list[OrderView]


class Verdict(msgspec.Struct):
    """Whether an order could be paid for now, and if not, why."""

    ok: bool
    reason: str | None


class BatchAnswer(msgspec.Struct):
    """What became of one order of a batch."""

    order: OrderView | msgspec.UnsetType = msgspec.UNSET
    error: ErrorDetail | msgspec.UnsetType = msgspec.UNSET


class OrderBookView(msgspec.Struct):
    """The best levels as (price, quantity), best first; `update_id` is of the same sequence as the depth stream."""

    symbol: str
    update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: int
    stale: bool


class Status(msgspec.Struct):
    """All is well."""

    status: str = "ok"


class ServiceName(msgspec.Struct):
    """What answers here."""

    service: str
    version: str


class ServerTime(msgspec.Struct):
    """The exchange's clock."""

    time: int
    iso: str


class AccountView(msgspec.Struct):
    """An account and its starting funds."""

    account: int
    name: str
    funds: dict[str, str]
    keys: int


class NewKeyView(msgspec.Struct):
    """A new key. This is the only time its secret is shown."""

    account: int
    key_id: str
    api_key: str
    api_secret: str


class MaintenanceView(msgspec.Struct):
    """Whether new orders are refused."""

    on: bool


class KeyView(msgspec.Struct):
    """A key, without what is secret of it. `kind` says by what it signs: `hmac`, `rsa` or `ed25519`."""

    key_id: str
    account: int
    permissions: list[str]
    kind: str


def new_order(body: OrderBody, command_id: str = "") -> NewOrder:
    """Return the order that a body asks for."""
    symbol = body.symbol
    time_in_force = body.time_in_force
    return NewOrder(
        symbol if "/" in symbol else symbol.replace("-", "/"),
        SIDES[body.side],
        TYPES[body.type],
        None if time_in_force is None else TIMES_IN_FORCE[time_in_force],
        body.post_only,
        body.amount,
        body.limit_price,
        body.quote_amount,
        body.client_order_id or "",
        command_id,
        body.stop_price,
        PREVENTIONS[body.self_trade_prevention],
    )


def instrument_view(instrument: Instrument) -> InstrumentView:
    """Show an instrument."""
    return InstrumentView(
        symbol=instrument.symbol,
        base=instrument.base,
        quote=instrument.quote,
        price_decimals=instrument.price_scale,
        quantity_decimals=instrument.quantity_scale,
        base_decimals=instrument.base_scale,
        quote_decimals=instrument.quote_scale,
        tick_size=instrument.price_text(instrument.tick_size),
        step_size=instrument.quantity_text(instrument.step_size),
        min_quantity=instrument.quantity_text(instrument.min_quantity),
        max_quantity=instrument.quantity_text(instrument.max_quantity),
        min_notional=to_text(instrument.min_notional, instrument.quote_scale),
        band_down=to_text(instrument.band_down, RATE_SCALE) if instrument.band_down else None,
        band_up=to_text(instrument.band_up, RATE_SCALE) if instrument.band_up else None,
        feed=instrument.feed,
    )


def ticker_entry(symbol: str, ticker: TickerView | None) -> TickerEntry:
    """Show a ticker in this dialect's words."""
    if ticker is None:
        return TickerEntry(symbol, None, None, None, None, None, None, True, False, None)
    return TickerEntry(
        symbol=symbol,
        price=ticker.last,
        timestamp=ticker.time,
        bid=ticker.bid,
        ask=ticker.ask,
        bid_volume=ticker.bid_quantity,
        ask_volume=ticker.ask_quantity,
        stale=ticker.stale,
        overridden=ticker.overridden,
        info=ticker,
    )
