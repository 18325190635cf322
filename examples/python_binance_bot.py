"""Trade with python-binance: place a limit order, follow a stream of trades, cancel, and show what was traded.

    pip install python-binance
    export MOCKEXCHANGE_API_KEY=... MOCKEXCHANGE_SECRET=...      # of the demo account: data/credentials.toml
    python examples/python_binance_bot.py --symbol BTCUSDT --rounds 3

python-binance takes no URL in its constructor, so its class attributes are set before it is used.
"""

from __future__ import annotations

import argparse
import asyncio
import os

from binance import AsyncClient, BinanceSocketManager
from binance.helpers import round_step_size

BASE = os.environ.get("MOCKEXCHANGE_BASE_URL", "http://localhost:8000")
SOCKETS = BASE.replace("http", "ws", 1)


def point_at_this_exchange() -> None:
    """Set the URLs of python-binance."""
    AsyncClient.API_URL = f"{BASE}/api"
    AsyncClient.MARGIN_API_URL = f"{BASE}/sapi"
    AsyncClient.WS_API_URL = f"{SOCKETS}/ws-api/v3"
    BinanceSocketManager.STREAM_URL = f"{SOCKETS}/"


async def steps_of(client: AsyncClient, symbol: str) -> tuple[float, float]:
    """Return the tick size and the step size of a symbol."""
    filters = {one["filterType"]: one for one in (await client.get_symbol_info(symbol))["filters"]}
    return float(filters["PRICE_FILTER"]["tickSize"]), float(filters["LOT_SIZE"]["stepSize"])


async def trade_once(client: AsyncClient, symbol: str, price: float, cost: float) -> None:
    """Buy at the market, and rest an order one percent below it for a moment."""
    tick, step = await steps_of(client, symbol)
    quantity = round_step_size(cost / price, step)
    bought = await client.order_market_buy(symbol=symbol, quantity=quantity)
    print(f"bought {bought['executedQty']} {symbol} for {bought['cummulativeQuoteQty']}", flush=True)
    resting = await client.order_limit_buy(
        symbol=symbol, quantity=quantity, price=str(round_step_size(price * 0.99, tick))
    )
    canceled = await client.cancel_order(symbol=symbol, orderId=resting["orderId"])
    print(f"order {canceled['orderId']} is {canceled['status']}", flush=True)


async def run(symbol: str, cost: float, rounds: int) -> None:
    """Trade at each of some trades of the market."""
    point_at_this_exchange()
    client = await AsyncClient.create(os.environ["MOCKEXCHANGE_API_KEY"], os.environ["MOCKEXCHANGE_SECRET"])
    try:
        done = 0
        async with BinanceSocketManager(client).trade_socket(symbol) as stream:
            while not rounds or done < rounds:
                trade = await stream.recv()
                await trade_once(client, symbol, float(trade["p"]), cost)
                done += 1
        mine = await client.get_my_trades(symbol=symbol)
        print(f"{len(mine)} trades so far", flush=True)
    finally:
        await client.close_connection()


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--cost", type=float, default=50.0, help="worth of each order (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=0, help="stop after so many rounds (default: never)")
    options = parser.parse_args()
    asyncio.run(run(options.symbol, options.cost, options.rounds))


if __name__ == "__main__":
    main()
