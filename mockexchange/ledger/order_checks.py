"""Whether an order passes its instrument's filters, and what money it needs. Details name the field and the figures."""

from __future__ import annotations

from typing import NamedTuple

from mockexchange.instruments import Instrument
from mockexchange.messages.commands import PlaceOrder, Refused
from mockexchange.messages.orders import Order, OrderType, Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import MAX_AMOUNT, RATE_ONE, to_text


class Need(NamedTuple):
    """Money for an order: it is refused below `least`, and holds up to `most`."""

    asset: str
    scale: int
    least: int
    most: int


def check_order(instrument: Instrument, request: PlaceOrder) -> Refused | None:
    """Return the first reason against an order in order of precedence, or None."""
    if request.quote_amount:
        return _check_by_quote(instrument, request)
    refused = _check_prices(instrument, request) or check_quantity(instrument, request.quantity)
    return refused or check_value(instrument, value_price(request), request.quantity)


def need_of(instrument: Instrument, request: PlaceOrder, market_margin: int) -> Need:
    """Return what a checked order must hold; `market_margin` is in millionths.

    A market buy by quantity needs its value at the reference price and holds the margin on top while it can. So does
    one that waits, of its value at the stop price, and a market sell by quote amount of what it takes to make that.
    """
    if request.side is Side.SELL:
        return _need_of_sell(instrument, request, market_margin)
    value, margin = request.quote_amount, 0
    if not value:
        value = instrument.quote_amount(value_price(request), request.quantity)
        margin = 0 if request.order_type.has_limit else market_margin
    return Need(instrument.quote, instrument.quote_scale, value, value + value * margin // RATE_ONE)


def check_quantity(instrument: Instrument, quantity: int) -> Refused | None:
    """Return why a quantity is not acceptable, or None."""
    reason = instrument.check_quantity(quantity)
    return None if reason is None else Refused(reason, _quantity_detail(instrument, quantity, reason))


def check_value(instrument: Instrument, price: int, quantity: int) -> Refused | None:
    """Return why the value of a quantity at a price (0: unknown) is not acceptable, or None."""
    if not price:
        if instrument.base_amount(quantity) > MAX_AMOUNT:
            return Refused(RejectReason.NOTIONAL_TOO_LARGE, f"quantity: {instrument.quantity_text(quantity)}")
        return None
    reason = instrument.check_notional(price, quantity)
    if reason is None:
        return None
    detail = f"value: {_quote_text(instrument, instrument.quote_amount(price, quantity))}"
    if reason is RejectReason.NOTIONAL_TOO_SMALL:
        detail += f", minimum {_quote_text(instrument, instrument.min_notional)}"
    return Refused(reason, detail)


def value_price(order: PlaceOrder | Order) -> int:
    """Return the price at which an order is valued beforehand: its limit, its stop price, or the reference price."""
    if order.order_type.has_limit:
        return order.price
    return order.stop_price or (order.reference_price if isinstance(order, PlaceOrder) else 0)


def _need_of_sell(instrument: Instrument, request: PlaceOrder, market_margin: int) -> Need:
    quantity = most = request.quantity
    if request.quote_amount:
        one_step = instrument.quote_amount(request.reference_price, instrument.step_size)
        quantity = -(-request.quote_amount // one_step) * instrument.step_size
        with_margin = quantity - (-quantity * market_margin // RATE_ONE)
        most = -(-with_margin // instrument.step_size) * instrument.step_size
    least = instrument.base_amount(quantity)
    return Need(instrument.base, instrument.base_scale, least, instrument.base_amount(most))


def _check_by_quote(instrument: Instrument, request: PlaceOrder) -> Refused | None:
    amount = request.quote_amount
    if request.order_type is not OrderType.MARKET or request.quantity:
        return Refused(RejectReason.INVALID_AMOUNT, "quote_amount: only for a market order, in place of quantity")
    if not 0 < amount <= MAX_AMOUNT:
        return Refused(RejectReason.INVALID_AMOUNT, f"quote_amount: {_quote_text(instrument, amount)}")
    if amount < instrument.min_notional:
        minimum = _quote_text(instrument, instrument.min_notional)
        return Refused(
            RejectReason.NOTIONAL_TOO_SMALL, f"quote_amount: {_quote_text(instrument, amount)}, minimum {minimum}"
        )
    return None


def _check_prices(instrument: Instrument, request: PlaceOrder) -> Refused | None:
    order_type = request.order_type
    if order_type.has_limit:
        reason = instrument.check_price(request.price)
        if reason is not None:
            return Refused(reason, _price_detail(instrument, "price", request.price, reason))
    if order_type.is_conditional:
        reason = instrument.check_price(request.stop_price)
        if reason is not None:
            return Refused(reason, _price_detail(instrument, "stop_price", request.stop_price, reason))
    elif request.stop_price:
        return Refused(RejectReason.PRICE_OUT_OF_RANGE, "stop_price: only for stop and take-profit orders")
    return None


def _price_detail(instrument: Instrument, field: str, price: int, reason: RejectReason) -> str:
    text = f"{field}: {instrument.price_text(price)}"
    if reason is RejectReason.PRICE_OFF_TICK:
        text += f", tick size {instrument.price_text(instrument.tick_size)}"
    return text


def _quantity_detail(instrument: Instrument, quantity: int, reason: RejectReason) -> str:
    text = f"quantity: {instrument.quantity_text(quantity)}"
    if reason is RejectReason.QUANTITY_OFF_STEP:
        return f"{text}, step size {instrument.quantity_text(instrument.step_size)}"
    smallest = instrument.quantity_text(instrument.min_quantity)
    return f"{text}, allowed {smallest} to {instrument.quantity_text(instrument.max_quantity)}"


def _quote_text(instrument: Instrument, amount: int) -> str:
    return f"{to_text(amount, instrument.quote_scale)} {instrument.quote}"
