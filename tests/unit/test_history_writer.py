import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import pytest

from actors.writers.history import HistoryWriter
from infra.ports import Snapshot
from infra.read_model.rows import (
    READ_MODEL_VERSION,
    decode_balance,
    decode_fill,
    decode_order,
    decode_step,
    decode_trade,
)
from infra.read_model.store import HistoryUnavailable
from mockexchange.ledger import Ledger, MissingRecord
from mockexchange.messages.codec import decode_record
from mockexchange.messages.events import AccountCreated, BookRecord, OrderFilled, ShardOpened, ShardsConfigured
from mockexchange.messages.orders import Order, Side
from tests.support.exchange import Exchange, Shard, limit
from tests.support.history_scenario import (
    ACCOUNTS,
    PRICE,
    clear_history,
    eventful_exchange,
    opened_exchange,
    trade_a_while,
)
from tests.support.manual_clock import ManualClock
from tests.support.memory_history import MemoryHistoryStore
from tests.support.memory_journal import MemoryJournal, MemorySnapshots

BATCH = 9


class Killed(Exception):
    """The writer's process was killed."""


class CountedJournal(MemoryJournal):
    """Remembers where reading began."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.starts: list[int] = []

    def read(self, subjects: Sequence[str], start: int):  # type: ignore[no-untyped-def]
        if subjects == ["journal.>"]:
            self.starts.append(start)
        return super().read(subjects, start)


async def follow(
    journal: MemoryJournal,
    store: MemoryHistoryStore,
    snapshots: MemorySnapshots | None = None,
    until: Callable[[], bool] | None = None,
) -> dict[str, object]:
    """Let a writer run until the rows are at the journal's end; return its last status."""
    clock = ManualClock()
    writer = HistoryWriter(journal, store, clock, snapshots or MemorySnapshots())
    end = await journal.end()
    is_done = until or (lambda: store.stored is not None and store.stored.sequence == end)
    await writer.start()
    try:
        for _ in range(10_000):
            await clock.advance(0.01)
            status = writer.status()
            if status["state"] == "failed" or is_done():
                break
        else:
            raise AssertionError(f"the writer does not reach the end: {status}")
    finally:
        await writer.stop()
    await writer.closed()
    return status


def written(records: list[tuple[int, str, bytes]], **others: object) -> MemoryHistoryStore:
    """Return the rows after one undisturbed run."""
    store = MemoryHistoryStore()
    asyncio.run(follow(MemoryJournal(records, BATCH), store))
    return store


def raising_at(count: int, error: Exception) -> Callable[[str], Awaitable[None]]:
    """Fail at the n-th step of the store."""
    left = count

    async def at(_step: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise error

    return at


def test_rows_say_what_the_ledgers_know() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=1, rounds=60)
    store = written(exchange.records)
    fills = 0
    for account, shard in ACCOUNTS.items():
        known = exchange.shards[shard].ledger.accounts[account]
        orders: dict[int, Order] = {**known.closed_orders, **known.open_orders}
        rows = {order_id: decode_order(store.orders[order_id]) for order_id in orders}
        assert rows == orders
        assert {order_id: owner for order_id, owner in store.owners.items() if owner == account}.keys() == orders.keys()
        for order_id, order in orders.items():
            steps = [decode_step(row) for row in store.steps[order_id]]
            assert len(steps) == order.steps
            assert steps[-1].status is order.status
            assert sum(step.fee for step in steps) == order.fee
        table = store.fills.get(account, {})
        assert [(number, decode_fill(table[number])) for number in sorted(table)] == [
            (filled.number, filled.fill) for filled in known.fills
        ]
        fills += len(table)
        for asset, balance in known.balances.items():
            assert decode_balance(store.balances[account, asset]) == balance
    assert fills > 20


def test_the_tape_holds_every_trade_once() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=2, rounds=60)
    trades = [
        (event.trade_id, event.price, event.quantity, event.taker_side)
        for _, subject, payload in exchange.records
        if isinstance(record := decode_record(subject, payload), BookRecord)
        for event in record.events
        if isinstance(event, OrderFilled)
    ]
    tape = [decode_trade(row) for _, row in sorted(written(exchange.records).tapes["BTC/USDT"].items())]
    assert [(t.trade_id, t.price, t.quantity, t.taker_side) for t in tape] == sorted(trades)
    assert not any(trade.is_outside for trade in tape)


def test_clearing_leaves_open_orders_and_forgets_the_rest() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=3, rounds=40)
    before = written(exchange.records)
    clear_history(exchange, 0)
    after = written(exchange.records)
    ledger = exchange.shards[0].ledger
    for account, shard in ACCOUNTS.items():
        left = {order_id for order_id, owner in after.owners.items() if owner == account}
        if shard == 1:
            assert left == {order_id for order_id, owner in before.owners.items() if owner == account}
            assert after.fills.get(account) == before.fills.get(account)
            continue
        assert left == set(ledger.accounts[account].open_orders)
        assert account not in after.fills
        for order_id in left:
            assert decode_order(after.orders[order_id]) == ledger.order(account, order_id)
            assert len(after.steps[order_id]) == ledger.accounts[account].open_orders[order_id].steps
    assert set(after.steps) == set(after.orders)


def test_a_crash_at_any_step_of_the_store_changes_nothing_in_the_end() -> None:
    exchange = eventful_exchange(seed=4, rounds=60)
    expected = written(exchange.records).content()
    kills = 0
    for kills in range(1, 10_000):
        store = MemoryHistoryStore(raising_at(kills, Killed()))
        journal = MemoryJournal(exchange.records, BATCH)
        try:
            asyncio.run(follow(journal, store))
        except Killed:
            asyncio.run(follow(MemoryJournal(exchange.records, BATCH), store))
            assert store.content() == expected, f"killed at step {kills}"
        else:
            break
    assert kills > 40


@pytest.mark.parametrize("seed", range(5))
def test_answers_that_get_lost_change_nothing_in_the_end(seed: int) -> None:
    exchange = eventful_exchange(seed, rounds=60)
    random = Random(seed)

    async def at(_step: str) -> None:
        if random.random() < 0.3:
            raise HistoryUnavailable("no answer")

    store = MemoryHistoryStore(at)
    status = asyncio.run(follow(MemoryJournal(exchange.records, BATCH), store))
    assert store.content() == written(exchange.records).content()
    assert status["failed_writes"]


def test_a_writer_goes_on_where_the_rows_are() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=5, rounds=20)
    store = written(exchange.records)
    trade_a_while(exchange, seed=5, rounds=20)
    status = asyncio.run(follow(MemoryJournal(exchange.records, BATCH), store))
    assert store.content() == written(exchange.records).content()
    assert status["rebuilds"] == 0


def test_snapshots_of_the_shards_spare_folding_from_the_beginning() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=6, rounds=20)
    snapshots = MemorySnapshots()
    kept = []
    for shard in exchange.shards:
        kept.append(shard.ledger.sequence)
        snapshot = Snapshot(shard.ledger.sequence, shard.ledger.to_snapshot())
        snapshots.kept[f"accounts.{shard.shard}"] = [Snapshot(10**9, b"damaged"), snapshot]
    trade_a_while(exchange, seed=6, rounds=20)
    store = written(exchange.records)
    for shard in exchange.shards:
        beyond = Snapshot(shard.ledger.sequence, _ahead(exchange, shard.shard))
        snapshots.kept[f"accounts.{shard.shard}"].insert(0, beyond)
    trade_a_while(exchange, seed=6, rounds=20)
    journal = CountedJournal(exchange.records, BATCH)
    asyncio.run(follow(journal, store, snapshots))
    assert journal.starts == [min(kept) + 1]
    assert store.content() == written(exchange.records).content()


def _ahead(exchange: Exchange, shard: int) -> bytes:
    """Return a ledger that is beyond what is journaled now, as of a shard that is ahead of the writer."""
    ledger = Ledger.from_snapshot(exchange.shards[shard].ledger.to_snapshot())
    ledger.sequence += 1_000
    return ledger.to_snapshot()


def test_a_position_beyond_the_journals_end_rebuilds() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=7, rounds=20)
    store = written(exchange.records)
    shorter = opened_exchange()
    trade_a_while(shorter, seed=8, rounds=5)
    assert len(shorter.records) < len(exchange.records)
    status = asyncio.run(follow(MemoryJournal(shorter.records, BATCH), store))
    assert store.content() == written(shorter.records).content()
    assert status["rebuilds"] == 1


def test_another_journal_that_is_longer_rebuilds_too() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=7, rounds=5)
    store = written(exchange.records)
    other = opened_exchange()
    trade_a_while(other, seed=8, rounds=20)
    assert len(other.records) > len(exchange.records)
    status = asyncio.run(follow(MemoryJournal(other.records, BATCH), store))
    assert store.content() == written(other.records).content()
    assert status["rebuilds"] == 1


def test_rows_of_which_no_position_is_known_are_wiped() -> None:
    exchange = eventful_exchange(seed=9, rounds=20)
    store = written(exchange.records)
    store.stored = None
    store.orders[12345] = b"a row of another version"
    asyncio.run(follow(MemoryJournal(exchange.records, BATCH), store))
    assert store.content() == written(exchange.records).content()


def test_a_read_model_that_is_emptied_meanwhile_is_built_anew() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=10, rounds=20)
    first, rest = exchange.records[:60], exchange.records[60:]
    journal = MemoryJournal(first, BATCH)
    store = MemoryHistoryStore()

    half_way, end = written(first).stored, written(exchange.records).stored

    def empty_once_and_wait_for_the_end() -> bool:
        if store.stored == half_way and len(journal.records) == len(first):
            store.empty()
            journal.extend(rest)
        return store.stored == end

    status = asyncio.run(follow(journal, store, until=empty_once_and_wait_for_the_end))
    assert store.content() == written(exchange.records).content()
    assert status["rebuilds"] == 2


def test_a_second_writer_does_no_harm() -> None:
    exchange = eventful_exchange(seed=11, rounds=40)

    async def together() -> MemoryHistoryStore:
        store = MemoryHistoryStore()
        await asyncio.gather(
            follow(MemoryJournal(exchange.records, 4), store), follow(MemoryJournal(exchange.records, 7), store)
        )
        return store

    assert asyncio.run(together()).content() == written(exchange.records).content()


def test_shards_that_come_later_are_folded_from_the_beginning() -> None:
    exchange = Exchange(shards=1)
    exchange.register(ShardsConfigured(1))
    exchange.create_account(1, 0, USDT=10**15, BTC=10**12)
    exchange.place(limit(1, Side.SELL, 100_000, PRICE))
    first = list(exchange.records)
    exchange.register(ShardsConfigured(2))
    exchange.shards.append(Shard(exchange, 1))
    exchange.append_events(1, [ShardOpened("first")])
    exchange.create_account(2, 1, USDT=10**15)
    exchange.place(limit(2, Side.BUY, 50_000, PRICE), shard=1)
    exchange.settle()
    store = MemoryHistoryStore()
    journal = MemoryJournal(first, BATCH)
    ends: list[int] = []

    def grow() -> bool:
        if store.stored is not None and store.stored.sequence == len(first) and not ends:
            ends.append(1)
            journal.extend(exchange.records[len(first) :])
        return store.stored is not None and store.stored.sequence == len(exchange.records)

    status = asyncio.run(follow(journal, store, until=grow))
    assert store.content() == written(exchange.records).content()
    assert status["sessions"] == 2
    assert len(store.fills[1]) == len(store.fills[2]) == 1


def test_an_empty_journal_is_waited_for() -> None:
    exchange = eventful_exchange(seed=12, rounds=10)
    store = MemoryHistoryStore()
    journal = MemoryJournal()
    turns = 0

    def fill_later() -> bool:
        nonlocal turns
        turns += 1
        if turns == 5:
            journal.extend(exchange.records)
        return store.stored is not None and store.stored.sequence == len(exchange.records)

    asyncio.run(follow(journal, store, until=fill_later))
    assert store.content() == written(exchange.records).content()


def test_a_missing_record_stops_the_writer_loudly() -> None:
    exchange = opened_exchange()
    trade_a_while(exchange, seed=13, rounds=10)
    broken = [record for record in exchange.records if record[0] != 20]
    with pytest.raises(MissingRecord):
        asyncio.run(follow(MemoryJournal(broken, BATCH), MemoryHistoryStore()))


def test_accounts_without_orders_do_no_harm() -> None:
    exchange = opened_exchange()
    exchange.register(AccountCreated(9, "poor", 0, {}))
    store = written(exchange.records)
    assert store.stored is not None
    assert store.stored.sequence == len(exchange.records)
    assert store.stored.version == READ_MODEL_VERSION
    assert set(store.balances) == {(account, asset) for account in ACCOUNTS for asset in ("USDT", "BTC")}


def test_status_counts_and_tells_the_lag() -> None:
    exchange = eventful_exchange(seed=14, rounds=10)
    store = MemoryHistoryStore()
    status = asyncio.run(follow(MemoryJournal(exchange.records, BATCH), store))
    assert status["position"] == status["end"] == len(exchange.records)
    assert status["lag"] == 0
    assert status["state"] == "following"

    async def away(_step: str) -> None:
        raise HistoryUnavailable("away")

    async def lagging() -> dict[str, object]:
        clock = ManualClock()
        writer = HistoryWriter(MemoryJournal(exchange.records, BATCH), store, clock, MemorySnapshots())
        store.stored = None
        store.at = away
        await writer.start()
        await clock.advance(30)
        status = writer.status()
        await writer.stop()
        return status

    status = asyncio.run(lagging())
    assert status["state"] == "catching up"
    assert status["lag"] == len(exchange.records)
    # Pauses grow up to five seconds, so a minute of silence is not thousands of attempts.
    assert 3 < int(str(status["sessions"])) < 30
