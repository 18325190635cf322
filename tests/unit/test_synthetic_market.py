from itertools import islice, pairwise, takewhile

import pytest

from actors.feeds.depth import OutsideDepth
from actors.feeds.source import SECOND_NS, Tick
from actors.feeds.synthetic import SyntheticMarket, SyntheticSource, drift
from mockexchange.instruments import Instrument
from mockexchange.messages.market import DepthSnapshot, DepthUpdate, MarketUpdate, Print
from mockexchange.messages.orders import Side
from mockexchange.presets import preset

NOW_NS = 1_780_000_000 * SECOND_NS
INSTRUMENTS = {symbol: preset(symbol, feed=True) for symbol in ("BTC/USDT", "DOGE/USDT", "ETH/BTC")}


def minutes(instrument: Instrument, seed: int, count: int = 1, began_ns: int = NOW_NS) -> list[list[MarketUpdate]]:
    ticks = SyntheticSource({instrument.symbol: instrument}, seed).schedule(began_ns)
    return [tick.updates for tick in takewhile(lambda tick: tick.at_ns < count * 60 * SECOND_NS, ticks)]


def depth_after(updates: list[list[MarketUpdate]]) -> OutsideDepth:
    depth = OutsideDepth()
    for tick in updates:
        for update in tick:
            depth.apply(update)
    return depth


def middle(depth: OutsideDepth) -> int:
    (bid, _), (ask, _) = depth.best()
    return (bid + ask) // 2


def test_the_same_seed_gives_the_same_market() -> None:
    instrument = INSTRUMENTS["BTC/USDT"]
    assert minutes(instrument, 7) == minutes(instrument, 7)


def test_another_seed_gives_another_market() -> None:
    instrument = INSTRUMENTS["BTC/USDT"]
    assert minutes(instrument, 7) != minutes(instrument, 8)


def test_a_symbol_is_the_same_whatever_is_listed_beside_it() -> None:
    one, other = (SyntheticMarket(INSTRUMENTS["ETH/BTC"], 3) for _ in range(2))
    one.step(NOW_NS)
    other.step(NOW_NS)
    assert one.snapshot() == other.snapshot()
    together = SyntheticSource(INSTRUMENTS, 3).schedule(NOW_NS)
    first = next(tick for tick in together if tick.symbol == "ETH/BTC")
    assert first.updates == [one.snapshot()]


def test_every_symbol_begins_with_a_snapshot() -> None:
    ticks = list(islice(SyntheticSource(INSTRUMENTS, 1).schedule(NOW_NS), 100))
    assert [(tick.symbol, type(tick.updates[0])) for tick in ticks[:3]] == [(s, DepthSnapshot) for s in INSTRUMENTS]
    assert {tick.symbol for tick in ticks[3:]} == set(INSTRUMENTS)


def test_ticks_come_in_order_of_time_five_to_ten_a_second_per_symbol() -> None:
    ticks: list[Tick] = list(
        takewhile(lambda tick: tick.at_ns < 60 * SECOND_NS, SyntheticSource(INSTRUMENTS, 1).schedule(NOW_NS))
    )
    assert [tick.at_ns for tick in ticks] == sorted(tick.at_ns for tick in ticks)
    for symbol in INSTRUMENTS:
        assert 300 <= sum(tick.symbol == symbol for tick in ticks) <= 600


@pytest.mark.parametrize("symbol", INSTRUMENTS)
def test_depth_is_deep_and_the_spread_a_few_ticks(symbol: str) -> None:
    instrument = INSTRUMENTS[symbol]
    depth = OutsideDepth()
    for updates in minutes(instrument, 5):
        for update in updates:
            depth.apply(update)
        shown = depth.snapshot()
        assert len(shown.bids) >= 20
        assert len(shown.asks) >= 20
        assert 1 <= (shown.asks[0][0] - shown.bids[0][0]) // instrument.tick_size <= 4


@pytest.mark.parametrize("symbol", INSTRUMENTS)
def test_prints_take_what_was_displayed_at_the_best_price(symbol: str) -> None:
    depth = OutsideDepth()
    prints = 0
    for updates in minutes(INSTRUMENTS[symbol], 5):
        left: dict[int, int] = {}
        for update in updates:
            if isinstance(update, Print):
                shown = depth.snapshot()
                makers = shown.asks if update.taker_side is Side.BUY else shown.bids
                best = [price for price, quantity in makers if left.get(price, quantity) > 0]
                assert update.price == best[0]
                left[update.price] = left.get(update.price, dict(makers)[update.price]) - update.quantity
                assert left[update.price] >= 0
                prints += 1
            elif isinstance(update, DepthUpdate):
                changed = dict(update.asks) | dict(update.bids)
                assert left.keys() <= changed.keys()
            depth.apply(update)
    assert prints > 200


def test_a_tick_touches_only_a_few_levels() -> None:
    ticks = minutes(INSTRUMENTS["BTC/USDT"], 5)[1:]
    changes = [
        len(update.bids) + len(update.asks) for tick in ticks for update in tick if isinstance(update, DepthUpdate)
    ]
    assert sum(changes) / len(changes) < 8


def test_sizes_have_a_long_tail() -> None:
    sizes = sorted(
        update.quantity
        for tick in minutes(INSTRUMENTS["BTC/USDT"], 5, 10)
        for update in tick
        if isinstance(update, Print)
    )
    assert sizes[-1] > 20 * sizes[len(sizes) // 2]


def test_the_price_moves_but_not_far_within_an_hour() -> None:
    instrument = INSTRUMENTS["BTC/USDT"]
    market = SyntheticMarket(instrument, 1)
    middles = []
    for second in range(3_600):
        market.step(NOW_NS + second * SECOND_NS)
        shown = market.snapshot()
        middles.append((shown.bids[0][0] + shown.asks[0][0]) // 2)
    assert len(set(middles)) > 1_000
    assert max(middles) * 1_000 < min(middles) * 1_030


def test_a_market_that_starts_again_goes_on_where_it_would_be() -> None:
    instrument = INSTRUMENTS["BTC/USDT"]
    went_on = middle(depth_after(minutes(instrument, 1, count=10)))
    started_later = middle(depth_after(minutes(instrument, 1, count=1, began_ns=NOW_NS + 540 * SECOND_NS)))
    assert abs(went_on - started_later) * 5_000 < went_on


def test_the_drift_stays_within_a_tenth() -> None:
    years = [drift(key, NOW_NS + day * 86_400 * SECOND_NS) for key in range(20) for day in range(365)]
    assert max(abs(part) for part in years) < 100_000_000
    assert max(years) > 10_000_000
    assert min(years) < -10_000_000


def test_an_instrument_without_a_start_price_gets_one() -> None:
    market = SyntheticMarket(Instrument("NEW", "USDT", 8, 8, 2, 4, tick_size=5), 1)
    market.step(NOW_NS)
    shown = market.snapshot()
    assert all(price % 5 == 0 for price, _ in shown.bids + shown.asks)
    assert 8_000 < shown.bids[0][0] < 12_000


@pytest.mark.parametrize("symbol", INSTRUMENTS)
def test_no_gap_opens_where_the_quotes_have_moved_away(symbol: str) -> None:
    instrument = INSTRUMENTS[symbol]
    depth = depth_after(minutes(instrument, 1, count=3))
    snapshot = depth.snapshot()
    for levels in (snapshot.bids, snapshot.asks):
        prices = [price for price, _ in levels]
        gaps = [abs(one - other) for one, other in pairwise(prices[:20])]
        assert max(gaps) <= max(10 * instrument.tick_size, middle(depth) // 5_000)
