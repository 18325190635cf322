"""All that pages can watch, on one connection to NATS, and whether the ways to NATS and to the gateway are open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from dashboard.gateway_client import GatewayAway, GatewayClient, GatewayRefusal
from dashboard.live.account import AccountBoard
from dashboard.live.board import Board, Boards, Payload, decode
from dashboard.live.market import MarketBoard
from dashboard.sessions import Session
from infra.nats.bus import NatsBus
from infra.nats.connection import Connection
from infra.ports import Bus
from mockexchange.messages.subjects import symbol_of

CHECK_S: Final = 1.0


class LinkBoard(Board):
    """Whether NATS and the gateway can be reached now."""

    def __init__(self, connection: Connection, gateway: GatewayClient) -> None:
        super().__init__()
        self.has_nats = True
        self.has_gateway = True
        self._connection = connection
        self._gateway = gateway
        self._checking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to check."""
        self._checking = asyncio.create_task(self._check(), name="check links")

    async def stop(self) -> None:
        """Check no longer."""
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checking

    async def _check(self) -> None:
        while True:
            has_gateway = await self._is_gateway_there()
            has_nats = self._connection.is_connected
            if (has_nats, has_gateway) != (self.has_nats, self.has_gateway):
                self.has_nats, self.has_gateway = has_nats, has_gateway
                self.changed()
            await asyncio.sleep(CHECK_S)

    async def _is_gateway_there(self) -> bool:
        try:
            await self._gateway.get("/health/live")
        except (GatewayAway, GatewayRefusal):
            return False
        return True


class TickersBoard(Board):
    """The last ticker and the day's figures of every symbol."""

    def __init__(self, bus: Bus, gateway: GatewayClient) -> None:
        super().__init__()
        self.tickers: dict[str, Payload] = {}
        self.statistics: dict[str, Payload] = {}
        self._bus = bus
        self._gateway = gateway
        self._endings: list[Callable[[], Awaitable[None]]] = []

    async def start(self) -> None:
        """Begin to follow; what was before is asked of the gateway."""
        self._endings.append(await self._bus.subscribe("market.*.ticker", self._on_ticker))
        self._endings.append(await self._bus.subscribe("market.*.statistics", self._on_statistics))
        with contextlib.suppress(GatewayAway, GatewayRefusal):
            for row in await self._gateway.get("/instruments"):
                self.tickers.setdefault(row["symbol"], {"symbol": row["symbol"]})

    async def stop(self) -> None:
        """Follow no longer."""
        for end in self._endings:
            await end()
        self._endings.clear()

    def _on_ticker(self, subject: str, payload: bytes) -> None:
        self.tickers[symbol_of(subject.split(".")[1])] = decode(payload)
        self.changed()

    def _on_statistics(self, subject: str, payload: bytes) -> None:
        self.statistics[symbol_of(subject.split(".")[1])] = decode(payload)
        self.changed()


class LiveExchange:
    """The boards of one dashboard."""

    def __init__(self, connection: Connection, gateway: GatewayClient) -> None:
        self.gateway = gateway
        self._bus = NatsBus(connection)
        self._accounts: Boards[tuple[int, str], AccountBoard] = Boards(
            lambda key: AccountBoard(key[0], key[1], self._bus, gateway)
        )
        self.markets: Boards[str, MarketBoard] = Boards(lambda symbol: MarketBoard(symbol, self._bus, gateway))
        self.links = LinkBoard(connection, gateway)
        self.tickers = TickersBoard(self._bus, gateway)
        self._connection = connection
        self._forget = connection.on_restored(self._on_restored)

    async def start(self) -> None:
        """Begin to follow what all pages show."""
        await self.links.start()
        await self.tickers.start()

    async def close(self) -> None:
        """Stop all boards."""
        self._forget()
        await self.links.stop()
        await self.tickers.stop()
        await self.markets.close()
        await self._accounts.close()

    async def account(self, session: Session, account: int) -> AccountBoard:
        """Return the board of an account, for those alone who may see it. Raises PermissionError."""
        if not session.may_see(account):
            raise PermissionError(f"account {account} is not of this session")
        return await self._accounts.get((account, session.key))

    def release_account(self, session: Session, account: int) -> None:
        """Say that a looker at an account's board has gone."""
        self._accounts.release((account, session.key))

    def _on_restored(self) -> None:
        for market in self.markets.all():
            market.resync()
        for account in self._accounts.all():
            account.resync()
