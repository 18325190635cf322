"""Replacing an order by another as one step, and what is told where one half of that failed."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.binance.errors import UNKNOWN_ORDER_SENT, BinanceError, describe
from gateway.binance.operation import Inquiry, Operation, Security, names
from gateway.binance.order_requests import NEW_ORDER, Asked, client_id, read_order
from gateway.binance.order_views import Json, canceled_object
from gateway.binance.orders import order_to_cancel, show_placed, unknown_to_cancel
from gateway.failures import CommandRefused, Failure
from gateway.order_desk import Replaced
from mockexchange.messages.orders import OrderStatus
from mockexchange.messages.refusals import RejectReason

FAILED: Final = 400
PARTIALLY_FAILED: Final = 409

_MODES: Final = {"STOP_ON_FAILURE": True, "ALLOW_FAILURE": False}
_LIMIT_MODES: Final = dict.fromkeys(("DO_NOTHING", "CANCEL_ONLY"))
_NOT_THERE: Final = frozenset({RejectReason.UNKNOWN_ORDER, RejectReason.ORDER_NOT_OPEN, RejectReason.NOT_REPLACED})
_GONE: Final = (-2011, UNKNOWN_ORDER_SENT)


class Half(NamedTuple):
    """What became of the cancel or of the new order, and what is told of it."""

    result: str
    told: Json | None


NOT_ATTEMPTED: Final = Half("NOT_ATTEMPTED", None)


def succeeded(told: Json) -> Half:
    """Return a half that was done."""
    return Half("SUCCESS", told)


def failed(failure: Failure) -> Half:
    """Return a half that was refused."""
    described = describe(failure)
    return Half("FAILURE", {"code": described.code, "msg": described.text})


async def _replace(inquiry: Inquiry) -> Json:
    only_if_open = inquiry.parameters.choice("cancelReplaceMode", _MODES)
    inquiry.parameters.choice("orderRateLimitExceededMode", _LIMIT_MODES, None)
    cancel_id = client_id(inquiry.parameters, "cancelNewClientOrderId")
    asked = await read_order(inquiry)
    desk, caller = inquiry.gateway.orders, inquiry.account
    try:
        old = await order_to_cancel(inquiry, asked.instrument, "cancelOrderId", "cancelOrigClientOrderId")
    except BinanceError as failure:
        if failure.code != _GONE[0]:
            raise
        return await _place_alone(inquiry, asked, failure, only_if_open=only_if_open)
    try:
        return _show(await desk.replace(caller, asked.new, old.order_id, only_if_open=only_if_open), asked, cancel_id)
    except CommandRefused as refused:
        if refused.reason not in _NOT_THERE:
            # The book has heard nothing of it, so the old order is as it was.
            raise _failure(refused, NOT_ATTEMPTED, failed(refused), FAILED) from refused
        return await _place_alone(inquiry, asked, refused, only_if_open=only_if_open)


async def _place_alone(inquiry: Inquiry, asked: Asked, failure: Failure, *, only_if_open: bool) -> Json:
    """Place an order in whose place there is none, if that is allowed. Raises BinanceError in any case."""
    failure = unknown_to_cancel(failure)
    if only_if_open:
        raise _failure(failure, failed(failure), NOT_ATTEMPTED, FAILED)
    try:
        placed = await inquiry.gateway.orders.place(inquiry.account, asked.new)
        shown = show_placed(placed, asked.response)
    except Failure as second:
        raise _failure(failure, failed(failure), failed(second), FAILED) from second
    raise _failure(failure, failed(failure), succeeded(shown), PARTIALLY_FAILED)


def _show(outcome: Replaced, asked: Asked, cancel_id: str) -> Json:
    """Show both orders. Raises BinanceError where one of both steps failed."""
    placed, old = outcome
    order, gone = placed.order, BinanceError(*_GONE)
    cancel = failed(gone)
    if old is not None and old.cancel_command_id == order.command_id:
        cancel = succeeded(canceled_object(old, placed.instrument, cancel_id))
    elif old is not None and old.is_open:
        # The book refuses a replacement as a whole where it can, and then leaves the old order alone.
        cancel = NOT_ATTEMPTED
    is_canceled = cancel.result == "SUCCESS"
    if order.status is OrderStatus.REJECTED:
        assert order.reason is not None
        if order.reason is RejectReason.NOT_REPLACED:
            raise _failure(gone, failed(gone), NOT_ATTEMPTED, FAILED)
        refused = CommandRefused(order.reason)
        raise _failure(refused, cancel, failed(refused), PARTIALLY_FAILED if is_canceled else FAILED)
    new = succeeded(show_placed(placed, asked.response))
    if not is_canceled:
        raise _failure(gone, cancel, new, PARTIALLY_FAILED)
    return _both(cancel, new)


def _failure(failure: Failure, cancel: Half, new: Half, status: int) -> BinanceError:
    """Return the failure of a replacement, in the words of the half that failed.

    Binance's own -2021 and -2022 are in no table that clients have for all hosts, so that they would not know what
    happened; the rest of what Binance says stands in `data`.
    """
    described = describe(failure)
    status = described.status if described.status >= 500 else status
    return BinanceError(described.code, described.text, status, described.headers, _both(cancel, new))


def _both(cancel: Half, new: Half) -> Json:
    return {
        "cancelResult": cancel.result,
        "newOrderResult": new.result,
        "cancelResponse": cancel.told,
        "newOrderResponse": new.told,
    }


_TAKES: Final = names(
    f"{NEW_ORDER} cancelReplaceMode cancelNewClientOrderId cancelOrigClientOrderId cancelOrderId cancelRestrictions "
    "orderRateLimitExceededMode"
)

OPERATIONS: Final = [
    Operation("POST", "/api/v3/order/cancelReplace", "order.cancelReplace", Security.TRADE, 1, _replace, 1, _TAKES)
]
