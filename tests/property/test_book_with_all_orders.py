"""Every kind of order and every change of it, against an auditor that knows the book by its events alone."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mockexchange.matching import BookLimits
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, Print
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce
from tests.support.book_desk import BookDesk

PRICES = st.integers(92, 108)
NEAR = st.integers(-6, 6)
QUANTITIES = st.integers(1, 12).map(lambda steps: steps * 5)
DISPLAYED = st.integers(0, 40)
SIDES = st.sampled_from(Side)
TIMES = st.sampled_from(TimeInForce)
PREVENTIONS = st.sampled_from(SelfTradePrevention)
CONDITIONAL = st.sampled_from([kind for kind in OrderType if kind.is_conditional])
ACCOUNTS = st.integers(1, 3)


class BookMachine(RuleBasedStateMachine):
    @initialize(
        feed=st.booleans(),
        step_size=st.sampled_from((1, 5)),
        max_fills=st.sampled_from((1, 2, 4, 1000)),
        band=st.sampled_from(((0, 0), (960_000, 1_050_000))),
    )
    def begin(self, feed: bool, step_size: int, max_fills: int, band: tuple[int, int]) -> None:
        self.desk = BookDesk(feed=feed, step_size=step_size, limits=BookLimits(max_fills, 3), band=band)
        self.desk.hear(DepthSnapshot([(99 - n, 20) for n in range(3)], [(101 + n, 20) for n in range(3)], 1))
        for side, price in ((Side.BUY, 98), (Side.SELL, 102), (Side.BUY, 97), (Side.SELL, 103)):
            self.desk.place(self.desk.maker.make(side, 20, price, account=3))

    def conditional(
        self, side: Side, kind: OrderType, quantity: int, away: int, beyond: int, **terms: object
    ) -> OrderReserved:
        """Make an order whose stop price is some way off the last price, on the side where it has to wait."""
        last = self.desk.book.last_price or 100
        stop_price = last + (abs(away) if kind.rises_to_trigger(side) else -abs(away))
        price = stop_price + beyond if kind.has_limit else 0
        return self.desk.maker.make(side, quantity, price, order_type=kind, stop_price=stop_price, **terms)  # type: ignore[arg-type]

    @rule(side=SIDES, quantity=QUANTITIES, price=PRICES, time=TIMES, who=ACCOUNTS, prevention=PREVENTIONS)
    def place_limit(
        self, side: Side, quantity: int, price: int, time: TimeInForce, who: int, prevention: SelfTradePrevention
    ) -> None:
        terms = {"time_in_force": time, "prevention": prevention, "account": who}
        self.desk.place(self.desk.maker.make(side, quantity, price, **terms))  # type: ignore[arg-type]

    @rule(side=SIDES, quantity=QUANTITIES, distance=st.integers(-1, 4), who=ACCOUNTS)
    def place_post_only(self, side: Side, quantity: int, distance: int, who: int) -> None:
        price = 100 - distance if side is Side.BUY else 101 + distance
        self.desk.place(self.desk.maker.make(side, quantity, price, is_post_only=True, account=who))

    @rule(side=SIDES, quantity=QUANTITIES, time=TIMES, who=ACCOUNTS, prevention=PREVENTIONS)
    def place_market(
        self, side: Side, quantity: int, time: TimeInForce, who: int, prevention: SelfTradePrevention
    ) -> None:
        terms = {"time_in_force": time, "prevention": prevention, "account": who}
        self.desk.place(self.desk.maker.make(side, quantity, **terms))  # type: ignore[arg-type]

    @rule(side=SIDES, amount=st.integers(1, 40_000), hold=st.integers(1, 60), time=TIMES, prevention=PREVENTIONS)
    def place_market_by_amount(
        self, side: Side, amount: int, hold: int, time: TimeInForce, prevention: SelfTradePrevention
    ) -> None:
        held = amount if side is Side.BUY else self.desk.instrument.base_amount(hold)
        terms = {"quote_amount": amount, "hold": held, "time_in_force": time, "prevention": prevention}
        self.desk.place(self.desk.maker.make(side, **terms))  # type: ignore[arg-type]

    @rule(side=SIDES, kind=CONDITIONAL, quantity=QUANTITIES, away=NEAR, beyond=NEAR, time=TIMES, who=ACCOUNTS)
    def place_conditional(
        self, side: Side, kind: OrderType, quantity: int, away: int, beyond: int, time: TimeInForce, who: int
    ) -> None:
        self.desk.place(self.conditional(side, kind, quantity, away, beyond, time_in_force=time, account=who))

    @rule(side=SIDES, kind=CONDITIONAL, quantity=QUANTITIES, away=NEAR, beyond=NEAR, distance=st.integers(-1, 4))
    def place_list_with_limit(
        self, side: Side, kind: OrderType, quantity: int, away: int, beyond: int, distance: int
    ) -> None:
        price = 100 - distance if side is Side.BUY else 101 + distance
        first = self.desk.maker.make(side, quantity, price, is_post_only=True)
        self.desk.place_list(first, self.conditional(side, kind, quantity, away, beyond))

    @rule(side=SIDES, quantity=QUANTITIES, away=st.integers(0, 5), beyond=NEAR, has_limits=st.booleans())
    def place_list_of_conditional(self, side: Side, quantity: int, away: int, beyond: int, has_limits: bool) -> None:
        profit = OrderType.TAKE_PROFIT_LIMIT if has_limits else OrderType.TAKE_PROFIT
        first = self.conditional(side, profit, quantity, away, beyond)
        self.desk.place_list(first, self.conditional(side, OrderType.STOP_LOSS_LIMIT, quantity, away, -beyond))

    @rule(
        data=st.data(),
        quantity=QUANTITIES,
        price=PRICES,
        only_if_open=st.booleans(),
        missing=st.sampled_from((0, 0, 1)),
    )
    def replace(self, data: st.DataObject, quantity: int, price: int, only_if_open: bool, missing: int) -> None:
        order_id, side = self.some_order(data), data.draw(SIDES)
        is_open = order_id in self.desk.auditor.holds
        old = self.desk.auditor.terms.get(order_id)
        order = self.desk.maker.make(side, quantity, price, account=old.account if old else 1)
        had = self.desk.auditor.holds[order_id] if is_open and old is not None and old.side is side else 0
        before = sum(self.desk.auditor.holds.values())
        outcome = self.desk.replace(order_id, order, only_if_open=only_if_open, hold=max(0, order.need - had - missing))
        if not is_open and only_if_open:
            assert outcome.kinds == ["OrderRejected"]
        if outcome.kinds == ["OrderRejected"]:
            assert sum(self.desk.auditor.holds.values()) == before

    @rule(data=st.data(), quantity=QUANTITIES)
    def amend(self, data: st.DataObject, quantity: int) -> None:
        order_id = self.some_order(data)
        outcome = self.desk.amend(order_id, quantity)
        assert len(outcome) == 1
        assert outcome.kinds in (["OrderAmended"], ["AmendRejected"])

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order_id = self.some_order(data)
        is_open = order_id in self.desk.auditor.holds
        assert bool(self.desk.cancel(order_id)) is is_open
        assert order_id not in self.desk.auditor.holds

    @rule(price=PRICES, quantity=st.integers(1, 60), side=SIDES)
    def hear_print(self, price: int, quantity: int, side: Side) -> None:
        self.desk.hear(Print(price, quantity, side, 6, 7))

    @rule(bid=PRICES, spread=st.integers(1, 3), quantity=DISPLAYED)
    def hear_best(self, bid: int, spread: int, quantity: int) -> None:
        self.desk.hear(BestBidOffer(bid, quantity, bid + spread, 40 - quantity, 5))

    @rule(middle=PRICES, quantity=DISPLAYED, is_snapshot=st.booleans())
    def hear_depth(self, middle: int, quantity: int, is_snapshot: bool) -> None:
        bids, asks = [(middle - 1 - n, quantity) for n in range(3)], [(middle + 1 + n, quantity) for n in range(3)]
        self.desk.hear(DepthSnapshot(bids, asks, 3) if is_snapshot else DepthUpdate(bids, asks, 3))

    @rule(price=PRICES, quantity=DISPLAYED, is_release=st.booleans())
    def override(self, price: int, quantity: int, is_release: bool) -> None:
        if is_release:
            self.desk.release()
        else:
            self.desk.override(price, quantity, 40 - quantity)

    @rule()
    def fall_silent(self) -> None:
        self.desk.hear(MarketSilent())

    @rule(from_snapshot=st.booleans())
    def restart(self, from_snapshot: bool) -> None:
        self.desk.restart(from_snapshot=from_snapshot)

    @rule(steps=st.integers(1, 3))
    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.desk.uncross()

    @rule()
    def settle(self) -> None:
        self.desk.settle()
        if not self.desk.book.is_stale:
            assert not self.desk.auditor.triggers.due, "an order that is due was not triggered"

    def some_order(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([*self.desk.auditor.holds, self.desk.last_id, 999_999]))

    @invariant()
    def book_and_journal_agree(self) -> None:
        if hasattr(self, "desk"):
            self.desk.book.check()
            assert self.desk.book.open_orders == len(self.desk.auditor.holds)
            assert self.desk.replayed().state_hash() == self.desk.book.state_hash()


BookMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestBookWithAllOrders = BookMachine.TestCase
