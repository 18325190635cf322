"""The callbacks of the portfolio page: what streams into it, and money in and out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from dash import Dash, Input, Output, State, no_update, set_props

from dashboard.account_choice import choices_of, chosen_by, first_choice
from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.live.equity import AllEquityBoard
from dashboard.live.exchange import LiveExchange
from dashboard.live.joined import JoinedBoard
from dashboard.order_entry import number
from dashboard.portfolio_picture import picture_of
from dashboard.pushing import Pushing
from dashboard.sessions import Session

PACE_S: Final = 0.25
POINTS: Final = 600
SIGN_IN: Final = "Sign in to see a portfolio."
READING: Final = "Reading…"

HOUR_MS: Final = 3_600_000
SPANS_MS: Final = {
    "1h": HOUR_MS,
    "6h": 6 * HOUR_MS,
    "1d": 24 * HOUR_MS,
    "1w": 7 * 24 * HOUR_MS,
    "1m": 31 * 24 * HOUR_MS,
    "all": None,
}

ReadSession = Callable[[], Session | None]


def register(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    """Add the callbacks."""
    pushing = Pushing()
    _choose(app, live, session_of)
    _stream(app, live, session_of, pushing)
    _stream_all(app, live, session_of, pushing)
    _draw(app)
    _transfer(app, live, session_of)


def _choose(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    @app.callback(
        Output("folio-account", "data"),
        Output("folio-account", "value"),
        Output("folio-chooser", "hidden"),
        Output("folio-everyone", "hidden"),
        Output("transfer-asset", "data"),
        Output("transfer-asset", "value"),
        Input("page", "data"),
        State("folio-account", "value"),
    )
    async def choose(_page: str, wanted: str | None) -> Any:
        session = session_of()
        assets = sorted({code for symbol in live.tickers.tickers for code in symbol.split("/")})
        if session is None:
            return [], None, True, True, assets, no_update
        cash = await _cash_asset(live, session)
        accounts = await choices_of(live, session)
        chosen = first_choice(session, accounts, wanted)
        return accounts, chosen, not session.is_admin, not session.is_admin, assets, cash


async def _cash_asset(live: LiveExchange, session: Session) -> Any:
    try:
        return (await live.gateway.get("/overview/positions", session.key))["cash_asset"]
    except (GatewayAway, GatewayRefusal):
        return no_update


def _stream(app: Dash, live: LiveExchange, session_of: ReadSession, pushing: Pushing) -> None:
    @app.callback(
        Output("folio-followed", "data"), Input("folio-account", "value"), State("page", "data"), websocket=True
    )
    async def follow_portfolio(chosen: str | None, page: str) -> Any:
        pushing.begin(page, "portfolio")
        session = session_of()
        if session is None:
            set_props("folio-live", {"data": {"said": SIGN_IN}})
            return no_update
        number_of = chosen_by(session, chosen)
        try:
            account = await live.account(session, number_of)
            equity = await live.equity(session, number_of)
            joined = JoinedBoard(account, equity, live.tickers, pace_s=PACE_S)

            def show() -> dict[str, Any]:
                if session_of() is None:
                    return {"folio-live": {"said": SIGN_IN}}
                if not account.is_known or not equity.portfolio:
                    return {"folio-live": {"said": READING}}
                picture = picture_of(account.balances, equity.portfolio, live.tickers.tickers)
                return {"folio-live": picture | {"now": time.time_ns() // 1_000_000}}

            async with joined.following():
                await pushing.follow(page, "portfolio", joined, show)
        finally:
            live.release_account(session, number_of)
            live.release_equity(session, number_of)

    @app.callback(Output("folio-history", "data"), Input("folio-account", "value"), Input("folio-span", "value"))
    async def read_history(chosen: str | None, span: str) -> Any:
        session = session_of()
        if session is None or chosen is None:
            return no_update
        number_of = chosen_by(session, chosen)
        length = SPANS_MS[span]
        now = time.time_ns() // 1_000_000
        start = None if length is None else now - length
        try:
            points = await live.gateway.get(
                "/overview/equity", session.key, account=number_of, start=start, limit=POINTS
            )
        except (GatewayAway, GatewayRefusal):
            return {"account": number_of, "start": start, "points": [], "said": "Equity cannot be read now."}
        return {"account": number_of, "start": start, "points": points, "said": ""}


def _stream_all(app: Dash, live: LiveExchange, session_of: ReadSession, pushing: Pushing) -> None:
    @app.callback(Output("folio-all-followed", "data"), Input("page", "data"), websocket=True)
    async def follow_everyone(page: str) -> Any:
        session = session_of()
        if session is None or not session.is_admin:
            return no_update
        try:
            board = await live.all_equity(session)

            def show() -> dict[str, Any]:
                return {"folio-all": everyone(board) if session_of() is not None else {"rows": []}}

            joined = JoinedBoard(board, pace_s=1.0)
            async with joined.following():
                await pushing.follow(page, "everyone", joined, show)
        finally:
            live.release_all_equity(session)


def everyone(board: AllEquityBoard) -> dict[str, Any]:
    """Return the rows of all accounts, the richest first."""
    rows = []
    for account, portfolio in board.portfolios.items():
        row = {name: portfolio[name] for name in _SHOWN}
        rows.append({"account": account, "name": board.names.get(account, ""), **row})
    rows.sort(key=lambda row: (-Decimal(row["equity"]), row["account"]))
    return {"rows": rows, "is_all": board.is_all}


_SHOWN: Final = (
    "equity",
    "cash",
    "invested",
    "profit_gross",
    "profit_net",
    "realized",
    "unrealized",
    "fees",
    "roi_net",
    "rvpi",
    "dpi",
    "tvpi",
)


def _draw(app: Dash) -> None:
    live, scheme = Input("folio-live", "data"), Input("scheme", "computedColorScheme")
    app.clientside_callback(_call("draw"), Output("folio-drawn", "data"), live)
    chosen = Input("folio-account", "value")
    app.clientside_callback(_call("everyone"), Output("folio-all-drawn", "data"), Input("folio-all", "data"), chosen)
    app.clientside_callback(
        _call("equity"), Output("folio-equity", "figure"), Input("folio-history", "data"), live, scheme
    )
    for name in ("shares", "gauge", "waterfall"):
        app.clientside_callback(_call(name), Output(f"folio-{name}", "figure"), live, scheme)
    app.clientside_callback(
        _call("transfer"),
        Output("transfer", "children"),
        Output("transfer-free", "children"),
        Input("transfer-kind", "value"),
        Input("transfer-asset", "value"),
        live,
    )


def _call(function: str) -> str:
    return f"function() {{ return window.dash_clientside.portfolio.{function}.apply(null, arguments); }}"


def _transfer(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    @app.callback(
        Output("transfer-answer", "children"),
        Output("transfer-key", "data"),
        Output("transfer-amount", "value"),
        Input("transfer", "n_clicks"),
        Input("transfer-amount", "n_submit"),
        State("transfer-kind", "value"),
        State("transfer-asset", "value"),
        State("transfer-amount", "value"),
        State("transfer-key", "data"),
        State("folio-account", "value"),
        prevent_initial_call=True,
    )
    async def transfer(
        _clicks: int | None, _entered: int | None, kind: str, asset: str | None, amount: str, key: str, chosen: str
    ) -> Any:
        session = session_of()
        if session is None:
            return "Sign in to move money.", no_update, no_update
        if not asset or kind not in {"deposit", "withdrawal"}:
            return "Asset: choose one.", no_update, no_update
        try:
            wanted = number("Amount", amount)
        except ValueError as error:
            return str(error), no_update, no_update
        path = f"/balance/{quote(asset, safe='')}/{kind}?account={chosen_by(session, chosen)}"
        try:
            done = await live.gateway.send("POST", path, session.key, {"amount": wanted}, idempotency_key=key)
        except GatewayRefusal as refusal:
            return f"Refused: {refusal.message}", uuid.uuid4().hex, no_update
        except GatewayAway as away:
            # The same key is sent with the next try, so that what may have been done is not done twice.
            return f"{away.message} Try again: the money is moved once.", no_update, no_update
        word = "Deposited" if kind == "deposit" else "Withdrew"
        return f"{word} {wanted} {asset}; now free: {done['free']}.", uuid.uuid4().hex, ""
