"""Orders as they are typed in, and what a page is sent of a market."""

from __future__ import annotations

from itertools import product

import pytest

from dashboard.live.market import MarketBoard
from dashboard.market_desk import MarketPicture
from dashboard.order_entry import PROFIT_LEGS, STOP_LEGS, TYPES, Legs, Terms, number, request_of, told
from tests.support.dashboard_gateway import PutGateway
from tests.support.heard_bus import HeardBus

TYPED = Terms("A/B", "buy", "limit", " 1,5 ", "2", "base", "3", "IOC", True)


def test_each_type_asks_for_what_it_needs_and_no_more():
    base = {"symbol": "A/B", "side": "buy", "amount": "2"}
    limit = {"limit_price": "1.5", "time_in_force": "IOC"}
    expected = {
        "limit": base | limit | {"type": "limit", "post_only": True},
        "market": base | {"type": "market"},
        "stop_loss": base | {"type": "stop_loss", "stop_price": "3"},
        "stop_loss_limit": base | limit | {"type": "stop_loss_limit", "stop_price": "3"},
        "take_profit": base | {"type": "take_profit", "stop_price": "3"},
        "take_profit_limit": base | limit | {"type": "take_profit_limit", "stop_price": "3"},
    }
    assert set(expected) == set(TYPES) - {"oco"}
    for kind, body in expected.items():
        assert request_of(TYPED._replace(kind=kind)) == ("/orders", body)


def test_a_market_order_can_be_of_money_and_no_other_order_can():
    assert request_of(TYPED._replace(kind="market", unit="quote"))[1]["quote_amount"] == "2"
    assert "quote_amount" not in request_of(TYPED._replace(unit="quote"))[1]


def test_one_cancels_the_other_is_one_order_that_takes_the_profit_and_one_that_stops_the_loss():
    profits = {
        "limit": {"limit_price": "1.5", "time_in_force": "GTC"},
        "take_profit": {"stop_price": "7"},
        "take_profit_limit": {"stop_price": "7", "limit_price": "1.5", "time_in_force": "GTC"},
    }
    stops = {
        "stop_loss": {"stop_price": "3"},
        "stop_loss_limit": {"stop_price": "3", "limit_price": "2.5", "time_in_force": "GTC"},
    }
    assert (set(profits), set(stops)) == (set(PROFIT_LEGS), set(STOP_LEGS))
    common = {"symbol": "A/B", "side": "buy", "amount": "2"}
    for (profit, taking), (stop, stopping) in product(profits.items(), stops.items()):
        path, body = request_of(TYPED._replace(kind="oco", legs=Legs(profit, "7", stop, "2,5")))
        assert path == "/orders/lists"
        assert body["orders"] == [common | taking | {"type": profit}, common | stopping | {"type": stop}]


@pytest.mark.parametrize(
    ("legs", "said"),
    [
        (Legs("market"), "Profit by: choose one"),
        (Legs("take_profit", ""), "Take profit at: enter a number"),
        (Legs(stop_kind="take_profit"), "Stop by: choose one"),
        (Legs(stop_kind="stop_loss_limit", stop_limit="-1"), "Stop limit: enter a number"),
    ],
)
def test_what_is_wrong_with_one_of_two_orders_is_told_by_the_name_of_its_field(legs, said):
    with pytest.raises(ValueError, match=said):
        request_of(TYPED._replace(kind="oco", legs=legs))


@pytest.mark.parametrize("text", [None, "", " ", "0", "-1", "nan", "inf", "1e", "1" * 41, "<b>1</b>"])
def test_what_is_no_positive_number_is_told_by_the_name_of_its_field(text):
    with pytest.raises(ValueError, match="Stop price: enter a number greater than 0"):
        number("Stop price", text)


def test_answers_are_told_in_words():
    order = {"id": "5", "status": "partially_filled", "actual_filled": "0.5", "average": "3.2", "reason": None}
    assert told(order) == "Order 5: partially filled, 0.5 at 3.2."
    assert told(order | {"status": "rejected", "actual_filled": "0", "reason": "would_match"}) == (
        "Order 5: rejected (would match)."
    )
    assert told({"orders": [order, order]}).count("Order 5") == 2
    assert told([order, order]) == "Orders canceled: 2."


def test_a_page_is_sent_only_what_has_changed_since():
    board = MarketBoard("A/B", HeardBus(), PutGateway())
    picture = MarketPicture(board, "1m")
    assert set(picture.changes()) == {"live-book", "live-tape", "live-head", "live-candle"}
    assert picture.changes() == {}
    board.tape.append({"trade_id": 1})
    assert set(picture.changes()) == {"live-tape"}
    board.candles["5m"] = [{"open_time": 1}]
    assert picture.changes() == {}
    board.candles["1m"] = [{"open_time": 1}]
    assert set(picture.changes()) == {"live-candle"}
    board.pasts += 1
    assert picture.changes() == {"live-past": {"symbol": "A/B", "pasts": 1}}
    board.depth.take_snapshot({"update_id": 4, "bids": [["1", "2"]], "asks": []})
    assert picture.changes() == {"live-book": {"symbol": "A/B", "bids": [("1", "2")], "asks": []}}
