from itertools import islice, takewhile
from pathlib import Path

import pytest

from actors.feeds.build import build_source
from actors.feeds.depth import OutsideDepth
from actors.feeds.replay import ReplayError, ReplaySource
from actors.feeds.source import SECOND_NS
from actors.feeds.synthetic import SyntheticSource
from infra.setting_values import Unfit
from mockexchange.instruments import Instrument
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print
from mockexchange.messages.orders import Side
from mockexchange.presets import preset
from tests.support.recordings import best, difference, real_recording, snapshot, trade, write_recording

BTC = preset("BTC/USDT", feed=True)
LISTED = {"BTC/USDT": BTC, "ETH/USDT": preset("ETH/USDT", feed=True)}
RECORDED_S = 347


def one_pass(source: ReplaySource) -> list[MarketUpdate]:
    ticks = takewhile(lambda tick: tick.at_ns < RECORDED_S * SECOND_NS, source.schedule())
    updates = [update for tick in ticks for update in tick.updates]
    seam = next((i for i, u in enumerate(updates) if i and isinstance(u, DepthSnapshot)), len(updates))
    return updates[:seam]


def first_pass(path: Path, count: int) -> list[list[MarketUpdate]]:
    return [tick.updates for tick in islice(ReplaySource(path, LISTED).schedule(), count)]


def played(tmp_path: Path, *messages: dict[str, object]) -> list[list[MarketUpdate]]:
    """Play one pass of a recording of these messages, 100 ms apart."""
    path = write_recording(tmp_path / "market.gz", [(100 * i, message) for i, message in enumerate(messages)])
    end_ns = 100_000_000 * len(messages)
    ticks = takewhile(lambda tick: tick.at_ns < end_ns, ReplaySource(path, LISTED).schedule())
    return [tick.updates for tick in ticks]


START = snapshot(10, [["100.00000000", "1.00000000"]], [["101.00000000", "2.00000000"]])
SHOWN = DepthSnapshot([(10_000, 100_000)], [(10_100, 200_000)], 10)


def test_the_recording_is_played_completely_and_without_a_gap() -> None:
    updates = one_pass(ReplaySource(real_recording(), LISTED))
    kinds = {kind: sum(isinstance(update, kind) for update in updates) for kind in (DepthUpdate, Print, BestBidOffer)}
    # Three differences and one trade precede the snapshot; one of those differences still counts.
    assert kinds[DepthUpdate] == 3_449
    assert kinds[Print] == 9_756
    assert kinds[BestBidOffer] > 28_000
    assert not any(isinstance(update, MarketSilent) for update in updates)


def test_depth_alone_leads_to_the_recorded_best_prices() -> None:
    depth = OutsideDepth()
    agreed = compared = 0
    latest: BestBidOffer | None = None
    for update in one_pass(ReplaySource(real_recording(), LISTED)):
        if isinstance(update, BestBidOffer):
            latest = update
            continue
        depth.apply(update)
        if isinstance(update, DepthUpdate) and latest is not None and latest.cause <= update.cause:
            compared += 1
            agreed += depth.best() == ((latest.bid, latest.bid_quantity), (latest.ask, latest.ask_quantity))
    assert compared > 3_000
    assert agreed >= compared * 0.99


def test_the_recorded_book_is_never_crossed() -> None:
    depth = OutsideDepth()
    for tick in takewhile(lambda tick: tick.at_ns < 60 * SECOND_NS, ReplaySource(real_recording(), LISTED).schedule()):
        for update in tick.updates:
            depth.apply(update)
        (bid, _), (ask, _) = depth.best()
        assert 0 < bid < ask


def test_ticks_keep_the_recorded_pace() -> None:
    ticks = list(islice(ReplaySource(real_recording(), LISTED).schedule(), 500))
    assert [tick.at_ns for tick in ticks] == sorted(tick.at_ns for tick in ticks)
    # The snapshot was received 269,566,299 ns after the first line.
    assert ticks[0].at_ns == 1723161254206652067 - 1723161253937085768


def test_a_new_pass_begins_with_a_fresh_snapshot() -> None:
    schedule = ReplaySource(real_recording(), LISTED).schedule()
    first = next(schedule)
    second = next(tick for tick in schedule if isinstance(tick.updates[0], DepthSnapshot))
    assert first.updates == second.updates
    assert second.at_ns > 346 * SECOND_NS


def test_nothing_is_said_before_the_snapshot_and_late_differences_still_count(tmp_path: Path) -> None:
    ticks = played(
        tmp_path,
        difference(5, 9, [["99.00000000", "5.00000000"]], []),
        difference(10, 12, [["100.00000000", "3.00000000"]], [["101.00000000", "0.00000000"]]),
        trade(1, "100.00", "0.5", is_buyer_maker=True),
        best(13, "100.00000000", "3.00000000", "102.00000000", "1.00000000"),
        START,
        difference(13, 13, [], [["102.00000000", "1.00000000"]]),
    )
    assert ticks == [
        [
            SHOWN,
            DepthUpdate([(10_000, 300_000)], [(10_100, 0)], 12),
            BestBidOffer(10_000, 300_000, 10_200, 100_000, 13),
        ],
        [DepthUpdate([], [(10_200, 100_000)], 13)],
    ]


def test_differences_the_snapshot_holds_already_are_dropped(tmp_path: Path) -> None:
    assert played(tmp_path, START, difference(9, 10, [["100.00000000", "9.00000000"]], [])) == [[SHOWN]]


def test_a_best_that_is_newer_than_a_difference_is_said_again_after_it(tmp_path: Path) -> None:
    newer = BestBidOffer(10_050, 100_000, 10_100, 100_000, 12)
    ticks = played(
        tmp_path,
        START,
        best(12, "100.50000000", "1.00000000", "101.00000000", "1.00000000"),
        difference(11, 11, [["100.25000000", "1.00000000"]], []),
    )
    assert ticks == [[SHOWN], [newer], [DepthUpdate([(10_025, 100_000)], [], 11), newer]]


def test_an_old_best_is_dropped(tmp_path: Path) -> None:
    ticks = played(
        tmp_path, START, difference(11, 12, [], []), best(11, "99.00000000", "1.0", "101.00000000", "1.00000000")
    )
    assert ticks == [[SHOWN], [DepthUpdate([], [], 12)]]


def test_a_missing_difference_silences_the_market_until_the_next_snapshot(tmp_path: Path) -> None:
    later = snapshot(20, [["90.00000000", "1.00000000"]], [["91.00000000", "2.00000000"]])
    ticks = played(
        tmp_path,
        START,
        difference(12, 13, [["100.00000000", "2.00000000"]], []),
        trade(1, "100.00", "0.5", is_buyer_maker=True),
        best(14, "100.00000000", "2.00000000", "101.00000000", "1.00000000"),
        later,
        difference(21, 21, [["90.00000000", "2.00000000"]], []),
    )
    assert ticks == [
        [SHOWN],
        [MarketSilent()],
        [DepthSnapshot([(9_000, 100_000)], [(9_100, 200_000)], 20)],
        [DepthUpdate([(9_000, 200_000)], [], 21)],
    ]


def test_a_print_has_its_taker_side_its_id_and_its_recorded_time(tmp_path: Path) -> None:
    ticks = played(
        tmp_path,
        START,
        trade(7, "100.00000000", "0.02000000", is_buyer_maker=True),
        trade(8, "101.00000000", "0.03000000", is_buyer_maker=False),
    )
    time_ns = 1_723_161_255_342_000_000
    assert ticks[1:] == [
        [Print(10_000, 2_000, Side.SELL, 7, time_ns)],
        [Print(10_100, 3_000, Side.BUY, 8, time_ns)],
    ]


def test_quantities_are_rounded_down_to_the_step_but_a_best_level_stays(tmp_path: Path) -> None:
    ticks = played(
        tmp_path,
        snapshot(10, [["100.00", "1.000019"]], [["101.00", "0.000009"]]),
        trade(1, "100.00", "0.000009", is_buyer_maker=True),
        best(11, "100.00", "0.000001", "101.00", "1"),
    )
    assert ticks == [
        [DepthSnapshot([(10_000, 100_001)], [], 10)],
        [BestBidOffer(10_000, 1, 10_100, 100_000, 11)],
    ]


def test_prices_finer_than_the_tick_are_refused_at_load(tmp_path: Path) -> None:
    path = write_recording(
        tmp_path / "market.gz", [(0, difference(1, 2, [], [])), (1, snapshot(10, [["100.005", "1"]], []))]
    )
    with pytest.raises(ReplayError, match=r"line 2: the price 100.005 is not a multiple of the tick size 0.01"):
        ReplaySource(path, LISTED)


def test_prices_off_a_coarser_tick_are_refused(tmp_path: Path) -> None:
    coarse = Instrument("BTC", "USDT", 8, 8, 2, 5, tick_size=10, feed=True)
    path = write_recording(tmp_path / "market.gz", [(0, difference(1, 2, [], [])), (1, START)])
    ReplaySource(path, {"BTC/USDT": coarse})
    path = write_recording(
        tmp_path / "fine.gz", [(0, difference(1, 2, [], [])), (1, snapshot(10, [["100.05", "1"]], []))]
    )
    with pytest.raises(ReplayError, match=r"tick size 0.10"):
        ReplaySource(path, {"BTC/USDT": coarse})


def test_a_recording_of_an_unlisted_market_is_refused() -> None:
    with pytest.raises(ReplayError, match="BTCUSDT, which is not listed"):
        ReplaySource(real_recording(), {"ETH/USDT": LISTED["ETH/USDT"]})


def test_a_recording_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "market.gz", [(0, difference(1, 2, [], []))])
    with pytest.raises(ReplayError, match="holds no depth snapshot"):
        ReplaySource(path, LISTED)


def test_two_markets_in_one_recording_are_refused(tmp_path: Path) -> None:
    other = difference(1, 2, [], []) | {"stream": "ethusdt@depth@100ms"}
    path = write_recording(tmp_path / "market.gz", [(0, difference(1, 2, [], [])), (1, other), (2, START)])
    with pytest.raises(ReplayError, match="line 2: holds ethusdt beside btcusdt"):
        ReplaySource(path, LISTED)


@pytest.mark.parametrize(
    "line", [b"{}", b"12 {", b"x {}", b'12 {"stream": "btcusdt@trade", "data": {"p": 1}}', b'12 {"bids": 3}']
)
def test_a_broken_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "market.txt"
    path.write_bytes(b'12 {"stream": "btcusdt@other", "data": {}}\n' + line + b"\n")
    with pytest.raises(ReplayError, match=r"market.txt, line 2: "):
        ReplaySource(path, LISTED)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "market.gz"
    path.write_bytes(real_recording().read_bytes()[:60_000])
    with pytest.raises(ReplayError, match=r"market.gz, after line \d+: "):
        list(islice(ReplaySource(path, LISTED).schedule(), 10_000))


def test_the_settings_choose_the_source(tmp_path: Path) -> None:
    listed = LISTED | {"XRP/USDT": preset("XRP/USDT")}
    synthetic = build_source("synthetic:7", listed)
    assert isinstance(synthetic, SyntheticSource)
    assert synthetic.symbols == {"BTC/USDT", "ETH/USDT"}
    recorded = build_source(f"replay:{real_recording()}", listed)
    assert recorded.symbols == {"BTC/USDT"}
    assert build_source("none", listed).symbols == frozenset()
    with pytest.raises(Unfit, match="there is no file"):
        build_source(f"replay:{tmp_path}/none.gz", listed)
