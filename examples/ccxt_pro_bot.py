"""Follow prices and the account's own orders over WebSockets with ccxt.pro, and chase the best bid with one order.

export MOCKEXCHANGE_API_KEY=... MOCKEXCHANGE_SECRET=...      # of the demo account: data/credentials.toml
python examples/ccxt_pro_bot.py --symbol ETH/USDT --rounds 10
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from typing import Any

import ccxt

from mockexchange.client import MockExchangePro


async def tell_orders(exchange: MockExchangePro, symbol: str) -> None:
    """Print each change of the account's orders."""
    while True:
        for order in await exchange.watch_orders(symbol):
            print(f"order {order['id']} is {order['status']}, filled {order['filled']}", flush=True)


async def chase(exchange: MockExchangePro, symbol: str, cost: float, rounds: int) -> None:
    """Keep one buy order at the best bid of the book, and buy anew once it has filled."""
    order: dict[str, Any] | None = None
    done = 0
    while not rounds or done < rounds:
        book = await exchange.watch_order_book(symbol)
        price = book["bids"][0][0]
        if order is None or order["price"] != price:
            if order is not None:
                with suppress(ccxt.OrderNotFound):
                    await exchange.cancel_order(order["id"], symbol)
            amount = exchange.amount_to_precision(symbol, cost / price)
            order = await exchange.create_order(symbol, "limit", "buy", amount, price)
            done += 1
            print(f"bid {amount} at {price}", flush=True)
    await exchange.cancel_all_orders(symbol)


async def run(symbol: str, cost: float, rounds: int) -> None:
    """Watch orders and chase the price at once."""
    exchange = MockExchangePro()
    try:
        await exchange.load_markets()
        telling = asyncio.create_task(tell_orders(exchange, symbol))
        chasing = asyncio.create_task(chase(exchange, symbol, cost, rounds))
        await asyncio.wait([telling, chasing], return_when=asyncio.FIRST_COMPLETED)
        for task in (telling, chasing):
            task.cancel()
        for result in await asyncio.gather(telling, chasing, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
    finally:
        await exchange.close()


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbol", default="BTC/USDT")
    parser.add_argument("--cost", type=float, default=50.0, help="worth of each order (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=0, help="stop after so many orders (default: never)")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(run(options.symbol, options.cost, options.rounds))


if __name__ == "__main__":
    main()
