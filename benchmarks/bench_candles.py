"""What candles cost: counting trades, placing them once a second, and telling of what changed.

Twenty symbols trade fifty times a second each. Run `python -m benchmarks.bench_candles [seconds]`.
"""

from __future__ import annotations

import random
import sys
import time

from actors.writers.candles_board import CandleBoard
from mockexchange.candle_views import encode_candle, encode_statistics
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Side, Trade

SYMBOLS = [Instrument(f"COIN{number}", "USDT", 8, 8, 2, 5) for number in range(20)]
TRADES_A_SECOND = 50 * len(SYMBOLS)
START_MS = 1_780_000_000_000


def trades_of(second: int, random_: random.Random) -> list[tuple[Trade, Instrument]]:
    """Make the trades of one second."""
    made = []
    for number in range(TRADES_A_SECOND):
        instrument = SYMBOLS[number % len(SYMBOLS)]
        time_ns = (START_MS + second * 1_000 + number * 1_000 // TRADES_A_SECOND) * 1_000_000
        price, quantity = 6_000_000 + random_.randint(-50, 50), random_.randint(1, 5_000)
        trade_id = second * TRADES_A_SECOND + number
        made.append((Trade(trade_id, instrument.symbol, price, quantity, Side.BUY, time_ns, True), instrument))
    return made


def tell(board: CandleBoard, now_ms: int) -> int:
    """Encode all that there is to tell; return how many messages that is."""
    candles = [
        encode_candle(candle, instrument, interval, is_closed=is_closed)
        for instrument, interval, candle, is_closed in board.changes(now_ms)
    ]
    statistics = [encode_statistics(each, instrument) for instrument, each in board.statistics(now_ms)]
    return len(candles) + len(statistics)


def main(seconds: int) -> None:
    """Let time pass, and say what took how long."""
    board, random_ = CandleBoard(), random.Random(1)
    spent = dict.fromkeys(("count", "place", "tell"), 0.0)
    messages = 0
    for second in range(seconds):
        made = trades_of(second, random_)
        now_ms = START_MS + second * 1_000 + 1_200
        began = time.perf_counter()
        for trade, instrument in made:
            board.add(trade, instrument, instrument.quote_amount(trade.price, trade.quantity))
        counted = time.perf_counter()
        board.place(now_ms)
        placed = time.perf_counter()
        messages += tell(board, now_ms)
        spent["tell"] += time.perf_counter() - placed
        spent["place"] += placed - counted
        spent["count"] += counted - began
        board.forget_written(dict(board.dirty))
    trades = seconds * TRADES_A_SECOND
    print(f"{trades:,} trades: {trades / spent['count']:,.0f}/s counted")
    print(f"{trades / sum(spent.values()):,.0f} trades/s with {messages / seconds:.0f} messages told a second")
    shares = ", ".join(f"{name} {passed / seconds * 1e3:.1f} ms" for name, passed in spent.items())
    print(f"of each second with {TRADES_A_SECOND:,} trades: {shares}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
