"""The callbacks of the market page: what streams into it, and what people do on it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from dash import ALL, Dash, Input, Output, State, no_update

from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.live.exchange import LiveExchange
from dashboard.live.market import MarketBoard
from dashboard.pushing import Pushing
from dashboard.sessions import Session

LEVELS: Final = 100
CANDLES: Final = 300
TAPE: Final = 30

ReadSession = Callable[[], Session | None]


def register(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    """Add the callbacks."""
    pushing = Pushing()
    _stream(app, live, session_of, pushing)
    _draw(app)
    _trade(app, live, session_of)


def _stream(app: Dash, live: LiveExchange, session_of: ReadSession, pushing: Pushing) -> None:
    @app.callback(Output("followed", "data"), Input("symbol", "value"), State("page", "data"), websocket=True)
    async def follow_market(symbol: str | None, page: str) -> Any:
        if symbol not in live.tickers.tickers:
            return no_update
        board = await live.markets.get(symbol)
        try:
            await pushing.follow(page, "market", board, MarketPicture(board).changes)
        finally:
            live.markets.release(symbol)

    @app.callback(Output("own-followed", "data"), Input("page", "data"), websocket=True)
    async def follow_account(page: str) -> Any:
        session = session_of()
        if session is None:
            return no_update
        board = await live.account(session, session.account)
        try:
            await pushing.follow(page, "account", board, lambda: {"live-own": account_picture(board)})
        finally:
            live.release_account(session, session.account)

    @app.callback(Output("symbols-followed", "data"), Input("page", "data"), websocket=True)
    async def follow_symbols(page: str) -> Any:
        await pushing.follow(page, "symbols", live.tickers, lambda: {"symbols": symbols_picture(live)})

    @app.callback(Output("links-followed", "data"), Input("page", "data"), websocket=True)
    async def follow_links(page: str) -> Any:
        await pushing.follow(page, "links", live.links, lambda: {"links-state": links_picture(live)})

    @app.callback(
        Output("symbol", "data"),
        Output("symbol", "value"),
        Input("symbols", "data"),
        State("symbol", "value"),
        State("wanted", "data"),
    )
    def choose(symbols: list[list[str]] | None, chosen: str | None, wanted: str) -> Any:
        names = [row[0] for row in symbols or ()]
        if not names:
            return no_update, no_update
        options = [{"value": row[0], "label": row[1]} for row in symbols or ()]
        if chosen in names:
            return options, no_update
        first = wanted.replace("-", "/")
        return options, first if first in names else names[0]

    @app.callback(
        Output("history", "data"), Output("instrument", "data"), Input("symbol", "value"), Input("interval", "value")
    )
    async def read_history(symbol: str | None, interval: str) -> Any:
        if symbol is None:
            return no_update, no_update
        try:
            candles = await live.gateway.get(f"/candles/{symbol}", interval=interval, limit=CANDLES)
            instrument = await live.gateway.get(f"/instruments/{symbol}")
        except (GatewayAway, GatewayRefusal):
            return no_update, no_update
        return {"symbol": symbol, "interval": interval, "candles": candles}, instrument


class MarketPicture:
    """What one page has seen of a market; it is sent only what has changed since."""

    def __init__(self, board: MarketBoard) -> None:
        self._board = board
        self._seen: dict[str, Any] = {}

    def changes(self) -> dict[str, Any]:
        """Return the stores to be written anew."""
        board, symbol = self._board, self._board.symbol
        last = board.tape[-1]["trade_id"] if board.tape else 0
        now = {
            "live-book": board.depth.update_id if board.depth.is_known else None,
            "live-tape": last,
            "live-head": (id(board.ticker), id(board.statistics)),
            "live-candle": tuple(id(candle) for candle in board.candles.values()),
        }
        changed = [store for store, state in now.items() if store not in self._seen or self._seen[store] != state]
        self._seen = now
        made: dict[str, Callable[[], Any]] = {
            "live-book": self._book,
            "live-tape": lambda: {"symbol": symbol, "trades": list(reversed(board.tape))[:TAPE]},
            "live-head": lambda: {"symbol": symbol, "ticker": board.ticker, "statistics": board.statistics},
            "live-candle": lambda: {"symbol": symbol, "candles": board.candles},
        }
        return {store: made[store]() for store in changed}

    def _book(self) -> dict[str, Any]:
        bids, asks = self._board.depth.levels(LEVELS)
        return {"symbol": self._board.symbol, "bids": bids, "asks": asks}


def account_picture(board: Any) -> dict[str, Any]:
    """Return what the page shows of an account."""
    orders = sorted(board.orders.values(), key=lambda order: int(order["id"]), reverse=True)
    return {
        "known": board.is_known,
        "text": "" if board.is_known else "Reading…",
        "orders": orders[:100],
        "balances": board.balances,
        "fills": list(board.fills),
    }


def symbols_picture(live: LiveExchange) -> list[list[str]]:
    """Return name and label of each symbol: last price, and change in a day."""
    rows = []
    for symbol in sorted(live.tickers.tickers):
        last = live.tickers.tickers[symbol].get("last")
        change = live.tickers.statistics.get(symbol, {}).get("change_percent")
        parts = [symbol, last or "", f"{Decimal(change):+.2f} %" if change else ""]
        rows.append([symbol, "   ".join(part for part in parts if part)])
    return rows


def links_picture(live: LiveExchange) -> str:
    """Return what to tell of ways that are closed, nothing while all are open."""
    if not live.links.has_nats:
        return "Live prices are interrupted: NATS cannot be reached. This page goes on by itself when it can."
    if not live.links.has_gateway:
        return "The gateway does not answer: orders and history are not available now."
    return ""


def _draw(app: Dash) -> None:
    book, own, symbol = Input("live-book", "data"), Input("live-own", "data"), Input("symbol", "value")
    scheme = Input("scheme", "computedColorScheme")
    draw = {
        "drawn-book": ("book", (book, own, symbol)),
        "drawn-tape": ("tape", (Input("live-tape", "data"), symbol)),
        "drawn-head": ("head", (Input("live-head", "data"), symbol)),
        "drawn-own": ("own", (own,)),
        "drawn-links": ("links", (Input("links-state", "data"),)),
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
        scheme,
        symbol,
    )
    account, instrument = State("live-own", "data"), State("instrument", "data")
    app.clientside_callback(
        _call("preview"),
        Output("preview", "children"),
        Input("side", "value"),
        Input("type", "value"),
        Input("price", "value"),
        Input("amount", "value"),
        Input("stop-price", "value"),
        book,
        own,
        Input("instrument", "data"),
    )
    app.clientside_callback(
        _call("share"),
        Output("amount", "value"),
        Input({"share": ALL}, "n_clicks"),
        State("side", "value"),
        State("price", "value"),
        State("live-book", "data"),
        account,
        instrument,
        prevent_initial_call=True,
    )
    app.clientside_callback(
        _call("shown"),
        Output("price", "style"),
        Output("stop-price", "style"),
        Output("place", "children"),
        Output("place", "color"),
        Input("type", "value"),
        Input("side", "value"),
    )


def _call(function: str) -> str:
    return f"function() {{ return window.dash_clientside.market.{function}.apply(null, arguments); }}"


def _trade(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    async def act(method: str, path: str, body: object = None) -> str:
        session = session_of()
        if session is None:
            return "Sign in to trade."
        try:
            done = await live.gateway.send(method, path, session.key, body)
        except GatewayRefusal as refusal:
            return f"Refused: {refusal.message}"
        except GatewayAway as away:
            return f"{away.message} {'It may have been done.' if away.may_have_executed else 'Nothing was done.'}"
        return told(done)

    @app.callback(
        Output("answer", "children"),
        Input("place", "n_clicks"),
        State("symbol", "value"),
        State("side", "value"),
        State("type", "value"),
        State("price", "value"),
        State("amount", "value"),
        State("stop-price", "value"),
        State("time-in-force", "value"),
        State("post-only", "checked"),
        prevent_initial_call=True,
    )
    async def place(_clicks: int, *terms: Any) -> str:
        try:
            body = order_body(Terms(*terms))
        except ValueError as error:
            return str(error)
        return await act("POST", "/orders", body)

    @app.callback(
        Output("answer", "children", allow_duplicate=True),
        Output("amend", "opened"),
        Output("amending", "data"),
        Output("amend-amount", "value"),
        Input("click", "data"),
        prevent_initial_call=True,
    )
    async def click(clicked: dict[str, str]) -> Any:
        if clicked["action"] == "amend":
            return no_update, True, clicked["id"], clicked["amount"]
        return await act("POST", f"/orders/{int(clicked['id'])}/cancel"), False, no_update, no_update

    @app.callback(
        Output("amend-answer", "children"),
        Output("amend", "opened", allow_duplicate=True),
        Input("amend-done", "n_clicks"),
        State("amending", "data"),
        State("amend-amount", "value"),
        prevent_initial_call=True,
    )
    async def amend(_clicks: int, order_id: str, amount: str) -> Any:
        try:
            body = {"amount": number("Amount", amount)}
        except ValueError as error:
            return str(error), True
        said = await act("POST", f"/orders/{int(order_id)}/amend", body)
        return said, not said.startswith("Order")

    @app.callback(
        Output("answer", "children", allow_duplicate=True), Input("cancel-all", "n_clicks"), prevent_initial_call=True
    )
    async def cancel_all(_clicks: int) -> str:
        return await act("DELETE", "/orders")


class Terms(NamedTuple):
    """An order as it was typed in."""

    symbol: str
    side: str
    kind: str
    price: str
    amount: str
    stop: str
    time_in_force: str
    is_post_only: bool


def order_body(terms: Terms) -> dict[str, Any]:
    """Return what the gateway is asked for. Raises ValueError with a text for people."""
    kind = terms.kind
    body: dict[str, Any] = {"symbol": terms.symbol, "side": terms.side, "type": kind}
    body["amount"] = number("Amount", terms.amount)
    if kind == "limit" or kind.endswith("_limit"):
        body |= {"limit_price": number("Price", terms.price), "time_in_force": terms.time_in_force}
    if kind == "limit" and terms.is_post_only:
        body["post_only"] = True
    if kind not in {"limit", "market"}:
        body["stop_price"] = number("Stop price", terms.stop)
    return body


def number(name: str, text: str | None) -> str:
    """Return a positive decimal as it was typed. Raises ValueError with a text for people."""
    cleaned = (text or "").strip().replace(",", ".")
    try:
        if Decimal(cleaned) > 0:
            return cleaned
    except InvalidOperation:
        pass
    raise ValueError(f"{name}: enter a number greater than 0.")


def told(done: Any) -> str:
    """Return in a sentence what the gateway has done."""
    if isinstance(done, list):
        return f"Orders canceled: {len(done)}."
    order = done.get("canceled_order") or done.get("order") or done
    if "id" not in order:
        return "Done."
    text = f"Order {order['id']}: {order['status'].replace('_', ' ')}"
    if order.get("price") and order["actual_filled"] and Decimal(order["actual_filled"]):
        text += f", {order['actual_filled']} at {order['price']}"
    return f"{text}."
