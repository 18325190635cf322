import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from valkey.asyncio import Valkey

from actors.writers.history_fold import HistoryFold, is_clearing
from infra.ports import JournalMessage
from infra.read_model import keys
from infra.read_model.reader import SCAN_LIMIT, HistoryReader
from infra.read_model.rows import (
    TAPE_LENGTH,
    Position,
    Rows,
    decode_balance,
    decode_fill,
    decode_order,
    decode_step,
    decode_trade,
    encode,
)
from infra.read_model.store import HistoryUnavailable, PositionMoved
from infra.read_model.valkey_store import ValkeyHistoryStore
from infra.valkey_client import connect_valkey
from mockexchange.ledger import Ledger
from mockexchange.messages.codec import decode_record
from mockexchange.messages.orders import Fill, Order, OrderStatus, OrderType, Side, TimeInForce, Trade
from tests.support.history_scenario import eventful_exchange
from tests.support.memory_history import MemoryHistoryStore
from tests.support.servers import ValkeyServer
from tests.support.valkey_rows import Content, all_fills, all_orders, content_of, copied

pytestmark = pytest.mark.anyio

DATABASE = 7
BATCH = 9
Records = list[tuple[int, str, bytes]]


class Killed(Exception):
    """The writer's process was killed."""


class MortalStore(ValkeyHistoryStore):
    """Dies, or loses the answer, at the n-th command: `before` or after Valkey has executed it."""

    def __init__(self, valkey: Valkey, count: int, error: Exception, *, before: bool) -> None:
        super().__init__(valkey)
        self._left = count
        self._error = error
        self._before = before

    async def _call(self, *parts: str | bytes | int) -> object:
        self._left -= 1
        if self._left == 0 and self._before:
            raise self._error
        answer: object = await super()._call(*parts)
        if self._left == 0:
            raise self._error
        return answer


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    """A client of an empty database that only these tests use."""
    client = connect_valkey(f"{valkey_server.url}/{DATABASE}", valkey_server.config.password)
    async with aclosing(client):
        await client.flushdb()
        yield client
        await client.flushdb()


async def fold_into(store: ValkeyHistoryStore | MemoryHistoryStore, records: Records, batch: int = BATCH) -> None:
    """Fold a journal into a store as the writer does, trying again when an answer gets lost."""
    position = await store.position()
    fold = HistoryFold([Ledger(0), Ledger(1)], position)

    async def write() -> None:
        nonlocal position
        if fold.position not in (None, position):
            rows = fold.take()
            try:
                await store.write(rows, position, fold.position)
            except HistoryUnavailable:
                await store.write(rows, position, fold.position)
            position = fold.position

    for record in records:
        message = JournalMessage(*record)
        if is_clearing(decode_record(message.subject, message.payload)):
            await write()
        fold.apply(message)
        if record[0] % batch == 0 or fold.rows.cleared:
            await write()
    await write()


async def test_rows_read_back_as_they_were_written(valkey: Valkey) -> None:
    records = eventful_exchange(seed=1).records
    memory = MemoryHistoryStore()
    await fold_into(memory, records)
    await fold_into(ValkeyHistoryStore(valkey), records)
    names = {name.decode() for name in await content_of(valkey)}
    assert {name for name in names if name.startswith(keys.order(0)[:-1])} == set(map(keys.order, memory.orders))
    assert {name for name in names if name.startswith(keys.steps(0)[:-1])} == set(map(keys.steps, memory.steps))
    read = await copied(HistoryReader(valkey), memory)
    assert read["position"] == len(records)
    assert read["orders"] == {order_id: decode_order(row) for order_id, row in memory.orders.items()}
    assert read["steps"] == {order_id: list(map(decode_step, memory.steps[order_id])) for order_id in memory.orders}
    assert read["listed"] == {
        account: [
            decode_order(memory.orders[order_id])
            for order_id in sorted(memory.owners, reverse=True)
            if memory.owners[order_id] == account
        ]
        for account in sorted(set(memory.owners.values()))
    }
    assert read["fills"] == {
        account: [decode_fill(row) for _, row in sorted(table.items(), reverse=True)]
        for account, table in sorted(memory.fills.items())
    }
    assert read["tapes"] == {
        symbol: [decode_trade(row) for _, row in sorted(tape.items(), reverse=True)]
        for symbol, tape in memory.tapes.items()
    }
    assert read["balances"] == {
        account: [decode_balance(row) for (a, _), row in sorted(memory.balances.items()) if a == account]
        for account in sorted({account for account, _ in memory.balances})
    }


async def test_how_the_journal_is_cut_into_transactions_makes_no_difference(valkey: Valkey) -> None:
    records = eventful_exchange(seed=2, rounds=40).records
    contents = []
    for batch in (1, 7, 10_000):
        await valkey.flushdb()
        await fold_into(ValkeyHistoryStore(valkey), records, batch)
        contents.append(await content_of(valkey))
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize("before", [True, False])
async def test_a_crash_at_any_command_changes_nothing_in_the_end(valkey: Valkey, before: bool) -> None:
    records = eventful_exchange(seed=3, rounds=24).records
    kills = await _disturbed(valkey, records, Killed, before=before)
    assert kills > 30


@pytest.mark.parametrize("before", [True, False])
async def test_an_answer_lost_at_any_command_changes_nothing_in_the_end(valkey: Valkey, before: bool) -> None:
    records = eventful_exchange(seed=4, rounds=24).records
    losses = await _disturbed(valkey, records, lambda: HistoryUnavailable("no answer"), before=before)
    assert losses > 30


async def _disturbed(valkey: Valkey, records: Records, error: Callable[[], Exception], *, before: bool) -> int:
    """Disturb one run after another at the next command; return at how many there were."""
    await fold_into(ValkeyHistoryStore(valkey), records)
    expected: Content = await content_of(valkey)
    for count in range(1, 10_000):
        await valkey.flushdb()
        store = MortalStore(valkey, count, error(), before=before)
        try:
            await fold_into(store, records)
        except (Killed, HistoryUnavailable):
            await fold_into(ValkeyHistoryStore(valkey), records)
        assert await content_of(valkey) == expected, f"disturbed at command {count}"
        if store._left > 0:
            return count - 1
    raise AssertionError("the run has no end")


async def test_nothing_is_written_when_the_position_moved(valkey: Valkey) -> None:
    records = eventful_exchange(seed=5, rounds=24).records
    store = ValkeyHistoryStore(valkey)
    await fold_into(store, records)
    expected = await content_of(valkey)
    rows = Rows()
    rows.put_order(_order(1_024, 1))
    cleared = Rows()
    cleared.cleared.extend([1, 2, 3, 4])
    for late in (rows, cleared):
        with pytest.raises(PositionMoved):
            await store.write(late, Position(3, 3), Position(4, 4))
        assert await content_of(valkey) == expected


async def test_wiping_leaves_the_keys_of_others(valkey: Valkey) -> None:
    await valkey.set("somebody:else", "stays")
    await fold_into(ValkeyHistoryStore(valkey), eventful_exchange(seed=6, rounds=24).records)
    await ValkeyHistoryStore(valkey).wipe()
    assert await content_of(valkey) == {}
    assert await valkey.get("somebody:else") == b"stays"


async def test_a_position_of_another_version_counts_as_none(valkey: Valkey) -> None:
    store, reader = ValkeyHistoryStore(valkey), HistoryReader(valkey)
    for stored in (encode(Position(5, 5, version=99)), b"something else"):
        await valkey.set(keys.POSITION, stored)
        assert await store.position() is None
        assert await reader.position() == 0


async def test_a_row_of_another_version_is_no_answer(valkey: Valkey) -> None:
    await valkey.set(keys.order(1), b"something else")
    with pytest.raises(HistoryUnavailable, match="another version"):
        await HistoryReader(valkey).order(1)


def _order(order_id: int, account: int, **fields: object) -> Order:
    order = Order(
        order_id,
        account,
        "BTC/USDT",
        Side.BUY,
        OrderType.LIMIT,
        TimeInForce.GTC,
        False,
        10,
        100,
        0,
        f"g:{order_id}",
        "",
        0,
        0,
        0,
        0,
        1,
        1,
    )
    for name, value in fields.items():
        setattr(order, name, value)
    return order


async def _many_orders(valkey: Valkey, count: int) -> list[Order]:
    """Write orders of account 1 in both symbols and sides, every fiftieth canceled."""
    rows = Rows()
    for number in range(1, count + 1):
        symbol = "ETH/BTC" if number % 3 == 0 else "BTC/USDT"
        side = Side.SELL if number % 2 else Side.BUY
        status = OrderStatus.CANCELED if number % 50 == 0 else OrderStatus.NEW
        rows.put_order(_order(number * 1_024, 1, symbol=symbol, side=side, status=status))
    await ValkeyHistoryStore(valkey).write(rows, None, Position(1, 1))
    return list(reversed(rows.orders.values()))


async def test_paging_through_ten_thousand_orders_is_complete_and_without_duplicates(valkey: Valkey) -> None:
    expected = await _many_orders(valkey, 10_000)
    reader = HistoryReader(valkey)
    for limit in (50, 500, 333):
        assert await all_orders(reader, 1, limit) == expected


async def test_orders_are_found_by_symbol_status_and_side(valkey: Valkey) -> None:
    expected = await _many_orders(valkey, 5_000)
    reader = HistoryReader(valkey)
    of_symbol = [order for order in expected if order.symbol == "ETH/BTC"]
    assert await all_orders(reader, 1, symbol="ETH/BTC") == of_symbol
    assert await all_orders(reader, 1, side=Side.SELL) == [order for order in expected if order.side is Side.SELL]
    canceled = frozenset({OrderStatus.CANCELED, OrderStatus.REJECTED})
    assert await all_orders(reader, 1, symbol="ETH/BTC", statuses=canceled, side=Side.BUY) == [
        order for order in of_symbol if order.status is OrderStatus.CANCELED and order.side is Side.BUY
    ]


async def test_a_search_for_what_is_rare_is_bounded_and_says_where_to_go_on(valkey: Valkey) -> None:
    await _many_orders(valkey, SCAN_LIMIT + 500)
    reader = HistoryReader(valkey)
    found, before = await reader.orders(1, statuses=frozenset({OrderStatus.FILLED}))
    assert found == []
    assert before == 501 * 1_024
    assert await reader.orders(1, statuses=frozenset({OrderStatus.FILLED}), before=before) == ([], 0)


async def test_the_last_page_says_that_it_is_the_last(valkey: Valkey) -> None:
    await _many_orders(valkey, 100)
    reader = HistoryReader(valkey)
    first, before = await reader.orders(1, limit=50)
    assert (len(first), before) == (50, first[-1].order_id)
    second, before = await reader.orders(1, limit=50, before=before)
    assert (len(second), before) == (50, 0)
    assert await reader.orders(2) == ([], 0)


async def test_fills_page_by_their_number_and_by_symbol(valkey: Valkey) -> None:
    rows = Rows()
    fills = []
    for number in range(1, 301):
        symbol = "ETH/BTC" if number % 3 == 0 else "BTC/USDT"
        fill = Fill(number // 2, 1_024, 1, symbol, Side.BUY, 100, 1, 1, 100, number, False, 5)
        rows.add_fill(number * 3, fill)
        fills.insert(0, fill)
    await ValkeyHistoryStore(valkey).write(rows, None, Position(1, 1))
    reader = HistoryReader(valkey)
    assert await all_fills(reader, 1) == fills
    assert await all_fills(reader, 1, 100, "ETH/BTC") == [fill for fill in fills if fill.symbol == "ETH/BTC"]
    assert await reader.fills(2) == ([], 0)


async def test_rows_are_read_by_their_place_the_oldest_first(valkey: Valkey) -> None:
    orders = (await _many_orders(valkey, 100))[::-1]
    rows = Rows()
    fills = [Fill(number, 1_024, 1, "ETH/BTC", Side.BUY, 100, 1, 1, 100, 0, False, 5) for number in range(1, 31)]
    for number, fill in enumerate(fills):
        rows.add_fill(number * 3, fill)
    await ValkeyHistoryStore(valkey).write(rows, Position(1, 1), Position(2, 2))
    reader = HistoryReader(valkey)
    of_symbol = [order for order in orders if order.symbol == "ETH/BTC"]
    assert await reader.order_count(1, "") == 100
    assert await reader.order_count(1, "ETH/BTC") == len(of_symbol)
    assert await reader.orders_at(1, "", 10, 35) == orders[10:35]
    assert await reader.orders_at(1, "ETH/BTC", 0, 5) == of_symbol[:5]
    assert await reader.orders_at(1, "", 90, 200) == orders[90:]
    assert await reader.orders_at(1, "", 100, 200) == []
    assert await reader.fill_count(1, "ETH/BTC") == 30
    assert await reader.fills_at(1, "ETH/BTC", 7, 9) == fills[7:9]
    assert (await reader.fill_count(2, ""), await reader.fills_at(2, "", 0, 9)) == (0, [])


async def test_the_tape_is_bounded_and_holds_trades_and_prints_in_order(valkey: Valkey) -> None:
    def trade(trade_id: int, *, is_outside: bool) -> Trade:
        return Trade(trade_id, "BTC/USDT", 100, 1, Side.BUY, 5, is_outside)

    store, reader = ValkeyHistoryStore(valkey), HistoryReader(valkey)
    rows = Rows()
    for trade_id in range(1, TAPE_LENGTH + 1, 2):
        rows.add_trade(trade(trade_id, is_outside=False))
    await store.write(rows, None, Position(1, 1))
    prints = [trade(trade_id, is_outside=True) for trade_id in range(2, TAPE_LENGTH + 202, 2)]
    await store.put_prints(prints)
    await store.put_prints(prints)
    found: list[Trade] = []
    before = 0
    while True:
        page, before = await reader.trades("BTC/USDT", before=before, limit=999)
        found += page
        if not before:
            break
    assert len(found) == TAPE_LENGTH
    assert [each.trade_id for each in found] == sorted({each.trade_id for each in found}, reverse=True)
    assert found[0].trade_id == TAPE_LENGTH + 200
    assert all(each.is_outside == (each.trade_id % 2 == 0) for each in found)


async def test_tickers_are_the_last_ones(valkey: Valkey) -> None:
    store, reader = ValkeyHistoryStore(valkey), HistoryReader(valkey)
    await store.put_tickers({})
    assert await reader.tickers() == {}
    await store.put_tickers({"BTC/USDT": b"1", "ETH/USDT": b"2"})
    await store.put_tickers({"BTC/USDT": b"3"})
    assert await reader.tickers() == {"BTC/USDT": b"3", "ETH/USDT": b"2"}


async def test_a_hung_or_dead_server_is_said_to_be_unavailable(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        reader, store = HistoryReader(client), ValkeyHistoryStore(client, timeout_s=0.5)
        assert await reader.position() == 0
        clean_valkey_server.pause()
        calls = [
            reader.position,
            lambda: reader.orders(1),
            lambda: reader.order(1),
            lambda: reader.steps(1),
            lambda: reader.fills(1),
            lambda: reader.trades("BTC/USDT"),
            lambda: reader.balances(1),
            reader.tickers,
            store.position,
            store.wipe,
            lambda: store.write(Rows(), None, Position(1, 1)),
            lambda: store.put_tickers({"BTC/USDT": b"1"}),
        ]
        await _all_unavailable(calls)
        clean_valkey_server.resume()
        assert await _answers(reader) == 0
        clean_valkey_server.kill()
        await _all_unavailable(calls)
        await clean_valkey_server.restart()
        assert await _answers(reader) == 0


async def _all_unavailable(calls: list[Callable[[], object]]) -> None:
    async with asyncio.timeout(30):
        results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    assert [type(result) for result in results] == [HistoryUnavailable] * len(calls)


async def _answers(reader: HistoryReader) -> int:
    async with asyncio.timeout(30):
        while True:
            try:
                return await reader.position()
            except HistoryUnavailable:
                continue
