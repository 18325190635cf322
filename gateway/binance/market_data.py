"""Public market data: books, tapes, candles and tickers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from gateway.binance.errors import BinanceError
from gateway.binance.operation import Inquiry, Operation, Security, Weigh, names
from gateway.binance.parameters import Parameters, missing, not_valid
from gateway.binance.symbols import (
    NS_PER_MS,
    ZERO,
    check_status,
    find_instrument,
    instruments_of,
    name_of,
    padded,
    price_text,
    quantity_text,
    quote_text,
    wants_trading,
)
from gateway.candle_desk import MAX_CANDLES
from mockexchange.candles import (
    DAY_MINUTES,
    HOUR_MS,
    LAST_MS,
    MINUTE_MS,
    Candle,
    Interval,
    Statistics,
    close_ms,
    flat_candle,
    rounded,
    weighted_average,
)
from mockexchange.instruments import Instrument
from mockexchange.messages.orders import Side, Trade
from mockexchange.views import TickerView

MAX_DEPTH: Final = 5_000
MAX_TRADES: Final = 1_000
MAX_ROLLING: Final = 100
DEFAULT_ROWS: Final = 500
DEFAULT_DEPTH: Final = 100

FULL: Final = "FULL"
MINI: Final = "MINI"
TYPES: Final = frozenset({FULL, MINI})
INTERVALS: Final = {str(interval): interval for interval in Interval}
WINDOWS: Final = (
    {f"{minutes}m": minutes for minutes in range(1, 60)}
    | {f"{hours}h": hours * 60 for hours in range(1, 24)}
    | {f"{days}d": days * DAY_MINUTES for days in range(1, 8)}
)

_ZONE: Final = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?")


# --- books and tapes ---


async def _depth(inquiry: Inquiry) -> dict[str, Any]:
    instrument = await _instrument(inquiry)
    check_status(inquiry.parameters)
    limit = inquiry.parameters.limit(default=DEFAULT_DEPTH, most=MAX_DEPTH)
    book = await inquiry.gateway.floor.books.depth(instrument.symbol, limit)
    return {
        "lastUpdateId": book.update_id,
        "bids": _levels(instrument, book.bids),
        "asks": _levels(instrument, book.asks),
    }


def _levels(instrument: Instrument, levels: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
    return [(price_text(instrument, price), quantity_text(instrument, quantity)) for price, quantity in levels]


async def _trades(inquiry: Inquiry) -> list[dict[str, Any]]:
    instrument = await _instrument(inquiry)
    return [_trade_object(instrument, trade) for trade in await _newest(inquiry, instrument)]


async def _historical_trades(inquiry: Inquiry) -> list[dict[str, Any]]:
    instrument = await _instrument(inquiry)
    from_id = inquiry.parameters.optional_integer("fromId")
    if from_id is None:
        trades = await _newest(inquiry, instrument)
    else:
        trades = await inquiry.gateway.candles.trades_after(instrument.symbol, from_id, _rows(inquiry))
    return [_trade_object(instrument, trade) for trade in trades]


async def _aggregate_trades(inquiry: Inquiry) -> list[dict[str, Any]]:
    """Answer the tape: here each trade is an aggregate of its own, with one id in all places."""
    parameters = inquiry.parameters
    instrument = await _instrument(inquiry)
    from_id = parameters.optional_integer("fromId")
    start, end = parameters.optional_time_ms("startTime"), parameters.optional_time_ms("endTime")
    end_ms = LAST_MS if end is None else min(end, LAST_MS)
    candles = inquiry.gateway.candles
    if from_id is not None:
        if start is not None or end is not None:
            raise BinanceError(-1128, "Combination of optional parameters invalid.")
        trades = await candles.trades_after(instrument.symbol, from_id, _rows(inquiry))
    elif start is None and end is None:
        trades = await _newest(inquiry, instrument)
    elif start is None:
        trades = await _newest_until(inquiry, instrument, end_ms)
    else:
        trades = await candles.trades_between(instrument.symbol, min(start, LAST_MS), end_ms, _rows(inquiry))
    return [_aggregate_object(instrument, trade) for trade in trades]


async def _newest(inquiry: Inquiry, instrument: Instrument) -> list[Trade]:
    trades, _ = await inquiry.gateway.history.trades(instrument.symbol, 0, _rows(inquiry))
    return trades[::-1]


async def _newest_until(inquiry: Inquiry, instrument: Instrument, end_ms: int) -> list[Trade]:
    """Return the last trades up to a time, oldest first."""
    gateway, symbol = inquiry.gateway, instrument.symbol
    following = await gateway.candles.trades_between(symbol, end_ms + 1, LAST_MS, 1)
    trades, _ = await gateway.history.trades(symbol, following[0].trade_id if following else 0, _rows(inquiry))
    return trades[::-1]


def _rows(inquiry: Inquiry) -> int:
    return inquiry.parameters.limit(default=DEFAULT_ROWS, most=MAX_TRADES)


def _trade_object(instrument: Instrument, trade: Trade) -> dict[str, Any]:
    return {
        "id": trade.trade_id,
        "price": price_text(instrument, trade.price),
        "qty": quantity_text(instrument, trade.quantity),
        "quoteQty": quote_text(instrument, instrument.quote_amount(trade.price, trade.quantity)),
        "time": trade.time_ns // NS_PER_MS,
        "isBuyerMaker": trade.taker_side is Side.SELL,
        "isBestMatch": True,
    }


def _aggregate_object(instrument: Instrument, trade: Trade) -> dict[str, Any]:
    return {
        "a": trade.trade_id,
        "p": price_text(instrument, trade.price),
        "q": quantity_text(instrument, trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ns // NS_PER_MS,
        "m": trade.taker_side is Side.SELL,
        "M": True,
    }


# --- candles ---


async def _klines(inquiry: Inquiry) -> list[list[Any]]:
    parameters = inquiry.parameters
    instrument = await _instrument(inquiry)
    interval = parameters.choice("interval", INTERVALS)
    offset_ms = zone_offset(parameters)
    candles = await inquiry.gateway.candles.candles(
        instrument,
        interval,
        start_ms=parameters.optional_time_ms("startTime"),
        end_ms=parameters.optional_time_ms("endTime"),
        limit=parameters.limit(default=DEFAULT_ROWS, most=MAX_CANDLES),
        offset_ms=offset_ms,
    )
    return [_kline(instrument, candle, interval, offset_ms) for candle in candles]


def _kline(instrument: Instrument, candle: Candle, interval: Interval, offset_ms: int) -> list[Any]:
    return [
        candle.open_ms,
        price_text(instrument, candle.open),
        price_text(instrument, candle.high),
        price_text(instrument, candle.low),
        price_text(instrument, candle.close),
        quantity_text(instrument, candle.volume),
        close_ms(interval, candle.open_ms, offset_ms),
        quote_text(instrument, candle.quote_volume),
        candle.trades,
        quantity_text(instrument, candle.taker_buy_volume),
        quote_text(instrument, candle.taker_buy_quote_volume),
        "0",
    ]


def zone_offset(parameters: Parameters) -> int:
    """Return how far ahead of UTC the time zone of a request is, in milliseconds."""
    match = _ZONE.fullmatch(parameters.text("timeZone", "0"))
    if match is None:
        raise not_valid("timeZone")
    offset_ms = int(match[2]) * HOUR_MS + int(match[3] or 0) * MINUTE_MS
    offset_ms = -offset_ms if match[1] == "-" else offset_ms
    if not -12 * HOUR_MS <= offset_ms <= 14 * HOUR_MS:
        raise not_valid("timeZone")
    return offset_ms


async def _average_price(inquiry: Inquiry) -> dict[str, Any]:
    average = await inquiry.gateway.candles.average_price(await _instrument(inquiry))
    return {"mins": average.minutes, "price": f"{average.price:.8f}", "closeTime": average.last_ms}


# --- tickers ---

Instruments = Sequence[Instrument]
Show = Callable[[Inquiry, Instruments], Awaitable[list[dict[str, Any]]]]


def _one_or_many(show: Show, *, is_required: bool = False) -> Callable[[Inquiry], Awaitable[Any]]:
    """Return a handler that answers an object for `symbol` and a list for `symbols`, or for all where it may."""

    async def handle(inquiry: Inquiry) -> Any:
        wanted = inquiry.parameters.symbols()
        if not wanted and is_required:
            raise missing("symbol")
        if is_required and len(wanted) > MAX_ROLLING:
            raise not_valid("symbols")
        if not wanted:
            chosen = instruments_of(inquiry.gateway) if wants_trading(inquiry.parameters) else []
            return await show(inquiry, chosen)
        instruments = [await find_instrument(inquiry.gateway, name) for name in wanted]
        check_status(inquiry.parameters)
        shown = await show(inquiry, instruments)
        return shown[0] if "symbol" in inquiry.parameters else shown

    return handle


def _kind(parameters: Parameters) -> str:
    kind = parameters.text("type", FULL)
    if kind not in TYPES:
        raise not_valid("type")
    return kind


async def _show_days(inquiry: Inquiry, instruments: Instruments) -> list[dict[str, Any]]:
    kind = _kind(inquiry.parameters)
    statistics = await inquiry.gateway.candles.all_statistics(instruments)
    pairs = list(zip(instruments, statistics, strict=True))
    if kind == MINI:
        return [_mini(instrument, each) for instrument, each in pairs]
    return [_full_day(inquiry, instrument, each) for instrument, each in pairs]


async def _show_rolling(inquiry: Inquiry, instruments: Instruments) -> list[dict[str, Any]]:
    parameters = inquiry.parameters
    kind = _kind(parameters)
    minutes = parameters.choice("windowSize", WINDOWS, DAY_MINUTES)
    statistics = await inquiry.gateway.candles.all_rolling(instruments, minutes)
    return _windows(kind, instruments, statistics)


async def _show_trading_days(inquiry: Inquiry, instruments: Instruments) -> list[dict[str, Any]]:
    kind = _kind(inquiry.parameters)
    offset_ms = zone_offset(inquiry.parameters)
    days = [await _trading_day(inquiry, instrument, offset_ms) for instrument in instruments]
    return _windows(kind, instruments, days)


async def _trading_day(inquiry: Inquiry, instrument: Instrument, offset_ms: int) -> Statistics:
    desk, now_ms = inquiry.gateway.candles, inquiry.gateway.parts.clock.now_ns() // NS_PER_MS
    found = await desk.candles(instrument, Interval.DAY, limit=1, offset_ms=offset_ms)
    day = found[0] if found else flat_candle(now_ms, 0)
    return Statistics(
        symbol=instrument.symbol,
        open_ms=day.open_ms,
        close_ms=close_ms(Interval.DAY, day.open_ms, offset_ms),
        open=day.open,
        high=day.high,
        low=day.low,
        last=day.close,
        last_quantity=day.last_quantity,
        previous_close=day.open,
        volume=day.volume,
        quote_volume=day.quote_volume,
        trades=day.trades,
        first_id=day.first_id,
        last_id=day.last_id,
    )


async def _show_prices(inquiry: Inquiry, instruments: Instruments) -> list[dict[str, Any]]:
    tickers = [(instrument, _ticker(inquiry, instrument)) for instrument in instruments]
    return [
        {"symbol": name_of(instrument.symbol), "price": padded(ticker.last if ticker else None)}
        for instrument, ticker in tickers
    ]


async def _show_best(inquiry: Inquiry, instruments: Instruments) -> list[dict[str, Any]]:
    return [{"symbol": name_of(instrument.symbol), **_best(_ticker(inquiry, instrument))} for instrument in instruments]


def _best(ticker: TickerView | None) -> dict[str, str]:
    if ticker is None:
        return dict.fromkeys(("bidPrice", "bidQty", "askPrice", "askQty"), ZERO)
    return {
        "bidPrice": padded(ticker.bid),
        "bidQty": padded(ticker.bid_quantity),
        "askPrice": padded(ticker.ask),
        "askQty": padded(ticker.ask_quantity),
    }


def _full_day(inquiry: Inquiry, instrument: Instrument, statistics: Statistics) -> dict[str, Any]:
    ticker = _ticker(inquiry, instrument)
    shown = _full(instrument, statistics)
    shown |= {
        "prevClosePrice": price_text(instrument, statistics.previous_close),
        "lastQty": quantity_text(instrument, statistics.last_quantity),
    }
    return shown | _best(ticker)


def _windows(kind: str, instruments: Instruments, statistics: Sequence[Statistics]) -> list[dict[str, Any]]:
    show = _mini if kind == MINI else _full
    return [show(instrument, each) for instrument, each in zip(instruments, statistics, strict=True)]


def _full(instrument: Instrument, statistics: Statistics) -> dict[str, Any]:
    average = weighted_average(statistics.volume, statistics.quote_volume, statistics.last, instrument)
    return {
        "symbol": name_of(instrument.symbol),
        "priceChange": price_text(instrument, statistics.change),
        "priceChangePercent": f"{rounded(100 * statistics.change, statistics.open, 3):f}",
        "weightedAvgPrice": f"{average:f}",
        **_traded(instrument, statistics),
    }


def _mini(instrument: Instrument, statistics: Statistics) -> dict[str, Any]:
    return {"symbol": name_of(instrument.symbol), **_traded(instrument, statistics)}


def _traded(instrument: Instrument, statistics: Statistics) -> dict[str, Any]:
    return {
        "openPrice": price_text(instrument, statistics.open),
        "highPrice": price_text(instrument, statistics.high),
        "lowPrice": price_text(instrument, statistics.low),
        "lastPrice": price_text(instrument, statistics.last),
        "volume": quantity_text(instrument, statistics.volume),
        "quoteVolume": quote_text(instrument, statistics.quote_volume),
        "openTime": statistics.open_ms,
        "closeTime": statistics.close_ms,
        "firstId": statistics.first_id,
        "lastId": statistics.last_id,
        "count": statistics.trades,
    }


def _ticker(inquiry: Inquiry, instrument: Instrument) -> TickerView | None:
    return inquiry.gateway.memory.ticker(instrument)


async def _instrument(inquiry: Inquiry) -> Instrument:
    return await find_instrument(inquiry.gateway, inquiry.parameters.text("symbol"))


# --- weights ---


def _depth_weight(parameters: Parameters) -> int:
    limit = parameters.limit(default=DEFAULT_DEPTH, most=MAX_DEPTH)
    return next(weight for most, weight in ((100, 5), (500, 25), (1_000, 50), (MAX_DEPTH, 250)) if limit <= most)


def _day_weight(parameters: Parameters) -> int:
    count = len(parameters.symbols())
    if not 0 < count <= MAX_ROLLING:
        return 80
    return 2 if count <= 20 else 40


def _ticker_weight(parameters: Parameters) -> int:
    return 2 if "symbol" in parameters else 4


def _rolling_weight(parameters: Parameters) -> int:
    return min(200, 4 * max(1, len(parameters.symbols())))


def _public(
    path: str, name: str, weight: int | Weigh, handle: Callable[[Inquiry], Awaitable[Any]], takes: str
) -> Operation:
    return Operation("GET", f"/api/v3/{path}", name, Security.NONE, weight, handle, takes=names(takes))


_days: Final = _one_or_many(_show_days)
_trading_days: Final = _one_or_many(_show_trading_days, is_required=True)
_prices: Final = _one_or_many(_show_prices)
_best_prices: Final = _one_or_many(_show_best)
_rolling: Final = _one_or_many(_show_rolling, is_required=True)

_KLINES: Final = "symbol interval startTime endTime timeZone limit"
_SYMBOLS: Final = "symbol symbols symbolStatus"

OPERATIONS: Final = [
    _public("depth", "depth", _depth_weight, _depth, "symbol limit symbolStatus"),
    _public("trades", "trades.recent", 25, _trades, "symbol limit"),
    _public("historicalTrades", "trades.historical", 25, _historical_trades, "symbol limit fromId"),
    _public("aggTrades", "trades.aggregate", 4, _aggregate_trades, "symbol fromId startTime endTime limit"),
    _public("klines", "klines", 2, _klines, _KLINES),
    _public("uiKlines", "uiKlines", 2, _klines, _KLINES),
    _public("avgPrice", "avgPrice", 2, _average_price, "symbol"),
    _public("ticker/24hr", "ticker.24hr", _day_weight, _days, f"{_SYMBOLS} type"),
    _public("ticker/tradingDay", "ticker.tradingDay", _rolling_weight, _trading_days, f"{_SYMBOLS} type timeZone"),
    _public("ticker/price", "ticker.price", _ticker_weight, _prices, _SYMBOLS),
    _public("ticker/bookTicker", "ticker.book", _ticker_weight, _best_prices, _SYMBOLS),
    _public("ticker", "ticker", _rolling_weight, _rolling, f"{_SYMBOLS} type windowSize"),
]
