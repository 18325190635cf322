"""The market writer: the last tickers, and the outside market's prints, from the bus into the read model.

What it misses while it or the read model is down is lost: prints stand in no journal, and tickers pass.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from actors.background import Background
from infra.ports import Bus, Clock
from infra.read_model.rows import TAPE_LENGTH
from infra.read_model.store import HistoryStore, HistoryUnavailable
from mockexchange.messages.orders import Side, Trade
from mockexchange.messages.subjects import market, symbol_of

WRITE_PAUSE_S: Final = 1.0

_TICKERS: Final = market("*", "ticker")
_PRINTS: Final = market("*", "print")
_MS: Final = 1_000_000

_log: Final = logging.getLogger(__name__)


class _PrintMessage(msgspec.Struct):
    """What this writer needs of a `market.<symbol>.print` payload."""

    symbol: str
    trade_id: int
    price: str
    quantity: str
    side: str
    time: int
    venue_time: int | None = None


_decode_print: Final = msgspec.json.Decoder(_PrintMessage).decode


class MarketWriter:
    """Writes once a second what was heard since: the last ticker of each symbol, and every outside print."""

    def __init__(self, bus: Bus, store: HistoryStore, clock: Clock) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock
        self._tickers: dict[str, bytes] = {}
        self._prints: deque[Trade] = deque(maxlen=TAPE_LENGTH)
        self._counters = {"tickers": 0, "prints": 0, "not_understood": 0, "failed_writes": 0}
        self._links = AsyncExitStack()
        self._background = Background()

    async def start(self) -> None:
        """Begin to listen."""
        self._links.push_async_callback(await self._bus.subscribe(_TICKERS, self._on_ticker))
        self._links.push_async_callback(await self._bus.subscribe(_PRINTS, self._on_print))
        self._background.begin(self._run())

    async def stop(self) -> None:
        """Stop listening; what was heard in the last second is lost."""
        await self._links.aclose()
        await self._background.stop()

    async def closed(self) -> None:
        """Return once stopped; raise what broke the writer."""
        await self._background.closed()

    def status(self) -> dict[str, object]:
        """Return counters of what was written and what waits."""
        return {
            **self._background.status(),
            "waiting": len(self._tickers) + len(self._prints),
            **self._counters,
        }

    def _on_ticker(self, subject: str, payload: bytes) -> None:
        self._tickers[symbol_of(subject.split(".")[1])] = payload

    def _on_print(self, _subject: str, payload: bytes) -> None:
        try:
            self._prints.append(print_of(payload))
        except (msgspec.DecodeError, ValueError, KeyError):
            self._counters["not_understood"] += 1

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(WRITE_PAUSE_S)
            try:
                await self._write()
            except HistoryUnavailable as error:
                self._counters["failed_writes"] += 1
                _log.warning("the market cannot be written now: %s", error)

    async def _write(self) -> None:
        """Write what waits. What could not be written waits on, behind newer tickers and within its bound."""
        tickers, self._tickers = self._tickers, {}
        prints = list(self._prints)
        self._prints.clear()
        try:
            await self._store.put_tickers(tickers)
            await self._store.put_prints(prints)
        except HistoryUnavailable:
            self._tickers = tickers | self._tickers
            self._prints = deque([*prints, *self._prints], maxlen=TAPE_LENGTH)
            raise
        self._counters["tickers"] += len(tickers)
        self._counters["prints"] += len(prints)


def print_of(payload: bytes) -> Trade:
    """Return the print that a `market.<symbol>.print` payload tells of.

    Texts have exactly the instrument's decimals, so their digits are its units. Raises what a payload raises that
    makes no sense: msgspec.DecodeError, ValueError or KeyError.
    """
    message = _decode_print(payload)
    return Trade(
        message.trade_id,
        message.symbol,
        int(message.price.replace(".", "")),
        int(message.quantity.replace(".", "")),
        Side[message.side.upper()],
        message.time * _MS,
        is_outside=True,
        venue_time_ns=(message.venue_time or 0) * _MS,
    )
