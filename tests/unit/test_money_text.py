"""Text becomes units exactly or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mockexchange.money import AmountError, to_text, to_units


@pytest.mark.parametrize("text", ["1.00000000000000000000000000000000000001", "1E-9999999", "0." + "0" * 3000 + "1"])
def test_a_digit_beyond_the_scale_is_refused_however_far_it_stands(text: str) -> None:
    with pytest.raises(AmountError, match="has more than 8 decimals"):
        to_units(text, 8)


@pytest.mark.parametrize("text", ["1e400", "1E+999999999", "123456789012345678901234567890"])
def test_a_number_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(AmountError, match="is too large"):
        to_units(text, 8)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_refused(text: str) -> None:
    with pytest.raises(AmountError, match="must be a finite number"):
        to_units(Decimal(text), 8)


def test_zeros_beyond_the_scale_change_nothing() -> None:
    assert to_units("1.5000000000000000", 8) == 150_000_000
    assert to_units("0E+500", 8) == 0


@pytest.mark.parametrize("units", [0, 1, -1, 10**8, 2**62, -(2**62)])
@pytest.mark.parametrize("scale", [0, 1, 8, 12])
def test_units_and_text_round_trip(units: int, scale: int) -> None:
    assert Decimal(to_text(units, scale)) == Decimal(units).scaleb(-scale)
    assert to_units(to_text(units, scale), scale) == units
