"""The callbacks of the market page: what streams into it, and what people do on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from dash import ALL, Dash, Input, Output, State, no_update, set_props

from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.live.account import AccountBoard
from dashboard.live.exchange import LiveExchange
from dashboard.live.market import MarketBoard
from dashboard.pushing import Pushing
from dashboard.sessions import Session

LEVELS: Final = 100
CANDLES: Final = 300
TAPE: Final = 40
SHOWN_ORDERS: Final = 100
SYMBOLS_PACE_S: Final = 1.0
FIELDS: Final = (
    "profit-kind", "profit-price", "price", "stop-kind", "stop-price", "stop-limit-price", "unit",
    "time-in-force", "post-only",
)  # fmt: skip
"""Fields of the order form that only some orders have."""

ReadSession = Callable[[], Session | None]


def register(app: Dash, live: LiveExchange, session_of: ReadSession, *, taker_fee: Decimal, maker_fee: Decimal) -> None:
    """Add the callbacks."""
    pushing = Pushing()
    _stream(app, live, pushing)
    _stream_account(app, live, session_of, pushing)
    _read_history(app, live, {"taker_rate": str(taker_fee), "maker_rate": str(maker_fee)})
    _draw(app)
    _enter(app)


def _stream(app: Dash, live: LiveExchange, pushing: Pushing) -> None:
    page, connection = State("page", "data"), Input("connection", "data")

    @app.callback(
        Output("followed", "data"),
        Input("symbol", "value"),
        Input("interval", "value"),
        connection,
        page,
        websocket=True,
    )
    async def follow_market(symbol: str | None, interval: str, _connection: Any, page: str) -> Any:
        if symbol not in live.tickers.tickers:
            return no_update
        try:
            board = await live.markets.get(symbol)
            await pushing.follow(page, "market", board, MarketPicture(board, interval).changes)
        finally:
            live.markets.release(symbol)

    @app.callback(Output("symbols-followed", "data"), connection, page, websocket=True)
    async def follow_symbols(_connection: Any, page: str) -> Any:
        def show() -> dict[str, Any]:
            return {"symbols": symbols_picture(live)}

        await pushing.follow(page, "symbols", live.tickers, show, SYMBOLS_PACE_S)


def _stream_account(app: Dash, live: LiveExchange, session_of: ReadSession, pushing: Pushing) -> None:
    @app.callback(
        Output("own-followed", "data"),
        Input("connection", "data"),
        State("page", "data"),
        State("signed-in", "data"),
        websocket=True,
    )
    async def follow_account(_connection: Any, page: str, who: int | None) -> Any:
        session = session_of()
        if (session.account if session else None) != who:
            set_props("live-own", {"data": OVER})
        if session is None:
            return no_update
        try:
            board = await live.account(session, session.account)

            def show() -> dict[str, Any]:
                return {"live-own": account_picture(board) if session_of() == session else OVER}

            await pushing.follow(page, "account", board, show)
        finally:
            live.release_account(session, session.account)


def _read_history(app: Dash, live: LiveExchange, rates: dict[str, str]) -> None:
    @app.callback(
        Output("history", "data"),
        Output("instrument", "data"),
        Input("symbol", "value"),
        Input("interval", "value"),
        Input("ways", "data"),
        Input("live-past", "data"),
    )
    async def read_history(symbol: str | None, interval: str, _ways: Any, _past: Any) -> Any:
        if symbol is None:
            return no_update, no_update
        try:
            candles = await live.gateway.get(f"/candles/{symbol}", interval=interval, limit=CANDLES)
            instrument = await live.gateway.get(f"/instruments/{symbol}")
        except (GatewayAway, GatewayRefusal):
            return no_update, no_update
        history = {"symbol": symbol, "interval": interval, "candles": candles, "at": time.time()}
        return history, instrument | rates


class MarketPicture:
    """What one page has seen of a market; it is sent only what has changed since."""

    def __init__(self, board: MarketBoard, interval: str) -> None:
        self._board = board
        self._interval = interval
        # The page reads the candles of the past itself, so it need not be told of those that are there.
        self._seen: dict[str, Any] = {"live-past": board.pasts}

    def changes(self) -> dict[str, Any]:
        """Return the stores to be written anew."""
        board, symbol = self._board, self._board.symbol
        candles = board.candles.get(self._interval, [])
        now = {
            "live-book": board.depth.update_id if board.depth.is_known else None,
            "live-tape": board.tape[-1]["trade_id"] if board.tape else 0,
            "live-head": (id(board.ticker), id(board.statistics)),
            "live-candle": tuple(id(candle) for candle in candles),
            "live-past": board.pasts,
        }
        changed = [store for store, state in now.items() if store not in self._seen or self._seen[store] != state]
        self._seen = now
        made: dict[str, Callable[[], Any]] = {
            "live-book": self._book,
            "live-tape": lambda: {"symbol": symbol, "trades": list(reversed(board.tape))[:TAPE]},
            "live-head": lambda: {"symbol": symbol, "ticker": board.ticker, "statistics": board.statistics},
            "live-candle": lambda: {"symbol": symbol, "interval": self._interval, "candles": list(candles)},
            "live-past": lambda: {"symbol": symbol, "pasts": board.pasts},
        }
        return {store: made[store]() for store in changed}

    def _book(self) -> dict[str, Any]:
        bids, asks = self._board.depth.levels(LEVELS)
        return {"symbol": self._board.symbol, "bids": bids, "asks": asks}


OVER: Final = {"over": True}
"""Who looks is not who was signed in when the page was made: it is to be made anew."""


def account_picture(board: AccountBoard) -> dict[str, Any]:
    """Return what the page shows of an account."""
    orders = sorted(board.orders.values(), key=lambda order: int(order["id"]), reverse=True)
    return {
        "known": board.is_known,
        "text": "" if board.is_known else "Reading…",
        "orders": orders[:SHOWN_ORDERS],
        "balances": board.balances,
        "fills": list(board.fills),
    }


def symbols_picture(live: LiveExchange) -> dict[str, Any]:
    """Return what there is to choose, with last price and change in a day, and whether orders are taken at all."""
    board = live.tickers
    rows = [
        {
            "value": symbol,
            "label": symbol,
            "last": board.tickers[symbol].get("last"),
            "change": board.statistics.get(symbol, {}).get("change_percent"),
        }
        for symbol in board.symbols
    ]
    return {"rows": rows, "maintenance": board.is_under_maintenance}


def _draw(app: Dash) -> None:
    book, own, symbol = Input("live-book", "data"), Input("live-own", "data"), Input("symbol", "value")
    instrument, symbols = Input("instrument", "data"), Input("symbols", "data")
    app.clientside_callback(
        _call("choose"),
        Output("symbol", "data"),
        Output("symbol", "value"),
        symbols,
        State("symbol", "value"),
        State("wanted", "data"),
    )
    # What was drawn of the symbol before goes first, and then comes what is known of the new one.
    app.clientside_callback(_call("switched"), Output("cancel-symbol", "children"), symbol)
    draw = {
        "drawn-book": ("book", (book, own, symbol)),
        "drawn-tape": ("tape", (Input("live-tape", "data"), symbol)),
        "drawn-head": ("head", (Input("live-head", "data"), symbol, instrument, symbols)),
        "drawn-own": ("own", (own,)),
    }
    for store, (function, inputs) in draw.items():
        app.clientside_callback(_call(function), Output(store, "data"), *inputs)
    app.clientside_callback(
        _call("chart"),
        Output("chart", "figure"),
        Input("history", "data"),
        Input("live-candle", "data"),
        book,
        own,
        Input("view", "value"),
        Input("scheme", "computedColorScheme"),
        symbol,
        Input("interval", "value"),
        instrument,
    )


def _enter(app: Dash) -> None:
    side, kind, price = Input("side", "value"), Input("type", "value"), Input("price", "value")
    profit_kind, profit_price = Input("profit-kind", "value"), Input("profit-price", "value")
    instrument = Input("instrument", "data")
    app.clientside_callback(
        _call("fields"),
        *(Output(name, "style") for name in FIELDS),
        Output("prices", "className"),
        Output("unit", "data"),
        Output("place", "children"),
        Output("place", "color"),
        kind,
        side,
        instrument,
        profit_kind,
        Input("stop-kind", "value"),
    )
    app.clientside_callback(
        _call("preview"),
        Output("drawn-preview", "data"),
        side,
        kind,
        price,
        Input("stop-price", "value"),
        profit_kind,
        profit_price,
        Input("amount", "value"),
        Input("unit", "value"),
        Input("live-book", "data"),
        Input("live-own", "data"),
        instrument,
        Input("symbol", "value"),
    )
    app.clientside_callback(
        _call("share"),
        Output("amount", "value"),
        Output("unit", "value"),
        Input({"share": ALL}, "n_clicks"),
        State("side", "value"),
        State("type", "value"),
        State("price", "value"),
        State("stop-price", "value"),
        State("profit-kind", "value"),
        State("profit-price", "value"),
        State("live-book", "data"),
        State("live-own", "data"),
        State("instrument", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        _call("gate"),
        Output("place", "disabled"),
        Output("blocked", "children"),
        Input("ways", "data"),
        Input("symbols", "data"),
        State("signed-in", "data"),
    )


def _call(function: str) -> str:
    return f"function() {{ return window.dash_clientside.market.{function}.apply(null, arguments); }}"
