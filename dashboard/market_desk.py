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
from dashboard.order_entry import Terms, number, request_of, told
from dashboard.pushing import Pushing
from dashboard.sessions import Session

LEVELS: Final = 100
CANDLES: Final = 300
TAPE: Final = 40
SHOWN_ORDERS: Final = 100
SYMBOLS_PACE_S: Final = 1.0
UNAUTHORIZED: Final = 401

ReadSession = Callable[[], Session | None]


def register(app: Dash, live: LiveExchange, session_of: ReadSession, *, taker_fee: Decimal, maker_fee: Decimal) -> None:
    """Add the callbacks."""
    pushing = Pushing()
    _stream(app, live, pushing)
    _stream_account(app, live, session_of, pushing)
    _read_history(app, live, {"taker_rate": str(taker_fee), "maker_rate": str(maker_fee)})
    _draw(app)
    _enter(app)
    _trade(app, live, session_of)


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
    )
    async def read_history(symbol: str | None, interval: str, _ways: Any) -> Any:
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
        self._seen: dict[str, Any] = {}

    def changes(self) -> dict[str, Any]:
        """Return the stores to be written anew."""
        board, symbol = self._board, self._board.symbol
        candles = board.candles.get(self._interval, [])
        now = {
            "live-book": board.depth.update_id if board.depth.is_known else None,
            "live-tape": board.tape[-1]["trade_id"] if board.tape else 0,
            "live-head": (id(board.ticker), id(board.statistics)),
            "live-candle": tuple(id(candle) for candle in candles),
        }
        changed = [store for store, state in now.items() if store not in self._seen or self._seen[store] != state]
        self._seen = now
        made: dict[str, Callable[[], Any]] = {
            "live-book": self._book,
            "live-tape": lambda: {"symbol": symbol, "trades": list(reversed(board.tape))[:TAPE]},
            "live-head": lambda: {"symbol": symbol, "ticker": board.ticker, "statistics": board.statistics},
            "live-candle": lambda: {"symbol": symbol, "interval": self._interval, "candles": list(candles)},
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
    instrument = Input("instrument", "data")
    app.clientside_callback(
        _call("fields"),
        Output("price", "style"),
        Output("stop-price", "style"),
        Output("unit", "style"),
        Output("time-in-force", "style"),
        Output("post-only", "style"),
        Output("unit", "data"),
        Output("place", "children"),
        Output("place", "color"),
        kind,
        side,
        instrument,
    )
    app.clientside_callback(
        _call("preview"),
        Output("drawn-preview", "data"),
        side,
        kind,
        price,
        Input("amount", "value"),
        Input("stop-price", "value"),
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


def _trade(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    async def act(method: str, path: str, body: object = None, **parameters: str) -> str:
        session = session_of()
        if session is None:
            return "Sign in to trade."
        try:
            return told(await live.gateway.send(method, path, session.key, body, **parameters))
        except GatewayRefusal as refusal:
            if refusal.status == UNAUTHORIZED:
                live.tell_refused(session.key)
            return f"Refused: {refusal.message}"
        except GatewayAway as away:
            return f"{away.message} {'It may have been done.' if away.may_have_executed else 'Nothing was done.'}"

    @app.callback(
        Output("answer", "children"),
        Input("place", "n_clicks"),
        State("symbol", "value"),
        State("side", "value"),
        State("type", "value"),
        State("price", "value"),
        State("amount", "value"),
        State("unit", "value"),
        State("stop-price", "value"),
        State("time-in-force", "value"),
        State("post-only", "checked"),
        running=[(Output("place", "loading"), True, False)],
        prevent_initial_call=True,
    )
    async def place(_clicks: int, *terms: Any) -> str:
        try:
            path, body = request_of(Terms(*terms))
        except ValueError as error:
            return str(error)
        return await act("POST", path, body)

    @app.callback(
        Output("answer", "children", allow_duplicate=True),
        Output("amend", "opened"),
        Output("amending", "data"),
        Output("amend-amount", "value"),
        Output("amend-answer", "children"),
        Input("click", "data"),
        prevent_initial_call=True,
    )
    async def click(clicked: dict[str, str]) -> Any:
        if clicked["action"] == "amend":
            return no_update, True, clicked["id"], clicked["amount"], ""
        said = await act("POST", f"/orders/{int(clicked['id'])}/cancel")
        return said, False, no_update, no_update, no_update

    @app.callback(
        Output("amend-answer", "children", allow_duplicate=True),
        Output("amend", "opened", allow_duplicate=True),
        Output("answer", "children", allow_duplicate=True),
        Input("amend-done", "n_clicks"),
        State("amending", "data"),
        State("amend-amount", "value"),
        prevent_initial_call=True,
    )
    async def amend(_clicks: int, order_id: str, amount: str) -> Any:
        try:
            body = {"amount": number("Amount", amount)}
        except ValueError as error:
            return str(error), True, no_update
        said = await act("POST", f"/orders/{int(order_id)}/amend", body)
        return (said, False, said) if said.startswith("Order") else (said, True, no_update)

    @app.callback(
        Output("answer", "children", allow_duplicate=True),
        Input("cancel-symbol", "n_clicks"),
        State("symbol", "value"),
        prevent_initial_call=True,
    )
    async def cancel_symbol(_clicks: int, symbol: str) -> str:
        return await act("DELETE", "/orders", symbol=symbol)

    @app.callback(
        Output("answer", "children", allow_duplicate=True), Input("cancel-all", "n_clicks"), prevent_initial_call=True
    )
    async def cancel_all(_clicks: int) -> str:
        return await act("DELETE", "/orders")
