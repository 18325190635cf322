"""Cost of an order in the ledger: decide, settle, and the two records that reserve and accept it.

Run `python -m benchmarks.bench_ledger`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger import Intake, IntakeLimits, Ledger
from mockexchange.messages.commands import PlaceOrder
from mockexchange.messages.events import (
    AccountCreated,
    AssetListed,
    BookRecord,
    FillSide,
    InstrumentListed,
    OrderAccepted,
    OrderFilled,
    OrderReserved,
    RegistryRecord,
    ShardRecord,
)
from mockexchange.messages.orders import HOUSE, Order, OrderType, Side, TimeInForce
from mockexchange.messages.subjects import REGISTRY, accounts_journal, book_journal
from mockexchange.money import fee_of

SYMBOL = "BTC/USDT"
ACCOUNTS = 50
BATCH = 100
INSTRUMENT = Instrument("BTC", "USDT", 8, 8, 2, 5)


def funded_ledger() -> Ledger:
    """Return a ledger with a few funded accounts, at sequence 2."""
    ledger = Ledger(0)
    accounts = [AccountCreated(number, f"a{number}", 0, {"USDT": 10**16}) for number in range(1, ACCOUNTS + 1)]
    assets = [AssetListed(Asset("BTC")), AssetListed(Asset("USDT"))]
    ledger.apply(1, REGISTRY, RegistryRecord(1, 0, 0, [*assets, InstrumentListed(INSTRUMENT), *accounts]))
    ledger.apply(2, accounts_journal(0), ShardRecord(1, 0, 0, list(ledger.funds_due())))
    return ledger


def place(number: int) -> PlaceOrder:
    """Return a resting limit buy."""
    account = 1 + number % ACCOUNTS
    return PlaceOrder(
        f"c:{number}", account, SYMBOL, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, False, 1, 100_00, 0, 0,
        str(number), 0, 0,
    )  # fmt: skip


def accepted(order: OrderReserved) -> OrderAccepted:
    """Return the book's word that an order rests."""
    return OrderAccepted(
        order.order_id, order.account, 0, order.side, order.order_type, order.time_in_force, order.price,
        order.quantity, 0, order.hold, order.maker_rate, order.taker_rate,
    )  # fmt: skip


def filled(order: Order, trade_id: int) -> OrderFilled:
    """Return the fill of a whole resting order by the house."""
    base, quote = INSTRUMENT.base_amount(order.quantity), INSTRUMENT.quote_amount(order.price, order.quantity)
    house = FillSide(0, HOUSE, 0, 0, 0, 0)
    maker = FillSide(order.order_id, order.account, 0, fee_of(base, order.maker_rate), 0, 0)
    return OrderFilled(trade_id, order.price, order.quantity, base, quote, Side.SELL, house, maker, 1)


class Stopwatch:
    """Adds up the seconds spent in named steps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        """Count what the block takes."""
        begun = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - begun


def run(orders: int, watch: Stopwatch) -> Ledger:
    """Drive resting orders through in batches; return the ledger, in which all are open."""
    ledger = funded_ledger()
    intake = Intake(ledger, IntakeLimits(1000, 1000, max_open_orders=orders))
    own, book = 2, 0
    for first in range(0, orders, BATCH):
        requests = [place(number) for number in range(first, first + BATCH)]
        with watch.time("decide"):
            reserved = [intake.decide(request, 1) for request in requests]
        orders_reserved = [event for event in reserved if isinstance(event, OrderReserved)]
        record = ShardRecord(1, own, 1, list(orders_reserved))
        answer = BookRecord(1, book, 1, SYMBOL, {}, [accepted(order) for order in orders_reserved])
        own = ledger.sequence + 1
        with watch.time("apply reserved"):
            ledger.apply(own, accounts_journal(0), record)
        with watch.time("settle"):
            intake.settle(record.events)
        book = ledger.sequence + 1
        with watch.time("apply accepted"):
            ledger.apply(book, book_journal(SYMBOL), answer)
    return ledger


def fill(ledger: Ledger, watch: Stopwatch) -> None:
    """Let the house fill all open orders, a batch in a record."""
    orders = [order for account in ledger.accounts.values() for order in account.open_orders.values()]
    subject = book_journal(SYMBOL)
    for first in range(0, len(orders), BATCH):
        batch = orders[first : first + BATCH]
        fills = [filled(order, first + index) for index, order in enumerate(batch)]
        record = BookRecord(1, ledger.subjects[subject], 1, SYMBOL, {}, list(fills))
        with watch.time("apply filled"):
            ledger.apply(ledger.sequence + 1, subject, record)


def main() -> None:
    """Print the cost of each step, then of a snapshot and of restoring it."""
    orders = 100_000
    watch = Stopwatch()
    ledger = run(orders, watch)
    for step, seconds in watch.seconds.items():
        print(f"{step:16} {seconds / orders * 1e6:6.2f} us")
    print(f"{'total':16} {sum(watch.seconds.values()) / orders * 1e6:6.2f} us an order")
    with watch.time("snapshot"):
        data = ledger.to_snapshot()
    with watch.time("restore"):
        Ledger.from_snapshot(data)
    print(f"snapshot of {orders} open orders: {watch.seconds['snapshot'] * 1e3:.0f} ms, {len(data) / 1e6:.1f} MB")
    print(f"restore: {watch.seconds['restore'] * 1e3:.0f} ms")
    fill(ledger, watch)
    print(f"apply filled: {watch.seconds['apply filled'] / orders * 1e6:.2f} us a fill")


if __name__ == "__main__":
    main()
