from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockexchange.matching import BookLimits, OrderBook
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.events import BookEvent, BookOpened, OrderReserved
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print
from mockexchange.messages.orders import Side, TimeInForce
from tests.support.book_auditor import BookAuditor
from tests.support.naive_book import NaiveBook
from tests.support.orders import OrderMaker, instrument

SHARDS = 2
PRICES = st.integers(95, 105)
QUANTITIES = st.integers(1, 30)
DISPLAYED = st.integers(0, 20)
SIDES = st.sampled_from(Side)
LEVELS = st.lists(st.tuples(PRICES, DISPLAYED), max_size=6)
# Sides that do not cross, so that most snapshots are heard.
SPREADS = st.tuples(st.integers(96, 104), LEVELS, LEVELS)


class BookMachine(RuleBasedStateMachine):
    """Gives the fast and the naive book the same commands, and the fast one's journal to a third."""

    @initialize(
        feed=st.booleans(),
        step_size=st.sampled_from((1, 5)),
        max_fills=st.sampled_from((1, 2, 4, 1000)),
        block=st.sampled_from((1, 3, 1000)),
    )
    def begin(self, feed: bool, step_size: int, max_fills: int, block: int) -> None:
        self.instrument = instrument(feed=feed, step_size=step_size)
        self.limits = BookLimits(max_fills, block)
        self.book = OrderBook(self.instrument, self.limits)
        self.naive = NaiveBook(self.instrument, self.limits)
        self.auditor = BookAuditor(self.instrument.symbol)
        self.maker = OrderMaker(self.instrument)
        self.seen: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def evolve(self, events: list[BookEvent]) -> None:
        for event in events:
            self.book.evolve(event)

    def place(self, order: OrderReserved, now_ns: int = 0) -> None:
        shard = order.order_id % SHARDS
        self.auditor.reserve(order)
        events = self.book.place(order, shard, now_ns)
        assert events == self.naive.place(order, shard, now_ns)
        self.auditor.hear(events)
        self.evolve(events)

    def hear(self, update: MarketUpdate) -> None:
        events, line = self.book.on_market(update)
        assert (events, line) == self.naive.on_market(update)
        self.auditor.hear(events, line)
        self.evolve(events)

    @rule(side=SIDES, quantity=QUANTITIES, price=PRICES, time_in_force=st.sampled_from(TimeInForce), fee=DISPLAYED)
    def place_limit(self, side: Side, quantity: int, price: int, time_in_force: TimeInForce, fee: int) -> None:
        self.place(self.maker.make(side, quantity, price, time_in_force=time_in_force, taker_rate=fee * 12345))

    @rule(side=SIDES, quantity=QUANTITIES, distance=st.integers(0, 5))
    def place_resting(self, side: Side, quantity: int, distance: int) -> None:
        price = 100 - distance if side is Side.BUY else 101 + distance
        self.place(self.maker.make(side, quantity, price))

    @rule(side=SIDES, quantity=QUANTITIES, price=PRICES)
    def place_post_only(self, side: Side, quantity: int, price: int) -> None:
        self.place(self.maker.make(side, quantity, price, is_post_only=True))

    @rule(side=SIDES, quantity=st.integers(1, 100), hold=st.integers(1, 5000) | st.none(), fok=st.booleans())
    def place_market(self, side: Side, quantity: int, hold: int | None, fok: bool) -> None:
        time_in_force = TimeInForce.FOK if fok else TimeInForce.IOC
        hold = hold if side is Side.BUY else None
        self.place(self.maker.make(side, quantity, time_in_force=time_in_force, hold=hold))

    @rule(quote_amount=st.integers(1, 8000), fok=st.booleans())
    def place_market_by_quote(self, quote_amount: int, fok: bool) -> None:
        time_in_force = TimeInForce.FOK if fok else TimeInForce.IOC
        self.place(self.maker.make(Side.BUY, quote_amount=quote_amount, time_in_force=time_in_force))

    @rule(side=SIDES, quantity=QUANTITIES, price=PRICES)
    def place_too_late(self, side: Side, quantity: int, price: int) -> None:
        self.place(self.maker.make(side, quantity, price, deadline_ns=4), now_ns=5)

    @rule(data=st.data(), by_admin=st.booleans(), is_strange=st.booleans())
    def cancel(self, data: st.DataObject, by_admin: bool, is_strange: bool) -> None:
        order_id = data.draw(st.sampled_from([*self.auditor.holds, 999_999]))
        shard = (order_id + is_strange) % SHARDS
        command = BookCancel(order_id, "c:cancel", by_admin)
        events = self.book.cancel(command, shard)
        assert events == self.naive.cancel(command, shard)
        assert bool(events) is (order_id in self.auditor.holds and not is_strange)
        self.auditor.hear(events)
        self.evolve(events)

    @rule(spread=SPREADS, cause=st.integers(1, 9))
    def hear_snapshot(self, spread: tuple[int, list[tuple[int, int]], list[tuple[int, int]]], cause: int) -> None:
        middle, bids, asks = spread
        bids = [(price, quantity) for price, quantity in bids if price < middle]
        asks = [(price, quantity) for price, quantity in asks if price >= middle]
        self.hear(DepthSnapshot(bids, asks, cause))

    @rule(bids=LEVELS, asks=LEVELS, is_snapshot=st.booleans())
    def hear_any_depth(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], is_snapshot: bool) -> None:
        self.hear(DepthSnapshot(bids, asks, 3) if is_snapshot else DepthUpdate(bids, asks, 3))

    @rule(side=SIDES, price=PRICES, quantity=DISPLAYED)
    def hear_update(self, side: Side, price: int, quantity: int) -> None:
        level = [(price, quantity)]
        self.hear(DepthUpdate(level, [], 4) if side is Side.BUY else DepthUpdate([], level, 4))

    @rule(bid=PRICES, spread=st.integers(0, 3), bid_quantity=DISPLAYED, ask_quantity=DISPLAYED)
    def hear_best(self, bid: int, spread: int, bid_quantity: int, ask_quantity: int) -> None:
        self.hear(BestBidOffer(bid, bid_quantity, bid + spread, ask_quantity, 5))

    @rule(price=PRICES | st.just(0), quantity=st.integers(0, 60), side=SIDES)
    def hear_print(self, price: int, quantity: int, side: Side) -> None:
        self.hear(Print(price, quantity, side, 6, 7))

    @rule()
    def hear_silence(self) -> None:
        self.hear(MarketSilent())

    @rule(price=PRICES, bid_quantity=DISPLAYED, ask_quantity=DISPLAYED)
    def override(self, price: int, bid_quantity: int, ask_quantity: int) -> None:
        events = self.book.override(price, bid_quantity, ask_quantity)
        assert events == self.naive.override(price, bid_quantity, ask_quantity)
        self.auditor.hear(events)
        self.evolve(events)
        assert self.book.is_overridden

    @rule()
    def release(self) -> None:
        events = self.book.release_override()
        assert events == self.naive.release_override()
        self.auditor.hear(events)
        self.evolve(events)
        assert not self.book.is_overridden

    @rule()
    def uncross(self) -> None:
        self.uncross_once()

    def uncross_once(self) -> bool:
        events = self.book.uncross()
        assert events == self.naive.uncross()
        self.auditor.hear(events)
        self.evolve(events)
        return bool(events)

    @rule(from_snapshot=st.booleans())
    def restart(self, from_snapshot: bool) -> None:
        expected = self.book.state_hash()
        if from_snapshot:
            self.book = OrderBook.from_snapshot(self.instrument, self.book.to_snapshot(), self.limits)
        else:
            self.book = self.replayed()
        assert self.book.state_hash() == expected
        opened: list[BookEvent] = [BookOpened("again")]
        self.auditor.hear(opened)
        self.evolve(opened)
        self.naive.forget_volatile()
        self.seen = ({}, {})

    def replayed(self) -> OrderBook:
        book = OrderBook(self.instrument, self.limits)
        for record in self.auditor.records():
            book.apply(record)
        return book

    @precondition(lambda self: hasattr(self, "book"))
    @invariant()
    def holds(self) -> None:
        self.book.check()
        assert self.book.open_orders == len(self.auditor.holds)
        assert self.book.refused_updates == self.naive.refused_updates
        self.same_depth()

    def same_depth(self) -> None:
        expected = (self.naive.depth(Side.BUY), self.naive.depth(Side.SELL))
        assert self.book.depth(1000) == expected
        assert self.book.depth(2) == (expected[0][:2], expected[1][:2])
        bid, ask = (side[0] if side else (0, 0) for side in expected)
        assert self.book.best() == (*bid, *ask)
        for seen, changed, side in zip(self.seen, self.book.take_changed_levels(), expected, strict=True):
            seen.update(changed)
            assert {price: quantity for price, quantity in seen.items() if quantity} == dict(side)

    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        while self.uncross_once():
            pass
        self.holds()
        assert self.replayed().state_hash() == self.book.state_hash()


BookMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestFastBookEqualsNaiveBook = BookMachine.TestCase
