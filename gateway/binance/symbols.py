"""Names of symbols like `BTCUSDT`, and amounts as this dialect writes them: decimals padded to eight places."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from gateway.binance.errors import BinanceError, refusal
from gateway.binance.parameters import Parameters
from gateway.gateway import Gateway
from mockexchange.instruments import Instrument
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import AmountError, to_text, to_units
from mockexchange.registry import Registry

PLACES: Final = 8
"""Decimals that amounts are written with, or more where an amount has more."""

NS_PER_MS: Final = 1_000_000

ZERO: Final = f"0.{'0' * PLACES}"

TRADING: Final = "TRADING"
STATUSES: Final = {name: name for name in (TRADING, "HALT", "BREAK")}
"""States that Binance has for symbols; here all are trading."""


@lru_cache(maxsize=65_536)
def name_of(symbol: str) -> str:
    """Return the name of a symbol in this dialect."""
    return symbol.replace("/", "")


async def find_instrument(gateway: Gateway, name: str) -> Instrument:
    """Return the instrument of a name like `BTCUSDT`; it may have been listed a moment ago. Raises Failure."""
    registry = gateway.floor.registry
    instrument = _known(registry, name)
    if instrument is None:
        await gateway.follower.catch_up()
        instrument = _known(registry, name)
    if instrument is None:
        raise refusal(RejectReason.UNKNOWN_SYMBOL)
    return instrument


def instruments_of(gateway: Gateway) -> list[Instrument]:
    """Return all instruments, by their names."""
    instruments = gateway.floor.registry.instruments
    return [instruments[symbol] for symbol in sorted(instruments)]


def wants_trading(parameters: Parameters) -> bool:
    """Say whether symbols are asked for that are trading. Raises BinanceError."""
    return parameters.choice("symbolStatus", STATUSES, TRADING) == TRADING


def check_status(parameters: Parameters) -> None:
    """Raise BinanceError where the symbols that are asked for must not be trading."""
    if not wants_trading(parameters):
        # Binance's own -1220 is in no shared table.
        raise BinanceError(-1130, "The symbol's status does not match the requested symbolStatus.")


def _known(registry: Registry, name: str) -> Instrument | None:
    # The longest base goes first where two symbols have one name, so that the answer never depends on their order.
    for end in range(len(name) - 1, 0, -1):
        instrument = registry.instruments.get(f"{name[:end]}/{name[end:]}")
        if instrument is not None:
            return instrument
    return None


# --- amounts, written ---


@lru_cache(maxsize=65_536)
def amount_text(units: int, scale: int) -> str:
    """Write units at a scale with eight decimals, or more where the scale has more."""
    if not units and scale <= PLACES:
        return ZERO
    text = to_text(units, scale)
    if scale >= PLACES:
        return text
    return f"{text}{'' if scale else '.'}{'0' * (PLACES - scale)}"


def price_text(instrument: Instrument, price: int) -> str:
    """Write a price."""
    return amount_text(price, instrument.price_scale)


def quantity_text(instrument: Instrument, quantity: int) -> str:
    """Write a quantity of the base asset."""
    return amount_text(quantity, instrument.quantity_scale)


def quote_text(instrument: Instrument, amount: int) -> str:
    """Write an amount of the quote asset."""
    return amount_text(amount, instrument.quote_scale)


@lru_cache(maxsize=65_536)
def padded(text: str | None) -> str:
    """Write a decimal text with eight decimals, zero for none."""
    if text is None:
        return ZERO
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(PLACES, '0')}"


# --- amounts, read: what is finer than the instrument is off its tick or step ---


def price_units(instrument: Instrument, price: Decimal) -> int:
    """Return a price in units. Raises BinanceError."""
    return _units(price, instrument.price_scale, RejectReason.PRICE_OFF_TICK)


def quantity_units(instrument: Instrument, quantity: Decimal) -> int:
    """Return a quantity of the base asset in units. Raises BinanceError."""
    return _units(quantity, instrument.quantity_scale, RejectReason.QUANTITY_OFF_STEP)


def quote_units(instrument: Instrument, amount: Decimal) -> int:
    """Return an amount of the quote asset in units. Raises BinanceError."""
    return _units(amount, instrument.quote_scale, RejectReason.NOTIONAL_TOO_SMALL)


def _units(amount: Decimal, scale: int, reason: RejectReason) -> int:
    try:
        units = to_units(amount, scale)
    except AmountError as error:
        raise refusal(reason) from error
    if units <= 0:
        raise refusal(reason)
    return units
