"""A session of binance-sdk-spot, run in its own environment: prints what it saw as JSON.

Its models refuse wrong types, so each call checks a schema too.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.spot import Spot

URL = os.environ["BOT_URL"]
WS_URL = URL.replace("http", "ws", 1)
PATIENCE_S = 30.0
Seen = dict[str, Any]
ORDER = {"symbol": "LABUSDT", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 1, "price": 60}


def plain(answer: Any) -> Any:
    """Return an answer as JSON would have it."""
    data = answer.data() if callable(getattr(answer, "data", None)) else answer
    if isinstance(data, list):
        return [plain(each) for each in data]
    return json.loads(data.to_json()) if hasattr(data, "to_json") else data


def rest(client: Any, seen: Seen) -> None:
    for name, arguments in {
        "ping": {},
        "time": {},
        "exchange_info": {},
        "depth": {"symbol": "BTCUSDT", "limit": 5},
        "get_trades": {"symbol": "BTCUSDT", "limit": 3},
        "historical_trades": {"symbol": "BTCUSDT", "limit": 3},
        "agg_trades": {"symbol": "BTCUSDT", "limit": 3},
        "klines": {"symbol": "BTCUSDT", "interval": "1m", "limit": 2},
        "ui_klines": {"symbol": "BTCUSDT", "interval": "1m", "limit": 2},
        "avg_price": {"symbol": "BTCUSDT"},
        "ticker24hr": {"symbol": "BTCUSDT"},
        "ticker_price": {"symbol": "BTCUSDT"},
        "ticker_book_ticker": {"symbol": "BTCUSDT"},
        "ticker": {"symbol": "BTCUSDT", "window_size": "1h"},
        "ticker_trading_day": {"symbol": "BTCUSDT"},
        "get_account": {},
        "account_commission": {"symbol": "BTCUSDT"},
        "rate_limit_order": {},
        "order_test": ORDER,
    }.items():
        seen[name] = plain(getattr(client, name)(**arguments))
    placed = seen["placed"] = plain(client.new_order(**ORDER))
    which = {"symbol": "LABUSDT", "order_id": placed["orderId"]}
    seen["queried"] = plain(client.get_order(**which))
    seen["open"] = plain(client.get_open_orders(symbol="LABUSDT"))
    seen["amended"] = plain(client.order_amend_keep_priority(**which, new_qty=0.5))
    seen["amendments"] = plain(client.order_amendments(**which))
    seen["canceled"] = plain(client.delete_order(**which))
    seen["orders"] = plain(client.all_orders(symbol="LABUSDT"))
    seen["bought"] = plain(client.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quote_order_qty=1000))
    seen["my_trades"] = plain(client.my_trades(symbol="BTCUSDT"))
    pair = {
        "symbol": "LABUSDT",
        "side": "SELL",
        "quantity": 1,
        "above_type": "LIMIT_MAKER",
        "above_price": 900,
        "below_type": "STOP_LOSS",
        "below_stop_price": 5,
    }
    seen["pair"] = plain(client.order_list_oco(**pair))
    seen["pair_queried"] = plain(client.get_order_list(order_list_id=seen["pair"]["orderListId"]))
    seen["pairs_open"] = plain(client.open_order_list())
    seen["all_canceled"] = plain(client.delete_open_orders(symbol="LABUSDT"))


async def websocket_api(client: Spot, seen: Seen) -> None:
    connection = await client.websocket_api.create_connection()
    try:
        placed = seen["ws_placed"] = plain(await connection.order_place(**ORDER))["result"]
        which = {"symbol": "LABUSDT", "order_id": placed["orderId"]}
        seen["ws_status"] = plain(await connection.order_status(**which))["result"]
        seen["ws_open"] = plain(await connection.open_orders_status(symbol="LABUSDT"))["result"]
        seen["ws_canceled"] = plain(await connection.order_cancel(**which))["result"]
        seen["ws_account"] = plain(await connection.account_status())["result"]
        seen["ws_depth"] = plain(await connection.depth(symbol="BTCUSDT", limit=5))["result"]
    finally:
        await connection.close_connection(close_session=True)


async def streams(client: Spot, seen: Seen) -> None:
    connection = await client.websocket_streams.create_connection()
    try:
        heard: asyncio.Queue[Any] = asyncio.Queue()
        stream = await connection.book_ticker(symbol="btcusdt")
        stream.on("message", heard.put_nowait)
        seen["book_ticker"] = plain(await asyncio.wait_for(heard.get(), PATIENCE_S))
        await stream.unsubscribe()
    finally:
        await connection.close_connection(close_session=True)


async def over_websockets(client: Spot, seen: Seen) -> None:
    await websocket_api(client, seen)
    await streams(client, seen)


def main() -> None:
    keys = {"api_key": os.environ["BOT_KEY"], "api_secret": os.environ["BOT_SECRET"]}
    client = Spot(
        config_rest_api=ConfigurationRestAPI(**keys, base_path=URL, retries=0),
        config_ws_api=ConfigurationWebSocketAPI(**keys, stream_url=f"{WS_URL}/ws-api/v3"),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"{WS_URL}/stream"),
    )
    seen: Seen = {}
    rest(client.rest_api, seen)
    asyncio.run(over_websockets(client, seen))
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
