"""The fast book and the naive one say the same to whatever they are told, and the journal tells the same again."""

from __future__ import annotations

import random

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mockexchange.matching import BookLimits
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, Print
from mockexchange.messages.orders import SelfTradePrevention, Side, TimeInForce
from tests.support.book_commands import BookCommands
from tests.support.book_pair import BookPair
from tests.support.orders import OrderMaker, instrument

PRICES = st.integers(95, 105)
QUANTITIES = st.integers(1, 30)
DISPLAYED = st.integers(0, 20)
SIDES = st.sampled_from(Side)
TIMES = st.sampled_from(TimeInForce)
PREVENTIONS = st.sampled_from(SelfTradePrevention)
ACCOUNTS = st.integers(1, 2)
LEVELS = st.lists(st.tuples(PRICES, DISPLAYED), max_size=6)
Levels = list[tuple[int, int]]


class BookMachine(RuleBasedStateMachine):
    @initialize(
        feed=st.booleans(),
        step_size=st.sampled_from((1, 5)),
        max_fills=st.sampled_from((1, 2, 4, 1000)),
        block=st.sampled_from((1, 3, 1000)),
        middle=st.integers(98, 102),
    )
    def begin(self, feed: bool, step_size: int, max_fills: int, block: int, middle: int) -> None:
        traded = instrument(feed=feed, step_size=step_size)
        self.pair = BookPair(traded, BookLimits(max_fills, block))
        self.maker = OrderMaker(traded)
        levels = [(middle - 1 - n, 5) for n in range(3)], [(middle + n, 5) for n in range(3)]
        self.pair.hear(DepthSnapshot(*levels, 1))

    @rule(side=SIDES, quantity=QUANTITIES, price=PRICES, time_in_force=TIMES, rate=st.integers(0, 300_000))
    def place_limit(self, side: Side, quantity: int, price: int, time_in_force: TimeInForce, rate: int) -> None:
        self.pair.place(self.maker.make(side, quantity, price, time_in_force=time_in_force, taker_rate=rate))

    @rule(side=SIDES, quantity=QUANTITIES, price=PRICES, time_in_force=TIMES, mode=PREVENTIONS, who=ACCOUNTS)
    def place_preventing(
        self, side: Side, quantity: int, price: int, time_in_force: TimeInForce, mode: SelfTradePrevention, who: int
    ) -> None:
        terms = {"time_in_force": time_in_force, "prevention": mode, "account": who}
        self.pair.place(self.maker.make(side, quantity, price, **terms))  # type: ignore[arg-type]

    @rule(side=SIDES, quantity=QUANTITIES, distance=st.integers(0, 5), is_post_only=st.booleans())
    def place_near(self, side: Side, quantity: int, distance: int, is_post_only: bool) -> None:
        price = 100 - distance if side is Side.BUY else 101 + distance
        self.pair.place(self.maker.make(side, quantity, price, is_post_only=is_post_only))

    @rule(side=SIDES, quantity=st.integers(1, 100), hold=st.integers(1, 50_000), time_in_force=TIMES)
    def place_market(self, side: Side, quantity: int, hold: int, time_in_force: TimeInForce) -> None:
        hold_given = hold if side is Side.BUY else None
        self.pair.place(self.maker.make(side, quantity, time_in_force=time_in_force, hold=hold_given))

    @rule(side=SIDES, amount=st.integers(1, 50_000), hold=st.integers(1, 99_999), time=TIMES, mode=PREVENTIONS)
    def place_market_by_quote(
        self, side: Side, amount: int, hold: int, time: TimeInForce, mode: SelfTradePrevention
    ) -> None:
        terms = {"quote_amount": amount, "hold": amount if side is Side.BUY else hold, "time_in_force": time}
        self.pair.place(self.maker.make(side, prevention=mode, **terms))  # type: ignore[arg-type]

    @rule(side=SIDES, quantity=QUANTITIES, price=PRICES)
    def place_too_late(self, side: Side, quantity: int, price: int) -> None:
        self.pair.place(self.maker.make(side, quantity, price, deadline_ns=4), now_ns=5)

    @rule(data=st.data(), by_admin=st.booleans(), by_stranger=st.booleans())
    def cancel(self, data: st.DataObject, by_admin: bool, by_stranger: bool) -> None:
        order_id = data.draw(st.sampled_from([*self.pair.auditor.holds, 999_999]))
        self.pair.cancel(order_id, by_admin=by_admin, by_stranger=by_stranger)

    @rule(bids=LEVELS, asks=LEVELS, is_snapshot=st.booleans(), cause=st.integers(1, 9))
    def hear_depth(self, bids: Levels, asks: Levels, is_snapshot: bool, cause: int) -> None:
        self.pair.hear(DepthSnapshot(bids, asks, cause) if is_snapshot else DepthUpdate(bids, asks, cause))

    @rule(side=SIDES, price=PRICES, quantity=DISPLAYED)
    def hear_level(self, side: Side, price: int, quantity: int) -> None:
        level = [(price, quantity)]
        self.pair.hear(DepthUpdate(level, [], 4) if side is Side.BUY else DepthUpdate([], level, 4))

    @rule(bid=PRICES, spread=st.integers(0, 3), bid_quantity=DISPLAYED, ask_quantity=DISPLAYED)
    def hear_best(self, bid: int, spread: int, bid_quantity: int, ask_quantity: int) -> None:
        self.pair.hear(BestBidOffer(bid, bid_quantity, bid + spread, ask_quantity, 5))

    @rule(price=PRICES | st.just(0), quantity=st.integers(0, 60), side=SIDES)
    def hear_print(self, price: int, quantity: int, side: Side) -> None:
        self.pair.hear(Print(price, quantity, side, 6, 7))

    @rule(price=PRICES, bid_quantity=DISPLAYED, ask_quantity=DISPLAYED, is_release=st.booleans())
    def override(self, price: int, bid_quantity: int, ask_quantity: int, is_release: bool) -> None:
        if is_release:
            self.pair.release()
        else:
            self.pair.override(price, bid_quantity, ask_quantity)

    @rule(from_snapshot=st.booleans(), is_silence=st.booleans())
    def lose_market(self, from_snapshot: bool, is_silence: bool) -> None:
        if is_silence:
            self.pair.hear(MarketSilent())
        else:
            self.pair.restart(from_snapshot=from_snapshot)

    @rule()
    def uncross(self) -> None:
        self.pair.uncross()

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.pair.finish()


BookMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestFastBookEqualsNaiveBook = BookMachine.TestCase


@pytest.mark.parametrize("seed", range(40))
def test_fast_book_equals_naive_book_in_a_long_session(seed: int) -> None:
    chance = random.Random(seed)
    traded = instrument(feed=True, step_size=chance.choice((1, 5)))
    pair = BookPair(traded, BookLimits(chance.choice((1, 2, 4, 1000)), chance.choice((1, 7, 1000))))
    commands = BookCommands(traded, chance)
    for _ in range(300):
        commands.give_one(pair)
    pair.finish()
