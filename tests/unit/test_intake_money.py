import pytest

from mockexchange.ledger import MustWait
from mockexchange.ledger.decisions import Decision
from mockexchange.messages.commands import Deposit, Refused, SetBalance, Withdraw
from mockexchange.messages.events import (
    AccountCreated,
    Adjusted,
    Deposited,
    HistoryCleared,
    OrderReserved,
    ShardEvent,
    Withdrawn,
)
from mockexchange.messages.orders import OUTSIDE, OrderStatus, Side
from mockexchange.money import MAX_AMOUNT
from tests.support.exchange import BTC, USDT, Exchange, limit, market

PRICE = 60_000_00


def exchange_with(**funds: int) -> Exchange:
    exchange = Exchange()
    exchange.create_account(1, **funds)
    return exchange


def refusal(decision: Decision) -> tuple[str, str]:
    assert isinstance(decision, Refused), decision
    return decision.reason.value, decision.detail


# Transfers.


def test_a_promised_withdrawal_is_not_spent_again() -> None:
    exchange = exchange_with(USDT=600 * USDT)
    shard = exchange.shards[0]
    assert isinstance(shard.decide(Withdraw("w", 1, "USDT", 1, 1, 1)), Withdrawn)
    assert refusal(shard.decide(limit(1, Side.BUY, 1000, PRICE)))[0] == "insufficient_funds"
    again = shard.decide(Withdraw("w2", 1, "USDT", 600 * USDT, 1, 1))
    assert refusal(again) == ("insufficient_funds", "need 600.00000000 USDT, have 599.99999999")


def test_a_promised_deposit_is_not_spent_before_it_is_folded() -> None:
    exchange = exchange_with(USDT=0)
    shard = exchange.shards[0]
    assert isinstance(shard.decide(Deposit("d", 1, "USDT", 600 * USDT, 1, 1)), Deposited)
    order = limit(1, Side.BUY, 1000, PRICE)
    assert refusal(shard.decide(order))[0] == "insufficient_funds"
    exchange.settle()
    assert isinstance(shard.decide(order), OrderReserved)


@pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1])
@pytest.mark.parametrize("kind", [Deposit, Withdraw])
def test_an_amount_out_of_bounds_is_refused(kind: type[Deposit] | type[Withdraw], amount: int) -> None:
    exchange = exchange_with(USDT=100 * USDT)
    reason, detail = refusal(exchange.shards[0].decide(kind("t", 1, "USDT", amount, 1, 1)))
    assert reason == "invalid_amount"
    assert detail.startswith("amount: ")


def test_an_unknown_asset_is_refused() -> None:
    exchange = exchange_with()
    for request in (
        Deposit("t", 1, "DOGE", 1, 1, 1),
        Withdraw("t", 1, "DOGE", 1, 1, 1),
        SetBalance("t", 1, "DOGE", 1, -1, 1),
    ):
        assert refusal(exchange.shards[0].decide(request)) == ("unknown_asset", "asset: DOGE")


def test_an_unknown_account_is_refused() -> None:
    exchange = exchange_with()
    assert refusal(exchange.shards[0].decide(Deposit("t", 5, "USDT", 1, 1, 1)))[0] == "unknown_account"


def test_no_deposit_lifts_a_balance_out_of_bounds() -> None:
    exchange = exchange_with(USDT=MAX_AMOUNT - 10)
    shard = exchange.shards[0]
    exchange.place(limit(1, Side.BUY, 200, PRICE))
    assert isinstance(shard.decide(Deposit("a", 1, "USDT", 6, 1, 1)), Deposited)
    assert refusal(shard.decide(Deposit("b", 1, "USDT", 5, 1, 1)))[0] == "invalid_amount"
    exchange.settle()
    assert refusal(shard.decide(Deposit("b", 1, "USDT", 5, 1, 1)))[0] == "invalid_amount"
    assert isinstance(shard.decide(Deposit("b", 1, "USDT", 4, 1, 1)), Deposited)


def test_a_set_balance_posts_the_difference() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    exchange.place(limit(1, Side.BUY, 1000, PRICE))
    assert isinstance(shard.decide(SetBalance("s", 1, "USDT", 5 * USDT, 600 * USDT, 1)), Adjusted)
    exchange.settle()
    (balance,) = shard.ledger.read_account(1).balances
    assert (balance.free, balance.held) == (5 * USDT, 600 * USDT)


def test_a_set_balance_that_names_other_holds_is_refused() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    exchange.place(limit(1, Side.BUY, 1000, PRICE))
    decision = exchange.shards[0].decide(SetBalance("s", 1, "USDT", 5 * USDT, 0, 1))
    assert refusal(decision) == ("used_mismatch", "used: 0.00000000 USDT, held 600.00000000")


@pytest.mark.parametrize("free", [-1, MAX_AMOUNT + 1])
def test_a_set_balance_out_of_bounds_is_refused(free: int) -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    assert refusal(exchange.shards[0].decide(SetBalance("s", 1, "USDT", free, -1, 1)))[0] == "invalid_amount"


def test_a_set_balance_counts_what_is_held() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    exchange.place(limit(1, Side.BUY, 1000, PRICE))
    decide = exchange.shards[0].decide
    assert refusal(decide(SetBalance("s", 1, "USDT", MAX_AMOUNT - 600 * USDT + 1, -1, 1)))[0] == "invalid_amount"
    assert isinstance(decide(SetBalance("s", 1, "USDT", MAX_AMOUNT - 600 * USDT, -1, 1)), Adjusted)


def test_a_set_balance_never_takes_what_is_promised_already() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    shard.decide(limit(1, Side.BUY, 1000, PRICE))
    shard.decide(SetBalance("s", 1, "USDT", 0, -1, 1))
    assert shard.intake.free(1, "USDT") == 0
    assert refusal(shard.decide(Withdraw("w", 1, "USDT", 1, 1, 1)))[0] == "insufficient_funds"
    exchange.settle()
    (balance,) = shard.ledger.read_account(1).balances
    assert (balance.free, balance.held) == (0, 600 * USDT)


# Waiting.


def test_eight_market_buys_at_once_all_get_through() -> None:
    exchange = exchange_with(USDT=8 * 600 * USDT)
    shard = exchange.shards[0]
    exchange.show([], [(PRICE, 100_000)])
    waiting = [market(1, Side.BUY, 1000, reference=PRICE, command=f"n{number}") for number in range(8)]
    rounds = 0
    while waiting:
        decisions = [(request, shard.decide(request)) for request in waiting]
        assert all(isinstance(decision, OrderReserved | MustWait) for _, decision in decisions)
        still = [request for request, decision in decisions if isinstance(decision, MustWait)]
        assert len(still) < len(waiting), "nothing moves"
        waiting = still
        exchange.settle()
        rounds += 1
    orders = [shard.ledger.order_by_command(1, f"n{number}") for number in range(8)]
    assert all(order is not None and order.status is OrderStatus.FILLED for order in orders)
    assert shard.intake.free(1, "USDT") == 0
    assert rounds > 1


def test_a_market_buy_waits_through_all_stages_of_the_one_before() -> None:
    exchange = exchange_with(USDT=1200 * USDT)
    shard = exchange.shards[0]
    exchange.show([], [(PRICE, 100_000)])
    second = market(1, Side.BUY, 1000, reference=PRICE, command="second")
    shard.decide(market(1, Side.BUY, 1000, reference=PRICE, command="first"))
    assert shard.decide(second) == MustWait(1, "USDT")
    shard.append()
    assert shard.decide(second) == MustWait(1, "USDT")
    shard.fold()
    assert shard.decide(second) == MustWait(1, "USDT")
    exchange.settle()
    assert isinstance(shard.decide(second), OrderReserved)


def test_an_order_short_of_more_than_the_margins_is_refused_at_once() -> None:
    exchange = exchange_with(USDT=630 * USDT)
    shard = exchange.shards[0]
    shard.decide(market(1, Side.BUY, 1000, reference=PRICE, command="first"))
    decision = shard.decide(market(1, Side.BUY, 2000, reference=PRICE, command="second"))
    assert refusal(decision) == ("insufficient_funds", "need 1200.00000000 USDT, have 0.00000000")


def test_resting_orders_are_nothing_to_wait_for() -> None:
    exchange = exchange_with(USDT=600 * USDT)
    shard = exchange.shards[0]
    exchange.place(limit(1, Side.BUY, 1000, PRICE))
    decision = shard.decide(market(1, Side.BUY, 500, reference=PRICE, command="second"))
    assert refusal(decision)[0] == "insufficient_funds"


def test_market_sells_and_other_quote_assets_are_nothing_to_wait_for() -> None:
    exchange = exchange_with(BTC=BTC)
    shard = exchange.shards[0]
    shard.decide(market(1, Side.SELL, 100_000, command="sell"))
    decision = shard.decide(market(1, Side.BUY, 1000, reference=5000, symbol="ETH/BTC", command="buy"))
    assert refusal(decision)[0] == "insufficient_funds"
    assert refusal(shard.decide(market(1, Side.BUY, 1000, reference=PRICE)))[0] == "insufficient_funds"


def test_market_buys_in_another_asset_are_nothing_to_wait_for() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    other = market(1, Side.BUY, 100, reference=5000, symbol="ETH/BTC", command="eth")
    shard.decide(market(1, Side.BUY, 1000, reference=PRICE, command="btc"))
    assert refusal(shard.decide(other))[0] == "insufficient_funds"
    shard.append()
    shard.fold()
    assert refusal(shard.decide(other))[0] == "insufficient_funds"


def test_any_order_waits_for_margins_that_may_cover_it() -> None:
    exchange = exchange_with(USDT=1200 * USDT)
    shard = exchange.shards[0]
    exchange.show([], [(PRICE, 1000)])
    shard.decide(market(1, Side.BUY, 1000, reference=PRICE, command="first"))
    resting = limit(1, Side.BUY, 1000, PRICE)
    assert shard.decide(resting) == MustWait(1, "USDT")
    exchange.settle()
    assert isinstance(shard.decide(resting), OrderReserved)


def test_an_order_waits_for_starting_funds_that_are_not_posted_yet() -> None:
    exchange = Exchange()
    exchange.register(AccountCreated(1, "new", 0, {"USDT": 600 * USDT}, {"USDT": 600 * USDT}))
    shard = exchange.shards[0]
    shard.fold()
    order = limit(1, Side.BUY, 1000, PRICE)
    assert shard.decide(order) == MustWait(1, "USDT")
    assert refusal(shard.decide(limit(1, Side.BUY, 1001, PRICE)))[0] == "insufficient_funds"
    (due,) = shard.ledger.funds_due()
    posted = shard.decide(Deposit(due.command_id, 1, due.asset, due.amount, due.value, 1))
    assert posted == due
    assert shard.decide(order) == MustWait(1, "USDT")
    exchange.settle()
    assert isinstance(shard.decide(order), OrderReserved)
    assert shard.ledger.funds_due() == []


def test_a_deposit_that_merely_looks_like_starting_funds_is_a_deposit() -> None:
    exchange = Exchange()
    exchange.register(AccountCreated(1, "new", 0, {"USDT": 600 * USDT}))
    shard = exchange.shards[0]
    shard.fold()
    decision = shard.decide(Deposit("mine", 1, "USDT", 600 * USDT, 1, 1))
    assert isinstance(decision, Deposited)
    assert decision.cause == "deposit"
    exchange.settle()
    assert len(shard.ledger.funds_due()) == 1


# Restoring.


def restore(exchange: Exchange, command_id: str) -> list[ShardEvent] | None:
    shard = exchange.shards[0]
    events = shard.intake.restore_funds(command_id)
    shard.unsent += events or []
    return events


def test_restoring_brings_every_account_back_and_ends_with_the_clearing() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    exchange.create_account(2, BTC=BTC)
    exchange.show([], [(PRICE, 1000)])
    exchange.place(market(1, Side.BUY, 1000, reference=PRICE))
    exchange.shards[0].decide(Deposit("d", 2, "USDT", 5, 5, 1))
    exchange.settle()
    events = restore(exchange, "clear")
    assert events is not None
    assert events[-1] == HistoryCleared("clear")
    exchange.settle()
    ledger = exchange.shards[0].ledger
    for account, funds in ((1, {"USDT": 1000 * USDT, "BTC": 0}), (2, {"BTC": BTC, "USDT": 0})):
        answer = ledger.read_account(account)
        assert {balance.asset: balance.free for balance in answer.balances} == funds
        assert answer.trades == []
    assert ledger.internal[OUTSIDE] == {"USDT": -1600 * USDT, "BTC": -BTC + 998_000}


def test_restoring_waits_for_orders_promises_and_funds() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    shard.decide(limit(1, Side.BUY, 1000, PRICE))
    assert restore(exchange, "clear") is None
    exchange.settle()
    assert restore(exchange, "clear") is None
    shard.cancel(shard.ledger.open_orders(1, "", 0, 0)[0])
    exchange.settle()
    shard.decide(Deposit("d", 1, "USDT", 5, 5, 1))
    assert restore(exchange, "clear") is None
    exchange.settle()
    exchange.register(AccountCreated(2, "new", 0, {"USDT": 1}))
    shard.fold()
    assert restore(exchange, "clear") is None


def test_the_same_clearing_does_nothing_twice() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    assert restore(exchange, "clear")
    exchange.settle()
    shard.decide(Deposit("d", 1, "USDT", 5, 5, 1))
    exchange.settle()
    assert restore(exchange, "clear") == []
    assert shard.intake.free(1, "USDT") == 1000 * USDT + 5
    assert restore(exchange, "another")
    exchange.settle()
    assert shard.intake.free(1, "USDT") == 1000 * USDT


def test_a_clearing_that_a_crash_cut_short_is_done_again() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    exchange.create_account(2, USDT=1000 * USDT)
    shard = exchange.shards[0]
    for account in (1, 2):
        shard.decide(Deposit("d", account, "USDT", 5, 5, 1))
    exchange.settle()
    events = shard.intake.restore_funds("clear")
    assert events is not None
    assert len(events) == 3
    exchange.append_events(0, events[:1])
    shard.restart()
    shard.decide(Deposit("e", 1, "USDT", 5, 5, 1))
    exchange.settle()
    again = restore(exchange, "clear")
    assert again is not None
    assert len(again) == 3
    exchange.settle()
    assert [shard.intake.free(account, "USDT") for account in (1, 2)] == [1000 * USDT] * 2
