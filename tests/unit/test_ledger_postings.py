from mockexchange.ledger.invariants import shard_sums
from mockexchange.messages.commands import Deposit, Withdraw
from mockexchange.messages.events import AccountCreated
from mockexchange.messages.orders import CLEARING, FEES, HOUSE, OUTSIDE, OrderStatus, Side
from tests.support.auditor import audit
from tests.support.exchange import BTC, USDT, Exchange, limit, market

PRICE = 60_000_00
"""60,000.00 USDT; the quote value of one quantity unit of 0.00001 BTC is 0.6 USDT."""


def balances(exchange: Exchange, account: int, shard: int = 0) -> dict[str, tuple[int, int]]:
    answer = exchange.shards[shard].ledger.read_account(account)
    return {balance.asset: (balance.free, balance.held) for balance in answer.balances}


def internal(exchange: Exchange, owner: int, shard: int = 0) -> dict[str, int]:
    return {asset: amount for asset, amount in exchange.shards[shard].ledger.internal[owner].items() if amount}


def test_a_limit_buy_holds_its_value_at_the_limit() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE))
    assert order.status is OrderStatus.NEW
    assert balances(exchange, 1) == {"USDT": (400 * USDT, 600 * USDT)}


def test_a_sell_holds_the_base_amount() -> None:
    exchange = Exchange()
    exchange.create_account(1, BTC=BTC)
    exchange.place(limit(1, Side.SELL, 1000, PRICE))
    assert balances(exchange, 1) == {"BTC": (99_000_000, 1_000_000)}


def test_a_buyer_gets_the_base_less_the_fee_and_the_improvement_back() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.show([], [(PRICE - 100, 400)])
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE))
    assert (order.status, order.filled, order.filled_quote) == (OrderStatus.PARTIALLY_FILLED, 400, 23_999_600_000)
    assert order.fee == 800  # 0.2 % of 0.004 BTC
    assert balances(exchange, 1) == {
        "USDT": (1000 * USDT - 360 * USDT - 23_999_600_000, 360 * USDT),
        "BTC": (400_000 - 800, 0),
    }
    assert internal(exchange, HOUSE) == {"USDT": 23_999_600_000, "BTC": -400_000}
    assert internal(exchange, FEES) == {"BTC": 800}
    assert internal(exchange, OUTSIDE) == {"USDT": -1000 * USDT}


def test_a_seller_gets_the_quote_less_the_fee_rounded_up() -> None:
    exchange = Exchange(taker_rate=333)
    exchange.create_account(1, BTC=BTC)
    exchange.show([(PRICE + 1, 1000)], [])
    order = exchange.place(limit(1, Side.SELL, 1000, PRICE))
    quote = (PRICE + 1) * 1000 * 10
    fee = -(-quote * 333 // 1_000_000)
    assert (order.status, order.fee) == (OrderStatus.FILLED, fee)
    assert quote * 333 % 1_000_000
    assert balances(exchange, 1) == {"BTC": (99_000_000, 0), "USDT": (quote - fee, 0)}
    assert internal(exchange, FEES) == {"USDT": fee}


def test_a_trade_within_a_shard_needs_no_counter_leg() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.create_account(2, BTC=BTC)
    exchange.place(limit(2, Side.SELL, 1000, PRICE))
    exchange.place(limit(1, Side.BUY, 1000, PRICE))
    assert internal(exchange, HOUSE) == internal(exchange, CLEARING) == {}
    assert balances(exchange, 1) == {"USDT": (400 * USDT, 0), "BTC": (998_000, 0)}
    assert balances(exchange, 2) == {"BTC": (99_000_000, 0), "USDT": (600 * USDT - 60_000_000, 0)}


def test_a_trade_between_shards_meets_in_clearing() -> None:
    exchange = Exchange()
    exchange.create_account(1, 0, USDT=1000 * USDT)
    exchange.create_account(2, 1, BTC=BTC)
    exchange.place(limit(2, Side.SELL, 1000, PRICE), shard=1)
    exchange.place(limit(1, Side.BUY, 1000, PRICE))
    assert internal(exchange, CLEARING, 0) == {"USDT": 600 * USDT, "BTC": -1_000_000}
    assert internal(exchange, CLEARING, 1) == {"USDT": -600 * USDT, "BTC": 1_000_000}
    assert balances(exchange, 2, 1) == {"BTC": (99_000_000, 0), "USDT": (599_400_000_00, 0)}
    assert not any(shard_sums(exchange.shards[0].ledger).values())
    assert not any(shard_sums(exchange.shards[1].ledger).values())


def test_an_account_that_trades_with_itself_pays_both_fees_and_nothing_else() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT, BTC=BTC)
    exchange.place(limit(1, Side.SELL, 1000, PRICE))
    exchange.place(limit(1, Side.BUY, 1000, PRICE))
    assert balances(exchange, 1) == {"USDT": (1000 * USDT - 60_000_000, 0), "BTC": (BTC - 2000, 0)}


def test_a_market_buy_gives_its_margin_back() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.show([], [(PRICE, 10_000)])
    order = exchange.place(market(1, Side.BUY, 1000, reference=PRICE))
    assert (order.status, order.hold, order.hold_left) == (OrderStatus.FILLED, 630 * USDT, 0)
    assert balances(exchange, 1) == {"USDT": (400 * USDT, 0), "BTC": (998_000, 0)}


def test_what_a_market_order_cannot_spend_is_released_with_the_cancel() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.show([], [(PRICE, 300)])
    order = exchange.place(market(1, Side.BUY, 1000, reference=PRICE))
    assert (order.status, order.filled, order.hold_left) == (OrderStatus.CANCELED, 300, 0)
    assert order.reason is not None
    assert order.reason.value == "no_liquidity"
    assert balances(exchange, 1)["USDT"] == (820 * USDT, 0)


def test_an_order_by_quote_amount_is_filled_when_less_than_a_step_is_left() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.show([], [(PRICE, 10_000)])
    order = exchange.place(market(1, Side.BUY, quote=100 * USDT))
    assert (order.status, order.filled, order.filled_quote) == (OrderStatus.FILLED, 166, 9_960_000_000)
    assert balances(exchange, 1)["USDT"] == (1000 * USDT - 9_960_000_000, 0)


def test_a_rejected_order_gives_everything_back() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.show([], [(PRICE, 10)])
    order = exchange.place(limit(1, Side.BUY, 1000, PRICE, post_only=True))
    assert (order.status, order.hold_left, order.filled) == (OrderStatus.REJECTED, 0, 0)
    assert order.finished_ns == exchange.now_ns
    assert balances(exchange, 1) == {"USDT": (1000 * USDT, 0)}


def test_transfers_stand_against_the_outside_world() -> None:
    exchange = Exchange()
    exchange.create_account(1)
    shard = exchange.shards[0]
    shard.decide(Deposit("d1", 1, "USDT", 50 * USDT, 50 * USDT, 1))
    exchange.settle()
    shard.decide(Withdraw("w1", 1, "USDT", 20 * USDT, 21 * USDT, 1))
    exchange.settle()
    answer = shard.ledger.read_account(1)
    assert balances(exchange, 1) == {"USDT": (30 * USDT, 0)}
    assert internal(exchange, OUTSIDE) == {"USDT": -30 * USDT}
    assert [(flow.asset, flow.amount, flow.value) for flow in answer.deposits] == [("USDT", 50 * USDT, 50 * USDT)]
    assert [(flow.asset, flow.amount, flow.value) for flow in answer.withdrawals] == [("USDT", 20 * USDT, 21 * USDT)]


def test_starting_funds_are_posted_once_and_count_as_deposits() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=100 * USDT, BTC=BTC)
    ledger = exchange.shards[0].ledger
    assert ledger.funds_due() == []
    assert balances(exchange, 1) == {"USDT": (100 * USDT, 0), "BTC": (BTC, 0)}
    assert {flow.asset: flow.value for flow in ledger.read_account(1).deposits} == {"USDT": 1, "BTC": 1}
    assert exchange.shards[1].ledger.accounts == {}


def test_no_funds_are_due_where_none_were_given() -> None:
    exchange = Exchange()
    exchange.register(AccountCreated(1, "poor", 0, {"USDT": 0}))
    exchange.shards[0].fold()
    assert exchange.shards[0].ledger.funds_due() == []


def test_trade_totals_count_orders_once() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=10_000 * USDT)
    exchange.show([], [(PRICE, 300), (PRICE + 100, 300)])
    exchange.place(market(1, Side.BUY, 600, reference=PRICE))
    exchange.place(limit(1, Side.BUY, 10, PRICE - 100))
    (total,) = exchange.shards[0].ledger.read_account(1).trades
    assert (total.symbol, total.side, total.orders) == ("BTC/USDT", Side.BUY, 1)
    assert (total.base_amount, total.quote_amount) == (600_000, 3000 * PRICE + 3000 * (PRICE + 100))
    assert total.fee == 1200


def test_totals_stand_still_at_what_an_answer_can_carry() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.show([], [(PRICE, 300)])
    exchange.place(market(1, Side.BUY, 300, reference=PRICE))
    ledger = exchange.shards[0].ledger
    ledger.accounts[1].total("BTC/USDT", Side.BUY).base_amount = 2**70
    (total,) = ledger.read_account(1).trades
    assert total.base_amount == 2**63 - 1


def test_the_auditor_agrees() -> None:
    exchange = Exchange()
    exchange.create_account(1, 0, USDT=1000 * USDT, BTC=BTC)
    exchange.create_account(2, 1, USDT=1000 * USDT, BTC=BTC)
    exchange.show([(PRICE - 200, 50)], [(PRICE + 200, 50)])
    exchange.place(limit(2, Side.SELL, 1000, PRICE), shard=1)
    exchange.place(limit(1, Side.BUY, 400, PRICE + 100))
    exchange.place(market(2, Side.SELL, 100, reference=PRICE), shard=1)
    report = audit(exchange.records)
    assert report.violations == []
    for account, shard in ((1, 0), (2, 1)):
        assert report.balances[account] == balances(exchange, account, shard)
