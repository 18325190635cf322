"""What people see: orders, fills, trades, balances and tickers as plain objects of decimal strings.

The gateway answers with them and the shards and books publish them, so that REST and the streams say the same.
Amounts are strings in the instrument's or asset's precision, times are milliseconds since the epoch, ids of orders
are strings. `docs/protocol.md` shows the payloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger.changes import BalanceChanged, OrderChanged
from mockexchange.messages.commands import Balance
from mockexchange.messages.orders import (
    Fill,
    Order,
    OrderStatus,
    OrderStep,
    Side,
    Trade,
)
from mockexchange.money import RATE_SCALE, to_text

# Indexed by the members' integer values: a tuple is read several times faster than a dictionary of enum members.
SIDE_NAMES: Final = ("", "buy", "sell")
TYPE_NAMES: Final = ("", "limit", "market", "stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit")
TIME_IN_FORCE_NAMES: Final = ("", "GTC", "IOC", "FOK")
PREVENTION_NAMES: Final = ("none", "expire_taker", "expire_maker", "expire_both")
STATUS_NAMES: Final = ("new", "new", "partially_filled", "filled", "canceled", "rejected")

NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1_000

_BUY: Final = Side.BUY
_CANCELED: Final = OrderStatus.CANCELED
_LAST_OPEN: Final = OrderStatus.PARTIALLY_FILLED


class StepView(msgspec.Struct):
    """One step in the history of an order: the amounts of this step alone, and what was left after it.

    `triggered` is the step in which the stop price was reached, at `price`; `amended_from` is the amount that the
    order had before this step lowered it. `took_us` are the microseconds since the step before, of the first step
    since the order's money was reserved.
    """

    ts: int
    took_us: int
    status: str
    price: str | None
    amount_remain: str | None
    actual_filled: str
    actual_notion: str
    actual_fee: str
    reserved_notion_left: str
    reserved_fee_left: str
    comment: str | None
    triggered: bool
    amended_from: str | None


class OrderView(msgspec.Struct):
    """An order as REST and `account.<id>.orders` show it.

    `price` and `average` are the volume-weighted average of its fills: exact at the instrument's price decimals, or
    rounded to the quote asset's. Money really held is `hold_left` of `hold_currency`; `reserved_notion_left` is
    its value in the quote asset, which a market sell does not know. No fee is ever booked in advance, since it comes
    out of what is received. `ts_trigger` is when a conditional order reached its stop price; `prevention` is of trades
    with the account's own orders. `history` and `reserved_us` come where history is asked for: the latter are the
    microseconds from when the gateway received the order (`ts_create`) until its money was held.
    """

    id: str
    client_order_id: str | None
    account: int
    symbol: str
    side: str
    type: str
    time_in_force: str
    post_only: bool
    amount: str | None
    quote_amount: str | None
    limit_price: str | None
    status: str
    actual_filled: str
    remaining: str | None
    price: str | None
    average: str | None
    notion_currency: str
    fee_currency: str
    fee_rate: str
    maker_fee_rate: str
    hold_currency: str
    initial_hold: str
    hold_left: str
    initial_booked_notion: str
    reserved_notion_left: str
    actual_notion: str
    initial_booked_fee: str
    reserved_fee_left: str
    actual_fee: str
    ts_create: int
    ts_update: int
    ts_finish: int | None
    comment: str | None
    reason: str | None
    history_count: int
    sequence: int
    stop_price: str | None
    ts_trigger: int | None
    prevention: str = msgspec.field(name="self_trade_prevention")
    list_id: str | None
    list_client_order_id: str | None
    replaces: str | None
    history: dict[str, StepView] | msgspec.UnsetType = msgspec.UNSET
    reserved_us: int | msgspec.UnsetType = msgspec.UNSET


class FillView(msgspec.Struct):
    """One side of a trade as its account sees it."""

    trade_id: int
    order_id: str
    client_order_id: str | None
    account: int
    symbol: str
    side: str
    price: str
    amount: str
    notion: str
    notion_currency: str
    fee: str
    fee_currency: str
    liquidity: str
    time: int
    sequence: int


class TradeView(msgspec.Struct):
    """One line of a symbol's tape; `side` is the taker's. Only the stream knows the `sequence`.

    `venue_time` is when the outside market made a print, null for a trade of accounts.
    """

    symbol: str
    trade_id: int
    price: str
    quantity: str
    side: str
    outside: bool
    time: int
    venue_time: int | None
    sequence: int | msgspec.UnsetType = msgspec.UNSET


class BalanceView(msgspec.Struct):
    """Money of one asset."""

    asset: str
    free: str
    used: str
    total: str


class TickerView(msgspec.Struct):
    """The market of a symbol at a glance; what is unknown is null."""

    symbol: str
    bid: str | None
    bid_quantity: str | None
    ask: str | None
    ask_quantity: str | None
    last: str | None
    time: int
    stale: bool = False
    overridden: bool = False


class DepthView(msgspec.Struct):
    """The levels that changed; a quantity of zero removes one."""

    symbol: str
    first_update_id: int
    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: int


class ChangeView(msgspec.Struct):
    """One step of an order: what it traded by it, and in `filled` and `filled_notion` what it had traded after it.

    `number` counts the steps. A step that amended the order says in `amended_from` and `amended_client_order_id` what
    these were before; `triggered` is the step by which an order's stop price was reached, at `price`.
    """

    number: int
    status: str
    time: int
    triggered: bool
    price: str | None
    quantity: str
    notion: str
    fee: str
    filled: str
    filled_notion: str
    reason: str | None
    amended_from: str | None
    amended_client_order_id: str | None


class AccountOrder(msgspec.Struct):
    """Payload of `account.<id>.orders`: the order after the whole record, and the step of it that this tells of."""

    account: int
    number: int
    sequence: int
    order: OrderView
    change: ChangeView


class AccountFill(msgspec.Struct):
    """Payload of `account.<id>.fills`."""

    account: int
    number: int
    sequence: int
    fill: FillView


class AccountBalance(msgspec.Struct):
    """Payload of `account.<id>.balance`; `amount` is what a transfer moved, null where an order was the cause."""

    account: int
    number: int
    sequence: int
    balances: list[BalanceView]
    cause: str
    amount: str | None
    time: int


_encode: Final = msgspec.json.Encoder().encode


def status_name(status: OrderStatus, filled: int) -> str:
    """Name a status as people read it: a canceled order that had fills is `partially_canceled`."""
    if status is _CANCELED and filled:
        return "partially_canceled"
    return STATUS_NAMES[status]


def average_price(instrument: Instrument, filled: int, filled_quote: int) -> str | None:
    """Return the volume-weighted average price of fills, None without any.

    It has the instrument's price decimals where these say it exactly, else the quote asset's, rounded half up.
    """
    if not filled:
        return None
    volume = filled * instrument.quote_factor
    price, rest = divmod(filled_quote, volume)
    if not rest:
        return to_text(price, instrument.price_scale)
    finer = 10 ** (instrument.quote_scale - instrument.price_scale)
    return to_text((2 * filled_quote * finer + volume) // (2 * volume), instrument.quote_scale)


def reserved_value(order: Order, instrument: Instrument, quantity: int, hold: int) -> int:
    """Return the quote value of a hold: itself for a buy, the quantity at its limit for a sell."""
    if order.side is _BUY:
        return hold
    return instrument.quote_amount(order.price, quantity) if hold else 0


def order_view(order: Order, instrument: Instrument) -> OrderView:
    """Show an order."""
    is_buy = order.side is _BUY
    base_scale, quote_scale, quantity_scale = instrument.base_scale, instrument.quote_scale, instrument.quantity_scale
    hold_scale, fee_scale = (quote_scale, base_scale) if is_buy else (base_scale, quote_scale)
    quantity, filled = order.quantity, order.filled
    left = quantity - filled
    average = average_price(instrument, filled, order.filled_quote)
    initial_hold, hold_left = to_text(order.hold, hold_scale), to_text(order.hold_left, hold_scale)
    if is_buy:
        booked, reserved = initial_hold, hold_left
    else:
        booked = to_text(reserved_value(order, instrument, quantity, order.hold), quote_scale)
        reserved = to_text(reserved_value(order, instrument, left, order.hold_left), quote_scale)
    no_fee = to_text(0, fee_scale)
    reason = order.reason
    return OrderView(
        str(order.order_id),
        order.client_order_id or None,
        order.account,
        order.symbol,
        SIDE_NAMES[order.side],
        TYPE_NAMES[order.order_type],
        TIME_IN_FORCE_NAMES[order.time_in_force],
        order.is_post_only,
        to_text(quantity, quantity_scale) if quantity else None,
        to_text(order.quote_amount, quote_scale) if order.quote_amount else None,
        to_text(order.price, instrument.price_scale) if order.price else None,
        status_name(order.status, filled),
        to_text(filled, quantity_scale),
        to_text(left, quantity_scale) if quantity else None,
        average,
        average,
        instrument.quote,
        instrument.base if is_buy else instrument.quote,
        to_text(order.taker_rate, RATE_SCALE),
        to_text(order.maker_rate, RATE_SCALE),
        instrument.quote if is_buy else instrument.base,
        initial_hold,
        hold_left,
        booked,
        reserved,
        to_text(order.filled_quote, quote_scale),
        no_fee,
        no_fee,
        to_text(order.fee, fee_scale),
        order.created_ns // NS_PER_MS,
        order.updated_ns // NS_PER_MS,
        order.finished_ns // NS_PER_MS if order.status > _LAST_OPEN else None,
        reason.text if reason is not None else None,
        reason.value if reason is not None else None,
        order.steps,
        order.sequence,
        to_text(order.stop_price, instrument.price_scale) if order.stop_price else None,
        order.triggered_ns // NS_PER_MS if order.triggered_ns else None,
        PREVENTION_NAMES[order.prevention],
        str(order.list_id) if order.list_id else None,
        order.list_client_order_id or None,
        str(order.replaces) if order.replaces else None,
    )


def reserved_after_us(order: Order) -> int:
    """Return the microseconds from when the gateway received an order until its money was held."""
    return max(order.reserved_ns - order.created_ns, 0) // NS_PER_US


def history_view(order: Order, steps: Sequence[OrderStep], instrument: Instrument) -> dict[str, StepView]:
    """Show the steps of an order, oldest first, under "0", "1" and so on."""
    fee_scale = instrument.base_scale if order.side is _BUY else instrument.quote_scale
    history: dict[str, StepView] = {}
    filled, before_ns = 0, order.reserved_ns
    # After an amendment the order says what it came to; until then it was what the step says it was before.
    amended = [index for index, step in enumerate(steps) if step.amended_from]
    for index, step in enumerate(steps):
        filled += step.quantity
        following = next((steps[later].amended_from for later in amended if later > index), order.quantity)
        left = following - filled
        reserved = reserved_value(order, instrument, left, step.hold_left)
        history[str(index)] = StepView(
            ts=step.time_ns // NS_PER_MS,
            took_us=max(step.time_ns - before_ns, 0) // NS_PER_US,
            status=status_name(step.status, filled),
            price=instrument.price_text(step.price) if step.price else None,
            amount_remain=instrument.quantity_text(left) if order.quantity else None,
            actual_filled=instrument.quantity_text(step.quantity),
            actual_notion=to_text(step.quote_amount, instrument.quote_scale),
            actual_fee=to_text(step.fee, fee_scale),
            reserved_notion_left=to_text(reserved, instrument.quote_scale),
            reserved_fee_left=to_text(0, fee_scale),
            comment=step.reason.text if step.reason is not None else None,
            triggered=step.is_triggered,
            amended_from=instrument.quantity_text(step.amended_from) if step.amended_from else None,
        )
        before_ns = step.time_ns
    return history


def fill_view(fill: Fill, instrument: Instrument) -> FillView:
    """Show a fill."""
    is_buy = fill.side is _BUY
    return FillView(
        fill.trade_id,
        str(fill.order_id),
        fill.client_order_id or None,
        fill.account,
        fill.symbol,
        SIDE_NAMES[fill.side],
        to_text(fill.price, instrument.price_scale),
        to_text(fill.quantity, instrument.quantity_scale),
        to_text(fill.quote_amount, instrument.quote_scale),
        instrument.quote,
        to_text(fill.fee, instrument.base_scale if is_buy else instrument.quote_scale),
        instrument.base if is_buy else instrument.quote,
        "maker" if fill.is_maker else "taker",
        fill.time_ns // NS_PER_MS,
        fill.sequence,
    )


def trade_view(trade: Trade, instrument: Instrument, sequence: int | msgspec.UnsetType = msgspec.UNSET) -> TradeView:
    """Show a trade; `sequence` is that of the record it stands in, 0 for a print of the outside market."""
    return TradeView(
        trade.symbol,
        trade.trade_id,
        to_text(trade.price, instrument.price_scale),
        to_text(trade.quantity, instrument.quantity_scale),
        SIDE_NAMES[trade.taker_side],
        trade.is_outside,
        trade.time_ns // NS_PER_MS,
        trade.venue_time_ns // NS_PER_MS if trade.is_outside else None,
        sequence,
    )


def balance_view(balance: Balance, scale: int) -> BalanceView:
    """Show a balance of an asset with this scale."""
    free, held = balance.free, balance.held
    return BalanceView(balance.asset, to_text(free, scale), to_text(held, scale), to_text(free + held, scale))


def ticker_view(
    instrument: Instrument,
    *,
    bid: int,
    bid_quantity: int,
    ask: int,
    ask_quantity: int,
    last: int,
    time_ns: int,
    is_stale: bool = False,
    is_overridden: bool = False,
) -> TickerView:
    """Show a ticker; a price of 0 is unknown, and so is the quantity at it."""
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    return TickerView(
        instrument.symbol,
        to_text(bid, price_scale) if bid else None,
        to_text(bid_quantity, quantity_scale) if bid else None,
        to_text(ask, price_scale) if ask else None,
        to_text(ask_quantity, quantity_scale) if ask else None,
        to_text(last, price_scale) if last else None,
        time_ns // NS_PER_MS,
        is_stale,
        is_overridden,
    )


def levels_view(levels: Iterable[tuple[int, int]], instrument: Instrument) -> list[tuple[str, str]]:
    """Show levels of (price, quantity)."""
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    return [(to_text(price, price_scale), to_text(quantity, quantity_scale)) for price, quantity in levels]


def encode_ticker(ticker: TickerView) -> bytes:
    """Encode the payload of `market.<symbol>.ticker`."""
    return _encode(ticker)


def encode_trade(trade: Trade, instrument: Instrument, sequence: int = 0) -> bytes:
    """Encode the payload of `market.<symbol>.trade`."""
    return _encode(trade_view(trade, instrument, sequence))


def encode_depth(
    instrument: Instrument,
    first_update_id: int,
    last_update_id: int,
    *,
    bids: Iterable[tuple[int, int]],
    asks: Iterable[tuple[int, int]],
    time_ns: int,
) -> bytes:
    """Encode the payload of `market.<symbol>.depth`: the changed levels as (price, quantity), quantity 0 removes."""
    shown_bids, shown_asks = levels_view(bids, instrument), levels_view(asks, instrument)
    time_ms = time_ns // NS_PER_MS
    return _encode(DepthView(instrument.symbol, first_update_id, last_update_id, shown_bids, shown_asks, time_ms))


def change_view(change: OrderChanged, instrument: Instrument) -> ChangeView:
    """Show a step of an order as it was, whatever became of the order since."""
    step = change.step
    fee_scale = instrument.base_scale if change.order.side is _BUY else instrument.quote_scale
    return ChangeView(
        change.ordinal,
        status_name(step.status, change.filled),
        step.time_ns // NS_PER_MS,
        step.is_triggered,
        to_text(step.price, instrument.price_scale) if step.price else None,
        to_text(step.quantity, instrument.quantity_scale),
        to_text(step.quote_amount, instrument.quote_scale),
        to_text(step.fee, fee_scale),
        to_text(change.filled, instrument.quantity_scale),
        to_text(change.filled_quote, instrument.quote_scale),
        step.reason.value if step.reason is not None else None,
        to_text(step.amended_from, instrument.quantity_scale) if step.amended_from else None,
        step.amended_client_order_id or None,
    )


def encode_account_order(change: OrderChanged, instrument: Instrument) -> bytes:
    """Encode the payload of `account.<id>.orders`."""
    shown, step = order_view(change.order, instrument), change_view(change, instrument)
    return _encode(AccountOrder(change.account, change.number, change.sequence, shown, step))


def encode_account_fill(fill: Fill, instrument: Instrument, number: int, sequence: int) -> bytes:
    """Encode the payload of `account.<id>.fills`."""
    return _encode(AccountFill(fill.account, number, sequence, fill_view(fill, instrument)))


def encode_account_balance(change: BalanceChanged, assets: Mapping[str, Asset]) -> bytes:
    """Encode the payload of `account.<id>.balance`."""
    shown = [balance_view(balance, assets[balance.asset].scale) for balance in change.balances]
    amount = to_text(change.amount, assets[change.balances[0].asset].scale) if change.amount else None
    time_ms = change.time_ns // NS_PER_MS
    return _encode(AccountBalance(change.account, change.number, change.sequence, shown, change.cause, amount, time_ms))
