"""A venue's decimal texts on an instrument's integer grid."""

from __future__ import annotations

from mockexchange.instruments import Instrument


class OffGrid(ValueError):
    """A text that is no number, or a price that the instrument's ticks cannot express."""


class Grid:
    """Reads prices and quantities of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._price_scale = instrument.price_scale
        self._quantity_scale = instrument.quantity_scale
        self._tick = instrument.tick_size
        self._step = instrument.step_size

    def price(self, text: str) -> int:
        """Return a price. Raises OffGrid when it is finer than the tick."""
        units, is_exact = _units(text, self._price_scale)
        if not is_exact or units % self._tick:
            tick = self._instrument.price_text(self._tick)
            raise OffGrid(f"the price {text} is not a multiple of the tick size {tick} of {self._instrument.symbol}")
        return units

    def quantity(self, text: str) -> int:
        """Return a quantity, rounded down to the step."""
        units, _ = _units(text, self._quantity_scale)
        return units - units % self._step

    def quantity_of_something(self, text: str) -> int:
        """Return a quantity like `quantity`, but at least a step: what is there does not vanish."""
        return max(self.quantity(text), self._step)

    def levels(self, texts: list[tuple[str, str]]) -> list[tuple[int, int]]:
        """Return the levels of one side."""
        return [(self.price(price), self.quantity(quantity)) for price, quantity in texts]


def _units(text: str, scale: int) -> tuple[int, bool]:
    """Return a decimal text as integer units, rounded down, and whether that was exact."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction[:scale].ljust(scale, "0")
    if not (digits.isascii() and digits.isdigit()):
        raise OffGrid(f"{text!r} is not a plain decimal number")
    return int(digits), not fraction[scale:].strip("0")
