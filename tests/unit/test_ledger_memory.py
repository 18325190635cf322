from mockexchange.ledger import KnownTransfer, LedgerLimits, TransferKind
from mockexchange.messages.commands import Deposit, SetBalance, Withdraw
from mockexchange.messages.events import HistoryCleared
from mockexchange.messages.orders import Order, OrderStatus, Side
from tests.support.exchange import SECOND_NS, USDT, Exchange, limit, market

PRICE = 60_000_00
DAY_NS = 24 * 3600 * SECOND_NS


def exchange_that_keeps(closed_orders: int = 10_000, transfers: int = 10_000, fills: int = 1000) -> Exchange:
    exchange = Exchange(ledger_limits=LedgerLimits(closed_orders, transfers, fills))
    exchange.create_account(1, USDT=10_000 * USDT)
    return exchange


def place_and_cancel(exchange: Exchange, name: str) -> Order:
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id=name))
    exchange.shards[0].cancel(order)
    exchange.settle()
    return order


def test_the_orders_that_closed_first_are_forgotten_beyond_the_limit() -> None:
    exchange = exchange_that_keeps(closed_orders=2)
    ledger = exchange.shards[0].ledger
    resting = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="resting"))
    first, second, third = (place_and_cancel(exchange, name) for name in "abc")
    assert ledger.order(1, first.order_id) is None
    assert ledger.order_by_client_id(1, "a") is None
    assert ledger.order_by_command(1, "c:a") is None
    for order in (resting, second, third):
        assert ledger.order(1, order.order_id) is order
        assert ledger.order_by_command(1, order.command_id) is order


def test_an_open_order_with_the_client_id_of_a_forgotten_one_stays_known() -> None:
    exchange = exchange_that_keeps(closed_orders=1)
    ledger = exchange.shards[0].ledger
    place_and_cancel(exchange, "x")
    again = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="x", command="other"))
    place_and_cancel(exchange, "y")
    assert ledger.order_by_client_id(1, "x") is again


def test_closed_orders_and_transfers_are_forgotten_after_a_day_of_journal_time() -> None:
    exchange = exchange_that_keeps()
    ledger = exchange.shards[0].ledger
    exchange.create_account(2, USDT=USDT)
    old = place_and_cancel(exchange, "old")
    resting = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="resting"))
    exchange.shards[0].decide(Deposit("d", 1, "USDT", 1, 1, 1))
    exchange.settle()
    exchange.now_ns += DAY_NS - 60 * SECOND_NS
    young = place_and_cancel(exchange, "young")
    assert ledger.order(1, old.order_id) is old
    assert "d" in ledger.accounts[1].transfers
    exchange.now_ns += 180 * SECOND_NS
    exchange.create_account(3)
    assert ledger.order(1, old.order_id) is None
    assert ledger.order_by_command(1, "c:old") is None
    assert ledger.order(1, young.order_id) is young
    assert ledger.order(1, resting.order_id) is resting
    assert not ledger.accounts[1].transfers
    assert not ledger.accounts[2].transfers


def test_a_step_back_of_one_writers_clock_forgets_nothing_and_repeats_nothing() -> None:
    exchange = exchange_that_keeps()
    ledger = exchange.shards[0].ledger
    order = place_and_cancel(exchange, "a")
    exchange.now_ns -= 3600 * SECOND_NS
    later = place_and_cancel(exchange, "b")
    exchange.now_ns += 2 * 3600 * SECOND_NS
    exchange.create_account(2)
    assert ledger.order(1, order.order_id) is order
    assert ledger.order(1, later.order_id) is later


def test_recent_fills_are_bounded() -> None:
    exchange = exchange_that_keeps(fills=2)
    exchange.show([], [(PRICE + 100 * level, 100) for level in range(4)])
    exchange.place(market(1, Side.BUY, 400, reference=PRICE))
    ledger = exchange.shards[0].ledger
    fills, following = ledger.read_fills(1, "", 0)
    assert [fill.price for fill in fills] == [PRICE + 300, PRICE + 200]
    # There may be older ones, of any symbol.
    assert following == ledger.accounts[1].fills[0].number
    assert ledger.read_fills(1, "ETH/BTC", 0) == ([], following)


def test_transfers_are_remembered_within_their_limit() -> None:
    exchange = exchange_that_keeps(transfers=2)
    shard = exchange.shards[0]
    requests: list[Deposit | Withdraw | SetBalance] = [
        Deposit("d", 1, "USDT", 5, 5, 1),
        Withdraw("w", 1, "USDT", 5, 5, 1),
        SetBalance("s", 1, "USDT", 7, -1, 1),
    ]
    for request in requests:
        shard.decide(request)
    exchange.settle()
    assert [transfer.kind for transfer in shard.ledger.accounts[1].transfers.values()] == [
        TransferKind.WITHDRAWAL,
        TransferKind.ADJUSTMENT,
    ]
    assert isinstance(shard.decide(requests[1]), KnownTransfer)
    assert not isinstance(shard.decide(requests[0]), KnownTransfer)


def test_clearing_history_forgets_all_but_open_orders_and_starting_funds() -> None:
    exchange = exchange_that_keeps()
    shard = exchange.shards[0]
    ledger = shard.ledger
    exchange.show([], [(PRICE, 300)])
    filled = exchange.place(market(1, Side.BUY, 300, reference=PRICE))
    resting = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="resting"))
    shard.decide(Deposit("d", 1, "USDT", 5, 5, 1))
    shard.decide(Withdraw("w", 1, "USDT", 5, 5, 1))
    exchange.settle()
    before = ledger.read_account(1)
    exchange.append_events(0, [HistoryCleared("clear-1")])
    shard.fold()
    answer = ledger.read_account(1)
    assert answer.balances == before.balances
    assert [(flow.asset, flow.amount, flow.value) for flow in answer.deposits] == [("USDT", 10_000 * USDT, 1)]
    assert not answer.withdrawals
    assert not answer.trades
    assert ledger.read_fills(1, "", 0) == ([], 0)
    assert answer.number == before.number
    assert ledger.order(1, filled.order_id) is None
    assert ledger.order(1, resting.order_id) is resting
    assert ledger.cleared_by == "clear-1"


def test_deposits_after_a_clearing_do_not_change_what_starting_funds_were() -> None:
    exchange = exchange_that_keeps()
    shard = exchange.shards[0]
    for name in ("one", "two"):
        exchange.append_events(0, [HistoryCleared(name)])
        shard.fold()
        shard.decide(Deposit(name, 1, "USDT", 5, 5, 1))
        exchange.settle()
    assert [flow.amount for flow in shard.ledger.read_account(1).deposits] == [10_000 * USDT + 5]


def test_an_order_that_is_open_for_days_keeps_its_command_known() -> None:
    exchange = exchange_that_keeps()
    shard = exchange.shards[0]
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="resting"))
    exchange.now_ns += 3 * DAY_NS
    exchange.create_account(2)
    assert shard.ledger.order_by_command(1, "c:resting") is order
    shard.cancel(order)
    exchange.settle()
    assert order.status is OrderStatus.CANCELED
    assert shard.ledger.order_by_command(1, "c:resting") is order
