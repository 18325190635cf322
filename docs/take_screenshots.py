"""Take the pictures in docs/screenshots: `make screenshots`.

They show an exchange that lives: a synthetic market, bots that trade for the demo account, and orders placed by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from infra.credentials import FILE_NAME, read_credentials
from tests.support.browser import PHONE, MarketPage, chromium, dashboard_url
from tests.support.running_exchange import RunningExchange

FOLDER: Final = Path(__file__).parent / "screenshots"
EXAMPLES: Final = Path(__file__).parents[1] / "examples"
PAGES: Final = {"portfolio": "/portfolio", "orders": "/orders", "system": "/system"}
BOTS: Final = (
    ("order_generator.py", "--rounds", "200", "--min-sleep", "0.2", "--max-sleep", "0.6", "--seed", "7"),
    ("market_maker.py", "--symbol", "ETH/USDT", "--rounds", "40", "--pause", "1"),
)
LAPTOP: Final = {"width": 1280, "height": 800}
ENOUGH_FILLS: Final = 25
SETTLE_MS: Final = 3_000


def main() -> None:
    """Start an exchange, let it live for a while, and take all pictures."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        exchange = RunningExchange(Path(folder) / "data", dashboard="on")
        exchange.start()
        stack.callback(exchange.stop)
        stack.enter_context(trading(exchange))
        wait_for_fills(exchange)
        place_by_hand(exchange)
        with chromium() as browser:
            take_all(browser, exchange)


@contextmanager
def trading(exchange: RunningExchange) -> Iterator[None]:
    """Let the example bots trade for the demo account."""
    credentials = read_credentials(exchange.data_dir / FILE_NAME)
    environment = os.environ | {
        "PYTHONPATH": os.getcwd(),
        "MOCKEXCHANGE_BASE_URL": exchange.url,
        "MOCKEXCHANGE_API_KEY": credentials.demo_api_key,
        "MOCKEXCHANGE_SECRET": credentials.demo_api_secret,
        "MOCKEXCHANGE_ADMIN_KEY": credentials.admin_key,
    }
    bots = [
        subprocess.Popen([sys.executable, str(EXAMPLES / name), *words], env=environment, stdout=subprocess.DEVNULL)
        for name, *words in BOTS
    ]
    try:
        yield
    finally:
        for bot in bots:
            bot.terminate()
            bot.wait()


def wait_for_fills(exchange: RunningExchange) -> None:
    """Wait until the bots have traded enough to be seen."""
    deadline = time.monotonic() + 120
    while len(exchange.get("/trades?limit=100")) < ENOUGH_FILLS:
        if time.monotonic() > deadline:
            raise SystemExit("the bots do not trade")
        time.sleep(0.5)


def place_by_hand(exchange: RunningExchange) -> None:
    """Trade BTC a little, and leave orders of several types open around its price."""
    symbol = {"symbol": "BTC/USDT"}
    for side, amount in (("buy", "0.05"), ("sell", "0.01")):
        placed = exchange.ask("POST", "/orders", symbol | {"side": side, "type": "market", "amount": amount})
        if placed.status != 200:
            raise SystemExit(f"an order was refused: {placed.body}")
    last = Decimal(exchange.get("/tickers/BTC/USDT")["BTC/USDT"]["price"])

    def at(part: str) -> str:
        return f"{last * Decimal(part):.2f}"

    orders = (
        {"side": "buy", "type": "limit", "amount": "0.02", "limit_price": at("0.9998")},
        {"side": "sell", "type": "limit", "amount": "0.01", "limit_price": at("1.0003")},
        {"side": "sell", "type": "stop_loss", "amount": "0.01", "stop_price": at("0.97")},
        {
            "side": "sell",
            "type": "take_profit_limit",
            "amount": "0.01",
            "stop_price": at("1.05"),
            "limit_price": at("1.049"),
        },
    )
    for order in orders:
        exchange.ask("POST", "/orders", symbol | order)


def take_all(browser: Browser, exchange: RunningExchange) -> None:
    """Take every page in a browser signed in as the demo account, or as the administrator."""
    credentials = read_credentials(exchange.data_dir / FILE_NAME)
    FOLDER.mkdir(exist_ok=True)
    desk = MarketPage(browser, dashboard_url(exchange), LAPTOP)
    desk.sign_in(credentials.demo_api_key)
    desk.open("BTC/USDT")
    desk.enter("Buy", "Market", amount="0.75")
    take(desk, "market")
    desk.page.click("#scheme")
    take(desk, "market-dark")
    desk.page.click("#scheme")
    for name in ("portfolio", "orders"):
        desk.page.goto(desk.url + PAGES[name])
        take(desk, name)
    desk.sign_in(credentials.dashboard_password)
    desk.page.goto(desk.url + PAGES["system"])
    take(desk, "system")
    phone = MarketPage(browser, dashboard_url(exchange), PHONE)
    phone.sign_in(credentials.demo_api_key)
    phone.open("ETH/USDT")
    take(phone, "phone")


def take(shown: MarketPage, name: str) -> None:
    """Take a picture once the page has drawn what streams in."""
    shown.page.wait_for_timeout(SETTLE_MS)
    shown.page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
