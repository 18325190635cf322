"""A symbol's market: its tape, its best prices and the levels of its book."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Trade
from mockexchange.money import to_text
from mockexchange.views.names import NS_PER_MS, SIDE_NAMES


class TradeView(msgspec.Struct):
    """One line of a symbol's tape; `side` is the taker's. Only the stream knows the `sequence`.

    `venue_time` is when the outside market made a print, null for a trade of accounts.
    """

    symbol: str
    trade_id: int
    price: str
    quantity: str
    side: str
    outside: bool
    time: int
    venue_time: int | None
    sequence: int | msgspec.UnsetType = msgspec.UNSET


class TickerView(msgspec.Struct):
    """The market of a symbol at a glance; what is unknown is null."""

    symbol: str
    bid: str | None
    bid_quantity: str | None
    ask: str | None
    ask_quantity: str | None
    last: str | None
    time: int
    stale: bool = False
    overridden: bool = False


class DepthView(msgspec.Struct):
    """The levels that changed; a quantity of zero removes one."""

    symbol: str
    first_update_id: int
    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: int


_encode: Final = msgspec.json.Encoder().encode


def trade_view(trade: Trade, instrument: Instrument, sequence: int | msgspec.UnsetType = msgspec.UNSET) -> TradeView:
    """Show a trade; `sequence` is that of the record it stands in, 0 for a print of the outside market."""
    return TradeView(
        trade.symbol,
        trade.trade_id,
        to_text(trade.price, instrument.price_scale),
        to_text(trade.quantity, instrument.quantity_scale),
        SIDE_NAMES[trade.taker_side],
        trade.is_outside,
        trade.time_ns // NS_PER_MS,
        trade.venue_time_ns // NS_PER_MS if trade.is_outside else None,
        sequence,
    )


def ticker_view(
    instrument: Instrument,
    *,
    bid: int,
    bid_quantity: int,
    ask: int,
    ask_quantity: int,
    last: int,
    time_ns: int,
    is_stale: bool = False,
    is_overridden: bool = False,
) -> TickerView:
    """Show a ticker; a price of 0 is unknown, and so is the quantity at it."""
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    return TickerView(
        instrument.symbol,
        to_text(bid, price_scale) if bid else None,
        to_text(bid_quantity, quantity_scale) if bid else None,
        to_text(ask, price_scale) if ask else None,
        to_text(ask_quantity, quantity_scale) if ask else None,
        to_text(last, price_scale) if last else None,
        time_ns // NS_PER_MS,
        is_stale,
        is_overridden,
    )


def levels_view(levels: Iterable[tuple[int, int]], instrument: Instrument) -> list[tuple[str, str]]:
    """Show levels of (price, quantity)."""
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    return [(to_text(price, price_scale), to_text(quantity, quantity_scale)) for price, quantity in levels]


def encode_ticker(ticker: TickerView) -> bytes:
    """Encode the payload of `market.<symbol>.ticker`."""
    return _encode(ticker)


def encode_trade(trade: Trade, instrument: Instrument, sequence: int = 0) -> bytes:
    """Encode the payload of `market.<symbol>.trade`."""
    return _encode(trade_view(trade, instrument, sequence))


def encode_depth(
    instrument: Instrument,
    first_update_id: int,
    last_update_id: int,
    *,
    bids: Iterable[tuple[int, int]],
    asks: Iterable[tuple[int, int]],
    time_ns: int,
) -> bytes:
    """Encode the payload of `market.<symbol>.depth`: the changed levels as (price, quantity), quantity 0 removes."""
    shown_bids, shown_asks = levels_view(bids, instrument), levels_view(asks, instrument)
    time_ms = time_ns // NS_PER_MS
    return _encode(DepthView(instrument.symbol, first_update_id, last_update_id, shown_bids, shown_asks, time_ms))
