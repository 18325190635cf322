"""All that pages can watch, on one connection to NATS, and whether the ways to NATS and to the gateway are open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from dashboard.gateway_client import GatewayClient
from dashboard.live.account import AccountBoard
from dashboard.live.board import Board, Boards, Payload, Reading, decode
from dashboard.live.equity import AllEquityBoard, EquityBoard
from dashboard.live.market import MarketBoard
from dashboard.live.orders import OrderNews
from dashboard.live.system import SystemBoard
from dashboard.sessions import Session
from infra.nats.bus import NatsBus
from infra.nats.connection import Connection
from infra.ports import Bus
from mockexchange.messages.subjects import REGISTRY, symbol_of

CHECK_S: Final = 1.0
ANSWER_S: Final = 2.0
SETTLE_S: Final = 1.0
"""The gateways follow what the exchange has registered; after so long they all know."""


class LinkBoard(Board):
    """Whether NATS and the gateway can be reached now."""

    def __init__(self, connection: Connection, gateway: GatewayClient) -> None:
        super().__init__()
        self.has_nats = True
        self.has_gateway = True
        self._connection = connection
        self._gateway = gateway
        self._checking: asyncio.Task[None] | None = None
        self._forget: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Begin to check."""
        self._forget = [self._connection.on_lost(self._look), self._connection.on_restored(self._look)]
        self._checking = asyncio.create_task(self._check(), name="check links")

    async def stop(self) -> None:
        """Check no longer."""
        for forget in self._forget:
            forget()
        self._forget.clear()
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checking

    async def _check(self) -> None:
        while True:
            has_gateway = await self._gateway.is_there(ANSWER_S)
            if has_gateway is not self.has_gateway:
                self.has_gateway = has_gateway
                self.changed()
            self._look()
            await asyncio.sleep(CHECK_S)

    def _look(self) -> None:
        if self._connection.is_connected is not self.has_nats:
            self.has_nats = self._connection.is_connected
            self.changed()


class TickersBoard(Board):
    """The last ticker and the day's figures of every symbol, and whether the exchange is under maintenance.

    `symbols` are in the order of the settings, those that were listed later after them.
    """

    def __init__(self, bus: Bus, gateway: GatewayClient, first: Iterable[str] = (), admin_key: str = "") -> None:
        super().__init__()
        self.tickers: dict[str, Payload] = {}
        self.statistics: dict[str, Payload] = {}
        self.is_under_maintenance = False
        self._ranks = {symbol: rank for rank, symbol in enumerate(first)}
        self._bus = bus
        self._gateway = gateway
        self._admin_key = admin_key
        self._reading = Reading("the list of symbols", self._read)
        self._endings: list[Callable[[], Awaitable[None]]] = []

    @property
    def symbols(self) -> list[str]:
        """All symbols, the most important first."""
        return sorted(self.tickers, key=lambda symbol: (self._ranks.get(symbol, len(self._ranks)), symbol))

    async def start(self) -> None:
        """Begin to follow; what was before is asked of the gateway."""
        self._endings.append(await self._bus.subscribe("market.*.ticker", self._on_ticker))
        self._endings.append(await self._bus.subscribe("market.*.statistics", self._on_statistics))
        self.resync()

    async def stop(self) -> None:
        """Follow no longer."""
        await self._reading.stop()
        for end in self._endings:
            await end()
        self._endings.clear()

    def resync(self) -> None:
        """Read anew what is listed."""
        self._reading.ask()

    async def _read(self) -> None:
        for row in await self._gateway.get("/instruments"):
            self.tickers.setdefault(row["symbol"], {"symbol": row["symbol"]})
        if self._admin_key:
            self.is_under_maintenance = (await self._gateway.get("/admin/maintenance", self._admin_key))["on"]
        self.changed()

    def _on_ticker(self, subject: str, payload: bytes) -> None:
        self.tickers[symbol_of(subject.split(".")[1])] = decode(payload)
        self.changed()

    def _on_statistics(self, subject: str, payload: bytes) -> None:
        self.statistics[symbol_of(subject.split(".")[1])] = decode(payload)
        self.changed()


class LiveExchange:
    """The boards of one dashboard; `first` are the symbols to show before others."""

    def __init__(
        self, connection: Connection, gateway: GatewayClient, *, first: Iterable[str] = (), admin_key: str = ""
    ) -> None:
        self.gateway = gateway
        self._bus = NatsBus(connection)
        self._accounts: Boards[tuple[int, str], AccountBoard] = Boards(
            lambda key: AccountBoard(key[0], key[1], self._bus, gateway, self.tell_refused)
        )
        self.markets: Boards[str, MarketBoard] = Boards(lambda symbol: MarketBoard(symbol, self._bus, gateway))
        self._order_news: Boards[int, OrderNews] = Boards(lambda account: OrderNews(account, self._bus))
        self._equities: Boards[tuple[int, str], EquityBoard] = Boards(
            lambda key: EquityBoard(key[0], key[1], self._bus, gateway)
        )
        self._all_equity: Boards[str, AllEquityBoard] = Boards(lambda key: AllEquityBoard(key, self._bus, gateway))
        self.system = SystemBoard(self._bus)
        self.links = LinkBoard(connection, gateway)
        self.tickers = TickersBoard(self._bus, gateway, first, admin_key)
        self._refused: list[Callable[[str], None]] = []
        self._settling: asyncio.TimerHandle | None = None
        self._forget = connection.on_restored(self._on_restored)
        self._end_registry: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Begin to follow what all pages show."""
        self._end_registry = await self._bus.subscribe(REGISTRY, self._on_registry)
        await self.links.start()
        await self.tickers.start()
        await self.system.start()

    async def close(self) -> None:
        """Stop all boards."""
        self._forget()
        if self._settling is not None:
            self._settling.cancel()
        if self._end_registry is not None:
            await self._end_registry()
        await self.links.stop()
        await self.tickers.stop()
        await self.markets.close()
        await self._accounts.close()
        await self._equities.close()
        await self._all_equity.close()
        await self._order_news.close()
        await self.system.stop()

    async def account(self, session: Session, account: int) -> AccountBoard:
        """Return the board of an account, for those alone who may see it. Raises PermissionError."""
        if not session.may_see(account):
            raise PermissionError(f"account {account} is not of this session")
        return await self._accounts.get((account, session.key))

    def release_account(self, session: Session, account: int) -> None:
        """Say that a looker at an account's board has gone."""
        self._accounts.release((account, session.key))

    async def order_news(self, session: Session, account: int) -> OrderNews:
        """Return what becomes of an account's orders, for those alone who may see it. Raises PermissionError."""
        if not session.may_see(account):
            raise PermissionError(f"account {account} is not of this session")
        return await self._order_news.get(account)

    def release_order_news(self, account: int) -> None:
        """Say that a looker at an account's orders has gone."""
        self._order_news.release(account)

    async def equity(self, session: Session, account: int) -> EquityBoard:
        """Return the portfolio of an account, for those alone who may see it. Raises PermissionError."""
        if not session.may_see(account):
            raise PermissionError(f"account {account} is not of this session")
        return await self._equities.get((account, session.key))

    def release_equity(self, session: Session, account: int) -> None:
        """Say that a looker at a portfolio has gone."""
        self._equities.release((account, session.key))

    async def all_equity(self, session: Session) -> AllEquityBoard:
        """Return the portfolios of all accounts, for administrators alone. Raises PermissionError."""
        if not session.is_admin:
            raise PermissionError("only an administrator sees all accounts")
        return await self._all_equity.get(session.key)

    def release_all_equity(self, session: Session) -> None:
        """Say that a looker at all portfolios has gone."""
        self._all_equity.release(session.key)

    def on_refused(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each key that the gateway knows no more."""
        self._refused.append(listener)

    def tell_refused(self, key: str) -> None:
        """Say that the gateway knows a key no more."""
        for listener in self._refused:
            listener(key)

    def look_again(self) -> None:
        """Have all pages draw accounts anew, since a session has ended."""
        for board in self._accounts.all():
            board.changed()

    def _on_restored(self) -> None:
        for market in self.markets.all():
            market.resync()
        for news in self._order_news.all():
            news.resync()
        for portfolio in self._equities.all():
            portfolio.resync()
        for portfolios in self._all_equity.all():
            portfolios.resync()
        self._verify()

    def _on_registry(self, _subject: str, _payload: bytes) -> None:
        """Learn that something was listed, a key revoked or maintenance switched."""
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self._verify)

    def _verify(self) -> None:
        """Read accounts and symbols anew, which a revoked key may no longer."""
        self._settling = None
        self.tickers.resync()
        for account in self._accounts.all():
            account.resync()
