"""What feeds the public channels of the native stream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.gateway import Gateway
from gateway.streams.channels import Channel, Leave
from gateway.streams.depth import DepthChange, DepthMirror, Levels
from gateway.streams.pace import together
from mockexchange.candle_views import candle_view
from mockexchange.candles import Interval
from mockexchange.instruments import Instrument
from mockexchange.messages.subjects import market
from mockexchange.views import NS_PER_MS, levels_view, trade_view

BOOK_WITHIN_S: Final = 3.0
SNAPSHOT_TRADES: Final = 50
SNAPSHOT_CANDLES: Final = 100

_encode: Final = msgspec.json.Encoder().encode


async def open_bus(gateway: Gateway, instrument: Instrument, kind: str, channel: Channel) -> Leave:
    """Pass on what is said on `market.<symbol>.<kind>`, and keep the book awake as long."""

    def hear(_subject: str, payload: bytes) -> None:
        channel.publish(payload.decode())

    leave = await gateway.streams.hub.listen(market(instrument.symbol, kind), hear)
    return together(leave, gateway.streams.watch.begin(instrument.symbol))


class BookWindow:
    """The best levels of a book, and how they change."""

    def __init__(self, mirror: DepthMirror, levels: int, channel: Channel) -> None:
        self._mirror = mirror
        self._levels = levels
        self._channel = channel
        self._update_id = 0
        self._bids: Levels = {}
        self._asks: Levels = {}
        self._time_ms = 0

    def take(self, change: DepthChange) -> None:
        """Tell what a change of the book changes here."""
        bids, asks = self._best()
        changed_bids, changed_asks = _changed(self._bids, bids), _changed(self._asks, asks)
        first, self._update_id = self._update_id + 1, change.last
        self._bids, self._asks, self._time_ms = bids, asks, change.time_ms
        if changed_bids or changed_asks:
            self._channel.publish(self._text(changed_bids, changed_asks, first_update_id=first))

    def begin(self, time_ms: int) -> None:
        """Take the book as it is."""
        self._bids, self._asks = self._best()
        self._update_id, self._time_ms = self._mirror.update_id, time_ms

    def snapshot(self) -> str:
        """Return the window as it is."""
        return self._text(self._bids, self._asks)

    def _best(self) -> tuple[Levels, Levels]:
        return dict(self._mirror.best_bids(self._levels)), dict(self._mirror.best_asks(self._levels))

    def _text(self, bids: Levels, asks: Levels, **more: int) -> str:
        instrument = self._mirror.instrument
        shown = {
            "symbol": instrument.symbol,
            **more,
            "last_update_id": self._update_id,
            "bids": levels_view(bids.items(), instrument),
            "asks": levels_view(asks.items(), instrument),
            "time": self._time_ms,
        }
        return _encode(shown).decode()


def _changed(before: Mapping[int, int], after: Mapping[int, int]) -> Levels:
    changed = {price: quantity for price, quantity in after.items() if before.get(price) != quantity}
    return changed | {price: 0 for price in before if price not in after}


async def open_book(gateway: Gateway, instrument: Instrument, levels: int, channel: Channel) -> Leave:
    """Follow the best levels of a book."""
    mirror, leave = await gateway.streams.depths.use(instrument)
    window = BookWindow(mirror, levels, channel)
    try:
        async with asyncio.timeout(BOOK_WITHIN_S):
            await mirror.wait_in_step()
    except TimeoutError:
        # Its first word will be the whole book.
        pass
    window.begin(gateway.parts.clock.now_ns() // NS_PER_MS)
    channel.snapshot = window.snapshot
    return together(mirror.listen(window.take), leave)


async def recent_trades(gateway: Gateway, instrument: Instrument) -> list[Any]:
    """Return the last trades, oldest first. Raises NotAvailable."""
    trades, _ = await gateway.history.trades(instrument.symbol, 0, SNAPSHOT_TRADES)
    return [trade_view(trade, instrument) for trade in reversed(trades)]


async def recent_candles(gateway: Gateway, instrument: Instrument, interval: Interval) -> list[Any]:
    """Return the last candles, oldest first; the last is not closed. Raises NotAvailable."""
    candles = await gateway.candles.candles(instrument, interval, limit=SNAPSHOT_CANDLES)
    return [candle_view(candle, instrument, interval, is_closed=candle is not candles[-1]) for candle in candles]
