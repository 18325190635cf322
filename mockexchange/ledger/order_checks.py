"""Whether an order passes its instrument's filters, and what money it needs. Details name the field and the figures."""

from __future__ import annotations

from typing import NamedTuple

from mockexchange.instruments import Instrument
from mockexchange.messages.commands import PlaceOrder, Refused
from mockexchange.messages.orders import OrderType, Side
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
    if request.order_type is OrderType.LIMIT:
        reason = instrument.check_price(request.price)
        if reason is not None:
            return Refused(reason, _price_detail(instrument, request.price, reason))
    reason = instrument.check_quantity(request.quantity)
    if reason is not None:
        return Refused(reason, _quantity_detail(instrument, request.quantity, reason))
    return _check_value(instrument, request)


def need_of(instrument: Instrument, request: PlaceOrder, market_margin: int) -> Need:
    """Return what a checked order must hold; `market_margin` is in millionths.

    A market buy by quantity needs its value at the reference price and holds the margin on top while it can.
    """
    if request.side is Side.SELL:
        amount = instrument.base_amount(request.quantity)
        return Need(instrument.base, instrument.base_scale, amount, amount)
    if request.quote_amount:
        return Need(instrument.quote, instrument.quote_scale, request.quote_amount, request.quote_amount)
    if request.order_type is OrderType.LIMIT:
        value = instrument.quote_amount(request.price, request.quantity)
        return Need(instrument.quote, instrument.quote_scale, value, value)
    value = instrument.quote_amount(request.reference_price, request.quantity)
    return Need(instrument.quote, instrument.quote_scale, value, value + value * market_margin // RATE_ONE)


def _check_by_quote(instrument: Instrument, request: PlaceOrder) -> Refused | None:
    amount = request.quote_amount
    if request.order_type is not OrderType.MARKET or request.side is not Side.BUY or request.quantity:
        return Refused(RejectReason.INVALID_AMOUNT, "quote_amount: only for a market buy, in place of quantity")
    if not 0 < amount <= MAX_AMOUNT:
        return Refused(RejectReason.INVALID_AMOUNT, f"quote_amount: {_quote_text(instrument, amount)}")
    if amount < instrument.min_notional:
        minimum = _quote_text(instrument, instrument.min_notional)
        return Refused(
            RejectReason.NOTIONAL_TOO_SMALL, f"quote_amount: {_quote_text(instrument, amount)}, minimum {minimum}"
        )
    return None


def _check_value(instrument: Instrument, request: PlaceOrder) -> Refused | None:
    price = request.price if request.order_type is OrderType.LIMIT else request.reference_price
    if not price:
        if instrument.base_amount(request.quantity) > MAX_AMOUNT:
            return Refused(RejectReason.NOTIONAL_TOO_LARGE, f"quantity: {instrument.quantity_text(request.quantity)}")
        return None
    reason = instrument.check_notional(price, request.quantity)
    if reason is None:
        return None
    detail = f"value: {_quote_text(instrument, instrument.quote_amount(price, request.quantity))}"
    if reason is RejectReason.NOTIONAL_TOO_SMALL:
        detail += f", minimum {_quote_text(instrument, instrument.min_notional)}"
    return Refused(reason, detail)


def _price_detail(instrument: Instrument, price: int, reason: RejectReason) -> str:
    text = f"price: {instrument.price_text(price)}"
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
