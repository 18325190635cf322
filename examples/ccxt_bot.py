"""Trade one symbol with plain ccxt: buy below the average of the last minutes, sell above it.

    export MOCKEXCHANGE_API_KEY=... MOCKEXCHANGE_SECRET=...      # of the demo account: data/credentials.toml
    python examples/ccxt_bot.py --symbol BTC/USDT --rounds 10

Only the URLs make this ccxt.binance trade on paper; `mockexchange.client.MockExchange` sets them by itself.
"""

from __future__ import annotations

import argparse
import os
import time

import ccxt


def connect() -> ccxt.binance:
    """Return ccxt.binance with this exchange's URLs."""
    base = os.environ.get("MOCKEXCHANGE_BASE_URL", "http://localhost:8000")
    rest = f"{base}/api/v3"
    return ccxt.binance(
        {
            "apiKey": os.environ["MOCKEXCHANGE_API_KEY"],
            "secret": os.environ["MOCKEXCHANGE_SECRET"],
            "options": {"fetchMarkets": {"types": ["spot"]}},
            "urls": {"api": {"public": rest, "private": rest, "v1": f"{base}/api/v1", "sapi": f"{base}/sapi/v1"}},
        }
    )


def trade_once(exchange: ccxt.binance, symbol: str, cost: float) -> str:
    """Compare the price with its average and trade for about `cost`; return what was done."""
    ticker = exchange.fetch_ticker(symbol)
    # A symbol that has not traded yet has a book, but no last price.
    last = ticker["last"] or ticker["ask"]
    closes = [candle[4] for candle in exchange.fetch_ohlcv(symbol, "1m", limit=20)]
    average = sum(closes) / len(closes) if closes else last
    side = "buy" if last <= average else "sell"
    amount = exchange.amount_to_precision(symbol, cost / last)
    try:
        order = exchange.create_order(symbol, "market", side, amount)
    except ccxt.InsufficientFunds:
        return f"{side} {amount}: not enough money"
    return f"{side} {order['filled']} at {order['average']}, the average is {average:.2f}"


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbol", default="BTC/USDT")
    parser.add_argument("--cost", type=float, default=50.0, help="worth of each order (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=0, help="stop after so many rounds (default: never)")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between rounds (default: %(default)s)")
    options = parser.parse_args()
    exchange = connect()
    exchange.load_markets()
    done = 0
    while not options.rounds or done < options.rounds:
        print(trade_once(exchange, options.symbol, options.cost), flush=True)
        done += 1
        time.sleep(options.pause)
    balance = exchange.fetch_balance()["total"]
    print("balance:", {asset: amount for asset, amount in balance.items() if amount}, flush=True)
    exchange.close()


if __name__ == "__main__":
    main()
