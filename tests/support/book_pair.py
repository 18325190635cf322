"""The fast and the naive book side by side, given the same commands."""

from __future__ import annotations

from mockexchange.instruments import Instrument
from mockexchange.matching import BookLimits, OrderBook
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.events import BookEvent, BookOpened, OrderReserved
from mockexchange.messages.market import MarketUpdate
from mockexchange.messages.orders import Side, Trade
from tests.support.book_auditor import BookAuditor
from tests.support.naive_book import NaiveBook

SHARDS = 2


class BookPair:
    """Every step asserts that both books say the same, show the same, and break no rule.

    Orders come from shard `order_id % SHARDS`.
    """

    def __init__(self, traded: Instrument, limits: BookLimits) -> None:
        self.instrument, self.limits = traded, limits
        self.book = OrderBook(traded, limits)
        self.naive = NaiveBook(traded, limits)
        self.auditor = BookAuditor(traded.symbol)
        self._followed: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def place(self, order: OrderReserved, now_ns: int = 0) -> None:
        shard = order.order_id % SHARDS
        self.auditor.reserve(order)
        self._agree(self.book.place(order, shard, now_ns), self.naive.place(order, shard, now_ns))

    def cancel(self, order_id: int, *, by_admin: bool = False, by_stranger: bool = False) -> None:
        shard = (order_id + by_stranger) % SHARDS
        command = BookCancel(order_id, "c:cancel", by_admin)
        is_open = order_id in self.auditor.holds and not by_stranger
        events = self.book.cancel(command, shard)
        assert bool(events) is is_open
        self._agree(events, self.naive.cancel(command, shard))

    def hear(self, update: MarketUpdate) -> None:
        events, line = self.book.on_market(update)
        expected, expected_line = self.naive.on_market(update)
        assert line == expected_line
        self._agree(events, expected, line)

    def override(self, price: int, bid_quantity: int, ask_quantity: int) -> None:
        expected = self.naive.override(price, bid_quantity, ask_quantity)
        self._agree(self.book.override(price, bid_quantity, ask_quantity), expected)
        assert self.book.is_overridden

    def release(self) -> None:
        self._agree(self.book.release_override(), self.naive.release_override())
        assert not self.book.is_overridden

    def uncross(self) -> bool:
        """Go on once; return whether anything was left to do."""
        events = self.book.uncross()
        self._agree(events, self.naive.uncross())
        return bool(events)

    def restart(self, *, from_snapshot: bool) -> None:
        before = self.book.state_hash()
        if from_snapshot:
            self.book = OrderBook.from_snapshot(self.instrument, self.book.to_snapshot(), self.limits)
        else:
            self.book = self.replayed()
        assert self.book.state_hash() == before
        self.naive.forget_volatile()
        opened: list[BookEvent] = [BookOpened("again")]
        self._followed = ({}, {})
        self._agree(opened, opened)

    def replayed(self) -> OrderBook:
        """Return a book made from the journal alone."""
        book = OrderBook(self.instrument, self.limits)
        for record in self.auditor.records():
            book.apply(record)
        return book

    def finish(self) -> None:
        """Do what is left to do, and hold the book against its journal."""
        while self.uncross():
            pass
        assert self.replayed().state_hash() == self.book.state_hash()

    def _agree(self, events: list[BookEvent], expected: list[BookEvent], line: Trade | None = None) -> None:
        assert events == expected
        self.auditor.hear(events, line)
        for event in events:
            self.book.evolve(event)
        self.book.check()
        assert self.book.open_orders == len(self.auditor.holds)
        assert self.book.refused_updates == self.naive.refused_updates
        self._show_the_same()

    def _show_the_same(self) -> None:
        sides = (self.naive.depth(Side.BUY), self.naive.depth(Side.SELL))
        assert self.book.depth(1000) == sides
        assert self.book.depth(2) == (sides[0][:2], sides[1][:2])
        bid, ask = (side[0] if side else (0, 0) for side in sides)
        assert self.book.best() == (*bid, *ask)
        for followed, changed, side in zip(self._followed, self.book.take_changed_levels(), sides, strict=True):
            followed.update(changed)
            assert {price: quantity for price, quantity in followed.items() if quantity} == dict(side)
