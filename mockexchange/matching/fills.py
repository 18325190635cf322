"""The events of a trade: ids, amounts, fees and releases."""

from __future__ import annotations

from mockexchange.instruments import Instrument
from mockexchange.matching.house import HouseSide
from mockexchange.matching.queues import BookOrder
from mockexchange.matching.taking import Plan, Taker
from mockexchange.messages.events import BookEvent, FillSide, OrderFilled, TradeIdsReserved
from mockexchange.messages.orders import HOUSE, Side
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
        last = len(plan.matches) - 1
        for index, (price, quantity, level, maker) in enumerate(plan.matches):
            base = quantity * self._base_factor
            quote = price * quantity * self._quote_factor
            is_last = index == last and plan.rest is None
            taker_side = self._taker_side(taker, price, quantity, is_last)
            if maker is not None:
                maker_side = self._maker_side(maker, maker.remaining - quantity, base, quote)
            else:
                assert level is not None
                house.take(level, quantity)
                maker_side = house_side(taker.shard)
            trade_id = self._trade_ids.draw(events)
            events.append(OrderFilled(trade_id, price, quantity, base, quote, taker.side, taker_side, maker_side, 0))

    def fill_resting(
        self, maker: BookOrder, remaining: int, quantity: int, cause: int, events: list[BookEvent]
    ) -> None:
        """Add a fill of a resting order by the house, at the order's price."""
        price = maker.price
        base = quantity * self._base_factor
        quote = price * quantity * self._quote_factor
        maker_side = self._maker_side(maker, remaining, base, quote)
        trade_id = self._trade_ids.draw(events)
        taker_side = maker.side.opposite
        events.append(
            OrderFilled(trade_id, price, quantity, base, quote, taker_side, house_side(maker.shard), maker_side, cause)
        )

    def _taker_side(self, taker: Taker, price: int, quantity: int, is_last: bool) -> FillSide:
        release = 0
        base = quantity * self._base_factor
        quote = price * quantity * self._quote_factor
        if taker.side is Side.BUY:
            fee, spent = fee_of(base, taker.rate), quote
            if taker.limit:
                release = (taker.limit - price) * quantity * self._quote_factor
        else:
            fee, spent = fee_of(quote, taker.rate), base
        taker.hold -= spent + release
        if taker.remaining > 0:
            taker.remaining -= quantity
        if is_last:
            release += taker.hold
            taker.hold = taker.remaining = 0
        return FillSide(taker.order_id, taker.account, taker.shard, fee, release, taker.remaining)

    def _maker_side(self, maker: BookOrder, remaining: int, base: int, quote: int) -> FillSide:
        received = base if maker.side is Side.BUY else quote
        return FillSide(maker.order_id, maker.account, maker.shard, fee_of(received, maker.maker_rate), 0, remaining)


def house_side(shard: int) -> FillSide:
    """Return the house's side of a fill; it stands on its counterparty's shard."""
    return FillSide(0, HOUSE, shard, 0, 0, 0)
