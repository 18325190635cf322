"""Public market data: tickers, books, tapes and instruments."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from gateway.candle_desk import MAX_CANDLES
from gateway.failures import InvalidInput
from gateway.native.requests import (
    Account,
    AuthorizedRequest,
    Cursor,
    Limit,
    OpenRequest,
    Tail,
    check_cursor,
    gateway_of,
    may_read,
    page,
    page_size,
    parse_symbol,
)
from gateway.native.schemas import InstrumentView, OrderBookView, TickerEntry, instrument_view, ticker_entry
from mockexchange.candle_views import CandleView, StatisticsView, candle_view, statistics_view
from mockexchange.candles import LAST_MS, Interval, close_ms
from mockexchange.views import NS_PER_MS, FillView, TradeView, fill_view, levels_view, trade_view

MAX_DEPTH: Final = 5_000
MAX_TICKERS: Final = 1_000

Depth = Annotated[int, QueryParameter(description=f"Levels of each side, 1 to {MAX_DEPTH}.")]

Time = Annotated[int | None, QueryParameter(description=f"Milliseconds since the epoch, 0 to {LAST_MS}.")]
CandleLimit = Annotated[int, QueryParameter(description=f"How many, 1 to {MAX_CANDLES}.")]

_DAY: Final = "/24h"


@get("/tickers", operation_id="listSymbols")
async def list_symbols(request: OpenRequest) -> list[str]:
    """List all symbols."""
    return sorted(gateway_of(request).floor.registry.instruments)


@get("/tickers/{symbols:path}", operation_id="getTickers")
async def get_tickers(request: OpenRequest, symbols: FromPath[str]) -> dict[str, TickerEntry] | StatisticsView:
    """Show the tickers of symbols, separated by commas; or with `/24h` after one symbol, its last 24 hours."""
    gateway = gateway_of(request)
    if symbols.rstrip("/").lower().endswith(_DAY):
        # A path of several segments takes all that follows it, so there can be no route of its own.
        instrument = await gateway.floor.instrument(parse_symbol(symbols.rstrip("/")[: -len(_DAY)]))
        return statistics_view(await gateway.candles.statistics(instrument), instrument)
    names = [parse_symbol(name) for name in symbols.strip("/").split(",") if name]
    if len(names) > MAX_TICKERS:
        raise InvalidInput("symbols", f"must be at most {MAX_TICKERS}")
    instruments = [await gateway.floor.instrument(name) for name in names]
    return {item.symbol: ticker_entry(item.symbol, gateway.memory.ticker(item)) for item in instruments}


@get("/candles/{symbol:path}", operation_id="listCandles")
async def list_candles(
    request: OpenRequest,
    symbol: FromPath[str],
    *,
    interval: FromQuery[Interval] = Interval.MINUTE,
    start: Time = None,
    end: Time = None,
    limit: CandleLimit = 500,
) -> list[CandleView]:
    """List candles of a symbol, oldest first, without gaps: from `start`, or else the last ones before `end`."""
    for name, time_ms in (("start", start), ("end", end)):
        if time_ms is not None and not 0 <= time_ms <= LAST_MS:
            raise InvalidInput(name, f"must be 0 to {LAST_MS}")
    gateway = gateway_of(request)
    instrument = await gateway.floor.instrument(parse_symbol(symbol))
    candles = await gateway.candles.candles(instrument, interval, start_ms=start, end_ms=end, limit=limit)
    now_ms = gateway.floor.clock.now_ns() // NS_PER_MS
    return [
        candle_view(candle, instrument, interval, is_closed=close_ms(interval, candle.open_ms) < now_ms)
        for candle in candles
    ]


@get("/orderbook/{symbol:path}", operation_id="getOrderBook")
async def get_order_book(request: OpenRequest, symbol: FromPath[str], depth: Depth = 100) -> OrderBookView:
    """Show the best levels of a book, accounts and outside market together."""
    if not 1 <= depth <= MAX_DEPTH:
        raise InvalidInput("depth", f"must be 1 to {MAX_DEPTH}")
    gateway = gateway_of(request)
    instrument = await gateway.floor.instrument(parse_symbol(symbol))
    answer = await gateway.floor.books.depth(instrument.symbol, depth)
    return OrderBookView(
        symbol=instrument.symbol,
        update_id=answer.update_id,
        bids=levels_view(answer.bids, instrument),
        asks=levels_view(answer.asks, instrument),
        time=answer.time_ns // NS_PER_MS,
        stale=answer.is_stale,
    )


@get("/trades/{symbol:path}", operation_id="listTrades")
async def list_trades(
    request: OpenRequest, symbol: FromPath[str], *, limit: Limit = None, tail: Tail = None, cursor: Cursor = 0
) -> Response[list[TradeView]]:
    """List the trades of a symbol, newest first: those of accounts, and prints of the outside market."""
    gateway = gateway_of(request)
    instrument = await gateway.floor.instrument(parse_symbol(symbol))
    size = page_size(limit, tail)
    trades, following = await gateway.history.trades(instrument.symbol, check_cursor(cursor), size)
    return page(request, [trade_view(trade, instrument) for trade in trades], following)


@get("/trades", before_request=may_read, operation_id="listFills")
async def list_fills(
    request: AuthorizedRequest,
    *,
    symbol: FromQuery[str | None] = None,
    limit: Limit = None,
    tail: Tail = None,
    cursor: Cursor = 0,
    account: Account = None,
) -> Response[list[FillView]]:
    """List the fills of the account, newest first; while history is not available only the last of them can be had."""
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    name = "" if symbol is None else (await gateway.floor.instrument(parse_symbol(symbol))).symbol
    size = page_size(limit, tail)
    fills, following = await gateway.history.fills(caller, name, check_cursor(cursor), size)
    rows = [fill_view(fill, await gateway.floor.instrument(fill.symbol)) for fill in fills]
    return page(request, rows, following)


@get("/instruments", operation_id="listInstruments")
async def list_instruments(request: OpenRequest) -> list[InstrumentView]:
    """List all instruments and their filters."""
    instruments = gateway_of(request).floor.registry.instruments
    return [instrument_view(instruments[symbol]) for symbol in sorted(instruments)]


@get("/instruments/{symbol:path}", operation_id="getInstrument")
async def get_instrument(request: OpenRequest, symbol: FromPath[str]) -> InstrumentView:
    """Show one instrument."""
    return instrument_view(await gateway_of(request).floor.instrument(parse_symbol(symbol)))


HANDLERS: Final = [
    list_symbols,
    get_tickers,
    list_candles,
    get_order_book,
    list_trades,
    list_fills,
    list_instruments,
    get_instrument,
]
