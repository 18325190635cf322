"""Whether an order may become smaller, as far as the ledger knows; the book has the last word."""

from __future__ import annotations

from mockexchange.instruments import Instrument
from mockexchange.ledger.decisions import Amending, Known
from mockexchange.ledger.order_checks import check_quantity, check_value, value_price
from mockexchange.messages.channel import BookAmend
from mockexchange.messages.commands import AmendOrder, Refused
from mockexchange.messages.orders import Order
from mockexchange.messages.refusals import RejectReason


def decide_amendment(instrument: Instrument, order: Order, request: AmendOrder) -> Amending | Known | Refused:
    """Decide an amendment of a known order; one that this very command made already is known."""
    if order.amended_by == request.command_id:
        return Known(order)
    if not order.is_open:
        return Refused(RejectReason.ORDER_NOT_OPEN, order=order)
    quantity = request.quantity
    refused = check_quantity(instrument, quantity) or check_value(instrument, value_price(order), quantity)
    if refused is not None:
        return refused
    if not order.filled < quantity < order.quantity:
        limits = f"filled {instrument.quantity_text(order.filled)} of {instrument.quantity_text(order.quantity)}"
        return Refused(
            RejectReason.INVALID_AMENDMENT, f"quantity: {instrument.quantity_text(quantity)}, {limits}", order
        )
    name = request.new_client_order_id
    command = BookAmend(order.order_id, request.command_id, quantity, name, request.deadline_ns)
    return Amending(order.symbol, command)
