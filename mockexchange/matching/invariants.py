"""What must hold of a book after every step; each check raises AssertionError."""

from __future__ import annotations

from itertools import pairwise

from mockexchange.instruments import Instrument
from mockexchange.matching.house import House, HouseSide
from mockexchange.matching.lists import need_of
from mockexchange.matching.prices import SortedPrices
from mockexchange.matching.queues import BookOrder, BookSide, PriceLevel
from mockexchange.matching.state import BookState
from mockexchange.messages.orders import OrderType, Side, TimeInForce


def check_state(state: BookState, instrument: Instrument) -> None:
    """Check the resting and the waiting orders, their queues and their holds."""
    resting = 0
    for side, own in ((Side.BUY, state.bids), (Side.SELL, state.asks)):
        _check_prices(own.prices, set(own.levels))
        for price, level in own.levels.items():
            resting += _check_level(price, level)
            for order in level:
                assert order.terms.side is side, f"order {order.terms.order_id} rests on the wrong side"
                assert state.orders.get(order.terms.order_id) is order, (
                    f"order {order.terms.order_id} rests but is not open"
                )
                _check_order(order, instrument)
    _check_waiting(state, instrument)
    waiting = len(state.waiting.orders)
    assert resting + waiting == len(state.orders), f"{len(state.orders)} are open, {resting} rest, {waiting} wait"
    assert list(state.orders) == [order.terms.order_id for order in sorted(state.orders.values(), key=lambda o: o.age)]


def _check_waiting(state: BookState, instrument: Instrument) -> None:
    """Check that every order that waits stands in its ladder until the journal has reached it."""
    waiting = state.waiting
    for order_id, order in waiting.orders.items():
        assert state.orders.get(order_id) is order, f"order {order_id} waits but is not open"
        assert order.level is None, f"order {order_id} waits and rests"
        assert order.terms.order_type.is_conditional, f"order {order_id} has nothing to wait for"
        _check_hold(order, instrument)
    due = set(waiting.reached)
    assert due | set(waiting.seen) <= set(waiting.orders), "an order is due that does not wait"
    for ladder in waiting.ladders:
        assert all(lower < higher for lower, higher in pairwise(ladder.entries)), "a ladder is out of order"
    standing = [
        (entry[0] * ladder.sign, ladder.sign, entry[2]) for ladder in waiting.ladders for entry in ladder.entries
    ]
    expected = [
        (order.terms.stop_price, waiting.ladder_of(order).sign, order_id)
        for order_id, order in waiting.orders.items()
        if order_id not in due
    ]
    assert sorted(standing) == sorted(expected), "the ladders do not hold the orders that wait"


def _check_level(price: int, level: PriceLevel) -> int:
    """Check one queue; return how many orders stand in it."""
    orders = list(level)
    assert orders, f"the level at {price} is empty"
    assert level.price == price
    assert orders[0].preceding is None
    assert level.tail is orders[-1]
    assert level.quantity == sum(order.remaining for order in orders), f"the level at {price} adds up wrongly"
    for earlier, later in pairwise(orders):
        assert earlier.age < later.age, f"orders at {price} stand out of order"
        assert later.preceding is earlier
    return len(orders)


def _check_order(order: BookOrder, instrument: Instrument) -> None:
    terms = order.terms
    assert (order.is_buy, order.price) == (terms.side is Side.BUY, terms.price)
    assert terms.order_type is OrderType.LIMIT, f"order {terms.order_id} must not rest"
    assert terms.time_in_force is TimeInForce.GTC, f"order {terms.order_id} must not rest"
    assert 0 < order.remaining <= terms.quantity, f"order {terms.order_id} has {order.remaining} left"
    _check_hold(order, instrument)


def _check_hold(order: BookOrder, instrument: Instrument) -> None:
    """Check that an order holds what it needs, to the unit where that is certain, or its list does."""
    needed = need_of(order, order.remaining, instrument.base_factor, instrument.quote_factor)
    name = f"order {order.terms.order_id}"
    assert order.hold >= 0, f"{name} holds {order.hold}"
    if order.partner is None:
        assert needed in (-1, order.hold), f"{name} holds {order.hold}, not {needed}"
    else:
        assert order.partner.partner is order, f"{name} is not its partner's partner"
        assert order.hold + order.partner.hold >= needed, f"the list of {name} holds less than {needed}"


def _check_prices(prices: SortedPrices, expected: set[int]) -> None:
    assert all(lower < higher for lower, higher in pairwise(prices.ranks))
    assert set(prices) == expected


def check_house(house: House) -> None:
    """Check the levels of the outside market."""
    for side in (house.bids, house.asks):
        _check_house_side(side)
    bid, ask = house.bids.best, house.asks.best
    is_override = len(house.bids.levels) <= 1 and len(house.asks.levels) <= 1
    assert bid is None or ask is None or bid.price < ask.price or (is_override and bid.price == ask.price)


def _check_house_side(side: HouseSide) -> None:
    _check_prices(side.known, set(side.levels))
    _check_prices(side.open, {price for price, level in side.levels.items() if level.available})
    for price, level in side.levels.items():
        assert level.price == price
        assert 0 <= level.given <= level.taken, f"the house's {price} gave {level.given} of {level.taken} taken"
        assert level.displayed > 0 or level.taken > 0, f"the house remembers nothing at {price}"


def check_override(state: BookState, house: House) -> None:
    """Check that an override shows what the journal says is left of it."""
    left = state.override
    if left is not None:
        assert house.bids.available_at(left.price) == left.bid_quantity, "the override's bid is not as journaled"
        assert house.asks.available_at(left.price) == left.ask_quantity, "the override's ask is not as journaled"


def check_matched(state: BookState, house: House) -> None:
    """Check that nothing is left that would trade."""
    assert not state.is_crossed, "the book is crossed"
    for own, facing in ((state.bids, house.asks), (state.asks, house.bids)):
        _check_not_reached(own, facing)


def _check_not_reached(own: BookSide, facing: HouseSide) -> None:
    level, order = facing.best, own.first
    if level is not None and order is not None:
        sign = own.prices.sign
        assert level.price * sign > order.price * sign, (
            f"the house's {level.price} reaches order {order.terms.order_id}"
        )
