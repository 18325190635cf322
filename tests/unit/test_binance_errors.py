"""Every failure, told in Binance's words, arrives at a bot as the class of error it is."""

from __future__ import annotations

import json

import ccxt
import pytest
from litestar.exceptions import HTTPException, NotFoundException

from gateway.binance.errors import REFUSALS, BinanceError, body_of, describe
from gateway.failures import (
    CommandRefused,
    DirectoryRefusal,
    InvalidInput,
    NotAuthenticated,
    NotAvailable,
    NotFound,
    NotPermitted,
    UnderMaintenance,
)
from mockexchange.messages.refusals import RejectReason

URL = "http://127.0.0.1:8000/api/v3/order"

SHARED = set(ccxt.binance().exceptions["exact"])

REASONS = {
    RejectReason.UNKNOWN_ACCOUNT: ccxt.AuthenticationError,
    RejectReason.DUPLICATE_COMMAND: ccxt.InvalidOrder,
    RejectReason.DUPLICATE_CLIENT_ORDER_ID: ccxt.InvalidOrder,
    RejectReason.UNKNOWN_SYMBOL: ccxt.BadSymbol,
    RejectReason.UNKNOWN_ASSET: ccxt.BadRequest,
    RejectReason.INVALID_AMOUNT: ccxt.BadRequest,
    RejectReason.PRICE_OUT_OF_RANGE: ccxt.InvalidOrder,
    RejectReason.PRICE_OFF_TICK: ccxt.InvalidOrder,
    RejectReason.QUANTITY_OUT_OF_RANGE: ccxt.InvalidOrder,
    RejectReason.QUANTITY_OFF_STEP: ccxt.InvalidOrder,
    RejectReason.NOTIONAL_TOO_SMALL: ccxt.InvalidOrder,
    RejectReason.NOTIONAL_TOO_LARGE: ccxt.InvalidOrder,
    RejectReason.INVALID_LIST: ccxt.InvalidOrder,
    RejectReason.INVALID_AMENDMENT: ccxt.InvalidOrder,
    RejectReason.TOO_MANY_OPEN_ORDERS: ccxt.BadRequest,
    RejectReason.NO_PRICE: ccxt.InvalidOrder,
    RejectReason.INSUFFICIENT_FUNDS: ccxt.InsufficientFunds,
    RejectReason.USED_MISMATCH: ccxt.BadRequest,
    RejectReason.UNKNOWN_ORDER: ccxt.OrderNotFound,
    RejectReason.ORDER_NOT_OPEN: ccxt.OrderNotFound,
    RejectReason.TOO_LATE: ccxt.ExchangeNotAvailable,
    RejectReason.PRICE_STALE: ccxt.MarketClosed,
    RejectReason.WOULD_TAKE: ccxt.OrderImmediatelyFillable,
    RejectReason.WOULD_TRIGGER: ccxt.OrderImmediatelyFillable,
    RejectReason.PRICE_OUT_OF_BAND: ccxt.InvalidOrder,
    RejectReason.NOT_REPLACED: ccxt.OrderNotFound,
    RejectReason.NOT_FILLABLE: ccxt.InvalidOrder,
    RejectReason.NO_LIQUIDITY: ccxt.InvalidOrder,
    RejectReason.HOLD_EXHAUSTED: ccxt.InsufficientFunds,
    RejectReason.FILL_LIMIT: ccxt.InvalidOrder,
    RejectReason.SELF_TRADE: ccxt.InvalidOrder,
    RejectReason.LIST_DONE: ccxt.OrderNotFound,
    RejectReason.REPLACED: ccxt.OrderNotFound,
    RejectReason.CANCELED_BY_USER: ccxt.OrderNotFound,
    RejectReason.CANCELED_BY_ADMIN: ccxt.OrderNotFound,
}

FAILURES = [
    (InvalidInput("amount", "is required"), ccxt.BadRequest, -1102),
    (InvalidInput("", "does not fit together"), ccxt.BadRequest, -1128),
    (InvalidInput("limit", "must be 1 to 1000"), ccxt.BadRequest, -1130),
    (NotAuthenticated("the key is not valid"), ccxt.AuthenticationError, -2015),
    (NotPermitted("this key has no permission to read"), ccxt.PermissionDenied, -2015),
    (NotFound("account", "the account does not exist"), ccxt.BadRequest, -1130),
    (DirectoryRefusal("name", "an account with this name exists", 409), ccxt.BadRequest, -1130),
    (NotAvailable("the shard is recovering"), ccxt.ExchangeNotAvailable, -1001),
    (NotAvailable("no answer in time", may_execute=True), ccxt.RequestTimeout, -1007),
    (UnderMaintenance(), ccxt.OnMaintenance, -1004),
    (NotFoundException(), ccxt.BadRequest, -1020),
    (HTTPException(status_code=413), ccxt.BadRequest, -1101),
    (ValueError("a bug"), ccxt.OperationFailed, -1000),
    (BinanceError(-1021, "Timestamp for this request is outside of the recvWindow."), ccxt.InvalidNonce, -1021),
    (BinanceError(-1022, "Signature for this request is not valid."), ccxt.AuthenticationError, -1022),
    (BinanceError(-2014, "API-key format invalid.", 401), ccxt.AuthenticationError, -2014),
    (BinanceError(-1003, "Too much request weight used", 429), ccxt.DDoSProtection, -1003),
    (BinanceError(-1003, "Way too much request weight used", 418), ccxt.DDoSProtection, -1003),
    (BinanceError(-1015, "Too many new orders", 429), ccxt.DDoSProtection, -1015),
]


def class_at_bot(failure: Exception, *, has_succeeded_before: bool = False) -> type[Exception]:
    """Return the class that the unmodified ccxt raises for a failure as it goes over the wire."""
    bot = ccxt.binance({"options": {"hasAlreadyAuthenticatedSuccessfully": has_succeeded_before}})
    described = describe(failure)
    body = body_of(described)
    text = json.dumps(body)
    try:
        bot.handle_errors(described.status, "", URL, "POST", {}, text, body, {}, None)
        bot.handle_http_status_code(described.status, "", URL, "POST", text)
    except ccxt.BaseError as error:
        return type(error)
    raise AssertionError(f"{text} is no error to ccxt")


@pytest.mark.parametrize("reason", RejectReason)
def test_every_refusal_arrives_as_its_class(reason: RejectReason) -> None:
    assert class_at_bot(CommandRefused(reason)) is REASONS[reason]


@pytest.mark.parametrize(("failure", "expected", "code"), FAILURES, ids=lambda value: repr(value)[:40])
def test_every_failure_arrives_as_its_class(failure: Exception, expected: type[Exception], code: int) -> None:
    assert class_at_bot(failure) is expected
    assert describe(failure).code == code


def test_codes_are_those_that_clients_know_on_any_host() -> None:
    codes = {code for code, _ in REFUSALS.values()} | {code for *_, code in FAILURES}
    assert {str(code) for code in codes} <= SHARED


def test_a_key_that_may_not_is_told_so_even_after_requests_that_succeeded() -> None:
    failure = BinanceError(-2015, "This account may not place or cancel orders.", 401)
    assert class_at_bot(failure, has_succeeded_before=True) is ccxt.PermissionDenied
    assert class_at_bot(NotPermitted("read"), has_succeeded_before=True) is ccxt.PermissionDenied


def test_a_command_that_may_be_executed_is_never_told_as_undone() -> None:
    described = describe(NotAvailable("lost", may_execute=True))
    assert (described.status, described.code) == (504, -1007)
    assert described.text.endswith("execution status unknown.")
    undone = describe(NotAvailable("busy", retry_after_s=3))
    assert (undone.status, undone.headers, body_of(undone)) == (503, {"Retry-After": "3"}, {"msg": undone.text})


def test_fields_are_named_as_in_this_dialect() -> None:
    assert describe(InvalidInput("limit_price", "is required")).text == (
        "Mandatory parameter 'price' was not sent, was empty/null, or malformed."
    )
