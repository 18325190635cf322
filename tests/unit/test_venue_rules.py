from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actors.feeds.venue_rules import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    Unlistable,
    instrument_of,
    is_spot,
)
from mockexchange.instruments import Instrument, ListingError
from mockexchange.money import MAX_AMOUNT


def market(price: Any, amount: Any, base: str = "BTC") -> dict[str, Any]:
    precision = {"price": price, "amount": amount}
    return {"base": base, "quote": "USDT", "spot": True, "active": True, "precision": precision}


def test_ticks_steps_and_limits_are_the_venues() -> None:
    limits = {"amount": {"min": 1e-05, "max": 9000.0}, "cost": {"min": 5.0, "max": None}}
    rules = market(0.01, 1e-05) | {"limits": limits}
    assert instrument_of(rules, TICK_SIZE) == Instrument(
        "BTC", "USDT", 8, 8, 2, 5, 1, 1, 1, 900_000_000, 500_000_000, feed=True
    )


@pytest.mark.parametrize(
    ("price", "amount", "expected"),
    [
        (0.05, 0.25, (2, 2, 5, 25)),
        (1e-08, 1.0, (8, 0, 1, 1)),
        (5.0, 100.0, (0, 0, 5, 100)),
        ("0.0001", Decimal("0.1"), (4, 1, 1, 1)),
        (0.1, 1e-08, (1, 7, 1, 1)),
        (0.00001, 0.0001, (5, 3, 1, 1)),
    ],
)
def test_quantities_give_way_where_the_quote_asset_has_too_few_decimals(
    price: Any, amount: Any, expected: tuple[int, int, int, int]
) -> None:
    made = instrument_of(market(price, amount), TICK_SIZE)
    assert (made.price_scale, made.quantity_scale, made.tick_size, made.step_size) == expected
    assert made.min_quantity == made.step_size
    assert made.max_quantity == MAX_AMOUNT


def test_precision_may_be_decimals_or_digits() -> None:
    by_places = instrument_of(market(2, 5), DECIMAL_PLACES)
    assert (by_places.price_scale, by_places.quantity_scale) == (2, 5)
    with pytest.raises(Unlistable, match="amount precision depends on a last price"):
        instrument_of(market(5, 8), SIGNIFICANT_DIGITS, 60_123.0)
    with pytest.raises(Unlistable, match="price precision depends on a last price"):
        instrument_of(market(5, 8), SIGNIFICANT_DIGITS)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (market(None, 1.0), "price precision is not known"),
        (market(1.0, None), "amount precision is not known"),
        (market(0.0, 1.0), "price precision is 0"),
        (market(1e-10, 1.0), "prices have 10 decimals"),
    ],
)
def test_a_market_that_cannot_be_listed_says_why(rules: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unlistable, match=reason):
        instrument_of(rules, TICK_SIZE)


def test_a_name_that_no_asset_may_have_is_refused() -> None:
    with pytest.raises(ListingError, match="base"):
        instrument_of(market(0.01, 1.0, base="币安人生"), TICK_SIZE)


def test_spot_markets_that_trade_are_told_from_others() -> None:
    spot = market(0.01, 1.0)
    assert is_spot(spot)
    assert is_spot(spot | {"active": None})
    assert not is_spot(spot | {"active": False})
    assert not is_spot(spot | {"spot": False})
