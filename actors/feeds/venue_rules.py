"""A venue's rules, as ccxt tells them, as an instrument of ours."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from mockexchange.instruments import ASSET_SCALE, Instrument, check_listing
from mockexchange.money import MAX_AMOUNT

DECIMAL_PLACES: Final = 2
SIGNIFICANT_DIGITS: Final = 3
TICK_SIZE: Final = 4
"""ccxt's precision modes."""


class Unlistable(ValueError):
    """A market that cannot be listed here; the message says why."""


def is_spot(market: dict[str, Any]) -> bool:
    """Whether a market is a spot market that trades."""
    return bool(market.get("spot")) and market.get("active") is not False


def instrument_of(market: dict[str, Any], precision_mode: int, last: Any = None) -> Instrument:
    """Return the instrument that mirrors a market.

    `last` is its last price, needed where the tick depends on it. Prices keep the venue's grid. Where prices and
    quantities together have more decimals than the quote asset, quantities get a coarser step. Raises Unlistable, and
    ListingError.
    """
    precision = market.get("precision") or {}
    tick = _step(precision.get("price"), precision_mode, "price", last)
    step = _step(precision.get("amount"), precision_mode, "amount", None)
    price_scale = _decimals(tick)
    if price_scale > ASSET_SCALE:
        raise Unlistable(f"its prices have {price_scale} decimals")
    quantity_scale = min(_decimals(step), ASSET_SCALE - price_scale)
    step_size = max(_units(step, quantity_scale, ROUND_CEILING), 1)
    limits = market.get("limits") or {}
    least, most = (_limit(limits, "amount", bound) for bound in ("min", "max"))
    notional = _limit(limits, "cost", "min") or Decimal(0)
    instrument = Instrument(
        base=market["base"],
        quote=market["quote"],
        base_scale=ASSET_SCALE,
        quote_scale=ASSET_SCALE,
        price_scale=price_scale,
        quantity_scale=quantity_scale,
        tick_size=_units(tick, price_scale, ROUND_CEILING),
        step_size=step_size,
        min_quantity=max(_units(least or Decimal(0), quantity_scale, ROUND_CEILING), step_size),
        max_quantity=min(_units(most, quantity_scale, ROUND_FLOOR), MAX_AMOUNT) if most else MAX_AMOUNT,
        min_notional=_units(notional, ASSET_SCALE, ROUND_CEILING),
        feed=True,
    )
    check_listing(instrument)
    return instrument


def _step(raw: Any, mode: int, field: str, last: Any) -> Decimal:
    """Return the least difference between two prices or two amounts."""
    if raw is None:
        raise Unlistable(f"its {field} precision is not known")
    number = Decimal(str(raw))
    if mode == TICK_SIZE:
        if number <= 0:
            raise Unlistable(f"its {field} precision is {number}")
        return number.normalize()
    if mode == DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(number))
    if not last:
        raise Unlistable(f"its {field} precision depends on a last price, which is not known")
    # One digit more than now, since a price that falls has finer ticks.
    return Decimal(1).scaleb(max(Decimal(str(last)).adjusted() - int(number), -ASSET_SCALE))


def _decimals(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(-exponent, 0)


def _units(number: Decimal, scale: int, rounding: str) -> int:
    return int(number.scaleb(scale).to_integral_value(rounding))


def _limit(limits: dict[str, Any], field: str, bound: str) -> Decimal | None:
    raw = (limits.get(field) or {}).get(bound)
    return None if raw is None else Decimal(str(raw))
