"""Failures as HTTP: one status, one body, for whatever went wrong.

| status | when |
|---|---|
| 400 | a value that cannot be used; `field` names it |
| 401 | no key, or a wrong one |
| 403 | the key may not do this |
| 404 | an unknown symbol, asset, order, account or path |
| 405 | the path exists, but not with this method |
| 409 | a duplicate, an order that is not open, or a state that does not allow this now |
| 413 | a body beyond the limit |
| 422 | insufficient funds |
| 503 | not available now, with Retry-After; `may_have_executed` says whether the command may still be executed |
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec
from litestar import MediaType, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from gateway.dialect import MAX_BODY_BYTES
from gateway.failures import (
    CommandRefused,
    DirectoryRefusal,
    Failure,
    InvalidInput,
    NotAuthenticated,
    NotAvailable,
    NotFound,
    NotPermitted,
)
from mockexchange.messages.refusals import RejectReason


class ErrorDetail(msgspec.Struct, omit_defaults=True):
    """What went wrong: a stable code, the field where there is one, and a text for people."""

    code: str
    message: str
    field: str | None = None
    may_have_executed: bool | None = None


class ErrorBody(msgspec.Struct):
    """The body of every answer that is not a success."""

    error: ErrorDetail
    detail: str


_DESCRIPTIONS: Final = {
    400: "A value that cannot be used.",
    401: "No key, or a wrong one.",
    403: "The key may not do this.",
    404: "An unknown symbol, asset, order, account or path.",
    409: "A duplicate, an order that is not open, or a state that does not allow this now.",
    413: "The body is too large.",
    422: "Insufficient funds.",
    503: "Not available now; Retry-After says when to try again.",
}

RESPONSES: Final = {
    status: ResponseSpec(ErrorBody, generate_examples=False, description=description)
    for status, description in _DESCRIPTIONS.items()
}
"""What any route may answer besides its success, for the OpenAPI document."""

_STATUS: Final = {
    RejectReason.UNKNOWN_ACCOUNT: 404,
    RejectReason.DUPLICATE_COMMAND: 409,
    RejectReason.DUPLICATE_CLIENT_ORDER_ID: 409,
    RejectReason.UNKNOWN_SYMBOL: 404,
    RejectReason.UNKNOWN_ASSET: 404,
    RejectReason.TOO_MANY_OPEN_ORDERS: 409,
    RejectReason.NO_PRICE: 409,
    RejectReason.INSUFFICIENT_FUNDS: 422,
    RejectReason.USED_MISMATCH: 409,
    RejectReason.UNKNOWN_ORDER: 404,
    RejectReason.ORDER_NOT_OPEN: 409,
    RejectReason.PRICE_STALE: 409,
    RejectReason.NOT_REPLACED: 409,
}

_FIELD: Final = {
    RejectReason.UNKNOWN_ACCOUNT: "account",
    RejectReason.DUPLICATE_COMMAND: "client_order_id",
    RejectReason.DUPLICATE_CLIENT_ORDER_ID: "client_order_id",
    RejectReason.UNKNOWN_SYMBOL: "symbol",
    RejectReason.UNKNOWN_ASSET: "asset",
    RejectReason.INVALID_AMOUNT: "amount",
    RejectReason.PRICE_OUT_OF_RANGE: "limit_price",
    RejectReason.PRICE_OFF_TICK: "limit_price",
    RejectReason.QUANTITY_OUT_OF_RANGE: "amount",
    RejectReason.QUANTITY_OFF_STEP: "amount",
    RejectReason.NOTIONAL_TOO_SMALL: "amount",
    RejectReason.NOTIONAL_TOO_LARGE: "amount",
    RejectReason.INSUFFICIENT_FUNDS: "amount",
    RejectReason.USED_MISMATCH: "used",
    RejectReason.UNKNOWN_ORDER: "id",
    RejectReason.ORDER_NOT_OPEN: "id",
    RejectReason.NOT_REPLACED: "id",
    RejectReason.INVALID_AMENDMENT: "amount",
    RejectReason.INVALID_LIST: "orders",
}

_TOLD_FIELDS: Final = {"stop_price", "list_client_order_id"}
"""Fields that the detail of a refusal names, where its reason stands for another as well."""


class Told(msgspec.Struct):
    """A failure as HTTP."""

    status: int
    error: ErrorDetail
    headers: dict[str, str] = {}


def tell(failure: Failure | Exception) -> Told:
    """Return the HTTP status, headers and body of a failure."""
    match failure:
        case InvalidInput(field=field, message=message):
            text = f"{field}: {message}" if field else message
            return Told(400, ErrorDetail("invalid_request", text, field or None))
        case NotAuthenticated(message=message):
            return Told(401, ErrorDetail("not_authenticated", message), {"WWW-Authenticate": "ApiKey"})
        case NotPermitted(message=message):
            return Told(403, ErrorDetail("not_permitted", message))
        case NotFound(field=field, message=message):
            return Told(404, ErrorDetail("not_found", message, field))
        case CommandRefused():
            return _tell_refusal(failure)
        case DirectoryRefusal(field=field, message=message, status=status):
            code = {404: "not_found", 409: "conflict"}.get(status, "invalid_request")
            return Told(status, ErrorDetail(code, f"{field}: {message}", field))
        case NotAvailable():
            return _tell_unavailable(failure)
        case ValidationException():
            return _tell_invalid(failure)
        case HTTPException(status_code=413):
            return Told(413, ErrorDetail("body_too_large", f"body: must not exceed {MAX_BODY_BYTES:,} bytes", "body"))
        case HTTPException(status_code=status) if status < 500:
            code = HTTPStatus(status).phrase.lower().replace(" ", "_")
            return Told(status, ErrorDetail(code, failure.detail), dict(failure.headers or {}))
    return Told(500, ErrorDetail("internal_error", "internal error; it is in the gateway's log"))


def write_failure(failure: Failure | Exception) -> Response[ErrorBody]:
    """Answer a request with what went wrong."""
    told = tell(failure)
    return Response(
        ErrorBody(told.error, told.error.message),
        status_code=told.status,
        headers=told.headers,
        media_type=MediaType.JSON,
    )


def _tell_refusal(refusal: CommandRefused) -> Told:
    reason = refusal.reason
    message = f"{reason.text} ({refusal.detail})" if refusal.detail else reason.text
    told = refusal.detail.partition(":")[0]
    field = told if told in _TOLD_FIELDS else _FIELD.get(reason)
    return Told(_STATUS.get(reason, 400), ErrorDetail(reason.value, message, field))


def _tell_unavailable(failure: NotAvailable) -> Told:
    text = "; it may still be executed, its id tells" if failure.may_execute else ""
    error = ErrorDetail("unavailable", failure.message + text, may_have_executed=failure.may_execute)
    return Told(503, error, {"Retry-After": str(failure.retry_after_s)})


def _tell_invalid(failure: ValidationException) -> Told:
    """Tell of a query or path parameter that does not fit."""
    extra = failure.extra
    first = extra[0] if isinstance(extra, list) and extra and isinstance(extra[0], dict) else {}
    field = str(first.get("key", "")) or None
    if field == "data":
        return Told(400, ErrorDetail("invalid_request", "body: is required", "body"))
    message = str(first.get("message", failure.detail))
    return Told(400, ErrorDetail("invalid_request", f"{field}: {message}" if field else message, field))
