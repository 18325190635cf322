"""What feeds each market stream of this dialect, by its name: `btcusdt@trade`, `!ticker@arr` and so on."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from gateway.binance.depth_streams import best_prices, differences, partial_depth
from gateway.binance.errors import BinanceError
from gateway.binance.symbols import amount_text, find_instrument, instruments_of, name_of, price_text
from gateway.gateway import Gateway
from gateway.streams.channels import Channel, Leave, Opener
from gateway.streams.pace import every, together
from mockexchange.candle_views import decode_candle
from mockexchange.candles import (
    DAY_MINUTES,
    HOUR_MS,
    NS_PER_MS,
    Candle,
    Interval,
    Statistics,
    close_ms,
    source_of,
)
from mockexchange.instruments import Instrument
from mockexchange.messages.subjects import market
from mockexchange.views import TickerView, TradeView

EVERY_S: Final = 1.0
AHEAD_MS: Final = 8 * HOUR_MS
"""The one time zone that candles are offered in besides UTC."""

WINDOWS: Final = {"1h": 60, "4h": 240, "1d": DAY_MINUTES}

Event = dict[str, Any]

_encode: Final = msgspec.json.Encoder().encode
_decode_trade: Final = msgspec.json.Decoder(TradeView).decode

_DEPTH: Final = re.compile(r"depth(5|10|20)?(?:@(100|1000)ms)?")
_KLINE: Final = re.compile(r"kline_(\w+?)(@\+08:00)?")
_WINDOW: Final = re.compile(r"ticker_(1h|4h|1d)")


class Offer(NamedTuple):
    """A stream that can be opened; `keeps_last`: a new reader is told the last message at once."""

    open: Opener
    keeps_last: bool


async def find_stream(gateway: Gateway, name: str) -> Offer:
    """Return what feeds a stream. Raises BinanceError if there is no such stream."""
    if name.startswith("!"):
        return _of_all(gateway, name)
    symbol, _, kind = name.partition("@")
    opener = _opener(kind)
    if opener is None:
        raise unknown_stream(name)
    instrument = await find_instrument(gateway, symbol.upper())
    return Offer(partial(_awake, gateway, instrument, opener), kind not in _TRADES and "depth@" not in f"{kind}@")


def unknown_stream(name: str) -> BinanceError:
    """Return what is said of a stream that does not exist."""
    return BinanceError(-1130, f"Data sent for parameter 'params' is not valid: there is no stream {name[:80]}.")


OfSymbol = Callable[[Gateway, Instrument, Channel], Awaitable[Leave]]


def _opener(kind: str) -> OfSymbol | None:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if match := _WINDOW.fullmatch(kind):
        return partial(_statistics, partial(_window_event, match[1]), WINDOWS[match[1]])
    if match := _DEPTH.fullmatch(kind):
        every_s = 0.0 if match[2] == "100" else EVERY_S
        return partial(partial_depth, int(match[1]), every_s) if match[1] else partial(differences, every_s)
    if (match := _KLINE.fullmatch(kind)) and match[1] in _INTERVALS:
        return _klines(Interval(match[1]), AHEAD_MS if match[2] else 0)
    return None


async def _awake(gateway: Gateway, instrument: Instrument, opener: OfSymbol, channel: Channel) -> Leave:
    """Open a stream, and keep its book awake as long."""
    leave = await opener(gateway, instrument, channel)
    return together(leave, gateway.streams.watch.begin(instrument.symbol))


def encode_text(value: Any) -> str:
    """Encode as JSON, for a text message."""
    return _encode(value).decode()


def now_ms(gateway: Gateway) -> int:
    """Return the time."""
    return gateway.parts.clock.now_ns() // NS_PER_MS


# --- trades ---


async def _trades(gateway: Gateway, instrument: Instrument, channel: Channel) -> Leave:
    def hear(_subject: str, payload: bytes) -> None:
        view = _decode_trade(payload)
        channel.publish(encode_text(_trade_event(gateway, view, "trade", {"t": view.trade_id})))

    return await gateway.streams.hub.listen(market(instrument.symbol, "trade"), hear)


async def _aggregate_trades(gateway: Gateway, instrument: Instrument, channel: Channel) -> Leave:
    """Each trade is an aggregate of its own."""

    def hear(_subject: str, payload: bytes) -> None:
        view = _decode_trade(payload)
        number = view.trade_id
        event = _trade_event(gateway, view, "aggTrade", {"a": number}) | {"f": number, "l": number}
        channel.publish(encode_text(event))

    return await gateway.streams.hub.listen(market(instrument.symbol, "trade"), hear)


def _trade_event(gateway: Gateway, view: TradeView, kind: str, number: Event) -> Event:
    return {
        "e": kind,
        "E": now_ms(gateway),
        "s": name_of(view.symbol),
        **number,
        "p": padded(view.price),
        "q": padded(view.quantity),
        "T": view.time,
        "m": view.side == "sell",
        "M": True,
    }


def padded(text: str) -> str:
    """Return a decimal text with eight places."""
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<8}"


# --- candles ---


def _klines(interval: Interval, offset_ms: int) -> OfSymbol:
    is_same = interval is not Interval.MONTH and source_of(interval, offset_ms) is interval
    return partial(_heard_klines, interval) if is_same or not offset_ms else partial(_made_klines, interval, offset_ms)


async def _heard_klines(interval: Interval, gateway: Gateway, instrument: Instrument, channel: Channel) -> Leave:
    def hear(_subject: str, payload: bytes) -> None:
        heard = decode_candle(payload)
        channel.publish(_kline_text(gateway, instrument, interval, heard.candle, is_closed=heard.is_closed))

    candle = gateway.candle_memory.candle(instrument.symbol, interval)
    if candle is not None and now_ms(gateway) <= close_ms(interval, candle.open_ms):
        channel.publish(_kline_text(gateway, instrument, interval, candle, is_closed=False))
    return await gateway.streams.hub.listen(market(instrument.symbol, f"candle.{interval}"), hear)


async def _made_klines(
    interval: Interval, offset_ms: int, gateway: Gateway, instrument: Instrument, channel: Channel
) -> Leave:
    """Make candles of a time zone that cuts them otherwise than UTC does."""
    told: list[Candle] = []

    async def tell() -> None:
        candles = await gateway.candles.candles(instrument, interval, limit=2, offset_ms=offset_ms)
        if not candles or candles[-1:] == told:
            return
        if told and candles[0].open_ms == told[0].open_ms:
            channel.publish(_kline_text(gateway, instrument, interval, candles[0], offset_ms, is_closed=True))
        told[:] = candles[-1:]
        channel.publish(_kline_text(gateway, instrument, interval, told[0], offset_ms, is_closed=False))

    return every(gateway.parts.clock, EVERY_S, tell)


def _kline_text(
    gateway: Gateway,
    instrument: Instrument,
    interval: Interval,
    candle: Candle,
    offset_ms: int = 0,
    *,
    is_closed: bool,
) -> str:
    price = partial(price_text, instrument)
    quantity = partial(amount_text, scale=instrument.quantity_scale)
    quote = partial(amount_text, scale=instrument.quote_scale)
    kline = {
        "t": candle.open_ms,
        "T": close_ms(interval, candle.open_ms, offset_ms),
        "s": name_of(instrument.symbol),
        "i": interval.value,
        "f": candle.first_id,
        "L": candle.last_id,
        "o": price(candle.open),
        "c": price(candle.close),
        "h": price(candle.high),
        "l": price(candle.low),
        "v": quantity(candle.volume),
        "n": candle.trades,
        "x": is_closed,
        "q": quote(candle.quote_volume),
        "V": quantity(candle.taker_buy_volume),
        "Q": quote(candle.taker_buy_quote_volume),
        "B": "0",
    }
    return encode_text({"e": "kline", "E": now_ms(gateway), "s": name_of(instrument.symbol), "k": kline})


# --- statistics ---

Render = Callable[[Gateway, Instrument, Statistics], Event]


async def _statistics(
    render: Render, minutes: int, gateway: Gateway, instrument: Instrument, channel: Channel
) -> Leave:
    told: list[Event] = []

    async def tell() -> None:
        statistics = await _read_statistics(gateway, [instrument], minutes)
        event = render(gateway, instrument, statistics[0])
        if _what_changes(event) not in told:
            told[:] = [_what_changes(event)]
            channel.publish(encode_text(event))

    return every(gateway.parts.clock, EVERY_S, tell)


async def _all_statistics(render: Render, minutes: int, gateway: Gateway, channel: Channel) -> Leave:
    """Tell of all symbols of which something changed."""
    told: dict[str, Event] = {}

    async def tell() -> None:
        instruments = instruments_of(gateway)
        changed = []
        for instrument, statistics in zip(
            instruments, await _read_statistics(gateway, instruments, minutes), strict=True
        ):
            event = render(gateway, instrument, statistics)
            if _what_changes(event) != told.get(instrument.symbol):
                told[instrument.symbol] = _what_changes(event)
                changed.append(event)
        if changed:
            channel.publish(encode_text(changed))

    return every(gateway.parts.clock, EVERY_S, tell)


async def _read_statistics(gateway: Gateway, instruments: list[Instrument], minutes: int) -> list[Statistics]:
    if minutes == DAY_MINUTES:
        return await gateway.candles.all_statistics(instruments)
    return await gateway.candles.all_rolling(instruments, minutes)


def _what_changes(event: Event) -> Event:
    """Return an event without what changes with time alone."""
    return {name: value for name, value in event.items() if name not in {"E", "C", "O"}}


def _mini_event(gateway: Gateway, instrument: Instrument, statistics: Statistics) -> Event:
    return {
        "e": "24hrMiniTicker",
        "E": now_ms(gateway),
        "s": name_of(instrument.symbol),
        "c": price_text(instrument, statistics.last),
        **_range_of(instrument, statistics),
    }


def _window_event(window: str, gateway: Gateway, instrument: Instrument, statistics: Statistics) -> Event:
    return {
        "e": f"{window}Ticker",
        "E": now_ms(gateway),
        "s": name_of(instrument.symbol),
        **_change_of(instrument, statistics),
        "c": price_text(instrument, statistics.last),
        **_range_of(instrument, statistics),
        **_span_of(statistics),
    }


def _day_event(gateway: Gateway, instrument: Instrument, statistics: Statistics) -> Event:
    quantity = partial(amount_text, scale=instrument.quantity_scale)
    return {
        "e": "24hrTicker",
        "E": now_ms(gateway),
        "s": name_of(instrument.symbol),
        **_change_of(instrument, statistics),
        "x": price_text(instrument, statistics.previous_close),
        "c": price_text(instrument, statistics.last),
        "Q": quantity(statistics.last_quantity),
        **_best_of(gateway.memory.ticker(instrument)),
        **_range_of(instrument, statistics),
        **_span_of(statistics),
    }


def _change_of(instrument: Instrument, statistics: Statistics) -> Event:
    return {
        "p": price_text(instrument, statistics.change),
        "P": f"{statistics.change_percent:f}",
        "w": f"{statistics.weighted_average(instrument):f}",
    }


def _range_of(instrument: Instrument, statistics: Statistics) -> Event:
    return {
        "o": price_text(instrument, statistics.open),
        "h": price_text(instrument, statistics.high),
        "l": price_text(instrument, statistics.low),
        "v": amount_text(statistics.volume, instrument.quantity_scale),
        "q": amount_text(statistics.quote_volume, instrument.quote_scale),
    }


def _span_of(statistics: Statistics) -> Event:
    return {
        "O": statistics.open_ms,
        "C": statistics.close_ms,
        "F": statistics.first_id,
        "L": statistics.last_id,
        "n": statistics.trades,
    }


def _best_of(ticker: TickerView | None) -> Event:
    if ticker is None:
        return dict.fromkeys("bBaA", padded("0"))
    best = {"b": ticker.bid, "B": ticker.bid_quantity, "a": ticker.ask, "A": ticker.ask_quantity}
    return {name: padded(value or "0") for name, value in best.items()}


# --- average price ---


async def _average_price(gateway: Gateway, instrument: Instrument, channel: Channel) -> Leave:
    told: list[Any] = []

    async def tell() -> None:
        average = await gateway.candles.average_price(instrument)
        if average in told:
            return
        told[:] = [average]
        event = {
            "e": "avgPrice",
            "E": now_ms(gateway),
            "s": name_of(instrument.symbol),
            "i": f"{average.minutes}m",
            "w": f"{average.price:f}",
            "T": average.last_ms,
        }
        channel.publish(encode_text(event))

    return every(gateway.parts.clock, EVERY_S, tell)


# --- all symbols at once ---

_ALL: Final[Mapping[str, tuple[Render, int]]] = {
    "!ticker@arr": (_day_event, DAY_MINUTES),
    "!miniTicker@arr": (_mini_event, DAY_MINUTES),
    **{f"!ticker_{name}@arr": (partial(_window_event, name), minutes) for name, minutes in WINDOWS.items()},
}


def _of_all(gateway: Gateway, name: str) -> Offer:
    if name == "!bookTicker":
        return Offer(partial(_all_best_prices, gateway), False)
    if name not in _ALL:
        raise unknown_stream(name)
    render, minutes = _ALL[name]
    return Offer(partial(_all_statistics, render, minutes, gateway), False)


async def _all_best_prices(gateway: Gateway, channel: Channel) -> Leave:
    """Tell the best prices of all books that are awake; what is told is as new as their tickers."""
    told: dict[str, Event] = {}

    def hear(_subject: str, payload: bytes) -> None:
        ticker = _decode_ticker(payload)
        best = _best_of(ticker)
        if told.get(ticker.symbol) != best:
            told[ticker.symbol] = best
            channel.publish(encode_text({"u": ticker.time, "s": name_of(ticker.symbol), **best}))

    return await gateway.streams.hub.listen(market("*", "ticker"), hear)


_decode_ticker: Final = msgspec.json.Decoder(TickerView).decode

_TRADES: Final = frozenset({"trade", "aggTrade"})
_INTERVALS: Final = frozenset(interval.value for interval in Interval)
_SIMPLE: Final[Mapping[str, OfSymbol]] = {
    "trade": _trades,
    "aggTrade": _aggregate_trades,
    "ticker": partial(_statistics, _day_event, DAY_MINUTES),
    "miniTicker": partial(_statistics, _mini_event, DAY_MINUTES),
    "bookTicker": best_prices,
    "avgPrice": _average_price,
}
