"""The events of a trade: ids, amounts, fees and releases."""

from __future__ import annotations

from mockexchange.instruments import Instrument
from mockexchange.matching.house import HouseSide
from mockexchange.matching.lists import cancel_with_partner, leave_list, need_of
from mockexchange.matching.queues import BookOrder
from mockexchange.matching.taking import Offer, Plan, Taker
from mockexchange.messages.events import BookEvent, FillSide, OrderFilled, TradeIdsReserved
from mockexchange.messages.orders import HOUSE, Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import fee_of


class TradeIds:
    """Ids for fills and prints, drawn from blocks that the journal reserves.

    Prints are not journaled, so nobody knows after a restart which ids they had: the rest of the block is passed over.
    """

    __slots__ = ("_block", "_next", "_until")

    def __init__(self, block: int) -> None:
        self._block = block
        self._next = 1
        self._until = 0

    def draw(self, events: list[BookEvent]) -> int:
        """Return the next id; where a block has to be reserved for it, add that event first."""
        trade_id = self._next
        if trade_id > self._until:
            self._until += self._block
            events.append(TradeIdsReserved(self._until))
        self._next = trade_id + 1
        return trade_id

    def begin_after(self, until: int) -> None:
        """Go on above everything that was ever reserved."""
        self._next = until + 1
        self._until = until


class FillWriter:
    """Writes the fills of one instrument."""

    __slots__ = ("_base_factor", "_quote_factor", "_trade_ids")

    def __init__(self, instrument: Instrument, trade_ids: TradeIds) -> None:
        self._base_factor = instrument.base_factor
        self._quote_factor = instrument.quote_factor
        self._trade_ids = trade_ids

    def take(self, taker: Taker, plan: Plan, house: HouseSide, events: list[BookEvent]) -> None:
        """Add the fills of a plan, and leave in `taker` what remains of it.

        The last fill of an order that is complete says so by `remaining` 0 and releases what is left of its hold.
        """
        matches, rest = plan
        last = _last_fill(matches) if rest is None else -1
        side, is_buy = taker.side, taker.is_buy
        for index, (price, quantity, level, maker) in enumerate(matches):
            if quantity == 0:
                assert maker is not None
                events += cancel_with_partner(maker, "", RejectReason.SELF_TRADE, maker.hold)
                continue
            base = quantity * self._base_factor
            quote = price * quantity * self._quote_factor
            taker_side = self._taker_side(taker, price, quantity, is_last=index == last)
            if maker is not None:
                if maker.partner is not None:
                    self.leave_list(maker, events)
                maker_side = _maker_side(maker, maker.remaining - quantity, quote if is_buy else base)
            else:
                assert level is not None
                house.take(level, quantity)
                maker_side = _house_side(taker.shard)
            trade_id = self._trade_ids.draw(events)
            events.append(OrderFilled(trade_id, price, quantity, base, quote, side, taker_side, maker_side, 0))

    def leave_list(self, order: BookOrder, events: list[BookEvent]) -> int:
        """Let an order that is about to trade go on without its partner; return what it holds then."""
        return leave_list(order, self._base_factor, self._quote_factor, events)

    def need_of(self, order: BookOrder, quantity: int) -> int:
        """Return what a quantity of an order has to hold, -1 for a buy at any price."""
        return need_of(order, quantity, self._base_factor, self._quote_factor)

    def fill_resting(
        self, maker: BookOrder, remaining: int, quantity: int, cause: int, events: list[BookEvent]
    ) -> None:
        """Add a fill of a resting order by the house, at the order's price."""
        price = maker.price
        base = quantity * self._base_factor
        quote = price * quantity * self._quote_factor
        maker_side = _maker_side(maker, remaining, base if maker.is_buy else quote)
        taker_side = _house_side(maker.terms.shard)
        trade_id = self._trade_ids.draw(events)
        events.append(
            OrderFilled(
                trade_id,
                price,
                quantity,
                base,
                quote,
                Side.SELL if maker.is_buy else Side.BUY,
                taker_side,
                maker_side,
                cause,
            )
        )

    def _taker_side(self, taker: Taker, price: int, quantity: int, *, is_last: bool) -> FillSide:
        base = quantity * self._base_factor
        quote = price * quantity * self._quote_factor
        release = 0
        if taker.is_buy:
            received, spent = base, quote
            if taker.limit:
                release = taker.limit * quantity * self._quote_factor - quote
        else:
            received, spent = quote, base
        taker.hold -= spent + release
        if taker.remaining > 0:
            taker.remaining -= quantity
        if is_last:
            release += taker.hold
            taker.hold = taker.remaining = 0
        fee = fee_of(received, taker.rate)
        return FillSide(taker.order_id, taker.account, taker.shard, fee, release, taker.remaining)


def _last_fill(matches: list[Offer]) -> int:
    """Return the index of the last match that is a fill."""
    last = len(matches) - 1
    while matches[last][1] == 0:
        last -= 1
    return last


def _maker_side(maker: BookOrder, remaining: int, received: int) -> FillSide:
    """Return a resting order's side of a fill at its own price, where nothing is to be released."""
    terms = maker.terms
    return FillSide(terms.order_id, terms.account, terms.shard, fee_of(received, terms.maker_rate), 0, remaining)


def _house_side(shard: int) -> FillSide:
    """Return the house's side of a fill; it stands on its counterparty's shard."""
    return FillSide(0, HOUSE, shard, 0, 0, 0)
