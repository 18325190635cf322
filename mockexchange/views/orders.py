"""An order, its steps, and the one step that a message tells of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from mockexchange.instruments import Instrument
from mockexchange.ledger.changes import OrderChanged
from mockexchange.messages.orders import Order, OrderStatus, OrderStep, Side
from mockexchange.money import RATE_SCALE, to_text
from mockexchange.views.names import (
    NS_PER_MS,
    NS_PER_US,
    PREVENTION_NAMES,
    SIDE_NAMES,
    TIME_IN_FORCE_NAMES,
    TYPE_NAMES,
    status_name,
)

_BUY: Final = Side.BUY
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
