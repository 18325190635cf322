"""What others see of a side: house and accounts together."""

from __future__ import annotations

from mockexchange.matching.house import HouseSide, Levels
from mockexchange.matching.queues import BookSide


def quantity_at(own: BookSide, house: HouseSide, price: int) -> int:
    """Return what rests or is available at a price."""
    return own.quantity_at(price) + house.available_at(price)


def best_level(own: BookSide, house: HouseSide) -> tuple[int, int]:
    """Return the best price and its quantity, zeros if the side is empty."""
    ranks, house_ranks = own.prices.ranks, house.open.ranks
    if not ranks and not house_ranks:
        return 0, 0
    rank = max(ranks[-1] if ranks else house_ranks[-1], house_ranks[-1] if house_ranks else ranks[-1])
    price = rank * own.prices.sign
    return price, quantity_at(own, house, price)


def best_levels(own: BookSide, house: HouseSide, limit: int) -> Levels:
    """Return the best `limit` levels as (price, quantity)."""
    if limit <= 0:
        return []
    # Each list's best `limit` prices are all that can be among the best of both.
    ranks = {*own.prices.ranks[-limit:], *house.open.ranks[-limit:]}
    sign = own.prices.sign
    return [(rank * sign, quantity_at(own, house, rank * sign)) for rank in sorted(ranks, reverse=True)[:limit]]


def changed_levels(own: BookSide, house: HouseSide) -> Levels:
    """Return the levels touched since the last call, best first, and begin to collect anew."""
    prices = sorted(own.changed | house.changed, reverse=own.prices.sign > 0)
    own.changed.clear()
    house.changed.clear()
    return [(price, quantity_at(own, house, price)) for price in prices]
