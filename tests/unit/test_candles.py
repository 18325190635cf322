from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from actors.writers.candles_board import CandleBoard
from mockexchange.candles import (
    LENGTH_MS,
    Candle,
    Interval,
    Statistics,
    aggregated,
    bucket,
    close_ms,
    combined,
    filled,
    flat_candle,
    merged,
    moved,
    source_of,
    statistics_of,
)
from mockexchange.messages.orders import Side
from tests.support.candle_trades import BTC_USDT, START_MS, candle, trade

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("interval", "opens"),
    [
        ("1s", "2024-02-29T13:47:31"), ("1m", "2024-02-29T13:47:00"), ("3m", "2024-02-29T13:45:00"),
        ("5m", "2024-02-29T13:45:00"), ("15m", "2024-02-29T13:45:00"), ("30m", "2024-02-29T13:30:00"),
        ("1h", "2024-02-29T13:00:00"), ("2h", "2024-02-29T12:00:00"), ("4h", "2024-02-29T12:00:00"),
        ("6h", "2024-02-29T12:00:00"), ("8h", "2024-02-29T08:00:00"), ("12h", "2024-02-29T12:00:00"),
        ("1d", "2024-02-29T00:00:00"), ("1w", "2024-02-26T00:00:00"), ("1M", "2024-02-01T00:00:00"),
    ],
)  # fmt: skip
def test_a_candle_opens_where_its_interval_begins(interval: str, opens: str) -> None:
    assert bucket(Interval(interval), at("2024-02-29T13:47:31.999")) == at(opens)


def test_three_days_are_counted_from_the_epoch() -> None:
    opens = bucket(Interval.THREE_DAYS, at("2024-02-29T13:47:31"))
    assert opens % (3 * DAY_MS) == 0
    assert opens == at("2024-02-29")


def test_a_week_begins_on_monday_and_a_month_is_as_long_as_it_is() -> None:
    assert bucket(Interval.WEEK, at("2024-03-03T23:59:59")) == at("2024-02-26")
    assert bucket(Interval.WEEK, at("2024-03-04")) == at("2024-03-04")
    assert close_ms(Interval.MONTH, at("2024-02-01")) == at("2024-03-01") - 1
    assert moved(Interval.MONTH, at("2024-01-01"), -13) == at("2022-12-01")
    assert moved(Interval.MONTH, at("2024-12-01"), 1) == at("2025-01-01")


def test_days_weeks_and_months_begin_when_they_do_in_the_time_zone() -> None:
    east = 5 * HOUR_MS + HOUR_MS // 2
    assert bucket(Interval.DAY, at("2024-03-01T20:00:00"), east) == at("2024-03-01T18:30:00")
    assert bucket(Interval.WEEK, at("2024-03-03T19:00:00"), east) == at("2024-03-03T18:30:00")
    assert bucket(Interval.MONTH, at("2024-02-29T19:00:00"), east) == at("2024-02-29T18:30:00")
    assert close_ms(Interval.MONTH, at("2024-02-29T18:30:00"), east) == at("2024-03-31T18:30:00") - 1
    assert bucket(Interval.MONTH, at("2024-03-01T04:00:00"), -5 * HOUR_MS) == at("2024-02-01T05:00:00")


@pytest.mark.parametrize(
    ("interval", "minutes", "source"),
    [
        ("1d", 0, "1d"), ("1d", 480, "8h"), ("1d", 60, "1h"), ("1d", 330, "30m"), ("1w", 345, "15m"),
        ("1M", 0, "1M"), ("1M", 120, "2h"), ("3d", -720, "12h"), ("1h", 60, "1h"), ("1h", 330, "30m"),
        ("30m", 330, "30m"), ("4h", 120, "2h"), ("1d", 7, "1m"), ("12h", 720, "12h"), ("1s", 1, "1s"),
    ],
)  # fmt: skip
def test_a_time_zone_is_made_of_the_longest_candles_that_fit(interval: str, minutes: int, source: str) -> None:
    assert source_of(Interval(interval), minutes * 60_000) == source


def test_trades_make_a_candle_whatever_their_order() -> None:
    trades = [
        trade(3, 110, 7, side=Side.SELL),
        trade(1, 100, 5),
        trade(2, 90, 1),
        trade(4, 105, 2, at_ms=START_MS + 7),
    ]
    one, two, three, four = map(candle, trades)
    opens = one.open_ms
    whole = merged(merged(one, two, opens), merged(four, three, opens), opens)
    unit = BTC_USDT.quote_factor
    assert whole == Candle(
        open_ms=START_MS,
        open=100,
        high=110,
        low=90,
        close=105,
        volume=15,
        quote_volume=(770 + 500 + 90 + 210) * unit,
        trades=4,
        taker_buy_volume=8,
        taker_buy_quote_volume=800 * unit,
        first_id=1,
        last_id=4,
        last_quantity=2,
        last_ms=START_MS + 7,
        first_ms=START_MS,
    )
    assert merged(four, merged(three, merged(two, one, opens), opens), opens) == whole


def test_trades_without_ids_are_ordered_by_their_seconds() -> None:
    early, own, late = trade(-1, 100), trade(7, 90, at_ms=START_MS + 1_000), trade(-1, 110, at_ms=START_MS + 2_000)
    later_own = trade(9, 105, at_ms=START_MS + 3_000)
    candles = [candle(each) for each in (early, own, late, later_own)]
    opens = candles[0].open_ms
    whole = combined(candles, opens)
    for order in permutations(candles):
        made = order[0]
        for each in order[1:]:
            made = merged(made, each, opens)
        assert made == whole
    assert (whole.open, whole.high, whole.low, whole.close) == (100, 110, 90, 105)
    assert (whole.first_id, whole.last_id, whole.first_ms, whole.last_ms) == (7, 9, START_MS, START_MS + 3_000)
    without = merged(candles[0], candles[2], opens)
    assert (without.open, without.close, without.first_id, without.last_id) == (100, 110, -1, -1)


def test_gaps_are_filled_with_the_price_before() -> None:
    rows = [Candle(120_000, 5, 9, 4, 7, 1, trades=1), Candle(240_000, 8, 8, 8, 8, 1, trades=1)]
    found = filled(rows, Interval.MINUTE, 0, 300_000, previous=3)
    assert [each.open_ms for each in found] == [0, 60_000, 120_000, 180_000, 240_000, 300_000]
    assert [each.close for each in found] == [3, 3, 7, 7, 8, 8]
    assert found[3] == flat_candle(180_000, 7)
    assert [each.open_ms for each in filled(rows, Interval.MINUTE, 0, 150_000, previous=0)] == [120_000]


def test_a_gap_of_months_is_filled() -> None:
    row = Candle(at("2024-01-01"), 5, 5, 5, 5, 1, trades=1)
    found = filled([row], Interval.MONTH, at("2024-01-01"), at("2024-04-01"), previous=0)
    assert [each.open_ms for each in found] == [at(f"2024-0{month}-01") for month in (1, 2, 3, 4)]


def test_candles_without_trades_do_not_count_when_longer_ones_are_made() -> None:
    rows = [flat_candle(0, 3), Candle(60_000, 5, 9, 4, 7, 1, trades=1, first_id=9, last_id=9), flat_candle(120_000, 7)]
    [whole] = aggregated(rows, Interval.THREE_MINUTES)
    assert (whole.open_ms, whole.open, whole.low, whole.close, whole.trades) == (0, 5, 4, 7, 1)


def test_statistics_tell_of_a_change_exactly() -> None:
    rows = [
        candle(trade(1, 6_000_000, 100_000)),
        candle(trade(2, 5_000_000, 200_000, at_ms=START_MS + 60_000)),
    ]
    statistics = statistics_of("BTC/USDT", rows, open_ms=0, close_ms=9, previous=None)
    assert (statistics.open, statistics.high, statistics.low, statistics.last) == (
        6_000_000, 6_000_000, 5_000_000, 5_000_000,
    )  # fmt: skip
    assert (statistics.change, statistics.change_percent) == (-1_000_000, Decimal("-16.667"))
    assert statistics.weighted_average(BTC_USDT) == Decimal("53333.33333333")
    assert (statistics.volume, statistics.trades, statistics.first_id, statistics.last_id) == (300_000, 2, 1, 2)
    assert statistics.previous_close == 6_000_000


def test_statistics_without_trades_stand_at_the_last_price() -> None:
    before = candle(trade(7, 4_200, 30))
    empty = statistics_of("BTC/USDT", [], open_ms=0, close_ms=9, previous=before)
    assert (empty.open, empty.high, empty.low, empty.last, empty.previous_close) == (4_200,) * 5
    assert (empty.volume, empty.trades, empty.first_id, empty.last_quantity) == (0, 0, -1, 30)
    assert (empty.change_percent, empty.weighted_average(BTC_USDT)) == (Decimal(0), Decimal("42"))
    unknown = statistics_of("BTC/USDT", [], open_ms=0, close_ms=9, previous=None)
    assert (unknown.last, unknown.change_percent) == (0, Decimal(0))


def window(board: CandleBoard, now_ms: int) -> Statistics | None:
    """Return the statistics of BTC/USDT if they changed."""
    board.place(now_ms)
    return next((statistics for _, statistics in board.statistics(now_ms)), None)


def test_the_window_of_a_day_moves_by_the_minute() -> None:
    board = CandleBoard()
    start = START_MS - START_MS % 60_000
    for trade_id, (minutes, price) in enumerate([(0, 500), (1, 900), (61, 100), (62, 400)], start=1):
        now_ms = start + minutes * 60_000 + 59_000
        each = trade(trade_id, price, 10, at_ms=now_ms)
        board.add(each, BTC_USDT, BTC_USDT.quote_amount(price, 10))
        assert window(board, now_ms) is not None
    day = start + DAY_MS
    whole = window(board, day + 59_999)
    assert whole is not None
    assert (whole.open, whole.high, whole.low, whole.last, whole.trades) == (500, 900, 100, 400, 4)
    assert (whole.open_ms, whole.close_ms) == (start, day + 59_999)
    # A minute later the first trade is out; nothing changes within the minute.
    later = window(board, day + 60_000)
    assert later is not None
    assert (later.open, later.high, later.trades, later.previous_close, later.first_id) == (900, 900, 3, 500, 2)
    assert window(board, day + 119_999) is None
    high_gone = window(board, day + 2 * 60_000)
    assert high_gone is not None
    assert (high_gone.open, high_gone.high, high_gone.low, high_gone.trades) == (100, 400, 100, 2)
    over = window(board, day + 63 * 60_000)
    assert over is not None
    assert (over.open, over.last, over.trades, over.previous_close) == (400, 400, 0, 400)


def test_every_interval_has_a_length_but_the_month() -> None:
    assert set(LENGTH_MS) | {Interval.MONTH} == set(Interval)
    assert list(LENGTH_MS.values()) == sorted(LENGTH_MS.values())
