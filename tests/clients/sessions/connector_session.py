"""A session of binance-connector, run in its own environment: prints what it saw as JSON."""

from __future__ import annotations

import json
import os
import queue
from typing import Any

from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

URL = os.environ["BOT_URL"]
WS_URL = URL.replace("http", "ws", 1)
PATIENCE_S = 30.0
Seen = dict[str, Any]


def market(client: Spot, seen: Seen) -> None:
    seen["ping"] = client.ping()
    seen["time"] = client.time()
    seen["symbols"] = [each["symbol"] for each in client.exchange_info()["symbols"]]
    seen["depth"] = client.depth("BTCUSDT", limit=5)
    seen["trades"] = client.trades("BTCUSDT", limit=3)
    seen["historical_trades"] = client.historical_trades("BTCUSDT", limit=3)
    seen["agg_trades"] = client.agg_trades("BTCUSDT", limit=3)
    seen["klines"] = client.klines("BTCUSDT", "1m", limit=2)
    seen["ui_klines"] = client.ui_klines("BTCUSDT", "1h", limit=1)
    seen["avg_price"] = client.avg_price("BTCUSDT")
    seen["ticker_24hr"] = client.ticker_24hr("BTCUSDT")
    seen["ticker_price"] = client.ticker_price("BTCUSDT")
    seen["book_ticker"] = client.book_ticker("BTCUSDT")
    seen["rolling"] = client.rolling_window_ticker("BTCUSDT", windowSize="1h")
    seen["trading_day"] = client.trading_day_ticker("BTCUSDT")


def trading(client: Spot, seen: Seen) -> None:
    order = {"symbol": "LABUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": 60}
    seen["tested"] = client.new_order_test(**order)
    placed = client.new_order(**order, newClientOrderId="connector-1")
    seen["placed"] = placed
    seen["queried"] = client.get_order("LABUSDT", orderId=placed["orderId"])
    seen["open"] = client.get_open_orders("LABUSDT")
    seen["replaced"] = client.cancel_and_replace(
        **order | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": placed["orderId"], "price": 61}
    )
    seen["canceled"] = client.cancel_order("LABUSDT", orderId=seen["replaced"]["newOrderResponse"]["orderId"])
    pair = {"symbol": "LABUSDT", "side": "SELL", "quantity": 1}
    above = {"aboveType": "LIMIT_MAKER", "abovePrice": 900}
    below = {"belowType": "STOP_LOSS_LIMIT", "belowStopPrice": 5, "belowPrice": 5, "belowTimeInForce": "GTC"}
    made = client.new_oco_order(**pair, **above, **below)
    seen["pair"] = made
    seen["pair_queried"] = client.get_oco_order(orderListId=made["orderListId"])
    seen["pairs_open"] = client.get_oco_open_orders()
    seen["pair_canceled"] = client.cancel_oco_order("LABUSDT", orderListId=made["orderListId"])
    seen["bought"] = client.new_order("BTCUSDT", "BUY", "MARKET", quantity="0.01")
    seen["orders"] = client.get_orders("LABUSDT")
    seen["my_trades"] = client.my_trades("BTCUSDT")
    seen["account"] = client.account()
    seen["commission"] = client.query_commission_rates("BTCUSDT")
    seen["rate_limit"] = client.get_order_rate_limit()
    seen["fee"] = client.trade_fee(symbol="BTCUSDT")
    try:
        client.new_order(**order | {"quantity": 0.0001})
    except ClientError as error:
        seen["refused"] = [error.status_code, error.error_code, error.error_message]


def streams(client: Spot, seen: Seen) -> None:
    heard: queue.Queue[str] = queue.Queue()
    stream = SpotWebsocketStreamClient(stream_url=WS_URL, on_message=lambda _, text: heard.put(text), is_combined=True)
    key = client.new_listen_key()["listenKey"]
    client.renew_listen_key(key)
    for subscribe in (stream.trade, stream.agg_trade, stream.book_ticker, stream.mini_ticker, stream.ticker):
        subscribe(symbol="btcusdt")
    stream.kline(symbol="btcusdt", interval="1m")
    stream.diff_book_depth(symbol="btcusdt", speed=100)
    stream.partial_book_depth(symbol="btcusdt", level=5, speed=100)
    stream.user_data(listen_key=key)
    wanted = {"trade", "aggTrade", "bookTicker", "miniTicker", "ticker", "kline_1m", "depth@100ms", "depth5@100ms"}
    wanted = {f"btcusdt@{name}" for name in wanted}
    seen["streams"] = {}
    while not wanted <= set(seen["streams"]):
        message = json.loads(heard.get(timeout=PATIENCE_S))
        if "stream" in message:
            seen["streams"][message["stream"]] = message["data"]
    order = client.new_order("LABUSDT", "BUY", "LIMIT", timeInForce="GTC", quantity=1, price=42)
    client.cancel_order("LABUSDT", orderId=order["orderId"])
    seen["user"] = []
    while len(seen["user"]) < 4:
        message = json.loads(heard.get(timeout=PATIENCE_S))
        if message.get("stream") == key:
            seen["user"].append(message["data"])
    client.close_listen_key(key)
    stream.stop()


def main() -> None:
    client = Spot(os.environ["BOT_KEY"], os.environ["BOT_SECRET"], base_url=URL)
    seen: Seen = {}
    for part in (market, trading, streams):
        part(client, seen)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
