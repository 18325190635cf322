"""Orders as people ask for them, and whether their terms go together. Filters and money are the shard's to check."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import msgspec

from gateway.failures import CommandRefused, InvalidInput
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import AmountError, to_units

MAX_ID_LENGTH: Final = 64
MAX_ORDER_ID: Final = 2**53

_ID: Final = re.compile(rf"[!-~]{{1,{MAX_ID_LENGTH}}}")


class NewOrder(msgspec.Struct, frozen=True):
    """An order as somebody asks for it, with decimal amounts. An empty `command_id` makes the client order id one."""

    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce | None = None
    is_post_only: bool = False
    amount: Decimal | None = None
    limit_price: Decimal | None = None
    quote_amount: Decimal | None = None
    client_order_id: str = ""
    command_id: str = ""
    stop_price: Decimal | None = None
    prevention: SelfTradePrevention = SelfTradePrevention.NONE

    @property
    def needs_reference(self) -> bool:
        """Whether the best price on the other side matters: to a hold, or to the value of a market sell."""
        return self.order_type is OrderType.MARKET and (self.quote_amount is None or self.side is Side.SELL)

    @property
    def is_sized_by_reference(self) -> bool:
        """Whether the hold cannot be known without the best price on the other side."""
        return self.needs_reference and (self.side is Side.BUY or self.quote_amount is not None)


def check_terms(new: NewOrder) -> TimeInForce:
    """Return the time in force of an order whose terms go together. Raises InvalidInput."""
    if new.client_order_id:
        check_id("client_order_id", new.client_order_id)
    if new.order_type.is_conditional and new.stop_price is None:
        raise InvalidInput("stop_price", "is required for a stop or take-profit order")
    if not new.order_type.is_conditional and new.stop_price is not None:
        raise InvalidInput("stop_price", "is for stop and take-profit orders only")
    if new.is_post_only and new.order_type is not OrderType.LIMIT:
        raise InvalidInput("post_only", "is for limit orders only")
    return _check_limit(new) if new.order_type.has_limit else _check_market(new)


def check_id(field: str, text: str) -> str:
    """Return a client's id if it is one. Raises InvalidInput."""
    if not _ID.fullmatch(text):
        raise InvalidInput(field, f"must be 1 to {MAX_ID_LENGTH} printable ASCII characters without spaces")
    return text


def parse_order_id(text: str) -> int:
    """Return the order id that a text stands for. Raises CommandRefused: what is no id names no order."""
    # The length is checked first, since a long row of digits costs much to read.
    if len(text) <= 16 and text.isascii() and text.isdigit() and 0 < int(text) < MAX_ORDER_ID:
        return int(text)
    raise CommandRefused(RejectReason.UNKNOWN_ORDER, f"id: {text[:40]}")


def _check_limit(new: NewOrder) -> TimeInForce:
    if new.amount is None:
        raise InvalidInput("amount", "is required")
    if new.limit_price is None:
        raise InvalidInput("limit_price", "is required for a limit order")
    if new.quote_amount is not None:
        raise InvalidInput("quote_amount", "is for market orders only")
    time_in_force = new.time_in_force or TimeInForce.GTC
    if new.is_post_only and time_in_force is not TimeInForce.GTC:
        raise InvalidInput("post_only", "does not go with IOC or FOK")
    return time_in_force


def _check_market(new: NewOrder) -> TimeInForce:
    if new.limit_price is not None:
        raise InvalidInput("limit_price", "is for limit orders only")
    if new.time_in_force is TimeInForce.GTC:
        raise InvalidInput("time_in_force", "a market order is IOC or FOK")
    if new.quote_amount is not None:
        if new.order_type is not OrderType.MARKET:
            raise InvalidInput("quote_amount", "is for market orders only")
        if new.amount is not None:
            raise InvalidInput("quote_amount", "does not go with amount")
    elif new.amount is None:
        raise InvalidInput("amount", "is required")
    return new.time_in_force or TimeInForce.IOC


def positive_units(value: Decimal | None, scale: int, field: str) -> int:
    """Return a positive amount in units, 0 for none. Raises InvalidInput."""
    if value is None:
        return 0
    try:
        units = to_units(value, scale)
    except AmountError as error:
        raise InvalidInput(field, str(error)) from error
    if units <= 0:
        raise InvalidInput(field, "must be greater than 0")
    return units
