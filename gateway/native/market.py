"""Public market data: tickers, books, tapes and instruments."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from gateway.failures import InvalidInput
from gateway.native.requests import (
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
from mockexchange.views import NS_PER_MS, FillView, TradeView, fill_view, levels_view, trade_view

MAX_DEPTH: Final = 5_000
MAX_TICKERS: Final = 1_000

Depth = Annotated[int, QueryParameter(description=f"Levels of each side, 1 to {MAX_DEPTH}.")]


@get("/tickers", operation_id="listSymbols")
async def list_symbols(request: OpenRequest) -> list[str]:
    """List all symbols."""
    return sorted(gateway_of(request).floor.registry.instruments)


@get("/tickers/{symbols:path}", operation_id="getTickers")
async def get_tickers(request: OpenRequest, symbols: FromPath[str]) -> dict[str, TickerEntry]:
    """Show the tickers of one or several symbols, separated by commas."""
    names = [parse_symbol(name) for name in symbols.strip("/").split(",") if name]
    if len(names) > MAX_TICKERS:
        raise InvalidInput("symbols", f"must be at most {MAX_TICKERS}")
    gateway = gateway_of(request)
    instruments = [await gateway.floor.instrument(name) for name in names]
    return {item.symbol: ticker_entry(item.symbol, gateway.memory.ticker(item)) for item in instruments}


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
) -> Response[list[FillView]]:
    """List the fills of the account, newest first."""
    gateway = gateway_of(request)
    name = "" if symbol is None else (await gateway.floor.instrument(parse_symbol(symbol))).symbol
    size = page_size(limit, tail)
    fills, following = await gateway.history.fills(request.user, name, check_cursor(cursor), size)
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
    get_order_book,
    list_trades,
    list_fills,
    list_instruments,
    get_instrument,
]
