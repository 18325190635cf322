"""Make a market: keep a bid and an ask around the middle of the book, leaning against what one holds.

export MOCKEXCHANGE_API_KEY=... MOCKEXCHANGE_SECRET=...      # of the demo account: data/credentials.toml
python examples/market_maker.py --symbol ETH/USDT --spread 0.001 --cost 200
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

import ccxt

from mockexchange.client import AsyncMockExchange


def quotes(middle: float, spread: float, base_worth: float, target_worth: float) -> tuple[float, float]:
    """Return bid and ask; the more one holds beyond the target, the lower both, by at most half the spread."""
    excess = (base_worth - target_worth) / target_worth if target_worth else 0.0
    center = middle * (1 - spread / 2 * max(-1.0, min(1.0, excess)))
    return center * (1 - spread / 2), center * (1 + spread / 2)


class MarketMaker:
    """Quotes one symbol on both sides."""

    def __init__(self, exchange: AsyncMockExchange, symbol: str, spread: float, cost: float) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.spread = spread
        self.cost = cost

    async def refresh(self) -> None:
        """Replace both quotes by fresh ones."""
        base = self.symbol.split("/")[0]
        # Binance calls it an error when there is nothing to cancel.
        with suppress(ccxt.OrderNotFound):
            await self.exchange.cancel_all_orders(self.symbol)
        book, balance = await asyncio.gather(
            self.exchange.fetch_order_book(self.symbol, 5), self.exchange.fetch_balance()
        )
        middle = (book["bids"][0][0] + book["asks"][0][0]) / 2
        held = balance["total"].get(base, 0.0) * middle
        bid, ask = quotes(middle, self.spread, held, 10 * self.cost)
        told = await asyncio.gather(self.quote("buy", bid), self.quote("sell", ask))
        print(f"middle {middle:.2f}, {base} worth {held:.2f}: {', '.join(told)}", flush=True)

    async def quote(self, side: str, price: float) -> str:
        """Rest an order that only adds to the book; return what became of it."""
        amount = self.exchange.amount_to_precision(self.symbol, self.cost / price)
        exact = self.exchange.price_to_precision(self.symbol, price)
        try:
            await self.exchange.create_order(self.symbol, "limit", side, amount, exact, {"postOnly": True})
        except ccxt.OrderImmediatelyFillable:
            return f"{side} at {exact} would trade at once"
        except ccxt.InsufficientFunds:
            return f"no money to {side}"
        return f"{side} {amount} at {exact}"


async def run(options: argparse.Namespace) -> None:
    """Buy what the asks need first, then quote."""
    exchange = AsyncMockExchange()
    try:
        await exchange.load_markets()
        maker = MarketMaker(exchange, options.symbol, options.spread, options.cost)
        ask = (await exchange.fetch_ticker(options.symbol))["ask"]
        amount = exchange.amount_to_precision(options.symbol, 2 * options.cost / ask)
        await exchange.create_order(options.symbol, "market", "buy", amount)
        done = 0
        while not options.rounds or done < options.rounds:
            await maker.refresh()
            done += 1
            await asyncio.sleep(options.pause)
        with suppress(ccxt.OrderNotFound):
            await exchange.cancel_all_orders(options.symbol)
        trades = await exchange.fetch_my_trades(options.symbol)
        made = sum(trade["takerOrMaker"] == "maker" for trade in trades)
        print(f"{made} of {len(trades)} trades as maker", flush=True)
    finally:
        await exchange.close()


def main() -> None:
    """Read the command line and quote."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbol", default="BTC/USDT")
    parser.add_argument("--spread", type=float, default=0.001, help="between bid and ask, as a part of one")
    parser.add_argument("--cost", type=float, default=100.0, help="worth of each quote (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=0, help="stop after so many rounds (default: never)")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between rounds (default: %(default)s)")
    with suppress(KeyboardInterrupt):
        asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
