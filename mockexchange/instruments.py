"""Assets and instruments: scales fixed for life, filters that may change.

An instrument's prices and quantities are integers at its `price_scale` and `quantity_scale`. Listing
requires `price_scale + quantity_scale <= quote scale` and `quantity_scale <= base scale`, so the quote
value of any trade is an exact integer: no rounding anywhere but in fees.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mockexchange.messages.refusals import RejectReason
from mockexchange.money import MAX_AMOUNT, to_text

ASSET_SCALE: Final = 8
ASSET_PATTERN: Final = re.compile(r"[A-Z0-9]{1,16}")
MAX_SCALE: Final = 12
MILLION: Final = 1_000_000


class Asset(msgspec.Struct, frozen=True, array_like=True):
    """A currency: its code and the scale of its amounts."""

    code: str
    scale: int = ASSET_SCALE


class Instrument(msgspec.Struct, frozen=True, array_like=True):
    """A spot pair: scales for life, and the filters an order must pass.

    `tick_size` is in price units, `step_size`, `min_quantity` and `max_quantity` in quantity units,
    `min_notional` in quote asset units. `feed` says whether an outside market is mirrored into the book;
    without one it is a plain book between accounts. `start_price` seeds a synthetic market. A limit price may lie
    between the last price times `band_down` and times `band_up`, both in millionths; 0 is no bound.
    """

    base: str
    quote: str
    base_scale: int
    quote_scale: int
    price_scale: int
    quantity_scale: int
    tick_size: int = 1
    step_size: int = 1
    min_quantity: int = 1
    max_quantity: int = MAX_AMOUNT
    min_notional: int = 0
    feed: bool = False
    start_price: int = 0
    band_down: int = 0
    band_up: int = 0

    @property
    def symbol(self) -> str:
        """The name people use: `BTC/USDT`."""
        return f"{self.base}/{self.quote}"

    @property
    def base_factor(self) -> int:
        """Base asset units in one quantity unit."""
        return int(10 ** (self.base_scale - self.quantity_scale))

    @property
    def quote_factor(self) -> int:
        """Quote asset units in one price unit times one quantity unit."""
        return int(10 ** (self.quote_scale - self.price_scale - self.quantity_scale))

    def base_amount(self, quantity: int) -> int:
        """Convert a quantity to base asset units."""
        return quantity * self.base_factor

    def quote_amount(self, price: int, quantity: int) -> int:
        """Return the exact value of a quantity at a price, in quote asset units."""
        return price * quantity * self.quote_factor

    def price_text(self, price: int) -> str:
        """Write a price as a decimal string."""
        return to_text(price, self.price_scale)

    def quantity_text(self, quantity: int) -> str:
        """Write a quantity as a decimal string."""
        return to_text(quantity, self.quantity_scale)

    def check_price(self, price: int) -> RejectReason | None:
        """Return why a limit price is not acceptable, or None."""
        if price <= 0 or price > MAX_AMOUNT:
            return RejectReason.PRICE_OUT_OF_RANGE
        if price % self.tick_size:
            return RejectReason.PRICE_OFF_TICK
        return None

    def check_quantity(self, quantity: int) -> RejectReason | None:
        """Return why a quantity is not acceptable, or None."""
        if not self.min_quantity <= quantity <= self.max_quantity:
            return RejectReason.QUANTITY_OUT_OF_RANGE
        if quantity % self.step_size:
            return RejectReason.QUANTITY_OFF_STEP
        return None

    def check_notional(self, price: int, quantity: int) -> RejectReason | None:
        """Return why the value of an order is not acceptable, or None."""
        value = self.quote_amount(price, quantity)
        if value < self.min_notional:
            return RejectReason.NOTIONAL_TOO_SMALL
        if value > MAX_AMOUNT or self.base_amount(quantity) > MAX_AMOUNT:
            return RejectReason.NOTIONAL_TOO_LARGE
        return None


class ListingError(ValueError):
    """An instrument that cannot be listed; the message names the field."""


def check_listing(instrument: Instrument) -> None:
    """Raise ListingError unless the instrument keeps every amount exact and in bounds."""
    for field in ("base", "quote"):
        if not ASSET_PATTERN.fullmatch(getattr(instrument, field)):
            raise ListingError(f"{field}: must be 1 to 16 upper-case letters or digits")
    if instrument.base == instrument.quote:
        raise ListingError("quote: must differ from base")
    for field in ("base_scale", "quote_scale", "price_scale", "quantity_scale"):
        if not 0 <= getattr(instrument, field) <= MAX_SCALE:
            raise ListingError(f"{field}: must be between 0 and {MAX_SCALE}")
    if instrument.quantity_scale > instrument.base_scale:
        raise ListingError(f"quantity_scale: must not exceed the base asset's {instrument.base_scale} decimals")
    if instrument.price_scale + instrument.quantity_scale > instrument.quote_scale:
        raise ListingError(
            f"price_scale: price and quantity decimals together must not exceed the quote asset's "
            f"{instrument.quote_scale}"
        )
    for field in ("tick_size", "step_size", "min_quantity"):
        if getattr(instrument, field) < 1:
            raise ListingError(f"{field}: must be greater than 0")
    if not instrument.min_quantity <= instrument.max_quantity <= MAX_AMOUNT:
        raise ListingError("max_quantity: must not be below min_quantity")
    if not 0 <= instrument.min_notional <= MAX_AMOUNT:
        raise ListingError("min_notional: is out of range")
    if not 0 <= instrument.band_down <= MILLION:
        raise ListingError("band_down: must be between 0 and 1")
    if instrument.band_up and not MILLION <= instrument.band_up <= MAX_AMOUNT:
        raise ListingError("band_up: must not be below 1, or 0 for no bound")
