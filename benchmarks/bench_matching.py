"""Measure the order book alone: events a second, and how that compares with the naive book of the tests.

Run as `python -m benchmarks.bench_matching`.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable

from mockexchange.matching import BookLimits, OrderBook
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.market import DepthSnapshot, DepthUpdate
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from tests.support.naive_book import NaiveBook
from tests.support.orders import MIRRORED, PLAIN, OrderMaker

ORDERS = 200_000
NAIVE_ORDERS = 2_000
OPEN_ORDERS = 20_000
UPDATES = 20_000
MIDDLE = 6_000_000


def main() -> None:
    """Print one line for each measurement."""
    print(f"{'what':<46}{'per second':>12}")
    resting = _resting_orders(ORDERS)
    _print_rate("resting limit orders", ORDERS, _timed(lambda: _place_all(OrderBook(PLAIN), resting)))
    _print_rate("matching limit orders, one fill each", ORDERS, _matching_rate(ORDERS))
    _print_rate("cancels", ORDERS, _cancel_rate(resting))
    mixed = _mixed_orders(ORDERS)
    _print_rate("stop orders, all due at once", OPEN_ORDERS, _trigger_rate(OPEN_ORDERS))
    _print_rate("mixed orders", ORDERS, _timed(lambda: _place_all(OrderBook(PLAIN), mixed)))
    _print_rate("updates of 20 levels, 20,000 orders open", UPDATES, _update_rate())
    _print_rate("depth of 100 levels, 20,000 orders open", UPDATES, _depth_rate())
    _print_ratio()


def _resting_orders(count: int) -> list[OrderReserved]:
    """Return orders at 2,000 prices on both sides that never meet."""
    chance, maker = random.Random(1), OrderMaker()
    orders = []
    for _ in range(count):
        side = chance.choice((Side.BUY, Side.SELL))
        distance = 100 + 100 * int(chance.triangular(0, 1000, 0))
        orders.append(maker.make(side, 1000, MIDDLE - distance if side is Side.BUY else MIDDLE + distance))
    return orders


def _mixed_orders(count: int) -> list[OrderReserved]:
    """Return limit orders around one price, of which about half meet at once, and one market order in ten."""
    chance, maker = random.Random(2), OrderMaker()
    maker.last_order_id = ORDERS
    orders = []
    for _ in range(count):
        side = chance.choice((Side.BUY, Side.SELL))
        price = 0 if chance.random() < 0.1 else MIDDLE + 100 * int(chance.gauss(0, 20))
        orders.append(maker.make(side, chance.randint(1, 100) * 10, price))
    return orders


def _place_all(book: OrderBook, orders: list[OrderReserved]) -> None:
    place, evolve = book.place, book.evolve
    for order in orders:
        for event in place(order, 0, 0):
            evolve(event)


def _matching_rate(count: int) -> float:
    """Return the seconds that takers need which each fill one resting order."""
    book, maker = OrderBook(PLAIN), OrderMaker()
    _place_all(book, [maker.make(Side.SELL, 1000, MIDDLE + 100 * (n % 1000)) for n in range(count)])
    takers = [maker.make(Side.BUY, 1000, MIDDLE * 2, time_in_force=TimeInForce.IOC) for _ in range(count)]
    return _timed(lambda: _place_all(book, takers))


def _cancel_rate(orders: list[OrderReserved]) -> float:
    book = OrderBook(PLAIN)
    _place_all(book, orders)
    cancels = [BookCancel(order.order_id, "") for order in orders]
    random.Random(3).shuffle(cancels)

    def cancel_all() -> None:
        for cancel in cancels:
            for event in book.cancel(cancel, 0):
                book.evolve(event)

    return _timed(cancel_all)


def _trigger_rate(count: int) -> float:
    """Return the seconds that stop orders need which one price makes due and which then fill."""
    book, maker = OrderBook(PLAIN), OrderMaker()
    kind = OrderType.STOP_LOSS
    _place_all(book, [maker.make(Side.SELL, 10, order_type=kind, stop_price=MIDDLE - n) for n in range(count)])
    for event in book.override(MIDDLE - count, 10 * count, 0):
        book.evolve(event)

    def trigger_all() -> None:
        while events := book.uncross():
            for event in events:
                book.evolve(event)

    seconds = _timed(trigger_all)
    assert not book.open_orders
    return seconds


def _mirrored_book() -> OrderBook:
    book = OrderBook(MIRRORED)
    bids = [(MIDDLE - 100 * n, 5000) for n in range(1, 1000)]
    asks = [(MIDDLE + 100 * n, 5000) for n in range(1, 1000)]
    book.on_market(DepthSnapshot(bids, asks, 1))
    _place_all(book, _resting_orders(OPEN_ORDERS))
    return book


def _update_rate() -> float:
    book, chance = _mirrored_book(), random.Random(4)
    updates = [
        DepthUpdate(
            [(MIDDLE - 100 * chance.randint(1, 1000), chance.randint(0, 5000)) for _ in range(10)],
            [(MIDDLE + 100 * chance.randint(1, 1000), chance.randint(0, 5000)) for _ in range(10)],
            2,
        )
        for _ in range(UPDATES)
    ]

    def hear_all() -> None:
        for number, update in enumerate(updates):
            for event in book.on_market(update)[0]:
                book.evolve(event)
            if number % 10 == 0:
                book.take_changed_levels()

    return _timed(hear_all)


def _depth_rate() -> float:
    book = _mirrored_book()

    def read() -> None:
        for _ in range(UPDATES):
            book.depth(100)

    return _timed(read)


def _print_ratio() -> None:
    resting, orders = _resting_orders(NAIVE_ORDERS), _mixed_orders(NAIVE_ORDERS)
    fast, naive = OrderBook(PLAIN), NaiveBook(PLAIN, BookLimits())
    _place_all(fast, resting)
    for order in resting:
        naive.place(order, 0, 0)
    fast_seconds = _timed(lambda: _place_all(fast, orders))
    naive_seconds = _timed(lambda: [naive.place(order, 0, 0) for order in orders])
    print(f"{f'times the naive book, {NAIVE_ORDERS:,} orders open':<46}{naive_seconds / fast_seconds:>12,.0f}")


def _timed(work: Callable[[], object]) -> float:
    """Return the seconds of a piece of work, without the garbage collector, which an actor keeps off its hot path."""
    gc.collect()
    gc.disable()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    gc.enable()
    return seconds


def _print_rate(what: str, count: int, seconds: float) -> None:
    print(f"{what:<46}{count / seconds:>12,.0f}")


if __name__ == "__main__":
    main()
