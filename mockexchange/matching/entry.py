"""How orders enter a book: at once, when their stop price is reached, by twos, or in the place of another."""

from __future__ import annotations

from typing import Final

from mockexchange.matching.answers import accepted, canceled, rejected
from mockexchange.matching.floor import Floor
from mockexchange.matching.house import HouseSide
from mockexchange.matching.lists import cancel_with_partner
from mockexchange.matching.queues import BookOrder, BookSide
from mockexchange.matching.taking import Plan, Taker
from mockexchange.messages.events import (
    BookEvent,
    HoldMoved,
    OrderAccepted,
    OrderCanceled,
    OrderReserved,
    OrderTriggered,
)
from mockexchange.messages.orders import OrderType, TimeInForce
from mockexchange.messages.refusals import RejectReason

_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_GTC: Final = TimeInForce.GTC
_FOK: Final = TimeInForce.FOK

Attempt = tuple[Taker, Plan, HouseSide] | None
"""An order, what it is going to take, and the side of the house it takes from; None for one that is going to wait."""


class Entry:
    """Decides on orders that come in; an order comes once."""

    __slots__ = ("_floor",)

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(self, order: OrderReserved, shard: int, now_ns: int) -> list[BookEvent]:
        """Take in an order by itself."""
        if now_ns > order.deadline_ns:
            return [rejected(order, shard, RejectReason.TOO_LATE)]
        if order.replaces:
            return self._replace(order, shard)
        if order.list_id:
            return [rejected(order, shard, RejectReason.INVALID_LIST)]
        if order.order_type is _LIMIT and order.time_in_force is _GTC:
            own, house = self._floor.facing(order.side)
            if not _is_offered(own, house, order.price) and not self._floor.is_out_of_band(order.price):
                return [accepted(order, shard, order.hold)]
        return self._enter(order, shard)

    def _enter(self, order: OrderReserved, shard: int) -> list[BookEvent]:
        found = self._try(order, shard, order.hold)
        if isinstance(found, RejectReason):
            return [rejected(order, shard, found)]
        events: list[BookEvent] = [accepted(order, shard, order.hold)]
        self._carry_out(order, found, events)
        return events

    def _try(
        self, order: OrderReserved, shard: int, hold: int, without: BookOrder | None = None
    ) -> RejectReason | Attempt:
        """Return why an order is refused or what it is going to do; for `without` see `Floor.plan`."""
        floor, order_type = self._floor, order.order_type
        if order_type is not _LIMIT and order_type is not _MARKET:
            return self._refusal_to_wait(order)
        if order_type is _MARKET and floor.is_stale:
            return RejectReason.PRICE_STALE
        taker = Taker(order, shard, order.quantity or -1, hold)
        own, house = floor.facing(order.side)
        chosen = floor.plan(taker, own, house, without)
        matches, rest = chosen
        if (order.is_post_only or order.list_id) and (matches or rest is RejectReason.SELF_TRADE):
            return RejectReason.WOULD_TAKE
        if order_type is _LIMIT and floor.is_out_of_band(order.price):
            return RejectReason.PRICE_OUT_OF_BAND
        if rest is not None and order.time_in_force is _FOK:
            return RejectReason.NOT_FILLABLE
        return taker, chosen, house

    def _refusal_to_wait(self, order: OrderReserved) -> RejectReason | None:
        last, stop = self._floor.state.last_price, order.stop_price
        if last and (last >= stop if order.order_type.rises_to_trigger(order.side) else last <= stop):
            return RejectReason.WOULD_TRIGGER
        if order.order_type.has_limit and self._floor.is_out_of_band(order.price):
            return RejectReason.PRICE_OUT_OF_BAND
        return None

    def _carry_out(self, order: OrderReserved | OrderAccepted, attempt: Attempt, events: list[BookEvent]) -> None:
        """Add the fills of an order that has just been accepted or triggered, and what becomes of the rest."""
        if attempt is None:
            return
        floor = self._floor
        taker, chosen, house = attempt
        floor.writer.take(taker, chosen, house, events)
        rest = chosen[1]
        if rest is None:
            return
        may_rest = order.time_in_force is _GTC and taker.limit
        if not may_rest or rest is RejectReason.SELF_TRADE:
            events.append(expired(taker, rest))
        elif rest is RejectReason.FILL_LIMIT:
            floor.is_interrupted = True
            floor.interrupted_taker = order.order_id

    def place_list(self, legs: tuple[OrderReserved, OrderReserved], shard: int, now_ns: int) -> list[BookEvent]:
        """Take in both orders of a list or neither; the reason of a refusal is that of both."""
        reason = self._refusal_of_list(legs, shard, now_ns)
        if reason is not None:
            return [rejected(leg, shard, reason) for leg in legs]
        return [accepted(leg, shard, leg.hold) for leg in legs]

    def _refusal_of_list(
        self, legs: tuple[OrderReserved, OrderReserved], shard: int, now_ns: int
    ) -> RejectReason | None:
        first, second = legs
        if not _go_together(first, second):
            return RejectReason.INVALID_LIST
        held = first.hold + second.hold
        if any(held < leg.need for leg in legs):
            return RejectReason.INSUFFICIENT_FUNDS
        if any(now_ns > leg.deadline_ns for leg in legs):
            return RejectReason.TOO_LATE
        for leg in legs:
            found = self._try(leg, shard, held)
            if isinstance(found, RejectReason):
                return found
        return None

    def _replace(self, order: OrderReserved, shard: int) -> list[BookEvent]:
        """Cancel an order and take in another with its money.

        What is refused for a reason that is known beforehand leaves the old order alone; but where the old one has too
        little money left for the new one it is canceled, for that was asked for as well.
        """
        old = self._floor.state.orders.get(order.replaces)
        if old is None or (old.terms.shard, old.terms.account) != (shard, order.account):
            if order.only_if_open:
                return [rejected(order, shard, RejectReason.NOT_REPLACED)]
            if order.hold < order.need:
                return [rejected(order, shard, RejectReason.INSUFFICIENT_FUNDS)]
            return self._enter(order, shard)
        moved = min(old.hold, max(0, order.need - order.hold)) if old.terms.side is order.side else 0
        hold = order.hold + moved
        found = self._try(order, shard, hold, old)
        if isinstance(found, RejectReason):
            return [rejected(order, shard, found)]
        if hold < order.need:
            events = cancel_with_partner(old, order.command_id, RejectReason.REPLACED, old.hold)
            return [*events, rejected(order, shard, RejectReason.INSUFFICIENT_FUNDS)]
        events = cancel_with_partner(old, order.command_id, RejectReason.REPLACED, old.hold - moved)
        if moved:
            events.insert(0, HoldMoved(order.replaces, order.order_id, order.account, shard, moved))
        events.append(accepted(order, shard, hold))
        self._carry_out(order, found, events)
        return events

    def trigger_next(self) -> list[BookEvent]:
        """Let the oldest order that is due match or rest."""
        floor = self._floor
        due = floor.state.waiting.next_due() if floor.has_due else None
        if due is None:
            return []
        order, price = due
        terms = order.terms
        events: list[BookEvent] = []
        hold = floor.writer.leave_list(order, events)
        events.append(OrderTriggered(terms.order_id, terms.account, terms.shard, price))
        taker = Taker(terms, terms.shard, order.remaining, hold)
        own, house = floor.facing(terms.side)
        chosen = floor.plan(taker, own, house)
        if chosen[1] is not None and terms.time_in_force is _FOK:
            events.append(canceled(order, "", RejectReason.NOT_FILLABLE, hold))
        else:
            self._carry_out(terms, (taker, chosen, house), events)
        return events


def expired(taker: Taker, reason: RejectReason) -> OrderCanceled:
    """Cancel what an order at work could not take."""
    return OrderCanceled(taker.order_id, taker.account, taker.shard, "", reason, taker.hold)


def _is_offered(own: BookSide, house: HouseSide, price: int) -> bool:
    """Whether a side offers something at a limit price of the other."""
    rank = price * own.prices.sign
    ranks, house_ranks = own.prices.ranks, house.open.ranks
    return (bool(ranks) and ranks[-1] >= rank) or (bool(house_ranks) and house_ranks[-1] >= rank)


def _go_together(first: OrderReserved, second: OrderReserved) -> bool:
    """Whether two orders make a list: one account, one side, one to wait and both to stay until they trade."""
    types = first.order_type, second.order_type
    return (
        first.list_id == second.list_id == first.order_id
        and (first.account, first.side) == (second.account, second.side)
        and any(order_type.is_conditional for order_type in types)
        and _MARKET not in types
        and all(leg.order_type is not _LIMIT or leg.time_in_force is _GTC for leg in (first, second))
        and not first.replaces
        and not second.replaces
    )
