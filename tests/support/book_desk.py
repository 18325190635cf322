"""A book with somebody to talk to it: for tests that say what happens in a few lines."""

from __future__ import annotations

import msgspec

from mockexchange.matching import BookLimits, OrderBook
from mockexchange.messages.channel import BookAmend, BookCancel
from mockexchange.messages.events import (
    BookEvent,
    FillSide,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    TradeIdsReserved,
)
from mockexchange.messages.market import MarketUpdate
from mockexchange.messages.orders import Side, Trade
from mockexchange.messages.refusals import RejectReason
from tests.support.book_auditor import BookAuditor
from tests.support.orders import NO_DEADLINE, OrderMaker, instrument


class BookDesk:
    """Evolves and audits what the book decides. Keywords of `buy` and `sell` are those of `OrderMaker.make`."""

    def __init__(
        self,
        *,
        feed: bool = False,
        step_size: int = 1,
        limits: BookLimits | None = None,
        band: tuple[int, int] = (0, 0),
    ) -> None:
        self.instrument = instrument(feed=feed, step_size=step_size, band_down=band[0], band_up=band[1])
        self.limits = limits or BookLimits()
        self.book = OrderBook(self.instrument, self.limits)
        self.maker = OrderMaker(self.instrument)
        self.auditor = BookAuditor(self.instrument.symbol)
        self.tape: list[Trade] = []

    def buy(self, quantity: int = 0, price: int = 0, *, shard: int = 0, now_ns: int = 0, **terms: object) -> Outcome:
        return self.place(self.maker.make(Side.BUY, quantity, price, **terms), shard, now_ns)  # type: ignore[arg-type]

    def sell(self, quantity: int = 0, price: int = 0, *, shard: int = 0, now_ns: int = 0, **terms: object) -> Outcome:
        return self.place(self.maker.make(Side.SELL, quantity, price, **terms), shard, now_ns)  # type: ignore[arg-type]

    def place(self, order: OrderReserved, shard: int = 0, now_ns: int = 0) -> Outcome:
        self.auditor.reserve(order)
        return self._done(self.book.place(order, shard, now_ns))

    def place_list(
        self, first: OrderReserved, second: OrderReserved, shard: int = 0, now_ns: int = 0, *, hold: int | None = None
    ) -> Outcome:
        """Place two orders as a list, which holds `hold` or what either needs."""
        legs = self.maker.make_list(first, second)
        if hold is not None:
            legs = msgspec.structs.replace(legs[0], hold=hold), legs[1]
        for leg in legs:
            self.auditor.reserve(leg)
        return self._done(self.book.place_list(*legs, shard, now_ns))

    def replace(
        self, order_id: int, order: OrderReserved, *, only_if_open: bool = True, hold: int = 0, shard: int = 0
    ) -> Outcome:
        """Place an order, with `hold` of its own, in the place of another."""
        change = {"replaces": order_id, "only_if_open": only_if_open, "hold": hold}
        return self.place(msgspec.structs.replace(order, **change), shard)

    def amend(self, order_id: int, quantity: int, *, shard: int = 0, now_ns: int = 0) -> Outcome:
        amend = BookAmend(order_id, "c:amend", quantity, "new-name", NO_DEADLINE)
        return self._done(self.book.amend(amend, shard, now_ns))

    def settle(self) -> Outcome:
        """Go on until there is nothing left to do."""
        done = Outcome()
        while events := self.uncross():
            done += events
        return done

    def restart(self, *, from_snapshot: bool) -> None:
        """Go on with a book made of the journal or of a snapshot."""
        before = self.book.state_hash()
        snapshot = self.book.to_snapshot()
        self.book = (
            OrderBook.from_snapshot(self.instrument, snapshot, self.limits) if from_snapshot else self.replayed()
        )
        assert self.book.state_hash() == before
        self.auditor.triggers.forget_prints()

    @property
    def last_id(self) -> int:
        """The id of the order made last."""
        return self.maker.last_order_id

    def cancel(self, order_id: int, *, shard: int = 0, by_admin: bool = False) -> Outcome:
        return self._done(self.book.cancel(BookCancel(order_id, "c:cancel", by_admin), shard))

    def hear(self, update: MarketUpdate) -> Outcome:
        events, line = self.book.on_market(update)
        if line is not None:
            self.tape.append(line)
        return self._done(events, line)

    def uncross(self) -> Outcome:
        return self._done(self.book.uncross())

    def override(self, price: int, bid_quantity: int, ask_quantity: int) -> Outcome:
        return self._done(self.book.override(price, bid_quantity, ask_quantity))

    def release(self) -> Outcome:
        return self._done(self.book.release_override())

    def apply_own(self, event: BookEvent) -> None:
        """Evolve an event that the book's shell writes."""
        self._done([event])

    def replayed(self) -> OrderBook:
        """Return a book made from the journal alone."""
        book = OrderBook(self.instrument, self.limits)
        for record in self.auditor.records():
            book.apply(record)
        return book

    def _done(self, events: list[BookEvent], line: Trade | None = None) -> Outcome:
        self.auditor.hear(events, line)
        for event in events:
            self.book.evolve(event)
        return Outcome(events)


class Outcome(list[BookEvent]):
    """The events of one step."""

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self]

    @property
    def fills(self) -> list[OrderFilled]:
        return [event for event in self if isinstance(event, OrderFilled)]

    @property
    def trades(self) -> list[tuple[int, int, int]]:
        """Maker's order id (0: the house), price and quantity of each fill of an order that takes."""
        return [(fill.maker.order_id, fill.price, fill.quantity) for fill in self.fills]

    @property
    def house_trades(self) -> list[tuple[int, int, int]]:
        """Order id, price and quantity of each fill where the house takes from a resting order."""
        assert all(fill.taker.order_id == 0 for fill in self.fills)
        return self.trades

    @property
    def takers(self) -> list[FillSide]:
        return [fill.taker for fill in self.fills]

    @property
    def makers(self) -> list[FillSide]:
        return [fill.maker for fill in self.fills]

    @property
    def canceled(self) -> OrderCanceled:
        (event,) = (event for event in self if isinstance(event, OrderCanceled))
        return event

    @property
    def said(self) -> list[tuple[str, int]]:
        """What happened to whom, in order; of a fill the taker, or with a minus whom the house took."""
        return [_said(event) for event in self if not isinstance(event, TradeIdsReserved)]

    @property
    def refusal(self) -> RejectReason:
        """The reason of the rejection, which is all that happened."""
        (event,) = self
        assert isinstance(event, OrderRejected)
        return event.reason


def _said(event: BookEvent) -> tuple[str, int]:
    if isinstance(event, OrderFilled):
        return "Filled", event.taker.order_id or -event.maker.order_id
    return type(event).__name__.removeprefix("Order"), getattr(event, "order_id", 0)
