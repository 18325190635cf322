"""A real exchange through ccxt: the few calls that the feed needs, each bounded in time.

ccxt is imported when a venue is opened, and nowhere else: it takes long and much memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

_T = TypeVar("_T")

_GUARDED: Final = "handle_or_break"

LONGEST_CALL_S: Final = 10.0
TRADES_AT_ONCE: Final = 100
CANDLES_A_CALL: Final = 1_000


class Quiet(Exception):
    """Nothing came in time."""


class VenueLost(Exception):
    """The venue, or the way to it, failed; the message says how."""


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Which exchange, how ccxt is to reach it, and which of its symbols are wanted: named ones, or found by quote."""

    exchange: str
    options: dict[str, Any] = field(default_factory=dict)
    mode: Literal["auto", "rest"] = "auto"
    symbols: tuple[str, ...] = ()
    quote: str = "USDT"
    limit: int = 25
    silence_s: float = 10.0


class Venue:
    """One ccxt exchange. Calls raise Quiet, VenueLost, or whatever else garbage makes ccxt raise."""

    def __init__(self, settings: VenueSettings) -> None:
        import ccxt.pro as ccxt  # noqa: PLC0415 - see above

        exchange_class = getattr(ccxt, settings.exchange, None) or _rest_class(settings.exchange)
        self._longest_s = min(LONGEST_CALL_S, settings.silence_s)
        config = {"enableRateLimit": True, "newUpdates": True, "timeout": int(self._longest_s * 1_000)}
        self._exchange: Any = exchange_class(config | settings.options)
        if "fetchMarkets" not in settings.options.get("options", {}):
            self._only_spot()
        self._is_streaming = settings.mode == "auto"
        if self._is_streaming and hasattr(self._exchange, "client"):
            self._make_client = self._exchange.client
            self._exchange.client = self._client

    @property
    def precision_mode(self) -> int:
        """How `precision` of a market is meant."""
        return int(self._exchange.precisionMode)

    @property
    def markets(self) -> dict[str, dict[str, Any]]:
        """The markets as they were loaded last."""
        return self._exchange.markets or {}

    def can_watch(self, what: str) -> bool:
        """Whether `OrderBook` or `Trades` come by WebSocket."""
        return self._is_streaming and bool(self._exchange.has.get(f"watch{what}"))

    def can_fetch(self, what: str) -> bool:
        """Whether something is there for the asking."""
        return bool(self._exchange.has.get(f"fetch{what}"))

    async def load_markets(self) -> dict[str, dict[str, Any]]:
        """Ask for the markets."""
        # Currencies need a key at some venues, and nothing here depends on them.
        self._exchange.has["fetchCurrencies"] = False
        markets: dict[str, dict[str, Any]] = await within(self._exchange.load_markets(True), 4 * LONGEST_CALL_S)
        return markets

    async def watch_book(self, symbol: str, timeout_s: float) -> dict[str, Any]:
        """Return the book after its next change."""
        return await within(self._exchange.watch_order_book(symbol), timeout_s)

    async def watch_trades(self, symbol: str, timeout_s: float) -> list[dict[str, Any]]:
        """Return the next trades."""
        return await within(self._exchange.watch_trades(symbol), timeout_s)

    async def fetch_book(self, symbol: str) -> dict[str, Any]:
        """Return the book as it is."""
        return await within(self._exchange.fetch_order_book(symbol), self._longest_s)

    async def fetch_trades(self, symbol: str) -> list[dict[str, Any]]:
        """Return the last trades, oldest first."""
        return await within(self._exchange.fetch_trades(symbol, None, TRADES_AT_ONCE), self._longest_s)

    def has_candles(self, interval: str) -> bool:
        """Whether past candles of an interval are there for the asking."""
        return self.can_fetch("OHLCV") and interval in (self._exchange.timeframes or {})

    async def fetch_candles(self, symbol: str, interval: str) -> list[list[Any]]:
        """Return the last candles, as many as one call gives, oldest first."""
        return await within(self._exchange.fetch_ohlcv(symbol, interval, None, CANDLES_A_CALL), self._longest_s)

    async def fetch_tickers(self, symbols: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return tickers in one call, of all symbols unless some are named."""
        return await within(self._exchange.fetch_tickers(symbols), self._longest_s)

    async def fetch_best(self, symbols: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the best bids and asks of symbols in one call."""
        if self.can_fetch("BidsAsks"):
            return await within(self._exchange.fetch_bids_asks(list(symbols)), self._longest_s)
        return await self.fetch_tickers(list(symbols))

    async def drop_silent_streams(self, silence_s: float) -> None:
        """Close connections over which nothing came for so long; some break without a word."""
        latest = self._exchange.milliseconds() - int(silence_s * 1_000)
        clients = getattr(self._exchange, "clients", None) or {}
        for url, client in list(clients.items()):
            if (client.last_message_at or client.connectionStarted or latest) < latest:
                clients.pop(url, None)
                client.reset(self._exchange_error("nothing came over the connection"))
                await client.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._exchange.close()

    def _client(self, url: str) -> Any:
        """Return ccxt's connection to a URL, made to break at a message that ccxt cannot read.

        By itself it would stay open then, and never be read again.
        """
        client = self._make_client(url)
        if client.handle_message.__name__ != _GUARDED:
            client.handle_message = self._guarded(client, client.handle_message)
        return client

    def _guarded(self, client: Any, handle: Callable[[Any], None]) -> Callable[[Any], None]:
        def handle_or_break(message: Any) -> None:
            try:
                handle(message)
            except Exception as failure:
                client.on_error(self._exchange_error(f"unreadable message: {type(failure).__name__}: {failure}"))

        assert handle_or_break.__name__ == _GUARDED
        return handle_or_break

    def _exchange_error(self, text: str) -> Exception:
        import ccxt  # noqa: PLC0415 - see above

        error: Exception = ccxt.NetworkError(text)
        return error

    def _only_spot(self) -> None:
        """Leave out what is no spot market, where ccxt can be told: each kind is a request of its own."""
        options = self._exchange.options
        options["defaultType"] = "spot"
        types = (
            (options.get("fetchMarkets") or {}).get("types") if isinstance(options.get("fetchMarkets"), dict) else ()
        )
        if isinstance(types, list) and "spot" in types:
            options["fetchMarkets"]["types"] = ["spot"]


async def within(call: Awaitable[_T], timeout_s: float) -> _T:
    """Return what a call of ccxt returns. Raises Quiet when it takes too long.

    ccxt cancels calls of a connection that it closes: that is no end of ours, and raises VenueLost.
    """
    task = asyncio.ensure_future(call)
    task.add_done_callback(_forget)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
    finally:
        is_done = task.done()
        task.cancel()
    if not is_done:
        raise Quiet
    if task.cancelled():
        raise VenueLost("the connection was closed")
    return task.result()


def _forget(task: asyncio.Future[Any]) -> None:
    """Take note of how a call ended, in case nobody waits for it: ccxt's own time may run out together with ours."""
    if not task.cancelled():
        task.exception()


def _rest_class(exchange: str) -> Any:
    import ccxt.async_support as ccxt  # noqa: PLC0415 - see above

    return getattr(ccxt, exchange)
