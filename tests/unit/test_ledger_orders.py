import pytest

from mockexchange.ledger import BalanceChanged, Filled, OrderChanged
from mockexchange.messages.orders import OrderStatus, Side
from mockexchange.messages.refusals import RejectReason
from tests.support.exchange import BTC, USDT, Exchange, limit, market

PRICE = 60_000_00


@pytest.fixture
def exchange() -> Exchange:
    exchange = Exchange()
    exchange.create_account(1, USDT=10_000 * USDT, BTC=BTC)
    return exchange


def test_an_order_walks_through_its_states(exchange: Exchange) -> None:
    shard = exchange.shards[0]
    shard.decide(limit(1, Side.BUY, 1000, PRICE, client_id="mine"))
    shard.append()
    shard.fold()
    order = shard.ledger.order_by_client_id(1, "mine")
    assert order is not None
    assert (order.status, order.steps, order.hold_left) == (OrderStatus.RESERVED, 0, 600 * USDT)
    assert shard.ledger.unresolved() == {"BTC/USDT": [order]}
    exchange.settle()
    assert (order.status, order.steps) == (OrderStatus.NEW, 1)
    assert shard.ledger.unresolved() == {}
    exchange.show([], [(PRICE, 400)])
    shard.fold()
    assert (order.status, order.filled, order.steps) == (OrderStatus.PARTIALLY_FILLED, 400, 2)
    exchange.show([], [(PRICE, 1000)])
    shard.fold()
    assert (order.status, order.filled, order.hold_left, order.steps) == (OrderStatus.FILLED, 1000, 0, 3)
    assert order.finished_ns == order.updated_ns == exchange.now_ns
    assert order.sequence == shard.ledger.sequence
    assert shard.ledger.open_orders(1, "", 0, 0) == []
    assert shard.ledger.order(1, order.order_id) is order


def test_a_canceled_order_tells_which_command_did_it(exchange: Exchange) -> None:
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE))
    exchange.shards[0].cancel(order, "cancel-7")
    exchange.settle()
    assert (order.status, order.reason) == (OrderStatus.CANCELED, RejectReason.CANCELED_BY_USER)
    assert order.cancel_command_id == "cancel-7"


def test_the_latest_order_of_a_client_order_id_is_found_and_the_open_one_first(exchange: Exchange) -> None:
    ledger = exchange.shards[0].ledger
    first = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="x", command="a"))
    exchange.shards[0].cancel(first)
    exchange.settle()
    assert ledger.order_by_client_id(1, "x") is first
    second = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="x", command="b"))
    assert ledger.order_by_client_id(1, "x") is second
    assert ledger.order_by_command(1, "a") is first
    assert ledger.order_by_command(1, "b") is second


def test_strangers_find_nothing(exchange: Exchange) -> None:
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="x"))
    exchange.create_account(2)
    ledger = exchange.shards[0].ledger
    for stranger in (2, 99):
        assert ledger.order(stranger, order.order_id) is None
        assert ledger.order_by_client_id(stranger, "x") is None
        assert ledger.order_by_command(stranger, order.command_id) is None
        assert ledger.open_orders(stranger, "", 0, 10) == []
        assert ledger.read_fills(stranger, "", 10) == ([], 0)


def test_open_orders_page_from_the_newest_on(exchange: Exchange) -> None:
    placed = [exchange.place(limit(1, Side.BUY, 200 + n, PRICE)).order_id for n in range(5)]
    other = exchange.place(limit(1, Side.BUY, 10, 5000, symbol="ETH/BTC", command="eth"))
    ledger = exchange.shards[0].ledger

    def page(symbol: str, before: int, limit: int) -> list[int]:
        return [order.order_id for order in ledger.open_orders(1, symbol, before, limit)]

    newest_first = placed[::-1]
    assert page("BTC/USDT", 0, 2) == newest_first[:2]
    assert page("BTC/USDT", newest_first[1], 2) == newest_first[2:4]
    assert page("", 0, 0) == [other.order_id, *newest_first]


def test_fills_are_read_from_the_newest_on(exchange: Exchange) -> None:
    exchange.show([(PRICE - 300, 1000)], [(PRICE, 300), (PRICE + 100, 300)])
    bought = exchange.place(market(1, Side.BUY, 600, reference=PRICE))
    sold = exchange.place(market(1, Side.SELL, 200, reference=PRICE))
    ledger = exchange.shards[0].ledger
    fills, following = ledger.read_fills(1, "", 0)
    assert following == 0
    assert [(fill.price, fill.side) for fill in fills] == [
        (PRICE - 300, Side.SELL),
        (PRICE + 100, Side.BUY),
        (PRICE, Side.BUY),
    ]
    numbers = [filled.number for filled in reversed(ledger.accounts[1].fills)]
    assert ledger.read_fills(1, "BTC/USDT", 1) == (fills[:1], numbers[0])
    assert ledger.read_fills(1, "BTC/USDT", 3) == (fills, 0)
    assert ledger.read_fills(1, "ETH/BTC", 1) == ([], 0)
    assert ledger.fills_of(bought) == fills[:0:-1]
    assert ledger.fills_of(sold) == fills[:1]


def test_each_event_tells_what_changed_in_order_and_without_gaps(exchange: Exchange) -> None:
    shard = exchange.shards[0]
    begun = shard.ledger.accounts[1].number
    exchange.show([], [(PRICE, 300), (PRICE + 100, 300)])
    shard.decide(limit(1, Side.BUY, 500, PRICE + 200))
    shard.append()
    reserved = shard.fold()
    exchange.deliver(shard, "BTC/USDT")
    traded = shard.fold()
    kinds = [type(change) for change in reserved + traded]
    fill = [OrderChanged, Filled, BalanceChanged]
    assert kinds == [BalanceChanged, OrderChanged, *fill, *fill]
    assert [change.number for change in reserved + traded] == list(range(begun + 1, begun + 9))
    assert {change.sequence for change in traded} == {shard.ledger.sequence}
    steps = [change.step for change in reserved + traded if isinstance(change, OrderChanged)]
    assert [(step.status, step.price, step.quantity) for step in steps] == [
        (OrderStatus.NEW, 0, 0),
        (OrderStatus.PARTIALLY_FILLED, PRICE, 300),
        (OrderStatus.FILLED, PRICE + 100, 200),
    ]
    assert [step.hold_left for step in steps] == [300_010_000_00, 120_004_000_00, 0]
    causes = [change.cause for change in reserved + traded if isinstance(change, BalanceChanged)]
    assert causes == ["reserved", "filled", "filled"]


def test_a_balance_event_shows_the_moment_of_its_event(exchange: Exchange) -> None:
    shard = exchange.shards[0]
    for number in (1, 2):
        shard.decide(limit(1, Side.BUY, 1000, PRICE, command=f"n{number}"))
    shard.append()
    shown = [change.balances[0].free for change in shard.fold() if isinstance(change, BalanceChanged)]
    assert shown == [9_400 * USDT, 8_800 * USDT]


def test_a_trade_with_oneself_changes_the_balances_once(exchange: Exchange) -> None:
    shard = exchange.shards[0]
    exchange.place(limit(1, Side.SELL, 1000, PRICE))
    shard.decide(limit(1, Side.BUY, 1000, PRICE))
    shard.append()
    shard.fold()
    exchange.deliver(shard, "BTC/USDT")
    kinds = [type(change) for change in shard.fold()]
    assert kinds == [OrderChanged, OrderChanged, Filled, OrderChanged, Filled, BalanceChanged]


def test_both_shards_see_their_side_of_a_trade_alone() -> None:
    exchange = Exchange()
    exchange.create_account(1, 0, USDT=1000 * USDT)
    exchange.create_account(2, 1, BTC=BTC)
    exchange.place(limit(2, Side.SELL, 1000, PRICE), shard=1)
    first, second = exchange.shards
    first.decide(limit(1, Side.BUY, 1000, PRICE))
    first.append()
    first.fold()
    second.fold()
    exchange.deliver(first, "BTC/USDT")
    assert {change.account for change in first.fold()} == {1}
    assert {change.account for change in second.fold()} == {2}
