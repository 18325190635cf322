"""Fill an exchange with life: random market and limit orders on random symbols, buying more the more cash there is.

    export MOCKEXCHANGE_API_KEY=... MOCKEXCHANGE_ADMIN_KEY=...   # data/credentials.toml
    python examples/order_generator.py --reset-portfolio --min-sleep 1 --max-sleep 3

Each option may also be set by a variable of its name: MIN_SLEEP=1, NOMINAL_TICKET_QUOTE=50, RESET_PORTFOLIO=true.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ccxt

from mockexchange.client import MockExchange

CASH = "USDT"
OPTIONS: list[tuple[str, Any, str]] = [
    ("funding_amount", 100_000.0, "cash to start with after a reset"),
    ("base_assets_to_buy", "BTC,ETH", "assets that are always traded"),
    ("num_extra_assets", 8, "how many others are drawn at random"),
    ("min_orders_per_batch", 1, "least orders of a batch"),
    ("max_orders_per_batch", 3, "most orders of a batch"),
    ("min_sleep", 30.0, "least seconds between batches"),
    ("max_sleep", 60.0, "most seconds between batches"),
    ("trading_types", "market,limit", "types of orders"),
    ("nominal_ticket_quote", 50.0, "worth of an order"),
    ("fast_sell_ticket_amount_ratio", 0.005, "part of the equity that is sold where much is held"),
    ("min_order_quote", 1.0, "orders worth less are left out"),
    ("min_balance_cash_quote", 100.0, "cash that is kept"),
    ("min_balance_assets_quote", 2.0, "worth of an asset that is kept"),
    ("rounds", 0, "stop after so many batches; 0 means never"),
    ("seed", 0, "draw the same orders again; 0 means others each time"),
]


@dataclass
class Generator:
    """Draws orders and places them."""

    exchange: MockExchange
    options: argparse.Namespace
    draw: random.Random
    symbols: list[str] = field(default_factory=list)

    def choose_symbols(self) -> None:
        """Choose what is traded: the named assets, and some others."""
        listed = [symbol for symbol in self.exchange.load_markets() if symbol.endswith(f"/{CASH}")]
        wanted = {f"{asset.strip()}/{CASH}" for asset in self.options.base_assets_to_buy.split(",")}
        others = [symbol for symbol in listed if symbol not in wanted]
        extra = self.draw.sample(others, min(self.options.num_extra_assets, len(others)))
        self.symbols = [symbol for symbol in listed if symbol in wanted] + extra

    def run_batch(self) -> None:
        """Place a few random orders."""
        for _ in range(self.draw.randint(self.options.min_orders_per_batch, self.options.max_orders_per_batch)):
            print(self.place(self.draw.choice(self.symbols)), flush=True)

    def place(self, symbol: str) -> str:
        """Place a random order; return what became of it."""
        side = self.draw_side()
        ticker = self.exchange.fetch_ticker(symbol)
        last = ticker["last"] or ticker["ask"]
        if not last:
            return f"{side} {symbol}: there is no price"
        kind = self.draw.choice(self.options.trading_types.split(","))
        price = last * self.draw.gauss(1, 0.0005) if kind == "limit" else None
        worth = self.worth_of_buy() if side == "buy" else self.worth_of_sell(symbol, last)
        if worth < self.options.min_order_quote:
            return f"{side} {symbol}: too little left"
        try:
            order = self.exchange.create_order(
                symbol,
                kind,
                side,
                self.exchange.amount_to_precision(symbol, worth / last),
                None if price is None else self.exchange.price_to_precision(symbol, price),
            )
        except (ccxt.InvalidOrder, ccxt.InsufficientFunds, ccxt.BadRequest) as refusal:
            return f"{side} {symbol}: {refusal}"
        at = "" if price is None else f" at {order['price']}"
        return f"{order['id']} {kind} {side} {order['amount']} {symbol}{at}: {order['status']}"

    def draw_side(self) -> str:
        """Draw a side: the more of the equity is cash, the rather a buy."""
        values = self.exchange.fetch_assets_overview()["balance_source"]
        equity = float(values["total_equity"])
        ratio = float(values["cash_total_value"]) / equity if equity else 1.0
        weights = [max(1, math.floor(8 * ratio) - 2), max(1, math.floor(40 * (1 - ratio)) - 32)]
        return self.draw.choices(["buy", "sell"], weights)[0]

    def worth_of_buy(self) -> float:
        """Return for how much to buy: the usual, unless too little cash would be left."""
        free = self.exchange.fetch_balance()["free"].get(CASH, 0.0)
        is_enough = free - self.options.nominal_ticket_quote >= self.options.min_balance_cash_quote
        return float(self.options.nominal_ticket_quote) if is_enough else 0.0

    def worth_of_sell(self, symbol: str, last: float) -> float:
        """Return for how much to sell: more where much is held, and never what is to be kept."""
        held = self.exchange.fetch_balance()["free"].get(symbol.split("/", maxsplit=1)[0], 0.0) * last
        equity = float(self.exchange.fetch_capital()["equity"])
        for worth in (equity * self.options.fast_sell_ticket_amount_ratio, self.options.nominal_ticket_quote):
            if held >= 2 * worth:
                return float(worth)
        return float(held - self.options.min_balance_assets_quote)


def read_options() -> argparse.Namespace:
    """Read the command line, and the environment for what it does not say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default, meaning in OPTIONS:
        # argparse converts a default only if it is a string, as those of the environment are.
        given = os.environ.get(name.upper(), str(default))
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=type(default), default=given, help=f"{meaning} (default: %(default)s)")
    reset = os.environ.get("RESET_PORTFOLIO", "").lower() in {"1", "true", "yes"}
    parser.add_argument("--reset-portfolio", action="store_true", default=reset, help="start anew; needs the admin key")
    return parser.parse_args()


def start_anew(exchange: MockExchange, funding: float) -> None:
    """Reset the exchange and bring the account's cash to an amount."""
    exchange.reset_data()
    missing = funding - exchange.fetch_balance()["free"].get(CASH, 0.0)
    if missing > 0:
        exchange.deposit(CASH, missing)
    elif missing < 0:
        exchange.withdraw(CASH, -missing)


def main() -> None:
    """Generate orders until told to stop."""
    options = read_options()
    exchange = MockExchange()
    generator = Generator(exchange, options, random.Random(options.seed or None))
    if options.reset_portfolio:
        start_anew(exchange, options.funding_amount)
    generator.choose_symbols()
    done = 0
    with suppress(KeyboardInterrupt):
        while not options.rounds or done < options.rounds:
            generator.run_batch()
            done += 1
            if done != options.rounds:
                time.sleep(generator.draw.uniform(options.min_sleep, options.max_sleep))
    exchange.close()


if __name__ == "__main__":
    main()
