"""New orders as this dialect asks for them: which parameters a type needs, which it must not have, and client ids."""

from __future__ import annotations

import re
import secrets
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import Final, NamedTuple

from gateway.binance.errors import BinanceError
from gateway.binance.operation import Inquiry
from gateway.binance.order_views import LIMIT_MAKER, PREVENTION_MODES
from gateway.binance.parameters import Parameters, illegal, missing, not_needed
from gateway.binance.strategies import mark
from gateway.binance.symbols import find_instrument, price_units, quantity_units, quote_units
from gateway.new_orders import NewOrder
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce

SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}
TIMES_IN_FORCE: Final = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}

NEW_ORDER: Final = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice "
    "trailingDelta icebergQty newOrderRespType selfTradePreventionMode pegPriceType pegOffsetValue pegOffsetType"
)
"""Names of what a new order may be given."""

DEFAULT_PREVENTION: Final = SelfTradePrevention.EXPIRE_MAKER

CLIENT_ID_RANGE: Final = "^[a-zA-Z0-9-_.:/]{1,36}$"
_CLIENT_ID: Final = re.compile("[a-zA-Z0-9_.:/-]{1,36}")
_OWN_IDS: Final = secrets.token_urlsafe(9)
_own_numbers: Final = count(1)

NO_ICEBERG: Final = "Iceberg orders are not supported for this symbol."
NO_TRAILING: Final = "Trailing stop orders are not supported for this symbol."


class Kind(NamedTuple):
    """A type of order as it is called here."""

    order_type: OrderType
    is_post_only: bool = False

    @property
    def has_time_in_force(self) -> bool:
        """Whether the type has a time in force to choose."""
        return self.order_type.has_limit and not self.is_post_only


KINDS: Final = {
    "LIMIT": Kind(OrderType.LIMIT),
    "MARKET": Kind(OrderType.MARKET),
    LIMIT_MAKER: Kind(OrderType.LIMIT, is_post_only=True),
    "STOP_LOSS": Kind(OrderType.STOP_LOSS),
    "STOP_LOSS_LIMIT": Kind(OrderType.STOP_LOSS_LIMIT),
    "TAKE_PROFIT": Kind(OrderType.TAKE_PROFIT),
    "TAKE_PROFIT_LIMIT": Kind(OrderType.TAKE_PROFIT_LIMIT),
}


class Response(Enum):
    """How much of an order is told when it is placed."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


RESPONSES: Final = {response.value: response for response in Response}


class Asked(NamedTuple):
    """An order that somebody asks for, its instrument, and how it is to be told."""

    new: NewOrder
    instrument: Instrument
    response: Response


async def read_order(inquiry: Inquiry) -> Asked:
    """Read the parameters of a new order. Raises Failure."""
    parameters = inquiry.parameters
    instrument = await find_instrument(inquiry.gateway, parameters.text("symbol"))
    side = parameters.choice("side", SIDES)
    kind = parameters.choice("type", KINDS)
    refuse_unsupported(parameters, "icebergQty", "trailingDelta")
    by_default = Response.FULL if kind.order_type <= OrderType.MARKET and not kind.is_post_only else Response.ACK
    new = NewOrder(
        instrument.symbol,
        side,
        kind.order_type,
        read_time_in_force(parameters, "timeInForce", kind),
        kind.is_post_only,
        read_quantity(parameters, instrument, kind),
        read_price(parameters, "price", instrument, is_needed=kind.order_type.has_limit),
        _read_quote_amount(parameters, instrument, kind),
        client_id(parameters, "newClientOrderId"),
        mark(inquiry.gateway.floor.mint(), parameters),
        read_price(parameters, "stopPrice", instrument, is_needed=kind.order_type.is_conditional),
        read_prevention(parameters),
    )
    return Asked(new, instrument, parameters.choice("newOrderRespType", RESPONSES, by_default))


def read_time_in_force(parameters: Parameters, name: str, kind: Kind) -> TimeInForce | None:
    """Return the time in force, None for a type that has none to choose. Raises BinanceError."""
    if kind.has_time_in_force:
        return parameters.choice(name, TIMES_IN_FORCE)
    if name in parameters:
        raise not_needed(name)
    return None


def read_quantity(parameters: Parameters, instrument: Instrument, kind: Kind) -> Decimal | None:
    """Return the quantity, None for an order by quote amount. Raises BinanceError."""
    quantity = parameters.decimal("quantity")
    if quantity is not None:
        quantity_units(instrument, quantity)
        return quantity
    if kind.order_type is not OrderType.MARKET:
        raise missing("quantity")
    if "quoteOrderQty" not in parameters:
        raise either("quantity", "quoteOrderQty")
    return None


def _read_quote_amount(parameters: Parameters, instrument: Instrument, kind: Kind) -> Decimal | None:
    if "quoteOrderQty" not in parameters:
        return None
    if kind.order_type is not OrderType.MARKET:
        raise not_needed("quoteOrderQty")
    if "quantity" in parameters:
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    amount = parameters.decimal("quoteOrderQty")
    assert amount is not None
    quote_units(instrument, amount)
    return amount


def read_price(parameters: Parameters, name: str, instrument: Instrument, *, is_needed: bool) -> Decimal | None:
    """Return a price that must be there, or must not. Raises BinanceError."""
    price = parameters.decimal(name)
    if not is_needed:
        # Some clients send a price of zero with every order.
        if price:
            raise not_needed(name)
        return None
    if price is None:
        raise missing(name)
    price_units(instrument, price)
    return price


def read_prevention(parameters: Parameters) -> SelfTradePrevention:
    """Return what is to happen where the order meets another of its account. Raises BinanceError."""
    return parameters.choice("selfTradePreventionMode", PREVENTION_MODES, DEFAULT_PREVENTION)


def refuse_unsupported(parameters: Parameters, iceberg: str, trailing: str) -> None:
    """Raise BinanceError where an order is to be an iceberg or to trail the price, or is pegged to it."""
    if parameters.decimal(iceberg):
        raise BinanceError(-2010, NO_ICEBERG)
    if trailing in parameters:
        raise BinanceError(-2010, NO_TRAILING)
    for name in ("pegPriceType", "pegOffsetValue", "pegOffsetType"):
        if name in parameters:
            raise not_needed(name)


def client_id(parameters: Parameters, name: str) -> str:
    """Return a client's id, or a new one where none was sent. Raises BinanceError."""
    given = optional_client_id(parameters, name)
    return f"{_OWN_IDS}{next(_own_numbers):010x}" if given is None else given


def optional_client_id(parameters: Parameters, name: str) -> str | None:
    """Return a client's id, or None if it was not sent. Raises BinanceError."""
    text = parameters.optional_text(name)
    if text is not None and not _CLIENT_ID.fullmatch(text):
        raise illegal(name, CLIENT_ID_RANGE)
    return text


def either(first: str, second: str) -> BinanceError:
    """Return the refusal of a request that has neither of two parameters."""
    return BinanceError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")
