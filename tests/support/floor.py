"""An exchange with traders on it, which tests share and break."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.launched import LaunchedExchange
from tests.support.load import Load, Market, Trader
from tests.support.verify import Examiner

SHARDS = 2
TRADERS = 6
GOLD = {"symbol": "GOLD/USDT", "price_decimals": 2, "quantity_decimals": 2}
FUNDS = {"USDT": "10000000", "BTC": "200", "ETH": "5000", "GOLD": "100000"}
MARKETS = [
    Market("BTC/USDT", 60_000.0, 2, 0.004, 5, is_fed=True),
    Market("ETH/USDT", 2_600.0, 2, 0.1, 4, is_fed=True),
    Market("GOLD/USDT", 100.0, 2, 3.0, 2, is_fed=False),
]
FED = [market for market in MARKETS if market.is_fed]
PLAIN = [market for market in MARKETS if not market.is_fed]


@dataclass
class Floor:
    """An exchange with traders on it."""

    exchange: LaunchedExchange
    traders: list[Trader]
    examiner: Examiner

    def load(self, markets: list[Market] = MARKETS) -> Load:
        """Have the traders work on some markets."""
        return Load(self.exchange.url, self.traders, markets)

    def open_account(self, name: str, funds: dict[str, str]) -> Trader:
        """Open an account for one test; accounts alternate over the shards."""
        return open_account(self.exchange, name, funds)


def open_account(exchange: LaunchedExchange, name: str, funds: dict[str, str]) -> Trader:
    """Create an account with a key; accounts alternate over the shards."""
    made = exchange.administer("POST", "/accounts", {"name": name, "funds": funds})
    return Trader(made["account"], made["api_key"], made["api_secret"], SHARDS)


@pytest.fixture
def floor(shared_floor: Floor) -> Floor:
    """The shared exchange, running: a test that failed may have left it dead."""
    shared_floor.exchange.revive()
    return shared_floor


@pytest.fixture(scope="package")
def shared_floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """One exchange for all tests that can share one: 2 shards, 2 gateway processes, 3 symbols, one without a feed."""
    exchange = LaunchedExchange(
        tmp_path_factory.mktemp("exchange"),
        symbols="BTC/USDT,ETH/USDT",
        account_shards=str(SHARDS),
        gateway_processes="2",
    )
    yield from traders_on(exchange)


def traders_on(exchange: LaunchedExchange) -> Iterator[Floor]:
    """Start an exchange, let traders in, and see that it ends as it should."""
    try:
        exchange.start()
        exchange.administer("POST", "/instruments", GOLD)
        traders = [open_account(exchange, f"trader {number}", FUNDS) for number in range(TRADERS)]
        yield Floor(exchange, traders, Examiner(exchange, traders))
        assert exchange.stop() == 0
        exchange.wait_until_gone()
    finally:
        if exchange.is_running:
            exchange.kill_everything()
