"""One symbol's market: its book, tape, candles and figures of the day."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

from dashboard.gateway_client import GatewayAway, GatewayClient, GatewayRefusal
from dashboard.live.board import Board, Payload, decode
from infra.ports import Bus
from mockexchange.messages.subjects import market

TAPE: Final = 40
LEVELS: Final = 200
RETRY_S: Final = 1.0

_log: Final = logging.getLogger(__name__)

Level = tuple[str, str]


class Depth:
    """A book followed by differences: a snapshot first, then every update without a gap."""

    def __init__(self) -> None:
        self.update_id = 0
        self._sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._early: deque[Payload] = deque(maxlen=1000)
        self.is_known = False

    def take_snapshot(self, snapshot: Payload) -> bool:
        """Begin with a snapshot and what was heard meanwhile; return whether they fit together."""
        self.update_id = snapshot["update_id"]
        self._sides = (dict(snapshot["bids"]), dict(snapshot["asks"]))
        self.is_known = True
        early, self._early = self._early, deque(maxlen=1000)
        fits = True
        for update in early:
            fits = self.take_update(update) and fits
        return fits

    def take_update(self, update: Payload) -> bool:
        """Apply what changed; return False where something is missing, and all must be read anew."""
        if not self.is_known:
            self._early.append(update)
            return True
        if update["last_update_id"] <= self.update_id:
            return True
        if update["first_update_id"] > self.update_id + 1:
            self.forget()
            self._early.append(update)
            return False
        self.update_id = update["last_update_id"]
        for side, changes in zip(self._sides, (update["bids"], update["asks"]), strict=True):
            for price, quantity in changes:
                if Decimal(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)
        return True

    def forget(self) -> None:
        """Know nothing until the next snapshot."""
        self.is_known = False
        self._sides = ({}, {})

    def levels(self, limit: int) -> tuple[list[Level], list[Level]]:
        """Return the best bids and asks as (price, quantity), best first."""
        bids, asks = self._sides
        return (
            sorted(bids.items(), key=lambda level: Decimal(level[0]), reverse=True)[:limit],
            sorted(asks.items(), key=lambda level: Decimal(level[0]))[:limit],
        )


class MarketBoard(Board):
    """Follows `market.<symbol>.*`. `candles` holds the current candle of each interval."""

    def __init__(self, symbol: str, bus: Bus, gateway: GatewayClient) -> None:
        super().__init__()
        self.symbol = symbol
        self.depth = Depth()
        self.ticker: Payload = {}
        self.statistics: Payload = {}
        self.candles: dict[str, Payload] = {}
        self.tape: deque[Payload] = deque(maxlen=TAPE)
        self._bus = bus
        self._gateway = gateway
        self._endings: list[Callable[[], Awaitable[None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow; the snapshots come when they come."""
        handlers = {
            "depth": self._on_depth,
            "ticker": self._on_ticker,
            "trade": self._on_trade,
            "statistics": self._on_statistics,
            "candle.*": self._on_candle,
        }
        for kind, handler in handlers.items():
            self._endings.append(await self._bus.subscribe(market(self.symbol, kind), handler))
        self._read_anew()

    async def stop(self) -> None:
        """Follow no longer."""
        if self._reading is not None:
            self._reading.cancel()
        for end in self._endings:
            await end()
        self._endings.clear()

    def resync(self) -> None:
        """Read everything anew: messages may have been lost."""
        self.depth.forget()
        self._read_anew()

    def _read_anew(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name=f"read {self.symbol}")

    async def _read(self) -> None:
        while True:
            try:
                snapshot = await self._gateway.get(f"/orderbook/{self.symbol}", depth=LEVELS)
                trades = await self._gateway.get(f"/trades/{self.symbol}", limit=TAPE)
                statistics = await self._gateway.get(f"/tickers/{self.symbol}/24h")
            except (GatewayAway, GatewayRefusal) as failure:
                _log.info("%s cannot be read now: %s", self.symbol, failure)
                await asyncio.sleep(RETRY_S)
                continue
            fits = self.depth.take_snapshot(snapshot)
            self._take_tape(trades)
            self.statistics = self.statistics or statistics
            self.changed()
            if fits:
                return

    def _take_tape(self, trades: list[Payload]) -> None:
        known = {trade["trade_id"]: trade for trade in (*trades, *self.tape)}
        self.tape = deque((known[number] for number in sorted(known)[-TAPE:]), maxlen=TAPE)

    def _on_depth(self, _subject: str, payload: bytes) -> None:
        if not self.depth.take_update(decode(payload)):
            self._read_anew()
        self.changed()

    def _on_ticker(self, _subject: str, payload: bytes) -> None:
        self.ticker = decode(payload)
        self.changed()

    def _on_statistics(self, _subject: str, payload: bytes) -> None:
        self.statistics = decode(payload)
        self.changed()

    def _on_trade(self, _subject: str, payload: bytes) -> None:
        trade = decode(payload)
        if not self.tape or trade["trade_id"] > self.tape[-1]["trade_id"]:
            self.tape.append(trade)
            self.changed()

    def _on_candle(self, subject: str, payload: bytes) -> None:
        self.candles[subject.rpartition(".")[2]] = decode(payload)
        self.changed()


def mid_of(ticker: dict[str, Any]) -> str | None:
    """Return the price to show of a ticker: the last, else the bid, else the ask."""
    return ticker.get("last") or ticker.get("bid") or ticker.get("ask")
