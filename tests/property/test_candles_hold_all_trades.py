from hypothesis import given
from hypothesis import strategies as st

from actors.writers.candles_board import CandleBoard
from infra.read_model.candle_rows import CandleKey
from mockexchange.candles import DAY_MINUTES, MINUTE_MS, Candle, Interval, aggregated, bucket, window_open
from mockexchange.messages.orders import Side, Trade
from tests.support.candle_trades import BTC_USDT, START_MS, candles_of, trade

STEPS = st.tuples(
    st.one_of(st.integers(0, 2_000), st.integers(0, 40 * MINUTE_MS), st.integers(0, 3 * DAY_MINUTES * MINUTE_MS // 10)),
    st.integers(1, 10**9),
    st.integers(1, 10**7),
    st.sampled_from(list(Side)),
)
MARKETS = st.lists(STEPS, min_size=1, max_size=60)


def trades_of(steps: list[tuple[int, int, int, Side]]) -> list[Trade]:
    trades = []
    now_ms = START_MS
    for trade_id, (pause_ms, price, quantity, side) in enumerate(steps, start=1):
        now_ms += pause_ms
        trades.append(trade(trade_id, price, quantity, at_ms=now_ms, side=side))
    return trades


@given(MARKETS)
def test_longer_candles_are_made_of_minutes_and_hold_what_all_trades_hold(
    steps: list[tuple[int, int, int, Side]],
) -> None:
    trades = trades_of(steps)
    minutes = candles_of(trades, Interval.MINUTE)
    for interval in list(Interval)[1:]:
        candles = candles_of(trades, interval)
        assert aggregated(minutes, interval) == candles
        assert sum(each.volume for each in candles) == sum(each.quantity for each in trades)
        assert sum(each.trades for each in candles) == len(trades)
        assert sum(each.taker_buy_volume for each in candles) == sum(
            each.quantity for each in trades if each.taker_side is Side.BUY
        )
        assert sum(each.quote_volume for each in candles) == sum(
            BTC_USDT.quote_amount(each.price, each.quantity) for each in trades
        )
        for each in candles:
            inside = [made for made in trades if bucket(interval, made.time_ns // 10**6) == each.open_ms]
            prices = [made.price for made in inside]
            assert (each.open, each.high, each.low, each.close) == (prices[0], max(prices), min(prices), prices[-1])
            assert (each.first_id, each.last_id) == (inside[0].trade_id, inside[-1].trade_id)


@given(MARKETS, st.randoms(use_true_random=False), st.integers(1, 7))
def test_a_board_holds_the_same_in_whatever_order_and_portions_trades_come(
    steps: list[tuple[int, int, int, Side]], random: object, portion: int
) -> None:
    trades = trades_of(steps)
    now_ms = trades[-1].time_ns // 10**6
    shuffled = list(trades)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    board = CandleBoard()
    stored: dict[CandleKey, Candle] = {}
    for count, each in enumerate(shuffled, start=1):
        board.add(each, BTC_USDT, BTC_USDT.quote_amount(each.price, each.quantity))
        if count % portion == 0 or count == len(shuffled):
            board.place(now_ms)
            board.resolve({key: stored.get(key) for key in board.absent()})
            stored |= board.dirty
            board.forget_written(dict(board.dirty))
    assert board.waiting == 0
    for interval in (Interval.WEEK, Interval.DAY, Interval.HOUR):
        found = [candle for key, candle in sorted(stored.items()) if key[1] is interval]
        assert found == candles_of(trades, interval)
    [(_, statistics)] = list(board.statistics(now_ms))
    since = window_open(DAY_MINUTES, now_ms)
    inside = [each for each in trades if each.time_ns // 10**6 >= since]
    assert (statistics.trades, statistics.volume) == (len(inside), sum(each.quantity for each in inside))
    assert statistics.high == max(each.price for each in inside)
    assert (statistics.open, statistics.last) == (inside[0].price, inside[-1].price)
