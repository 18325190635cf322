"""Whatever a venue says, the depth that the feed passes on is a possible one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.feeds.depth import OutsideDepth
from actors.feeds.sieve import Sieve
from mockexchange.instruments import Instrument
from mockexchange.messages.market import MarketUpdate, Print

INSTRUMENT = Instrument("BTC", "USDT", 8, 8, 2, 4, tick_size=5, step_size=2, feed=True)

numbers = (
    st.integers(1_990, 2_010).map(lambda ticks: ticks / 20)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from([None, 0, -1, "100.05", "nonsense"])
)
sane = st.tuples(st.integers(1_990, 2_010).map(lambda ticks: ticks / 20), st.floats(0.0001, 1_000))
level = sane | st.tuples(numbers, numbers)
side = st.lists(sane, max_size=6) | st.lists(level, max_size=6)
counters = st.none() | st.integers(0, 20)
books = st.fixed_dictionaries({"bids": side, "asks": side, "nonce": counters, "timestamp": counters})
tickers = st.fixed_dictionaries(dict.fromkeys(("bid", "ask", "bidVolume", "askVolume"), numbers))
trades = st.fixed_dictionaries(
    {
        "id": st.none() | st.integers(0, 9).map(str),
        "price": numbers,
        "amount": numbers,
        "timestamp": counters,
        "side": st.sampled_from(["buy", "sell", None, 7]),
    }
)
said = st.one_of(
    st.tuples(st.just("book"), books),
    st.tuples(st.just("best"), tickers),
    st.tuples(st.just("trade"), trades),
    st.tuples(st.sampled_from(["lose", "anew"]), st.none()),
)


def hear(sieve: Sieve, kind: str, message: Any) -> list[MarketUpdate]:
    match kind:
        case "book":
            return sieve.book(message, 10)
        case "best":
            return sieve.best(message)
        case "trade":
            return sieve.prints([message])
        case "lose":
            return sieve.lose()
    sieve.begin_anew()
    return []


def check_possible(depth: OutsideDepth) -> None:
    snapshot = depth.snapshot()
    for levels in (snapshot.bids, snapshot.asks):
        for price, quantity in levels:
            assert price > 0
            assert price % 5 == 0
            assert quantity > 0
            assert quantity % 2 == 0
    if snapshot.bids and snapshot.asks:
        assert snapshot.bids[0][0] < snapshot.asks[0][0]


@given(st.lists(said, max_size=30))
def test_no_message_leads_to_an_impossible_market(messages: list[tuple[str, Any]]) -> None:
    sieve, depth = Sieve(INSTRUMENT), OutsideDepth()
    for kind, message in messages:
        was_known = depth.is_known
        for update in hear(sieve, kind, message):
            if isinstance(update, Print):
                assert was_known
                assert update.price > 0
                assert update.quantity > 0
            depth.apply(update)
        assert depth.is_known == sieve.is_known
        check_possible(depth)
