"""Streams of the order book: differences, the best levels, the best prices. All tell the update ids of REST."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import msgspec

from gateway.binance.symbols import name_of, price_text, quantity_text
from gateway.gateway import Gateway
from gateway.streams.channels import Channel, Leave
from gateway.streams.depth import DepthChange, DepthMirror, Levels
from gateway.streams.pace import Pace, together
from mockexchange.candles import NS_PER_MS
from mockexchange.instruments import Instrument

IN_STEP_WITHIN_S: Final = 3.0

_encode: Final = msgspec.json.Encoder().encode


class Differences:
    """Collects changes of a book and tells them as one, so that `U` is always the `u` before plus 1."""

    def __init__(self, gateway: Gateway, instrument: Instrument, channel: Channel, every_s: float) -> None:
        self._gateway = gateway
        self._instrument = instrument
        self._channel = channel
        self._first = 0
        self._last = 0
        self._bids: Levels = {}
        self._asks: Levels = {}
        self.pace = Pace(gateway.parts.clock, every_s, self._flush)

    def take(self, change: DepthChange) -> None:
        """Take a change; the whole book as it was at first is everybody's own to read."""
        if change.is_whole:
            return
        self._first = self._first or change.first
        self._last = change.last
        self._bids |= change.bids
        self._asks |= change.asks
        self.pace.note()

    def _flush(self) -> None:
        event = {
            "e": "depthUpdate",
            "E": self._gateway.parts.clock.now_ns() // NS_PER_MS,
            "s": name_of(self._instrument.symbol),
            "U": self._first,
            "u": self._last,
            "b": _rows(self._instrument, self._bids.items()),
            "a": _rows(self._instrument, self._asks.items()),
        }
        self._first, self._bids, self._asks = 0, {}, {}
        self._channel.publish(_encode(event).decode())


async def differences(every_s: float, gateway: Gateway, instrument: Instrument, channel: Channel) -> Leave:
    """Tell what changes in a book. What is read by REST once this has returned is continued without a gap."""
    mirror, leave = await gateway.streams.depths.use(instrument)
    collected = Differences(gateway, instrument, channel, every_s)
    unlisten = mirror.listen(collected.take)
    await _settle(mirror)
    return together(unlisten, collected.pace.stop, leave)


async def partial_depth(
    levels: int, every_s: float, gateway: Gateway, instrument: Instrument, channel: Channel
) -> Leave:
    """Tell the best levels whenever one of them changed."""
    mirror, leave = await gateway.streams.depths.use(instrument)
    told: list[Any] = []

    def flush() -> None:
        bids = _rows(instrument, mirror.best_bids(levels))
        asks = _rows(instrument, mirror.best_asks(levels))
        if told != [bids, asks]:
            told[:] = [bids, asks]
            event = {"lastUpdateId": mirror.update_id, "bids": bids, "asks": asks}
            channel.publish(_encode(event).decode())

    pace = Pace(gateway.parts.clock, every_s, flush)
    unlisten = mirror.listen(lambda _: pace.note())
    if mirror.is_in_step:
        flush()
    return together(unlisten, pace.stop, leave)


async def best_prices(gateway: Gateway, instrument: Instrument, channel: Channel) -> Leave:
    """Tell the best prices and their quantities whenever one of them changed."""
    mirror, leave = await gateway.streams.depths.use(instrument)
    told: list[Any] = []

    def tell(_change: DepthChange | None = None) -> None:
        bids, asks = mirror.best_bids(1), mirror.best_asks(1)
        if told == [bids, asks]:
            return
        told[:] = [bids, asks]
        (bid, bid_quantity), (ask, ask_quantity) = [*bids, (0, 0)][0], [*asks, (0, 0)][0]
        price, quantity = partial(price_text, instrument), partial(quantity_text, instrument)
        event = {
            "u": mirror.update_id,
            "s": name_of(instrument.symbol),
            "b": price(bid),
            "B": quantity(bid_quantity),
            "a": price(ask),
            "A": quantity(ask_quantity),
        }
        channel.publish(_encode(event).decode())

    unlisten = mirror.listen(tell)
    if mirror.is_in_step:
        tell()
    return together(unlisten, leave)


async def _settle(mirror: DepthMirror) -> None:
    """Wait a while for the book to be known, so that a snapshot asked for afterwards is not older than the stream."""
    try:
        async with asyncio.timeout(IN_STEP_WITHIN_S):
            await mirror.wait_in_step()
    except TimeoutError:
        return


def _rows(instrument: Instrument, levels: Any) -> list[tuple[str, str]]:
    return [(price_text(instrument, price), quantity_text(instrument, quantity)) for price, quantity in levels]
