"""A small venue on loopback that speaks as much of Binance's API as ccxt needs, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

TICK = "0.01000000"
STEP = "0.00010000"


def market(base: str, quote: str, tick: str = TICK, step: str = STEP) -> dict[str, Any]:
    """Return a symbol as exchangeInfo shows it."""
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quoteAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000.00000000", "stepSize": step},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
    }


@dataclass
class Book:
    """One symbol's book and tape; quantities by price text."""

    bids: dict[str, str]
    asks: dict[str, str]
    volume: str = "1000"
    update: int = 1_000
    trades: list[dict[str, Any]] = field(default_factory=list)


class Venue:
    """The venue. What is changed while it is `mute` or its streams are cut is seen by REST alone."""

    def __init__(self) -> None:
        self.klines: dict[tuple[str, str], list[list[Any]]] = {}
        self.markets = [market("BTC", "USDT"), market("ETH", "USDT"), market("SHIB", "USDT", "0.00000001", "1.00")]
        self.books = {
            "BTCUSDT": Book({"60000.01": "1.5", "59999.99": "2"}, {"60000.02": "0.5", "60001": "3"}, volume="5000"),
            "ETHUSDT": Book({"3000.1": "10"}, {"3000.2": "20"}, volume="3000"),
            "SHIBUSDT": Book({"0.00002": "1000000"}, {"0.00002001": "2000000"}, volume="1000"),
        }
        self.requests: Counter[str] = Counter()
        self.failing = 0
        self.is_hanging = False
        self.is_mute = False
        self.trade_id = 100
        self.port = 0
        self._sockets: dict[web.WebSocketResponse, set[str]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, on the port of the last time if there was one."""
        app = web.Application()
        app.router.add_get("/api/v3/{name:.*}", self._answer)
        app.router.add_get("/ws/{name}", self._stream)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Vanish: every connection breaks and none can be made."""
        await self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def options(self) -> dict[str, Any]:
        """Return what ccxt's binance class is to be constructed with."""
        base = f"127.0.0.1:{self.port}"
        urls = {"public": f"http://{base}/api/v3", "ws": {"spot": f"ws://{base}/ws"}}
        return {"urls": {"api": urls}, "rateLimit": 1}

    @property
    def subscriptions(self) -> set[str]:
        return {stream for streams in self._sockets.values() for stream in streams}

    async def cut(self) -> None:
        """Break all streams without a word."""
        for socket in list(self._sockets):
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        self._sockets.clear()

    async def change(self, symbol: str, bids: dict[str, str] | None = None, asks: dict[str, str] | None = None) -> None:
        """Change levels of a book, 0 removes one, and tell the stream."""
        book = self.books[symbol]
        for side, changes in ((book.bids, bids or {}), (book.asks, asks or {})):
            for price, quantity in changes.items():
                side[price] = quantity
                if quantity == "0":
                    del side[price]
        book.update += 1
        await self.send(symbol, "depth", {"U": book.update, "u": book.update, "b": _levels(bids), "a": _levels(asks)})

    async def trade(self, symbol: str, price: str, quantity: str, **said: Any) -> dict[str, Any]:
        """Print a trade and tell the stream; `said` changes what is told."""
        self.trade_id += 1
        trade = {"t": self.trade_id, "p": price, "q": quantity, "T": _now_ms(), "m": False} | said
        self.books[symbol].trades.append(trade)
        await self.send(symbol, "trade", trade)
        return trade

    async def send(self, symbol: str, stream: str, event: dict[str, Any]) -> None:
        """Send an event as it stands to those who subscribed the stream."""
        kind = {"depth": "depthUpdate", "trade": "trade"}[stream]
        await self.send_text(symbol, stream, json.dumps({"e": kind, "E": _now_ms(), "s": symbol} | event))

    async def send_text(self, symbol: str, stream: str, text: str) -> None:
        """Send anything to those who subscribed the stream."""
        if self.is_mute:
            return
        prefix = f"{symbol.lower()}@{stream}"
        for socket, streams in list(self._sockets.items()):
            if any(name.startswith(prefix) for name in streams) and not socket.closed:
                await socket.send_str(text)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[socket] = set()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                if asked["method"] == "SUBSCRIBE":
                    self._sockets.setdefault(socket, set()).update(asked["params"])
                if not self.is_mute:
                    await socket.send_json({"result": None, "id": asked["id"]})
        self._sockets.pop(socket, None)
        return socket

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.requests[name] += 1
        if self.is_hanging:
            await asyncio.sleep(3_600)
        if self.failing:
            return web.json_response({"code": -1003, "msg": "Too many requests."}, status=self.failing)
        symbol = request.query.get("symbol", "")
        match name:
            case "exchangeInfo":
                return web.json_response({"timezone": "UTC", "rateLimits": [], "symbols": self.markets})
            case "depth":
                book = self.books[symbol]
                sides = {"bids": _sorted(book.bids, -1), "asks": _sorted(book.asks, 1)}
                return web.json_response({"lastUpdateId": book.update, **sides})
            case "trades" | "aggTrades":
                return web.json_response([_rest_trade(trade, name) for trade in self.books[symbol].trades])
            case "klines":
                return web.json_response(self.klines.get((symbol, request.query["interval"]), []))
            case "ticker/24hr":
                return web.json_response([self._ticker(name) for name in self.books])
            case "ticker/bookTicker":
                return web.json_response([self._book_ticker(name) for name in self.books])
        return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)

    def _book_ticker(self, symbol: str) -> dict[str, Any]:
        book = self.books[symbol]
        (bid, bid_quantity), (ask, ask_quantity) = _sorted(book.bids, -1)[0], _sorted(book.asks, 1)[0]
        return {"symbol": symbol, "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask, "askQty": ask_quantity}

    def _ticker(self, symbol: str) -> dict[str, Any]:
        times = {"openTime": _now_ms() - 86_400_000, "closeTime": _now_ms()}
        last = next(iter(self.books[symbol].bids))
        return self._book_ticker(symbol) | times | {"lastPrice": last, "quoteVolume": self.books[symbol].volume}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _levels(side: dict[str, str] | None) -> list[tuple[str, str]]:
    return list((side or {}).items())


def _sorted(side: dict[str, str], sign: int) -> list[tuple[str, str]]:
    return sorted(side.items(), key=lambda level: sign * float(level[0]))


def _rest_trade(trade: dict[str, Any], name: str) -> dict[str, Any]:
    if name == "aggTrades":
        return {"a": trade["t"], "f": trade["t"], "l": trade["t"]} | {key: trade[key] for key in "pqTm"}
    names = {"id": "t", "price": "p", "qty": "q", "time": "T", "isBuyerMaker": "m"}
    return {long: trade[short] for long, short in names.items()}
