"""Whatever is listed and whatever the seed, a synthetic market is one that could be."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.feeds.depth import OutsideDepth
from actors.feeds.synthetic import LEVELS_AT_MOST, SyntheticMarket
from mockexchange.instruments import Instrument, check_listing
from mockexchange.messages.market import Print


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    price_scale = draw(st.integers(0, 5))
    quantity_scale = draw(st.integers(0, 8 - price_scale))
    instrument = Instrument(
        "AAA",
        "BBB",
        8,
        8,
        price_scale,
        quantity_scale,
        tick_size=draw(st.sampled_from([1, 5, 100])),
        step_size=draw(st.sampled_from([1, 10, 25])),
        min_notional=draw(st.sampled_from([0, 10_000, 500_000_000])),
        start_price=draw(st.integers(0, 10**9)),
    )
    check_listing(instrument)
    return instrument


@settings(max_examples=60, deadline=None)
@example(Instrument("AAA", "BBB", 8, 8, 0, 0, start_price=1), 3, [0] * 5)
@given(instruments(), st.integers(0, 2**32), st.lists(st.integers(0, 10**12), min_size=5, max_size=60))
def test_it_is_never_crossed_and_stays_on_the_grid(instrument: Instrument, seed: int, pauses_ns: list[int]) -> None:
    market = SyntheticMarket(instrument, seed)
    depth = OutsideDepth()
    depth.apply(market.snapshot())
    now_ns = 1_780_000_000_000_000_000
    for pause_ns in pauses_ns:
        now_ns += pause_ns
        for update in market.step(now_ns):
            depth.apply(update)
            if isinstance(update, Print):
                assert update.price > 0
                assert update.quantity > 0
                assert update.price % instrument.tick_size == 0
                assert update.quantity % instrument.step_size == 0
        shown = depth.snapshot()
        assert shown.bids[0][0] < shown.asks[0][0]
        assert max(len(shown.bids), len(shown.asks)) <= LEVELS_AT_MOST
        for price, quantity in shown.bids + shown.asks:
            assert price > 0
            assert quantity > 0
            assert price % instrument.tick_size == 0
            assert quantity % instrument.step_size == 0


@settings(max_examples=30, deadline=None)
@given(instruments(), st.integers(0, 2**32))
def test_updates_lead_to_the_next_snapshot(instrument: Instrument, seed: int) -> None:
    market = SyntheticMarket(instrument, seed)
    depth = OutsideDepth()
    depth.apply(market.snapshot())
    for second in range(30):
        for update in market.step(1_780_000_000_000_000_000 + second * 10**9):
            depth.apply(update)
        assert depth.snapshot() == market.snapshot()
