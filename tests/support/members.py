"""Members of a running exchange: accounts that real clients trade for, and what the exchange says of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.credentials import FILE_NAME, read_credentials
from infra.http_client import HttpAnswer, request
from tests.support.launched import LaunchedExchange
from tests.support.running_exchange import RunningExchange

PATIENCE_S: Final = 30.0
RICH: Final = {"USDT": "1000000", "BTC": "100", "LAB": "10000"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Member:
    """An account with a key of its own."""

    exchange: RunningExchange
    account: int
    api_key: str
    secret: str
    key_id: str

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the exchange by its native API; return the body of an answer that is a success."""
        answer = request(method, f"{self.exchange.url}{path}", key=self.api_key, body=body)
        assert 200 <= answer.status < 300, answer
        return answer.body

    def order(self, order_id: str | int) -> dict[str, Any]:
        """Return an order as the exchange has it."""
        order: dict[str, Any] = self.ask("GET", f"/orders/{order_id}")
        return order

    def place(self, side: str, amount: str, price: str, symbol: str = "LAB/USDT") -> str:
        """Place a limit order by the native API; return its id."""
        body = {"symbol": symbol, "side": side, "type": "limit", "amount": amount, "limit_price": price}
        return str(self.ask("POST", "/orders", body)["id"])

    def balances(self) -> dict[str, tuple[str, str]]:
        """Return free and held money by asset."""
        return {asset: (row["free"], row["used"]) for asset, row in self.ask("GET", "/balance").items()}


class Members:
    """Makes members of an exchange."""

    def __init__(self, exchange: RunningExchange) -> None:
        self.exchange = exchange
        self.admin_key = read_credentials(exchange.data_dir / FILE_NAME).admin_key

    def administer(self, method: str, path: str, body: object = None) -> Any:
        """Ask as the administrator, again while nothing can be done; return the body of an answer that is a success."""
        url = f"{self.exchange.url}{path}"
        answer = eventually(lambda: _unless_away(request(method, url, key=self.admin_key, body=body)), "it is answered")
        assert 200 <= answer.status < 300, answer
        return answer.body

    def join(self, funds: Mapping[str, str] = RICH, permissions: tuple[str, ...] = ("read", "trade")) -> Member:
        """Open an account with funds and a key."""
        made = eventually(lambda: self._try_to_open(funds), "an account is opened")
        if permissions != ("read", "trade"):
            account = made["account"]
            made = self.administer("POST", f"/accounts/{account}/keys", {"permissions": list(permissions)})
        return Member(self.exchange, made["account"], made["api_key"], made["api_secret"], made["key_id"])

    def _try_to_open(self, funds: Mapping[str, str]) -> Any:
        """Open an account under a name of its own each time: what was not answered may have been done."""
        body = {"name": f"member-{next(_numbers)}", "funds": dict(funds)}
        answer = request("POST", f"{self.exchange.url}/accounts", key=self.admin_key, body=body)
        return answer.body if answer.status == 201 else None

    def list_lab(self) -> None:
        """List LAB/USDT, a plain book between accounts, in which nothing moves but by its members."""
        self.administer(
            "POST",
            "/instruments",
            {
                "symbol": "LAB/USDT",
                "price_decimals": 2,
                "quantity_decimals": 3,
                "tick_size": "0.01",
                "step_size": "0.001",
                "min_quantity": "0.001",
                "max_quantity": "1000",
                "min_notional": "5",
            },
        )


@contextmanager
def exchange_with_dashboard(directory: Path, symbols: str) -> Iterator[LaunchedExchange]:
    """Run an exchange with its dashboard, on which LAB/USDT is listed beside the given symbols."""
    running = LaunchedExchange(directory, dashboard="on", symbols=symbols)
    running.start()
    Members(running).list_lab()
    yield running
    assert running.stop() == 0


def _unless_away(answer: HttpAnswer) -> HttpAnswer | None:
    """Return an answer that says more than that something is away."""
    return None if answer.status == 503 else answer


def eventually(condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    """Return what a condition gives as soon as that is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
