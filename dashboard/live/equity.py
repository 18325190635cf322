"""What accounts are worth and have earned: the portfolio of one account, or of all for an administrator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from dashboard.gateway_client import GatewayClient
from dashboard.live.board import Board, Payload, Reading, decode
from infra.ports import Bus
from mockexchange.messages.subjects import equity

ACCOUNTS: Final = 500


class EquityBoard(Board):
    """Follows `equity.<id>`: `portfolio` is what the writer told last, and empty before it is known."""

    def __init__(self, account: int, key: str, bus: Bus, gateway: GatewayClient) -> None:
        super().__init__()
        self.account = account
        self.portfolio: Payload = {}
        self._key = key
        self._bus = bus
        self._gateway = gateway
        self._reading = Reading(f"portfolio {account}", self._read)
        self._end: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Begin to follow; the portfolio of now comes when it comes."""
        self._end = await self._bus.subscribe(equity(self.account), self._on_portfolio)
        self.resync()

    async def stop(self) -> None:
        """Follow no longer."""
        await self._reading.stop()
        if self._end is not None:
            await self._end()

    def resync(self) -> None:
        """Read the portfolio anew."""
        self._reading.ask()

    async def _read(self) -> None:
        self._take(await self._gateway.get("/overview/positions", self._key, account=self.account))

    def _on_portfolio(self, _subject: str, payload: bytes) -> None:
        self._take(decode(payload))

    def _take(self, portfolio: Payload) -> None:
        if is_newer(portfolio, self.portfolio):
            self.portfolio = portfolio
            self.changed()


class AllEquityBoard(Board):
    """Follows the portfolios of all accounts, or of the first `ACCOUNTS`; for administrators alone."""

    def __init__(self, key: str, bus: Bus, gateway: GatewayClient) -> None:
        super().__init__()
        self.names: dict[int, str] = {}
        self.portfolios: dict[int, Payload] = {}
        self.is_all = True
        self._key = key
        self._bus = bus
        self._gateway = gateway
        self._reading = Reading("all portfolios", self._read)
        self._end: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Begin to follow."""
        self._end = await self._bus.subscribe(equity("*"), self._on_portfolio)
        self.resync()

    async def stop(self) -> None:
        """Follow no longer."""
        await self._reading.stop()
        if self._end is not None:
            await self._end()

    def resync(self) -> None:
        """Read all anew."""
        self._reading.ask()

    async def _read(self) -> None:
        rows = await self._gateway.get("/overview/accounts", self._key, limit=ACCOUNTS)
        self.names = {row["account"]: row["name"] for row in rows}
        self.is_all = len(rows) < ACCOUNTS
        for row in rows:
            self._take(row["portfolio"])
        self.changed()

    def _on_portfolio(self, _subject: str, payload: bytes) -> None:
        portfolio = decode(payload)
        if portfolio["account"] in self.names:
            self._take(portfolio)
            self.changed()
        elif self.is_all:
            self.resync()

    def _take(self, portfolio: Payload) -> None:
        account = portfolio["account"]
        if is_newer(portfolio, self.portfolios.get(account, {})):
            self.portfolios[account] = portfolio


def is_newer(portfolio: Payload, known: Payload) -> bool:
    """Whether a portfolio was told after another one of the account."""
    return not known or (portfolio["sequence"], portfolio["time"]) > (known["sequence"], known["time"])
