"""One symbol's market: its book, tape, candles and figures of the day."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from heapq import nlargest, nsmallest
from typing import Final

from dashboard.gateway_client import GatewayClient
from dashboard.live.board import RETRY_S, Board, Payload, Reading, decode
from infra.ports import Bus
from mockexchange.messages.subjects import market

TAPE: Final = 40
KEPT_CANDLES: Final = 2
LEVELS: Final = 200
EARLY: Final = 1000

Level = tuple[str, str]
Sides = tuple[list[Level], list[Level]]


class Depth:
    """A book followed by differences: a snapshot first, then every update without a gap."""

    def __init__(self) -> None:
        self.update_id = 0
        self._sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._early: deque[Payload] = deque(maxlen=EARLY)
        self._best: dict[int, Sides] = {}
        self.is_known = False

    def take_snapshot(self, snapshot: Payload) -> bool:
        """Begin with a snapshot and what was heard meanwhile; return whether they fit together."""
        self.update_id = snapshot["update_id"]
        self._sides = (dict(snapshot["bids"]), dict(snapshot["asks"]))
        self._best.clear()
        self.is_known = True
        early, self._early = self._early, deque(maxlen=EARLY)
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
        self._best.clear()
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
        self._best.clear()

    def levels(self, limit: int) -> Sides:
        """Return the best bids and asks as (price, quantity), best first; all pages share them until they change."""
        if limit not in self._best:
            bids, asks = self._sides
            self._best[limit] = nlargest(limit, bids.items(), _price), nsmallest(limit, asks.items(), _price)
        return self._best[limit]


def _price(level: Level) -> Decimal:
    return Decimal(level[0])


class MarketBoard(Board):
    """Follows `market.<symbol>.*`.

    `candles` holds of each interval the last two, oldest first; `pasts` counts how often older ones were filled in.
    """

    def __init__(self, symbol: str, bus: Bus, gateway: GatewayClient, pause_s: float = RETRY_S) -> None:
        super().__init__()
        self.symbol = symbol
        self.depth = Depth()
        self.ticker: Payload = {}
        self.statistics: Payload = {}
        self.candles: dict[str, list[Payload]] = {}
        self.pasts = 0
        self.tape: deque[Payload] = deque(maxlen=TAPE)
        self._bus = bus
        self._gateway = gateway
        self._endings: list[Callable[[], Awaitable[None]]] = []
        self._reading = Reading(symbol, self._read, pause_s)

    async def start(self) -> None:
        """Begin to follow; the snapshots come when they come."""
        handlers = {
            "depth": self._on_depth,
            "ticker": self._on_ticker,
            "trade": self._on_trade,
            "statistics": self._on_statistics,
            "candle.*": self._on_candle,
            "past": self._on_past,
        }
        for kind, handler in handlers.items():
            self._endings.append(await self._bus.subscribe(market(self.symbol, kind), handler))
        self._reading.ask()

    async def stop(self) -> None:
        """Follow no longer."""
        await self._reading.stop()
        for end in self._endings:
            await end()
        self._endings.clear()

    def resync(self) -> None:
        """Read everything anew: messages may have been lost."""
        self.depth.forget()
        self._reading.ask()

    async def _read(self) -> None:
        snapshot = await self._gateway.get(f"/orderbook/{self.symbol}", depth=LEVELS)
        trades = await self._gateway.get(f"/trades/{self.symbol}", limit=TAPE)
        tickers = await self._gateway.get(f"/tickers/{self.symbol}")
        self.statistics = await self._gateway.get(f"/tickers/{self.symbol}/24h")
        self._take_tape(trades)
        self.ticker = self.ticker or tickers[self.symbol]["info"] or {}
        if not self._reading.is_outdated and not self.depth.take_snapshot(snapshot):
            self._reading.ask()
        self.changed()

    def _take_tape(self, trades: list[Payload]) -> None:
        known = {trade["trade_id"]: trade for trade in (*trades, *self.tape)}
        self.tape = deque((known[number] for number in sorted(known)[-TAPE:]), maxlen=TAPE)

    def _on_depth(self, _subject: str, payload: bytes) -> None:
        if not self.depth.take_update(decode(payload)):
            self._reading.ask()
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
        candle, interval = decode(payload), subject.rpartition(".")[2]
        known = {each["open_time"]: each for each in (*self.candles.get(interval, ()), candle)}
        self.candles[interval] = [known[open_time] for open_time in sorted(known)[-KEPT_CANDLES:]]
        self.changed()

    def _on_past(self, _subject: str, _payload: bytes) -> None:
        self.pasts += 1
        self.changed()
