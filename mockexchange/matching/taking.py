"""What an order takes from the other side: the offers in their order, and a plan that changes nothing.

At equal price the house goes before the accounts' orders, which is the honest side for those who rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mockexchange.matching.house import HouseLevel, HouseSide
from mockexchange.matching.prices import BUY
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.messages.events import OrderAccepted, OrderReserved
from mockexchange.messages.orders import OrderType
from mockexchange.messages.refusals import RejectReason

_LIMIT: Final = OrderType.LIMIT
_NO_LIQUIDITY: Final = RejectReason.NO_LIQUIDITY

Offer = tuple[int, int, HouseLevel | None, BookOrder | None]
"""Price, quantity, and whose it is."""


class Taker:
    """An order at work: what remains of it and of its hold.

    `limit` is 0 for a market order, `remaining` -1 for one by quote amount.
    """

    __slots__ = ("account", "hold", "is_buy", "limit", "order_id", "rate", "remaining", "shard", "side")

    def __init__(self, order: OrderReserved | OrderAccepted, shard: int, remaining: int, hold: int) -> None:
        self.order_id = order.order_id
        self.account = order.account
        self.shard = shard
        self.side = order.side
        self.is_buy = order.side is BUY
        self.limit = order.price if order.order_type is _LIMIT else 0
        self.rate = order.taker_rate
        self.remaining = remaining
        self.hold = hold


Plan = tuple[list[Offer], RejectReason | None]
"""The offers to take, each with the quantity to take of it, and why the rest finds none (None: no rest)."""


def offers(own: BookSide, house: HouseSide) -> Iterator[Offer]:
    """Yield what one side offers, best first; neither may change meanwhile."""
    house_ranks, own_ranks = house.open.ranks, own.prices.ranks
    sign = own.prices.sign
    outside, inside = len(house_ranks) - 1, len(own_ranks) - 1
    while outside >= 0 or inside >= 0:
        if inside < 0 or (outside >= 0 and house_ranks[outside] >= own_ranks[inside]):
            level = house.levels[house_ranks[outside] * sign]
            outside -= 1
            yield level.price, level.available, level, None
        else:
            price = own_ranks[inside] * sign
            inside -= 1
            order = own.levels[price].head
            while order is not None:
                yield price, order.remaining, None, order
                order = order.following


def plan(taker: Taker, available: Iterator[Offer], step_size: int, quote_factor: int, max_fills: int) -> Plan:
    """Choose what the taker takes: the best offers within its limit, its quantity and its hold."""
    matches: list[Offer] = []
    remaining, hold, limit = taker.remaining, taker.hold, taker.limit
    is_buy = taker.is_buy
    is_market_buy = is_buy and not limit
    rest = _NO_LIQUIDITY
    for price, offered, level, order in available:
        if limit and (price > limit if is_buy else price < limit):
            break
        quantity = wanted = offered if remaining < 0 else min(remaining, offered)
        if is_market_buy:
            quantity = _affordable(hold // (price * quote_factor), wanted, step_size)
            if quantity == 0:
                rest = RejectReason.HOLD_EXHAUSTED
                break
        if len(matches) == max_fills:
            rest = RejectReason.FILL_LIMIT
            break
        matches.append((price, quantity, level, order))
        if is_market_buy:
            hold -= quantity * price * quote_factor
        if quantity < wanted:
            rest = RejectReason.HOLD_EXHAUSTED
            break
        if remaining > 0:
            remaining -= quantity
            if remaining == 0:
                return matches, None
    if remaining < 0 and matches and hold < matches[-1][0] * quote_factor * step_size:
        return matches, None
    return matches, rest


def _affordable(affordable: int, wanted: int, step_size: int) -> int:
    """Return what a hold can pay of a wanted quantity: all of it, or whole steps."""
    return wanted if affordable >= wanted else affordable - affordable % step_size
