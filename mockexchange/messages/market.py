"""What a feed says about the outside market: prices and quantities as integers at the instrument's scales."""

from __future__ import annotations

from typing import Final

import msgspec

from mockexchange.candles import Candle, Interval
from mockexchange.messages.orders import Side


class DepthSnapshot(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """The whole displayed depth replaces what was known. Levels are (price, displayed quantity)."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    cause: int


class DepthUpdate(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Displayed quantities that changed; 0 removes a level. `cause` is the venue's sequence."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    cause: int


class BestBidOffer(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """The best levels now; anything displayed beyond them is gone. A quantity of 0 leaves a side alone."""

    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int
    cause: int


class Print(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """A trade of the outside market; `taker_side` is its aggressor's."""

    price: int
    quantity: int
    taker_side: Side
    cause: int
    time_ns: int


class MarketSilent(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """The outside market is no longer known: nothing trades against it until the next snapshot."""


MarketUpdate = DepthSnapshot | DepthUpdate | BestBidOffer | Print | MarketSilent


class FeedMessage(msgspec.Struct, array_like=True, frozen=True):
    """What a feed publishes on `feed.<symbol>.updates`.

    `epoch` names the feed's incarnation, `number` counts its messages of this symbol without gaps. The answer to a
    request on `feed.<symbol>.snapshot` is one with a single DepthSnapshot, which stands after message `number`.
    """

    epoch: int
    number: int
    time_ns: int
    updates: list[MarketUpdate]


class FeedTicker(msgspec.Struct, array_like=True, frozen=True):
    """The outside market at a glance, on `feed.<symbol>.ticker`; a price of 0 is unknown."""

    symbol: str
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int
    last: int
    time_ns: int


class FeedPrints(msgspec.Struct, array_like=True, frozen=True):
    """The last seconds with prints, on `feed.<symbol>.prints`, soon after one more of them is over.

    `candles` are of one second each, oldest first, at the feed's time and without trade ids; the last of them is the
    symbol's `number`th in this `epoch`. Each is told several times, so that who misses a message misses nothing.
    """

    symbol: str
    epoch: int
    number: int
    candles: list[Candle]


CANDLES_AT_ONCE: Final = 120
"""A feed answers with at most so many candles of the past."""


class CandlesWanted(msgspec.Struct, array_like=True, frozen=True):
    """Asks on `feed.<symbol>.candles` for what was traded before; of a time window, both ends included.

    The answer is a list of candles with trades, oldest first, or null while the feed does not know yet.
    """

    interval: Interval
    first_ms: int
    last_ms: int
