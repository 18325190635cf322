"""Public market data over HTTP."""

from __future__ import annotations

import pytest

from mockexchange.messages.orders import Side
from mockexchange.views import encode_ticker, ticker_view
from tests.support.eventually import eventually
from tests.support.local_exchange import BTC_USDT, Api, with_exchange


@with_exchange()
async def test_tickers_show_the_best_of_both_sides(api: Api) -> None:
    assert await api.get("/tickers") == ["BTC/USDT", "ETH/USDT", "GOLD/USDT"]
    ticker = (await api.get("/tickers/BTC/USDT"))["BTC/USDT"]
    assert {name: ticker[name] for name in ("symbol", "bid", "ask", "bid_volume", "ask_volume", "stale")} == {
        "symbol": "BTC/USDT", "bid": "59999.90", "ask": "60000.00", "bid_volume": "0.20000", "ask_volume": "1.00000",
        "stale": False,
    }  # fmt: skip
    assert set(ticker) == {
        "symbol", "price", "timestamp", "bid", "ask", "bid_volume", "ask_volume", "info", "stale", "overridden",
    }  # fmt: skip
    assert ticker["timestamp"] > 1_700_000_000_000


@pytest.mark.parametrize(
    "path", ["/tickers/BTC/USDT,ETH/USDT", "/tickers/BTC-USDT,ETH-USDT", "/tickers/btc/usdt,eth-usdt,"]
)
@with_exchange()
async def test_several_tickers_are_asked_for_at_once(api: Api, path: str) -> None:
    assert set(await api.get(path)) == {"BTC/USDT", "ETH/USDT"}


@with_exchange()
async def test_an_unknown_symbol_is_404_and_an_unknown_price_is_null(api: Api) -> None:
    error = (await api.get("/tickers/BTC/USDT,NO/PE", 404))["error"]
    assert (error["code"], error["field"]) == ("unknown_symbol", "symbol")
    gold = (await api.get("/tickers/GOLD/USDT"))["GOLD/USDT"]
    assert (gold["price"], gold["bid"], gold["ask"]) == (None, None, None)


@with_exchange()
async def test_the_books_ticker_goes_before_the_feeds_while_it_speaks(api: Api) -> None:
    exchange = api.exchange
    await api.buy("0.01", "59999.95")
    await eventually(lambda: b"59999.95" in (exchange.bus.payloads("market.BTC-USDT.ticker") or [b""])[-1])
    ticker = (await api.get("/tickers/BTC/USDT"))["BTC/USDT"]
    assert (ticker["bid"], ticker["bid_volume"]) == ("59999.95", "0.01000")


@with_exchange()
async def test_a_gateway_that_starts_later_remembers_the_last_tickers(api: Api) -> None:
    view = ticker_view(BTC_USDT, bid=1, bid_quantity=1, ask=0, ask_quantity=0, last=777, time_ns=10**18)
    memory = api.app.state["gateway"].memory
    memory.remember({"GOLD/USDT": encode_ticker(view), "BTC/USDT": encode_ticker(view)})
    assert (await api.get("/tickers/GOLD/USDT"))["GOLD/USDT"]["price"] == "7.77"
    # What was heard since is not forgotten for it, and an old price is none to trade at.
    assert (await api.get("/tickers/BTC/USDT"))["BTC/USDT"]["ask"] == "60000.00"
    assert (await api.place(409, symbol="GOLD/USDT", amount="1"))["error"]["code"] == "no_price"


@pytest.mark.parametrize("path", ["/orderbook/BTC/USDT", "/orderbook/BTC-USDT", "/orderbook/btc/usdt"])
@with_exchange()
async def test_a_book_shows_the_best_levels(api: Api, path: str) -> None:
    await api.buy("0.01", "59999.90")
    await api.sell("0.5", "60000.50")
    book = await api.get(path, depth=2)
    assert book["bids"] == [["59999.90", "0.21000"]]
    assert book["asks"] == [["60000.00", "1.00000"], ["60000.50", "0.50000"]]
    assert (book["symbol"], book["stale"]) == ("BTC/USDT", False)
    assert book["update_id"] > 0
    assert len((await api.get(path))["asks"]) == 3


@with_exchange()
async def test_a_book_that_sleeps_is_started_to_be_read(api: Api) -> None:
    del api.exchange.books.shells["GOLD/USDT"]
    assert (await api.get("/orderbook/GOLD/USDT"))["bids"] == []
    assert "GOLD/USDT" in api.exchange.books.shells


@with_exchange()
async def test_the_tape_lists_trades_of_accounts(api: Api) -> None:
    for amount in ("0.1", "0.2", "0.3"):
        await api.place(amount=amount)
    await eventually(lambda: len(api.exchange.store.tapes.get("BTC/USDT", {})) == 3)
    trades = await api.get("/trades/BTC/USDT")
    assert [trade["quantity"] for trade in trades] == ["0.30000", "0.20000", "0.10000"]
    assert {key for trade in trades for key in trade} == {
        "symbol", "trade_id", "price", "quantity", "side", "outside", "time", "venue_time",
    }  # fmt: skip
    ids = [trade["trade_id"] for trade in trades]
    assert ids == sorted(ids, reverse=True)
    answer = await api.http.get("/trades/BTC-USDT", params={"limit": 2})
    assert [trade["trade_id"] for trade in answer.json()] == ids[:2]
    rest = await api.get("/trades/BTC/USDT", cursor=answer.headers["x-next-cursor"])
    assert [trade["trade_id"] for trade in rest] == ids[2:]


@with_exchange()
async def test_a_market_order_needs_a_price_and_asks_the_book_for_it(api: Api) -> None:
    error = (await api.place(409, symbol="GOLD/USDT", amount="1"))["error"]
    assert error["code"] == "no_price"
    other = await api.second_account()
    await api.post("/balance/GOLD/deposit", {"amount": "5"})
    # Whatever the last ticker said, the offer that was just made is met.
    await api.sell("5", "30.00", symbol="GOLD/USDT")
    order = await other.place(symbol="GOLD/USDT", amount="5")
    assert (order["status"], order["actual_notion"]) == ("filled", "150.00000000")


@with_exchange()
async def test_prints_of_the_outside_market_fill_what_they_go_through(api: Api) -> None:
    order = await api.buy("0.1", "59999.00")
    api.exchange.feeds["BTC/USDT"].print(5_999_800, 5_000, Side.SELL)

    async def filled() -> bool:
        return bool((await api.get(f"/orders/{order['id']}"))["actual_filled"] == "0.05000")

    for _ in range(1_000):
        if await filled():
            break
    assert await filled()
