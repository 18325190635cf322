"""What goes wrong, in Binance's codes and texts.

Clients decide where they and Binance differ. ccxt knows one table of codes on hosts that are not Binance's, and some
texts by heart; only those codes are used here, and where Binance's own code would come out as the wrong class there,
another of the table stands in its place, with Binance's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from litestar.exceptions import HTTPException

from gateway.failures import (
    CommandRefused,
    DirectoryRefusal,
    Failure,
    InvalidInput,
    NotAuthenticated,
    NotAvailable,
    NotFound,
    NotPermitted,
    UnderMaintenance,
)
from mockexchange.messages.refusals import RejectReason


class BinanceError(Failure):
    """A refusal that is already in Binance's words; `data` goes with some, beside code and text."""

    def __init__(
        self,
        code: int,
        text: str,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, text, status)
        self.data = data
        self.code = code
        self.text = text
        self.status = status
        self.headers = dict(headers or {})


class Described(NamedTuple):
    """A failure as it is told: HTTP status, code, text, and headers and data that go with it."""

    status: int
    code: int
    text: str
    headers: dict[str, str]
    data: Mapping[str, Any] | None = None


MAINTENANCE: Final = "System is under maintenance."
BAD_KEY: Final = "Invalid API-key, IP, or permissions for action."
BAD_KEY_FORMAT: Final = "API-key format invalid."
BAD_SIGNATURE: Final = "Signature for this request is not valid."
OUTSIDE_WINDOW: Final = "Timestamp for this request is outside of the recvWindow."
AHEAD: Final = "Timestamp for this request was 1000ms ahead of the server's time."
NO_TRADING: Final = "This account may not place or cancel orders."
NO_READING: Final = "You don't have permission."
UNKNOWN_OUTCOME: Final = (
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
)
DISCONNECTED: Final = "Internal error; unable to process your request. Please try again."
UNKNOWN_ERROR: Final = "An unknown error occurred while processing the request."
NO_SUCH_ORDER: Final = "Order does not exist."
UNKNOWN_ORDER_SENT: Final = "Unknown order sent."
DUPLICATE: Final = "Duplicate order sent."
PRICE_FILTER: Final = "Filter failure: PRICE_FILTER"
LOT_SIZE: Final = "Filter failure: LOT_SIZE"
NOTIONAL: Final = "Filter failure: NOTIONAL"

REFUSALS: Final[dict[RejectReason, tuple[int, str]]] = {
    RejectReason.UNKNOWN_ACCOUNT: (-2015, BAD_KEY),
    RejectReason.DUPLICATE_COMMAND: (-2010, DUPLICATE),
    RejectReason.DUPLICATE_CLIENT_ORDER_ID: (-2010, DUPLICATE),
    RejectReason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RejectReason.UNKNOWN_ASSET: (-1130, "Data sent for parameter 'asset' is not valid."),
    RejectReason.INVALID_AMOUNT: (-1013, "Invalid quantity."),
    RejectReason.PRICE_OUT_OF_RANGE: (-1013, PRICE_FILTER),
    RejectReason.PRICE_OFF_TICK: (-1013, PRICE_FILTER),
    RejectReason.QUANTITY_OUT_OF_RANGE: (-1013, LOT_SIZE),
    RejectReason.QUANTITY_OFF_STEP: (-1013, LOT_SIZE),
    # With Binance's -1013 this text would be a BadRequest of ccxt, while the other filters are its InvalidOrder.
    RejectReason.NOTIONAL_TOO_SMALL: (-2010, NOTIONAL),
    RejectReason.NOTIONAL_TOO_LARGE: (-2010, NOTIONAL),
    RejectReason.INVALID_LIST: (-2010, "The relationship of the prices for the orders is not correct."),
    # Binance's own -2038 is in no shared table.
    RejectReason.INVALID_AMENDMENT: (-2010, "Order amend (quantity increase) is not supported."),
    RejectReason.TOO_MANY_OPEN_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
    RejectReason.NO_PRICE: (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
    RejectReason.INSUFFICIENT_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    RejectReason.USED_MISMATCH: (-1130, "Data sent for parameter 'used' is not valid."),
    RejectReason.UNKNOWN_ORDER: (-2013, NO_SUCH_ORDER),
    RejectReason.ORDER_NOT_OPEN: (-2011, UNKNOWN_ORDER_SENT),
    RejectReason.PRICE_STALE: (-2010, "Market is closed."),
    RejectReason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    RejectReason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    RejectReason.PRICE_OUT_OF_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    RejectReason.NOT_REPLACED: (-2011, UNKNOWN_ORDER_SENT),
    RejectReason.NOT_FILLABLE: (-2010, "Order would not be filled completely."),
    RejectReason.NO_LIQUIDITY: (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
    RejectReason.HOLD_EXHAUSTED: (-2010, "Account has insufficient balance for requested action."),
    RejectReason.FILL_LIMIT: (-2010, "Order would not be filled completely."),
    RejectReason.SELF_TRADE: (-2010, "Order would trade against an order of the same account."),
    RejectReason.LIST_DONE: (-2011, UNKNOWN_ORDER_SENT),
    RejectReason.REPLACED: (-2011, UNKNOWN_ORDER_SENT),
    RejectReason.CANCELED_BY_USER: (-2011, UNKNOWN_ORDER_SENT),
    RejectReason.CANCELED_BY_ADMIN: (-2011, UNKNOWN_ORDER_SENT),
}
"""Code and text of each refusal but TOO_LATE, which is no word about the order but about the exchange."""

_NAMES: Final = {
    "amount": "quantity",
    "limit_price": "price",
    "quote_amount": "quoteOrderQty",
    "client_order_id": "newClientOrderId",
    "stop_price": "stopPrice",
    "time_in_force": "timeInForce",
}
"""Names of this dialect for fields that the desks call otherwise."""


def describe(failure: Failure | Exception) -> Described:
    """Return how a failure is told."""
    match failure:
        case BinanceError():
            return Described(failure.status, failure.code, failure.text, failure.headers, failure.data)
        case CommandRefused(reason=RejectReason.TOO_LATE):
            return _away(may_execute=False, retry_after_s=1)
        case CommandRefused(reason=reason):
            return Described(400, *REFUSALS[reason], {})
        case UnderMaintenance(retry_after_s=retry_after_s):
            return Described(503, -1004, MAINTENANCE, {"Retry-After": str(retry_after_s)})
        case NotAvailable():
            return _away(may_execute=failure.may_execute, retry_after_s=failure.retry_after_s)
        case NotAuthenticated():
            return Described(401, -2015, BAD_KEY, {})
        case NotPermitted():
            return Described(401, -2015, NO_READING, {})
        case InvalidInput(field=field, message=message):
            return Described(400, *_input(_NAMES.get(field, field), message), {})
        case DirectoryRefusal(field=field, status=status):
            return Described(status, -1130, f"Data sent for parameter '{field}' is not valid.", {})
        case NotFound(field=field):
            return Described(400, -1130, f"Data sent for parameter '{field}' is not valid.", {})
        case HTTPException():
            return _http(failure)
    return Described(500, -1000, UNKNOWN_ERROR, {})


def body_of(described: Described) -> dict[str, Any]:
    """Return the body of a failure over HTTP.

    At 503 it has no code, as Binance's own has none: clients then go by the status, which says that nothing was done,
    while each code of a failing server would leave that open.
    """
    if described.status == 503 and described.code == -1001:
        return {"msg": described.text}
    body: dict[str, Any] = {"code": described.code, "msg": described.text}
    return body if described.data is None else body | {"data": described.data}


def refusal(reason: RejectReason) -> BinanceError:
    """Return a refusal that the gateway finds by itself."""
    return BinanceError(*REFUSALS[reason])


def _away(*, may_execute: bool, retry_after_s: int) -> Described:
    if may_execute:
        return Described(504, -1007, UNKNOWN_OUTCOME, {})
    return Described(503, -1001, DISCONNECTED, {"Retry-After": str(retry_after_s)})


def _input(name: str, message: str) -> tuple[int, str]:
    if not name:
        return -1128, "Combination of optional parameters invalid."
    if message.startswith("is required"):
        return -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return -1130, f"Data sent for parameter '{name}' is not valid."


def _http(failure: HTTPException) -> Described:
    if failure.status_code in {404, 405}:
        return Described(failure.status_code, -1020, "This operation is not supported.", {})
    if failure.status_code >= 500:
        return Described(500, -1000, UNKNOWN_ERROR, {})
    if failure.status_code == 413:
        return Described(413, -1101, "Too many parameters sent for this endpoint.", {})
    return Described(failure.status_code, -1100, "Illegal characters found in a parameter.", {})
