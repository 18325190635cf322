"""Candles and statistics as people see them; see `mockexchange.views` for the house's conventions."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from mockexchange.candles import Candle, Interval, Statistics, close_ms
from mockexchange.instruments import Instrument
from mockexchange.money import to_text


class CandleView(msgspec.Struct):
    """A candle. `closed`: its interval is over. Trade ids are null where no trade has one, times where none was made.

    `close_time` is its last millisecond; `volume` is in the base asset, `quote_volume` in the quote asset.
    """

    symbol: str
    interval: str
    open_time: int
    close_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trades: int
    taker_buy_volume: str
    taker_buy_quote_volume: str
    first_trade_id: int | None
    last_trade_id: int | None
    last_quantity: str
    first_time: int | None
    last_time: int | None
    closed: bool


class StatisticsView(msgspec.Struct):
    """What was traded in a rolling window; what is unknown is null."""

    symbol: str
    open_time: int
    close_time: int
    open: str | None
    high: str | None
    low: str | None
    last: str | None
    last_quantity: str | None
    previous_close: str | None
    change: str
    change_percent: str
    weighted_average: str | None
    volume: str
    quote_volume: str
    trades: int
    first_trade_id: int | None
    last_trade_id: int | None


class PastView(msgspec.Struct):
    """`market.<symbol>.past`: candles from before `until` were filled in."""

    symbol: str
    until: int


class HeardCandle(NamedTuple):
    """A candle from `market.<symbol>.candle.<interval>`."""

    symbol: str
    interval: Interval
    candle: Candle
    is_closed: bool


_encode: Final = msgspec.json.Encoder().encode
_decode_candle: Final = msgspec.json.Decoder(CandleView).decode
_decode_statistics: Final = msgspec.json.Decoder(StatisticsView).decode


def candle_view(candle: Candle, instrument: Instrument, interval: Interval, *, is_closed: bool) -> CandleView:
    """Show a candle of UTC."""
    price, quantity, quote = instrument.price_scale, instrument.quantity_scale, instrument.quote_scale
    has_trades = bool(candle.trades)
    return CandleView(
        instrument.symbol,
        interval.value,
        candle.open_ms,
        close_ms(interval, candle.open_ms),
        to_text(candle.open, price),
        to_text(candle.high, price),
        to_text(candle.low, price),
        to_text(candle.close, price),
        to_text(candle.volume, quantity),
        to_text(candle.quote_volume, quote),
        candle.trades,
        to_text(candle.taker_buy_volume, quantity),
        to_text(candle.taker_buy_quote_volume, quote),
        _trade_id(candle.first_id),
        _trade_id(candle.last_id),
        to_text(candle.last_quantity, quantity),
        candle.first_ms if has_trades else None,
        candle.last_ms if has_trades else None,
        is_closed,
    )


def statistics_view(statistics: Statistics, instrument: Instrument) -> StatisticsView:
    """Show statistics."""
    price, quantity = instrument.price_scale, instrument.quantity_scale
    is_known = bool(statistics.last)
    return StatisticsView(
        symbol=statistics.symbol,
        open_time=statistics.open_ms,
        close_time=statistics.close_ms,
        open=_price(statistics.open, price),
        high=_price(statistics.high, price),
        low=_price(statistics.low, price),
        last=_price(statistics.last, price),
        last_quantity=to_text(statistics.last_quantity, quantity) if is_known else None,
        previous_close=_price(statistics.previous_close, price),
        change=to_text(statistics.change, price),
        change_percent=f"{statistics.change_percent:f}",
        weighted_average=f"{statistics.weighted_average(instrument):f}" if is_known else None,
        volume=to_text(statistics.volume, quantity),
        quote_volume=to_text(statistics.quote_volume, instrument.quote_scale),
        trades=statistics.trades,
        first_trade_id=_trade_id(statistics.first_id),
        last_trade_id=_trade_id(statistics.last_id),
    )


def encode_candle(candle: Candle, instrument: Instrument, interval: Interval, *, is_closed: bool) -> bytes:
    """Encode the payload of `market.<symbol>.candle.<interval>`."""
    return _encode(candle_view(candle, instrument, interval, is_closed=is_closed))


def encode_past(symbol: str, until_ms: int) -> bytes:
    """Encode the payload of `market.<symbol>.past`."""
    return _encode(PastView(symbol, until_ms))


def encode_statistics(statistics: Statistics, instrument: Instrument) -> bytes:
    """Encode the payload of `market.<symbol>.statistics`."""
    return _encode(statistics_view(statistics, instrument))


def decode_candle(payload: bytes) -> HeardCandle:
    """Read a payload of `market.<symbol>.candle.<interval>` back into integers."""
    view = _decode_candle(payload)
    candle = Candle(
        view.open_time,
        _units(view.open),
        _units(view.high),
        _units(view.low),
        _units(view.close),
        _units(view.volume),
        _units(view.quote_volume),
        view.trades,
        _units(view.taker_buy_volume),
        _units(view.taker_buy_quote_volume),
        -1 if view.first_trade_id is None else view.first_trade_id,
        -1 if view.last_trade_id is None else view.last_trade_id,
        _units(view.last_quantity),
        view.last_time or 0,
        view.first_time or 0,
    )
    return HeardCandle(view.symbol, Interval(view.interval), candle, view.closed)


def decode_statistics(payload: bytes) -> Statistics:
    """Read a payload of `market.<symbol>.statistics` back into integers."""
    view = _decode_statistics(payload)
    return Statistics(
        symbol=view.symbol,
        open_ms=view.open_time,
        close_ms=view.close_time,
        open=_units(view.open),
        high=_units(view.high),
        low=_units(view.low),
        last=_units(view.last),
        last_quantity=_units(view.last_quantity),
        previous_close=_units(view.previous_close),
        volume=_units(view.volume),
        quote_volume=_units(view.quote_volume),
        trades=view.trades,
        first_id=-1 if view.first_trade_id is None else view.first_trade_id,
        last_id=-1 if view.last_trade_id is None else view.last_trade_id,
    )


def _price(price: int, scale: int) -> str | None:
    return to_text(price, scale) if price else None


def _trade_id(trade_id: int) -> int | None:
    return None if trade_id < 0 else trade_id


def _units(text: str | None) -> int:
    """Return the units of a text, which has exactly the decimals of its scale."""
    return 0 if text is None else int(text.replace(".", ""))
