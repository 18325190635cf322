"""What holdings cost and earned, by the average cost method."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mockexchange.instruments import Asset
from mockexchange.messages.codec import decode_record
from mockexchange.messages.orders import Side
from mockexchange.portfolio import Portfolio, Portfolios
from mockexchange.portfolio_views import Value, equity_of, portfolio_view
from tests.support.exchange import BTC, USDT, Exchange, limit

ASSETS = {code: Asset(code) for code in ("USDT", "BTC", "ETH")}
FEE = USDT // 10


def funded(cash: int = 100_000 * USDT) -> Portfolio:
    portfolio = Portfolio(1, "USDT")
    portfolio.deposit("USDT", cash, cash, is_starting=True)
    return portfolio


def buy(portfolio: Portfolio, amount: int, paid: int, fee: int = 0, asset: str = "BTC", quote: str = "USDT") -> None:
    portfolio.trade(spent=quote, spent_amount=paid, received=asset, received_amount=amount, fee=fee)


def sell(portfolio: Portfolio, amount: int, proceeds: int, fee: int = 0, asset: str = "BTC") -> None:
    portfolio.trade(spent=asset, spent_amount=amount, received="USDT", received_amount=proceeds, fee=fee)


def at(**prices: int) -> Value:
    """Value whole assets at prices in whole cash."""

    def value(asset: str, amount: int) -> int | None:
        if asset == "USDT":
            return amount
        return amount * prices[asset] if asset in prices else None

    return value


def test_a_sale_earns_what_came_in_beyond_the_average_cost() -> None:
    portfolio = funded()
    buy(portfolio, BTC, 10_000 * USDT)
    buy(portfolio, BTC, 20_000 * USDT)
    sell(portfolio, BTC, 18_000 * USDT, fee=FEE)
    held = portfolio.holdings["BTC"]
    assert (held.amount, held.cost) == (BTC, 15_000 * USDT)
    assert (held.realized, held.fees) == (3_000 * USDT - FEE, FEE)
    assert portfolio.holdings["USDT"].amount == 88_000 * USDT - FEE


def test_a_fee_taken_from_what_is_bought_is_part_of_its_cost() -> None:
    portfolio = funded()
    buy(portfolio, BTC, 10_000 * USDT, fee=BTC // 1_000)
    held = portfolio.holdings["BTC"]
    assert (held.amount, held.cost, held.fees) == (BTC - BTC // 1_000, 10_000 * USDT, 10 * USDT)
    view = portfolio_view(portfolio, ASSETS, at(BTC=10_000), 0)
    assert (view.profit_gross, view.profit_net, view.fees) == ("0.00000000", "-10.00000000", "10.00000000")
    assert view.positions[1].average_cost == "10010.01001001"


def test_what_is_sold_in_odd_parts_leaves_nothing_of_its_cost() -> None:
    portfolio = funded()
    buy(portfolio, 7, 1_000)
    for _ in range(7):
        sell(portfolio, 1, 150)
    held = portfolio.holdings["BTC"]
    assert (held.amount, held.cost, held.realized) == (0, 0, 50)


def test_a_trade_without_cash_hands_the_cost_on_and_earns_nothing() -> None:
    portfolio = funded()
    buy(portfolio, 2 * BTC, 20_000 * USDT)
    buy(portfolio, 10 * BTC, BTC, fee=BTC // 100, asset="ETH", quote="BTC")
    btc, eth = portfolio.holdings["BTC"], portfolio.holdings["ETH"]
    assert (btc.amount, btc.cost, btc.realized) == (BTC, 10_000 * USDT, 0)
    assert (eth.cost, eth.realized, eth.fees) == (10_000 * USDT, 0, 10 * USDT)


def test_money_in_and_out_is_no_profit() -> None:
    portfolio = funded(1_000 * USDT)
    portfolio.deposit("BTC", BTC, 50_000 * USDT)
    before = portfolio_view(portfolio, ASSETS, at(BTC=60_000), 0)
    portfolio.withdraw("BTC", BTC // 2, 30_000 * USDT)
    portfolio.withdraw("USDT", 400 * USDT, 400 * USDT)
    after = portfolio_view(portfolio, ASSETS, at(BTC=60_000), 0)
    assert before.profit_net == after.profit_net == "10000.00000000"
    assert (before.realized, before.unrealized) == ("0.00000000", "10000.00000000")
    assert (after.realized, after.unrealized) == ("5000.00000000", "5000.00000000")
    assert (after.withdrawals, after.invested) == ("30400.00000000", "20600.00000000")


def test_realized_and_unrealized_are_the_net_profit() -> None:
    portfolio = funded()
    buy(portfolio, 3 * BTC, 31_000 * USDT, fee=12_345)
    sell(portfolio, BTC + 17, 12_000 * USDT, fee=777)
    buy(portfolio, 5 * BTC, BTC // 3, fee=999, asset="ETH", quote="BTC")
    sell(portfolio, 2 * BTC, 9_000 * USDT, fee=3, asset="ETH")
    portfolio.withdraw("ETH", BTC, 3_000 * USDT)
    view = portfolio_view(portfolio, ASSETS, at(BTC=11_000, ETH=2_900), 0)
    assert Decimal(view.realized) + Decimal(view.unrealized) == Decimal(view.profit_net)
    assert Decimal(view.profit_net) + Decimal(view.fees) == Decimal(view.profit_gross)


def test_the_multiples_are_by_what_was_paid_in() -> None:
    portfolio = funded(1_000 * USDT)
    portfolio.withdraw("USDT", 250 * USDT, 250 * USDT)
    portfolio.adjust("USDT", 500 * USDT)
    view = portfolio_view(portfolio, ASSETS, at(), 0)
    assert (view.rvpi, view.dpi, view.tvpi) == ("1.250000", "0.250000", "1.500000")
    assert (view.roi_net, view.roi_basis) == ("0.666667", "cost")
    portfolio.withdraw("USDT", 1_000 * USDT, 1_000 * USDT)
    view = portfolio_view(portfolio, ASSETS, at(), 0)
    assert (view.roi_net, view.roi_basis, view.invested) == ("2.000000", "value", "-250.00000000")


def test_without_deposits_or_prices_ratios_are_unknown_and_nothing_is_invented() -> None:
    portfolio = Portfolio(1, "USDT")
    view = portfolio_view(portfolio, ASSETS, at(), 0)
    assert (view.equity, view.rvpi, view.roi_net, view.positions) == ("0.00000000", None, None, [])
    portfolio.adjust("ETH", BTC)
    view = portfolio_view(portfolio, ASSETS, at(), 0)
    assert view.unpriced == ["ETH"]
    assert (view.positions[0].value, view.positions[0].unrealized, view.positions[0].share) == (None, None, None)


def test_adjustments_cost_nothing_and_take_their_cost_with_them() -> None:
    portfolio = funded()
    buy(portfolio, BTC, 10_000 * USDT)
    portfolio.adjust("BTC", BTC)
    assert (portfolio.holdings["BTC"].cost, portfolio.holdings["BTC"].realized) == (10_000 * USDT, 0)
    portfolio.adjust("BTC", -BTC)
    assert (portfolio.holdings["BTC"].cost, portfolio.holdings["BTC"].realized) == (5_000 * USDT, -5_000 * USDT)


def test_more_than_there_is_cannot_be_spent() -> None:
    with pytest.raises(AssertionError):
        sell(funded(), BTC, USDT)


def test_a_cleared_history_begins_with_the_starting_funds() -> None:
    portfolio = funded(1_000 * USDT)
    portfolio.deposit("USDT", 500 * USDT, 500 * USDT)
    buy(portfolio, BTC, 500 * USDT)
    sell(portfolio, BTC, 700 * USDT, fee=USDT)
    portfolio.adjust("USDT", 1_000 * USDT - portfolio.holdings["USDT"].amount)
    portfolio.clear()
    view = portfolio_view(portfolio, ASSETS, at(BTC=900), 0)
    assert (view.deposits, view.withdrawals, view.profit_net) == ("1000.00000000", "0.00000000", "0.00000000")
    assert (view.realized, view.fees) == ("0.00000000", "0.00000000")


def test_portfolios_of_a_journal_hold_what_the_ledgers_hold() -> None:
    exchange = Exchange()
    exchange.create_account(1, shard=0, USDT=100_000 * USDT)
    exchange.create_account(2, shard=1, BTC=5 * BTC)
    exchange.place(limit(2, Side.SELL, 200_000, 5_000_000), shard=1)
    exchange.place(limit(1, Side.BUY, 150_000, 5_000_000), shard=0)
    portfolios = Portfolios("USDT")
    for sequence, subject, payload in exchange.records:
        portfolios.apply(sequence, subject, decode_record(subject, payload))
    for shard in exchange.shards:
        for number, account in shard.ledger.accounts.items():
            held = {asset: each.amount for asset, each in portfolios.by_account[number].holdings.items()}
            assert held == {asset: each.free + each.held for asset, each in account.balances.items()}
    assert equity_of(portfolios.by_account[1], at(BTC=50_000)) < 100_000 * USDT
