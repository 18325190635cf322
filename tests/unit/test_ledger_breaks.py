import pickle
from collections.abc import Callable

import msgspec
import pytest

from mockexchange.ledger import Ledger, LedgerBroken, MissingRecord
from mockexchange.messages.codec import decode_record
from mockexchange.messages.commands import Balance
from mockexchange.messages.events import (
    Adjusted,
    BookRecord,
    Deposited,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    ShardEvent,
    Withdrawn,
)
from mockexchange.messages.orders import Order, OrderStatus, Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.messages.subjects import book_journal
from tests.support.exchange import USDT, Exchange, Shard, limit

PRICE = 60_000_00


def with_open_order(filled: int = 0) -> tuple[Exchange, Order]:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="x"))
    if filled:
        exchange.show([], [(PRICE, filled)])
        exchange.shards[0].fold()
    return exchange, order


def last_book_record(exchange: Exchange) -> BookRecord:
    record = decode_record(*exchange.records[-1][1:])
    assert isinstance(record, BookRecord)
    return record


def test_a_missing_record_is_noticed_before_anything_changes() -> None:
    exchange, _ = with_open_order()
    ledger = exchange.shards[0].ledger
    before = ledger.state_hash()
    record = BookRecord(1, 4, 1, "BTC/USDT", {}, [])
    with pytest.raises(MissingRecord) as caught:
        ledger.apply(ledger.sequence + 1, book_journal("BTC/USDT"), record)
    assert (caught.value.subject, caught.value.got) == ("journal.book.BTC-USDT", 4)
    assert caught.value.expected == ledger.subjects["journal.book.BTC-USDT"]
    assert ledger.state_hash() == before


@pytest.mark.parametrize("error", [MissingRecord("journal.registry", 1, 2), LedgerBroken("no", {"order_id": 7})])
def test_its_errors_travel_between_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_a_record_out_of_order_breaks_the_ledger() -> None:
    exchange, _ = with_open_order()
    ledger = exchange.shards[0].ledger
    with pytest.raises(LedgerBroken, match="out of order"):
        ledger.apply(ledger.sequence, book_journal("BTC/USDT"), BookRecord(1, ledger.sequence, 1, "BTC/USDT", {}, []))


def reserved(shard: Shard, **changes: object) -> OrderReserved:
    decision = shard.decide(limit(1, Side.BUY, 100, PRICE, command="next"))
    assert isinstance(decision, OrderReserved)
    return msgspec.structs.replace(decision, **changes)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda shard: reserved(shard, order_id=1024), "does not rise"),
        (lambda shard: reserved(shard, order_id=1024 * 9 + 1), "does not rise"),
        (lambda shard: reserved(shard, hold=401 * USDT), "hold exceeds"),
        (lambda shard: reserved(shard, hold=0), "hold exceeds"),
        (lambda shard: reserved(shard, command_id="c:x"), "twice"),
        (lambda shard: reserved(shard, account=5), "not of this shard"),
        (lambda shard: Deposited("c:x", 1, "USDT", 1, 1, "deposit"), "twice"),
        (lambda shard: Deposited("starting-funds:USDT", 1, "USDT", 1, 1, "deposit"), "twice"),
        (lambda shard: Deposited("again", 1, "USDT", 1000 * USDT, 1, "starting funds"), "not due"),
        (lambda shard: Withdrawn("w", 1, "USDT", 401 * USDT, 1, "withdrawal"), "exceeds the free"),
        (lambda shard: Adjusted("a", 1, "USDT", -401 * USDT, "error"), "exceeds the free"),
    ],
)
def test_a_shards_impossible_event_breaks_the_ledger(make: Callable[[Shard], ShardEvent], what: str) -> None:
    exchange, _ = with_open_order()
    shard = exchange.shards[0]
    exchange.append_events(0, [make(shard)])
    with pytest.raises(LedgerBroken, match=what):
        shard.fold()


def fold_book_event(exchange: Exchange, event: OrderFilled | OrderCanceled | OrderRejected) -> None:
    exchange.append_book("BTC/USDT", [event])
    exchange.shards[0].fold()


def canceled(order: Order, release: int) -> OrderCanceled:
    return OrderCanceled(order.order_id, 1, 0, "x", RejectReason.CANCELED_BY_USER, release)


def test_a_lost_release_breaks_the_ledger() -> None:
    exchange, order = with_open_order()
    with pytest.raises(LedgerBroken, match="hold left") as caught:
        fold_book_event(exchange, canceled(order, order.hold_left - 1))
    assert caught.value.facts == {"order_id": order.order_id, "hold_left": 1}


@pytest.mark.parametrize("excess", [1, -(2 * 600 * USDT)])
def test_a_release_beyond_the_hold_or_below_nothing_breaks_the_ledger(excess: int) -> None:
    exchange, order = with_open_order()
    with pytest.raises(LedgerBroken, match="more than the hold"):
        fold_book_event(exchange, canceled(order, order.hold_left + excess))


def test_a_second_outcome_breaks_the_ledger() -> None:
    exchange, order = with_open_order()
    with pytest.raises(LedgerBroken, match="two outcomes"):
        fold_book_event(exchange, OrderRejected(order.order_id, 1, 0, RejectReason.TOO_LATE, order.hold_left))


def test_an_event_of_a_closed_order_breaks_the_ledger() -> None:
    exchange, order = with_open_order()
    fold_book_event(exchange, canceled(order, order.hold_left))
    with pytest.raises(LedgerBroken, match="not open"):
        fold_book_event(exchange, canceled(order, 0))


def test_a_cancel_before_the_acceptance_breaks_the_ledger() -> None:
    exchange, _ = with_open_order()
    shard = exchange.shards[0]
    shard.decide(limit(1, Side.BUY, 100, PRICE, command="unseen"))
    shard.append()
    shard.fold()
    order = shard.ledger.order_by_command(1, "unseen")
    assert order is not None
    assert order.status is OrderStatus.RESERVED
    with pytest.raises(LedgerBroken, match="before it was accepted"):
        fold_book_event(exchange, canceled(order, order.hold_left))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"maker": {"fee": 400_001}}, "fee exceeds"),
        ({"maker": {"fee": -1}}, "fee exceeds"),
        ({"maker": {"remaining": 599}}, "another quantity"),
        ({"maker": {"release": -1}}, "lowered a free balance"),
        ({"quote": 601 * USDT}, "more than the hold"),
        ({"taker_side": Side.BUY}, "does not fit"),
        ({"quantity": 1001, "maker": {"remaining": -1}}, "another quantity"),
    ],
)
def test_an_impossible_fill_breaks_the_ledger(changes: dict[str, object], what: str) -> None:
    exchange, _ = with_open_order()
    exchange.show([], [(PRICE, 400)])
    fill = next(event for event in last_book_record(exchange).events if isinstance(event, OrderFilled))
    parts = dict(changes)
    if isinstance(side := parts.get("maker"), dict):
        parts["maker"] = msgspec.structs.replace(fill.maker, **side)
    exchange.records.pop()
    exchange.last[book_journal("BTC/USDT")] = exchange.shards[0].ledger.subjects[book_journal("BTC/USDT")]
    with pytest.raises(LedgerBroken, match=what):
        fold_book_event(exchange, msgspec.structs.replace(fill, **parts))


def test_a_fill_of_another_symbols_order_breaks_the_ledger() -> None:
    exchange, _ = with_open_order()
    exchange.show([], [(PRICE, 400)])
    record = msgspec.structs.replace(last_book_record(exchange), symbol="ETH/BTC", previous=0)
    with pytest.raises(LedgerBroken, match="does not fit"):
        exchange.shards[0].ledger.apply(99, book_journal("ETH/BTC"), record)


def spoil_free(ledger: Ledger) -> None:
    ledger.accounts[1].balances["USDT"].free += 1


def spoil_hold(ledger: Ledger) -> None:
    ledger.accounts[1].balances["USDT"].free += 1
    ledger.accounts[1].balances["USDT"].held -= 1


def spoil_sign(ledger: Ledger) -> None:
    ledger.accounts[1].balances["BTC"] = Balance("BTC", -1, 0)
    ledger.post(-2, "BTC", 1)


def spoil_client_ids(ledger: Ledger) -> None:
    ledger.accounts[1].by_client_id.clear()


def spoil_commands(ledger: Ledger) -> None:
    ledger.accounts[1].by_command.clear()


def spoil_reserved(ledger: Ledger) -> None:
    ledger.reserved_orders.update(ledger.accounts[1].open_orders)


def spoil_market_buys(ledger: Ledger) -> None:
    ledger.accounts[1].market_buys.update(ledger.accounts[1].open_orders)


def spoil_funds(ledger: Ledger) -> None:
    ledger.unfunded[1] = ledger.accounts[1]


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_free,
        spoil_hold,
        spoil_sign,
        spoil_client_ids,
        spoil_commands,
        spoil_reserved,
        spoil_market_buys,
        spoil_funds,
    ],
)
def test_check_finds_a_spoiled_ledger(spoil: Callable[[Ledger], None]) -> None:
    exchange, _ = with_open_order()
    ledger = exchange.shards[0].ledger
    sound = ledger.to_snapshot()
    spoil(ledger)
    with pytest.raises(LedgerBroken):
        ledger.check()
    Ledger.from_snapshot(sound).check()
