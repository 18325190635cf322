from __future__ import annotations

from typing import Any

import pytest

from actors.feeds.depth import OutsideDepth
from actors.feeds.sieve import LEVELS, MOST_KNOWN_PRINTS, Refusal, Sieve
from mockexchange.instruments import Instrument
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, Print
from mockexchange.messages.orders import Side

BTC_USDT = Instrument("BTC", "USDT", 8, 8, 2, 5, tick_size=5, step_size=10, feed=True)
NOW_MS = 1_700_000_000_000
NAN, INFINITY = float("nan"), float("inf")


def book(bids: list[Any], asks: list[Any], nonce: int | None = None, time_ms: int | None = None) -> dict[str, Any]:
    return {"bids": bids, "asks": asks, "nonce": nonce, "timestamp": time_ms}


def trade(number: int, price: Any = 100.0, amount: Any = 1.0, at_ms: Any = NOW_MS, side: str | None = "buy") -> Any:
    return {"id": str(number), "price": price, "amount": amount, "timestamp": at_ms, "side": side}


def known() -> Sieve:
    sieve = Sieve(BTC_USDT)
    assert sieve.book(book([[100.0, 1.0], [99.95, 2.0]], [[100.05, 3.0]], 10, NOW_MS), NOW_MS)
    return sieve


def test_the_first_book_is_a_snapshot_and_the_next_ones_are_its_changes() -> None:
    sieve = Sieve(BTC_USDT)
    first = sieve.book(book([[100.0, 1.0], [99.95, 2.0]], [[100.05, 3.0], [100.1, 0.1 + 0.2]]), NOW_MS)
    assert first == [DepthSnapshot([(10_000, 100_000), (9_995, 200_000)], [(10_005, 300_000), (10_010, 30_000)], 1)]
    second = sieve.book(book([[100.0, 1.5]], [[100.05, 3.0], [100.1, 4]]), NOW_MS)
    assert second == [DepthUpdate([(9_995, 0), (10_000, 150_000)], [(10_010, 400_000)], 2)]
    assert sieve.book(book([[100.0, 1.5]], [[100.05, 3.0], [100.1, 4]]), NOW_MS) == [DepthUpdate([], [], 3)]
    assert not sieve.refused


def test_changes_of_many_books_lead_to_the_last_one() -> None:
    sieve, depth = Sieve(BTC_USDT), OutsideDepth()
    for turn in range(200):
        bids = [[100 - 0.05 * ((turn * 7 + place) % 30 + place + 1), 1 + place + turn % 3] for place in range(10)]
        bids = [[round(price, 2), quantity] for price, quantity in bids]
        asks = [[round(100 + 0.05 * (place + turn % 4), 2), 2 + (turn + place) % 5] for place in range(10)]
        for update in sieve.book(book(bids, asks), NOW_MS):
            depth.apply(update)
        shown = depth.snapshot()
        assert dict(shown.bids) == {round(price * 100): quantity * 100_000 for price, quantity in bids}
        assert dict(shown.asks) == {round(price * 100): quantity * 100_000 for price, quantity in asks}


def test_only_the_best_levels_are_mirrored() -> None:
    sieve = Sieve(BTC_USDT)
    deep = [[round(100 - 0.05 * place, 2), 1.0] for place in range(2 * LEVELS)]
    (snapshot,) = sieve.book(book(deep, []), NOW_MS)
    assert isinstance(snapshot, DepthSnapshot)
    assert len(snapshot.bids) == LEVELS
    (change,) = sieve.book(book(deep[1:], []), NOW_MS)
    assert change == DepthUpdate([(10_000, 0), (10_000 - 5 * LEVELS, 100_000)], [], 2)


def test_quantities_are_rounded_down_and_what_is_less_than_a_step_is_nothing() -> None:
    sieve = Sieve(BTC_USDT)
    (snapshot,) = sieve.book(book([[100.0, "0.00019"], [99.95, 0.00009]], [[101.0, 1e-9]]), NOW_MS)
    assert snapshot == DepthSnapshot([(10_000, 10)], [], 1)
    assert sieve.book(book([[100.0, 0.00009]], [[101.0, 1e-9]]), NOW_MS) == [
        DepthUpdate([(9_995, 0), (10_000, 0)], [], 2)
    ]


@pytest.mark.parametrize("price", [None, 0, -1.0, NAN, INFINITY, "x", "0"])
def test_a_book_with_a_price_that_is_none_is_refused_as_a_whole(price: Any) -> None:
    sieve = known()
    assert sieve.book(book([[100.0, 5.0], [price, 1.0]], [[100.05, 3.0]]), NOW_MS) == []
    assert sieve.refused == {Refusal.NOT_A_NUMBER: 1}
    assert sieve.is_known
    assert sieve.book(book([[100.0, 1.0], [99.95, 2.0]], [[100.05, 3.0]]), NOW_MS) == [DepthUpdate([], [], 2)]


@pytest.mark.parametrize("quantity", [None, -1.0, NAN, INFINITY, 1e30])
def test_a_book_with_a_quantity_that_is_none_is_refused_as_a_whole(quantity: Any) -> None:
    sieve = known()
    assert sieve.book(book([[100.0, quantity]], [[100.05, 3.0]]), NOW_MS) == []
    assert sieve.refused == {Refusal.NOT_A_NUMBER: 1}


def test_a_level_of_zero_is_left_out_and_counted() -> None:
    sieve = known()
    assert sieve.book(book([[100.0, 0.0], [99.95, 2.0]], [[100.05, 3.0]]), NOW_MS) == [
        DepthUpdate([(10_000, 0)], [], 2)
    ]
    assert sieve.refused == {Refusal.NOT_A_NUMBER: 1}


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        ([[100.05, 1.0]], [[100.05, 1.0]], Refusal.CROSSED),
        ([[100.1, 1.0]], [[100.05, 1.0]], Refusal.CROSSED),
        ([], [], Refusal.EMPTY),
        ([[1_000.0, 1.0]], [[1_001.0, 1.0]], Refusal.FAR_OFF),
        ([[1.0, 1.0]], [[1.05, 1.0]], Refusal.FAR_OFF),
    ],
)
def test_a_book_that_cannot_be_is_refused_and_the_one_before_stands(
    bids: list[Any], asks: list[Any], reason: Refusal
) -> None:
    sieve = known()
    before = sieve.best_levels()
    assert sieve.book(book(bids, asks, 11, NOW_MS), NOW_MS) == []
    assert sieve.refused == {reason: 1}
    assert sieve.best_levels() == before


@pytest.mark.parametrize(("nonce", "time_ms"), [(9, NOW_MS), (11, NOW_MS - 1), (None, NOW_MS - 1), (9, None)])
def test_a_book_older_than_the_last_one_is_refused(nonce: int | None, time_ms: int | None) -> None:
    sieve = known()
    assert sieve.book(book([[100.0, 9.0]], [[100.05, 9.0]], nonce, time_ms), NOW_MS) == []
    assert sieve.refused == {Refusal.BACKWARDS: 1}


def test_after_a_new_connection_numbers_may_begin_again_and_the_book_is_whole() -> None:
    sieve = known()
    sieve.begin_anew()
    (snapshot,) = sieve.book(book([[100.0, 9.0]], [[100.05, 9.0]], 1, 1), NOW_MS)
    assert snapshot == DepthSnapshot([(10_000, 900_000)], [(10_005, 900_000)], 2)


def test_a_lost_market_is_unknown_once_and_then_any_price_is_believed() -> None:
    sieve = known()
    assert sieve.lose() == [MarketSilent()]
    assert sieve.lose() == []
    assert not sieve.is_known
    (snapshot,) = sieve.book(book([[1_000.0, 1.0]], [], 1, 1), NOW_MS)
    assert isinstance(snapshot, DepthSnapshot)


def test_prices_off_the_grid_are_left_out_and_counted_once_each() -> None:
    sieve = Sieve(BTC_USDT)
    (snapshot,) = sieve.book(book([[100.01, 1.0], [100.0, 1.0], [99.999, 1.0]], [[101.0, 1.0]]), NOW_MS)
    assert snapshot == DepthSnapshot([(10_000, 100_000)], [(10_100, 100_000)], 1)
    assert sieve.refused == {Refusal.OFF_GRID: 2}
    assert Sieve(BTC_USDT).book(book([[100.01, 1.0]], [[100.02, 1.0]]), NOW_MS) == []


def test_changed_filters_count_from_the_next_book_on() -> None:
    sieve = known()
    sieve.change(Instrument("BTC", "USDT", 8, 8, 2, 5, tick_size=1, step_size=1, feed=True))
    (snapshot,) = sieve.book(book([[100.01, 0.00001]], [[100.05, 3.0]]), NOW_MS)
    assert snapshot == DepthSnapshot([(10_001, 1)], [(10_005, 300_000)], 2)


def test_prints_are_heard_once_in_the_order_of_time() -> None:
    sieve = known()
    later = trade(2, 100.05, 0.5, NOW_MS + 5, "sell")
    assert sieve.prints([trade(1), later]) == [
        Print(10_000, 100_000, Side.BUY, 2, NOW_MS * 10**6),
        Print(10_005, 50_000, Side.SELL, 3, (NOW_MS + 5) * 10**6),
    ]
    assert sieve.prints([trade(1), later], is_poll=True) == []
    assert not sieve.refused
    assert sieve.prints([later]) == []
    assert sieve.prints([trade(3, at_ms=NOW_MS + 4)]) == []
    assert sieve.refused == {Refusal.REPEATED: 1, Refusal.BACKWARDS: 1}


@pytest.mark.parametrize("bad", [None, 0, -1, NAN, INFINITY, "x"])
@pytest.mark.parametrize("name", ["price", "amount", "timestamp"])
def test_a_print_of_nonsense_is_refused(name: str, bad: Any) -> None:
    sieve = known()
    assert sieve.prints([trade(1) | {name: bad}]) == []
    assert sieve.refused == {Refusal.NOT_A_NUMBER: 1}


def test_prints_that_nobody_could_have_traded_on_are_refused() -> None:
    assert Sieve(BTC_USDT).prints([trade(1)]) == []
    sieve = known()
    assert (
        sieve.prints([trade(1, at_ms=NOW_MS - 60_000), trade(2, 1_000.0), trade(3, 100.01), trade(4, amount=1e-7)])
        == []
    )
    assert sieve.refused == {Refusal.EARLY: 1, Refusal.FAR_OFF: 1, Refusal.OFF_GRID: 2}


def test_a_print_without_an_id_or_a_side_is_known_by_what_it_says() -> None:
    sieve = known()
    nameless = trade(0, 100.0, side=None) | {"id": None}
    (heard,) = sieve.prints([nameless, dict(nameless)], is_poll=True)
    assert isinstance(heard, Print)
    assert heard.taker_side is Side.SELL
    (bought,) = sieve.prints([nameless | {"price": 100.05}])
    assert isinstance(bought, Print)
    assert bought.taker_side is Side.BUY


def test_the_memory_of_prints_is_bounded() -> None:
    sieve = known()
    for number in range(MOST_KNOWN_PRINTS + 1):
        assert sieve.prints([trade(number)])
    assert sieve.prints([trade(MOST_KNOWN_PRINTS)], is_poll=True) == []
    assert sieve.prints([trade(0)], is_poll=True)


def test_a_polled_best_goes_on_top_of_a_known_book_and_the_next_book_is_whole() -> None:
    sieve = known()
    ticker = {"bid": 99.95, "bidVolume": 4.0, "ask": 100.0, "askVolume": 0.00001}
    assert sieve.best(ticker) == [BestBidOffer(9_995, 400_000, 10_000, 10, 2)]
    (snapshot,) = sieve.book(book([[100.0, 1.0]], [[100.05, 3.0]]), NOW_MS)
    assert isinstance(snapshot, DepthSnapshot)
    assert Sieve(BTC_USDT).best(ticker) == []
    assert sieve.best(ticker | {"askVolume": None}) == []
    for wrong, reason in (({"bid": 100.0}, Refusal.CROSSED), ({"bid": 99.94}, Refusal.OFF_GRID)):
        assert sieve.best(ticker | wrong) == []
        assert sieve.refused[reason] == 1
