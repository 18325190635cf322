"""An unmodified ccxt, blocking and asyncio, trades here as it does on Binance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.support.ccxt_clients import Blocking, async_client, configuration, place_list, sync_client
from tests.support.members import Member, Members, eventually

BTC = "BTC/USDT"
LAB = "LAB/USDT"
HOUR_MS = 3_600_000


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, alice: Member) -> Iterator[Any]:
    if request.param == "sync":
        yield sync_client(alice)
        return
    made = async_client(alice)
    yield made
    made.end()


@pytest.fixture
def rest(alice: Member) -> ccxt.binance:
    return sync_client(alice)


def numbers(*texts: str) -> tuple[float, ...]:
    return tuple(float(text) for text in texts)


def free_price(bob: Member) -> None:
    """Empty LAB's book and let its last price be 100."""
    seller = bob.place("sell", "0.1", "100")
    bob.place("buy", "0.1", "100")
    assert bob.order(seller)["status"] == "filled"


# Market data.


def test_markets_have_the_filters_of_the_instruments(client: Any, alice: Member) -> None:
    markets = client.load_markets()
    listed = {row["symbol"]: row for row in alice.ask("GET", "/instruments")}
    assert set(markets) == set(listed)
    for symbol, market in markets.items():
        row = listed[symbol]
        assert market["precision"]["price"] == float(row["tick_size"])
        assert market["precision"]["amount"] == float(row["step_size"])
        assert market["limits"]["amount"]["min"] == float(row["min_quantity"])
        assert market["limits"]["cost"]["min"] == float(row["min_notional"])
        assert market["active"] is True
        assert market["spot"] is True


def test_currencies_and_fees_are_known(client: Any, alice: Member) -> None:
    currencies = client.fetch_currencies()
    assert {"BTC", "USDT", "LAB"} <= set(currencies)
    fee = client.fetch_trading_fee(BTC)
    order = alice.order(alice.place("buy", "0.1", "50"))
    assert (fee["maker"], fee["taker"]) == numbers(order["maker_fee_rate"], order["fee_rate"])
    assert set(client.fetch_trading_fees()) >= {BTC, LAB}


def test_time_and_status(client: Any) -> None:
    assert abs(client.fetch_time() - time.time() * 1000) < 5_000
    assert client.fetch_status()["status"] == "ok"


def test_the_order_book_is_the_exchanges_own(client: Any, alice: Member, bob: Member) -> None:
    bids = [bob.place("buy", "1", "90.5"), bob.place("buy", "2", "90.25")]
    asks = [bob.place("sell", "3", "110.75")]
    book = client.fetch_order_book(LAB)
    own = alice.ask("GET", f"/orderbook/{LAB}")
    assert book["nonce"] == own["update_id"]
    assert book["bids"] == [[float(price), float(quantity)] for price, quantity in own["bids"]]
    assert book["asks"] == [[float(price), float(quantity)] for price, quantity in own["asks"]]
    assert [90.5, 1.0] in book["bids"]
    for order_id in (*bids, *asks):
        bob.ask("DELETE", f"/orders/{order_id}")


def test_tickers_move_with_the_market(client: Any) -> None:
    ticker = client.fetch_ticker(BTC)
    assert 0 < ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["quoteVolume"] > ticker["baseVolume"] > 0
    assert BTC in client.fetch_tickers()
    best = client.fetch_bids_asks([BTC])[BTC]
    assert 0 < best["bid"] < best["ask"]
    assert client.fetch_last_prices([BTC])[BTC]["price"] > 0


def test_trades_and_candles_of_a_symbol_are_those_that_were_made(client: Any, alice: Member, bob: Member) -> None:
    bob.place("sell", "0.4", "101")
    made = alice.place("buy", "0.4", "101")
    fill = alice.order(made)
    assert fill["status"] == "filled"
    trades = eventually(
        lambda: [trade for trade in client.fetch_trades(LAB) if trade["price"] == 101.0], "the trade is on the tape"
    )
    own = alice.ask("GET", f"/trades/{LAB}")[0]
    assert trades[-1]["id"] == str(own["trade_id"])
    assert (trades[-1]["amount"], trades[-1]["side"]) == (0.4, "buy")
    candles = eventually(
        lambda: [row for row in client.fetch_ohlcv(LAB, "1m") if row[5] > 0 and row[2] >= 101.0], "a candle has it"
    )
    assert candles[-1][0] % 60_000 == 0
    assert candles[-1][3] <= 101.0 <= candles[-1][2]


def test_candles_honour_since_and_limit(client: Any) -> None:
    eventually(lambda: len(client.fetch_ohlcv(BTC, "1s")) > 3, "seconds passed")
    rows = client.fetch_ohlcv(BTC, "1s", limit=3)
    assert len(rows) == 3
    assert [row[0] - rows[0][0] for row in rows] == [0, 1000, 2000]
    since = client.fetch_ohlcv(BTC, "1s", since=rows[1][0], limit=1)
    assert [row[0] for row in since] == [rows[1][0]]
    assert client.fetch_ohlcv(BTC, "1d")[-1][0] % (24 * HOUR_MS) == 0


# Money.


def test_balances_are_those_of_the_ledger(client: Any, alice: Member) -> None:
    client.create_order(LAB, "limit", "buy", 1, 50)
    balance = client.fetch_balance()
    for asset, (free, used) in alice.balances().items():
        assert (balance[asset]["free"], balance[asset]["used"]) == numbers(free, used)
    assert balance["USDT"]["used"] == 50.0


# Orders.


def test_a_limit_order_is_placed_queried_and_canceled(client: Any, alice: Member) -> None:
    placed = client.create_order(LAB, "limit", "buy", 0.5, 60, {"clientOrderId": "my-first"})
    own = alice.order(placed["id"])
    assert placed["status"] == "open"
    assert own["client_order_id"] == placed["clientOrderId"] == "my-first"
    assert (placed["amount"], placed["price"], placed["filled"]) == (0.5, 60.0, 0.0)
    found = client.fetch_order(placed["id"], LAB)
    assert (found["status"], found["remaining"], found["timestamp"]) == ("open", 0.5, own["ts_create"])
    assert [order["id"] for order in client.fetch_open_orders(LAB)] == [placed["id"]]
    canceled = client.cancel_order(placed["id"], LAB)
    assert canceled["status"] == "canceled"
    assert alice.order(placed["id"])["status"] == "canceled"
    assert client.fetch_open_orders(LAB) == []
    assert client.fetch_order(placed["id"], LAB)["status"] == "canceled"
    assert placed["id"] in [
        order["id"] for order in client.fetch_closed_orders(LAB) + client.fetch_canceled_orders(LAB)
    ]


def test_a_market_order_fills_and_tells_its_trades(client: Any, alice: Member, bob: Member) -> None:
    bob.place("sell", "0.2", "70")
    bob.place("sell", "0.3", "71")
    bought = client.create_order(LAB, "market", "buy", 0.5)
    own = alice.order(bought["id"])
    assert (bought["status"], bought["filled"]) == ("closed", 0.5)
    assert bought["cost"] == float(own["actual_notion"]) == 35.3
    assert Decimal(str(bought["average"])) == Decimal("70.6")
    mine = eventually(lambda: client.fetch_my_trades(LAB), "my trades")
    fills = alice.ask("GET", f"/trades?symbol={LAB}")
    assert [trade["id"] for trade in mine] == sorted(str(fill["trade_id"]) for fill in fills)
    assert sum(Decimal(str(trade["fee"]["cost"])) for trade in mine) == Decimal(own["actual_fee"])
    assert {trade["fee"]["currency"] for trade in mine} == {"LAB"}
    assert {trade["takerOrMaker"] for trade in mine} == {"taker"}
    assert [trade["id"] for trade in client.fetch_order_trades(bought["id"], LAB)] == [trade["id"] for trade in mine]


def test_a_market_order_by_cost_spends_at_most_that(client: Any, alice: Member, bob: Member) -> None:
    resting = bob.place("sell", "5", "80")
    bought = client.create_market_buy_order_with_cost(LAB, 100)
    assert bought["cost"] == 100.0
    assert bought["filled"] == 1.25
    bob.ask("DELETE", f"/orders/{resting}")
    resting = bob.place("buy", "5", "79")
    sold = client.create_market_sell_order_with_cost(LAB, 79)
    assert (sold["cost"], sold["filled"], sold["status"]) == (79.0, 1.0, "closed")
    assert alice.order(sold["id"])["status"] == "filled"
    bob.ask("DELETE", f"/orders/{resting}")


def test_immediate_and_fill_or_kill_orders_expire(client: Any, alice: Member, bob: Member) -> None:
    resting = bob.place("sell", "0.2", "70")
    immediate = client.create_order(LAB, "limit", "buy", 1, 70, {"timeInForce": "IOC"})
    assert (immediate["status"], immediate["filled"]) == ("expired", 0.2)
    killed = client.create_order(LAB, "limit", "buy", 1, 70, {"timeInForce": "FOK"})
    assert (killed["status"], killed["filled"]) == ("expired", 0.0)
    assert bob.order(resting)["status"] == "filled"


def test_a_stop_waits_for_the_last_price_and_then_sells(client: Any, alice: Member, bob: Member) -> None:
    free_price(bob)
    stop = client.create_order(LAB, "market", "sell", 0.5, None, {"stopLossPrice": 95})
    assert (stop["status"], stop["triggerPrice"]) == ("open", 95.0)
    assert alice.balances()["LAB"][1] == "0.50000000"
    resting = [bob.place("buy", "0.1", "94.5"), bob.place("buy", "0.6", "94")]
    bob.place("sell", "0.1", "94.5")
    sold = eventually(
        lambda: (o := client.fetch_order(stop["id"], LAB))["status"] == "closed" and o, "it was triggered"
    )
    assert (sold["filled"], sold["average"]) == (0.5, 94.0)
    bob.ask("DELETE", f"/orders/{resting[1]}")


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("STOP_LOSS_LIMIT", {"stopPrice": 90, "timeInForce": "GTC"}),
        ("TAKE_PROFIT_LIMIT", {"stopPrice": 120, "timeInForce": "GTC"}),
    ],
)
def test_conditional_limit_orders_wait_and_can_be_canceled(
    client: Any, alice: Member, bob: Member, kind: str, params: dict[str, Any]
) -> None:
    free_price(bob)
    order = client.create_order(LAB, kind, "sell", 0.5, 89 if "STOP" in kind else 121, params)
    assert order["status"] == "open"
    assert alice.order(order["id"])["type"] == kind.lower()
    assert client.cancel_order(order["id"], LAB)["status"] == "canceled"
    assert alice.balances()["LAB"][1] == "0.00000000"


def test_edit_order_replaces_in_one_step(client: Any, alice: Member) -> None:
    first = client.create_order(LAB, "limit", "buy", 1, 60)
    second = client.edit_order(first["id"], LAB, "limit", "buy", 2, 61)
    assert alice.order(first["id"])["status"] == "canceled"
    assert (second["amount"], second["price"], second["status"]) == (2.0, 61.0, "open")
    assert alice.balances()["USDT"][1] == "122.00000000"
    client.cancel_all_orders(LAB)
    assert alice.balances()["USDT"][1] == "0.00000000"


def test_amend_keeps_the_place_in_the_queue(rest: ccxt.binance, alice: Member, bob: Member) -> None:
    first = rest.create_order(LAB, "limit", "buy", 1, 60)
    behind = bob.place("buy", "1", "60")
    answer = rest.request(
        "order/amend/keepPriority", ["private"], "PUT", {"symbol": "LABUSDT", "orderId": first["id"], "newQty": "0.4"}
    )
    assert answer["amendedOrder"]["qty"] == "0.40000000"
    assert alice.balances()["USDT"][1] == "24.00000000"
    bob.place("sell", "0.4", "60")
    assert alice.order(first["id"])["status"] == "filled"
    assert bob.order(behind)["status"] == "new"
    bob.ask("DELETE", f"/orders/{behind}")


def test_one_order_of_a_list_cancels_the_other(rest: ccxt.binance, alice: Member, bob: Member) -> None:
    free_price(bob)
    made = place_list(
        rest,
        abovePrice="110",
        belowType="STOP_LOSS_LIMIT",
        belowStopPrice="90",
        belowPrice="89",
        belowTimeInForce="GTC",
    )
    assert alice.balances()["LAB"][1] == "1.00000000"
    above, below = (
        next(row["orderId"] for row in made["orderReports"] if row["type"] == kind)
        for kind in ("LIMIT_MAKER", "STOP_LOSS_LIMIT")
    )
    bob.place("buy", "1", "110")
    assert alice.order(above)["status"] == "filled"
    assert alice.order(below)["status"] == "canceled"
    assert alice.balances()["LAB"][1] == "0.00000000"


def test_a_client_id_is_free_again_once_its_order_is_closed(client: Any) -> None:
    first = client.create_order(LAB, "limit", "buy", 1, 60, {"clientOrderId": "again"})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        client.create_order(LAB, "limit", "buy", 1, 60, {"clientOrderId": "again"})
    client.cancel_order(first["id"], LAB)
    second = client.create_order(LAB, "limit", "buy", 1, 60, {"clientOrderId": "again"})
    assert second["id"] != first["id"]
    client.cancel_order(second["id"], LAB)


def test_test_orders_are_checked_and_not_placed(client: Any, alice: Member) -> None:
    client.create_order(LAB, "limit", "buy", 1, 60, {"test": True})
    with pytest.raises(ccxt.InvalidOrder):
        client.create_order(LAB, "limit", "buy", 10_000, 60, {"test": True})
    assert alice.ask("GET", "/orders") == []


# What goes wrong arrives as the class that a bot catches.


def refusals(bob: Member) -> dict[str, tuple[type[Exception], Any]]:
    return {
        "off the tick": (ccxt.InvalidOrder, raw_order(price="60.001")),
        "off the lot": (ccxt.InvalidOrder, raw_order(quantity="0.0005")),
        "too small in value": (ccxt.InvalidOrder, raw_order(quantity="0.001")),
        "out of the price band": (ccxt.InvalidOrder, raw_order(symbol="BTCUSDT", price="1", quantity="10")),
        "too expensive": (ccxt.InsufficientFunds, raw_order(quantity="1000", price="99999")),
        "no such symbol": (ccxt.BadSymbol, raw_order(symbol="NOPEUSDT")),
        "no side": (ccxt.BadRequest, raw_order(side="")),
        "no such time in force": (ccxt.BadRequest, raw_order(timeInForce="SOON")),
    }


def raw_order(**changes: str) -> dict[str, str]:
    order = {"symbol": "LABUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "60"}
    return {name: value for name, value in (order | changes).items() if value}


@pytest.mark.parametrize("case", list(refusals(None)))  # type: ignore[arg-type]
def test_a_bad_order_is_refused_as_its_own_class(client: Any, alice: Member, bob: Member, case: str) -> None:
    expected, order = refusals(bob)[case]
    with pytest.raises(expected) as caught:
        client.request("order", ["private"], "POST", order)
    assert type(caught.value) is expected
    # What the book refuses stands in the history as rejected, and nothing else of it is left.
    assert {row["status"] for row in alice.ask("GET", "/orders")} <= {"rejected"}
    assert {used for _, used in alice.balances().values()} == {"0.00000000"}


def test_an_unknown_order_is_not_found(client: Any, bob: Member) -> None:
    strange = bob.place("buy", "1", "60")
    for order_id in ("999", strange):
        with pytest.raises(ccxt.OrderNotFound):
            client.fetch_order(order_id, LAB)
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(order_id, LAB)
    assert bob.order(strange)["status"] == "new"
    bob.ask("DELETE", f"/orders/{strange}")


def test_a_post_only_order_that_would_take_is_refused(client: Any, bob: Member) -> None:
    resting = bob.place("sell", "1", "70")
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        client.create_order(LAB, "limit", "buy", 1, 70, {"postOnly": True})
    bob.ask("DELETE", f"/orders/{resting}")


def test_a_stop_that_would_trigger_at_once_is_refused(client: Any, bob: Member) -> None:
    free_price(bob)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        client.create_order(LAB, "limit", "sell", 1, 99, {"stopLossPrice": 105})


def wrong(member: Member, **changes: Any) -> ccxt.binance:
    return ccxt.binance(configuration(member.exchange.url, member.api_key, member.secret) | changes)


def test_bad_keys_and_signatures_are_authentication_errors(alice: Member, members: Members) -> None:
    with pytest.raises(ccxt.AuthenticationError):
        wrong(alice, apiKey="x" * 64).fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        wrong(alice, secret="wrong").fetch_balance()
    reader = members.join(permissions=("read",))
    client = wrong(reader)
    assert client.fetch_balance()["USDT"]["free"] == 1_000_000.0
    with pytest.raises((ccxt.PermissionDenied, ccxt.AuthenticationError, ccxt.DDoSProtection)):
        client.create_order(LAB, "limit", "buy", 1, 60)
    assert reader.ask("GET", "/orders") == []


def test_an_old_timestamp_is_an_invalid_nonce(alice: Member) -> None:
    client = wrong(alice)
    client.options["timeDifference"] = 60_000
    with pytest.raises(ccxt.InvalidNonce):
        client.fetch_balance()
    client.options["timeDifference"] = -60_000
    with pytest.raises(ccxt.InvalidNonce):
        client.fetch_balance()


def test_maintenance_is_told_as_such(client: Any, members: Members) -> None:
    client.load_markets()
    members.administer("POST", "/admin/maintenance", {"on": True})
    try:
        with pytest.raises(ccxt.OnMaintenance):
            eventually(lambda: client.create_order(LAB, "limit", "buy", 1, 60) is None, "maintenance begins")
        assert client.fetch_status()["status"] == "maintenance"
    finally:
        members.administer("POST", "/admin/maintenance", {"on": False})
    placed = eventually(lambda: _try(lambda: client.create_order(LAB, "limit", "buy", 1, 60)), "maintenance ends")
    client.cancel_order(placed["id"], LAB)


def _try(call: Any) -> Any:
    try:
        return call()
    except ccxt.OnMaintenance:
        return None


def test_a_client_without_a_key_sees_the_market_alone(members: Members) -> None:
    client = ccxt.binance(configuration(members.exchange.url))
    assert client.fetch_ticker(BTC)["last"] > 0
    with pytest.raises(ccxt.AuthenticationError):
        client.fetch_balance()


def test_both_kinds_of_client_close_clean(client: Any) -> None:
    assert client.fetch_time() > 0
    assert isinstance(client, ccxt.binance | Blocking)
