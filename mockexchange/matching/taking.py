"""What an order takes from the other side: the offers in their order, and a plan that changes nothing.

At equal price the house goes before the accounts' orders, which is the honest side for those who rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from mockexchange.matching.house import HouseLevel, HouseSide
from mockexchange.matching.prices import BUY
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.messages.events import OrderAccepted, OrderReserved
from mockexchange.messages.orders import OrderType, SelfTradePrevention
from mockexchange.messages.refusals import RejectReason

_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_NO_LIQUIDITY: Final = RejectReason.NO_LIQUIDITY

Offer = tuple[int, int, HouseLevel | None, BookOrder | None]
"""Price, quantity, and whose it is."""


class Factors(NamedTuple):
    """Quantity units in a step, and asset units in one quantity unit and in one of price times quantity."""

    step_size: int
    base: int
    quote: int


class Taker:
    """An order at work: what remains of it and of its hold.

    `limit` is 0 for a market order, `remaining` -1 for one by quote amount.
    """

    __slots__ = (
        "account",
        "amount",
        "hold",
        "is_buy",
        "limit",
        "order_id",
        "prevention",
        "rate",
        "remaining",
        "shard",
        "side",
    )

    def __init__(self, order: OrderReserved | OrderAccepted, shard: int, remaining: int, hold: int) -> None:
        self.order_id = order.order_id
        self.account = order.account
        self.shard = shard
        self.side = order.side
        self.is_buy = order.side is BUY
        kind = order.order_type
        self.limit = order.price if kind is _LIMIT or (kind is not _MARKET and kind.has_limit) else 0
        self.rate = order.taker_rate
        self.prevention = order.prevention
        self.amount = order.quote_amount
        self.remaining = remaining
        self.hold = hold


Plan = tuple[list[Offer], RejectReason | None]
"""The offers to take, each with the quantity to take of it, and why the rest finds none (None: no rest).

A quantity of 0 means that the order is to be canceled, since it is the taker's own.
"""


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


def plan(taker: Taker, available: Iterator[Offer], factors: Factors, max_fills: int) -> Plan:
    """Choose what the taker takes: the best offers within its limit, its quantity, its amount and its hold."""
    step_size, base_factor, quote_factor = factors
    matches: list[Offer] = []
    remaining, limit, is_buy, prevention = taker.remaining, taker.limit, taker.is_buy, taker.prevention
    is_by_amount = remaining < 0
    is_bounded = not limit and (is_buy or is_by_amount)
    left = taker.hold if is_buy else taker.amount
    if is_by_amount and not is_buy:
        remaining = taker.hold // base_factor // step_size * step_size
    last_price = 0
    rest = _NO_LIQUIDITY
    for price, offered, level, order in available:
        if limit and (price > limit if is_buy else price < limit):
            break
        quantity = wanted = offered if remaining < 0 else min(remaining, offered)
        if is_bounded:
            quantity = _affordable(left // (price * quote_factor), wanted, step_size)
            if quantity == 0:
                rest = RejectReason.HOLD_EXHAUSTED
                break
        if len(matches) == max_fills:
            rest = RejectReason.FILL_LIMIT
            break
        if prevention and order is not None and order.terms.account == taker.account:
            if prevention is not SelfTradePrevention.EXPIRE_TAKER:
                matches.append((price, 0, None, order))
            if prevention is SelfTradePrevention.EXPIRE_MAKER:
                continue
            rest = RejectReason.SELF_TRADE
            break
        matches.append((price, quantity, level, order))
        last_price = price
        if is_bounded:
            left -= quantity * price * quote_factor
        if quantity < wanted:
            rest = RejectReason.HOLD_EXHAUSTED
            break
        if remaining > 0:
            remaining -= quantity
            if remaining == 0:
                if not is_by_amount:
                    return matches, None
                rest = RejectReason.HOLD_EXHAUSTED
                break
    if is_by_amount and last_price and left < last_price * quote_factor * step_size:
        return matches, None
    return matches, rest


def _affordable(affordable: int, wanted: int, step_size: int) -> int:
    """Return what money can pay of a wanted quantity: all of it, or whole steps."""
    return wanted if affordable >= wanted else affordable - affordable % step_size
