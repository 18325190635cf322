"""Exact money: integers at a scale, decimal text at the edges.

An amount is an integer count of `10 ** -scale` units. Decimals appear only where text comes in or
goes out; `float` never does.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Final

MAX_AMOUNT: Final = 2**62
"""Bound of every durable amount, so that a sum of two still fits a signed 64-bit integer."""

RATE_SCALE: Final = 6
"""Fee rates are integers in millionths: 1000 is 0.1 %."""

RATE_ONE: Final = 10**RATE_SCALE

# A digit that is lost is an error here: the default context would round 1.000...1 to 1 in silence.
_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation])


class AmountError(ValueError):
    """A text or number that is no amount at the wanted scale; the message says why."""


def to_units(value: Decimal | int | str, scale: int) -> int:
    """Convert a decimal number to integer units of `10 ** -scale`, exactly.

    Raises AmountError when the value is not finite, is finer than the scale or is out of bounds.
    """
    try:
        number = value if isinstance(value, Decimal) else Decimal(value)
    except InvalidOperation as error:
        raise AmountError("is not a number") from error
    if not number.is_finite():
        raise AmountError("must be a finite number")
    return _units(number, scale)


# An order's amounts are read twice, by its dialect and by its command, and bots send the same ones again and again.
@lru_cache(maxsize=8_192)
def _units(number: Decimal, scale: int) -> int:
    # `adjusted` is checked before any arithmetic: 1e400 must not be expanded to find it too large.
    if number and number.adjusted() + scale > 18:
        raise AmountError("is too large")
    try:
        scaled = number.scaleb(scale, _EXACT)
    except Inexact as error:
        raise AmountError(f"has more than {scale} decimals") from error
    units = int(scaled)
    if units != scaled:
        raise AmountError(f"has more than {scale} decimals")
    if abs(units) > MAX_AMOUNT:
        raise AmountError("is too large")
    return units


# An order is shown several times with mostly the same amounts, of which many are zero or a rate.
@lru_cache(maxsize=8_192)
def to_text(units: int, scale: int) -> str:
    """Write integer units as a plain decimal string with exactly `scale` decimals."""
    if scale == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    digits = str(abs(units)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def to_decimal(units: int, scale: int) -> Decimal:
    """Return integer units as a Decimal with exponent `-scale`."""
    return Decimal(units).scaleb(-scale)


def fee_of(amount: int, rate: int) -> int:
    """Return the fee on a received amount, rounded up so that the receiver's part is rounded down.

    `rate` is in millionths (`RATE_SCALE`).
    """
    return -(-amount * rate // RATE_ONE)
