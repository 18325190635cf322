"""The callbacks of the orders page: the blotter, one order's story, and what all orders come to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from dash import Dash, Input, Output, State, no_update, set_props

from dashboard.account_choice import choices_of, chosen_by, first_choice
from dashboard.blotter import Blotter, Missed, Query
from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.live.board import Payload
from dashboard.live.exchange import LiveExchange
from dashboard.live.orders import OrderNews
from dashboard.order_figures import figures_of
from dashboard.order_story import story_of
from dashboard.pushing import Pushing
from dashboard.sessions import Session

RETRY_S: Final = 1.0
FIGURES_PACE_S: Final = 1.0
"""The figures of all orders are read anew at most this often, and only while the account trades."""

SIGN_IN: Final = "Sign in to see your orders."


class SessionEnded(Exception):
    """The person has signed out, here or elsewhere."""


ReadSession = Callable[[], Session | None]


def register(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    """Add the callbacks."""
    pushing = Pushing()
    _choose(app, live, session_of)
    _list(app, live, session_of, pushing)
    _tell(app, live, session_of, pushing)
    _sum_up(app, live, session_of, pushing)
    _draw(app)


def _choose(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    @app.callback(
        Output("orders-account", "data"),
        Output("orders-account", "value"),
        Output("orders-chooser", "hidden"),
        Input("page", "data"),
        State("orders-account", "value"),
    )
    async def choose(_page: str, wanted: str | None) -> Any:
        session = session_of()
        if session is None or not session.is_admin:
            return [], no_update, True
        accounts = await choices_of(live, session)
        return accounts, first_choice(session, accounts, wanted), False


def _list(app: Dash, live: LiveExchange, session_of: ReadSession, pushing: Pushing) -> None:
    @app.callback(
        Output("blotter-followed", "data"),
        Input("blotter-asked", "data"),
        Input("connection", "data"),
        State("page", "data"),
        websocket=True,
    )
    async def follow_orders(asked: dict[str, Any] | None, _connection: Any, page: str) -> Any:
        pushing.begin(page, "orders")
        session = session_of()
        if session is None or asked is None:
            set_props("blotter-live", {"data": {"said": SIGN_IN, "rows": []}})
            return no_update
        account = chosen_by(session, asked.get("account"))
        query = Query.of(account, asked)
        try:
            news = await live.order_news(session, account)
            blotter = Blotter(news, query, asked)

            def changes() -> dict[str, Any]:
                if session_of() is None:
                    raise SessionEnded
                return blotter.changes()

            await _show(blotter, live, session, lambda: pushing.follow(page, "orders", news, changes))
        except SessionEnded:
            set_props("blotter-live", {"data": {"said": SIGN_IN, "rows": []}})
        finally:
            live.release_order_news(account)
        return no_update

    @app.callback(Output("market-filter", "data"), Input("blotter-live", "id"))
    def name_markets(_shown: str) -> list[dict[str, Any]]:
        symbols = sorted(live.tickers.tickers)
        assets = sorted({symbol.partition("/")[0] for symbol in symbols})
        return [{"group": "Assets", "items": assets}, {"group": "Symbols", "items": symbols}]


async def _show(blotter: Blotter, live: LiveExchange, session: Session, follow: Callable[[], Any]) -> None:
    """Read the page and keep it true, for as long as the browser shows it."""
    while True:
        try:
            await blotter.read(live.gateway, session.key)
        except (GatewayAway, GatewayRefusal) as failure:
            set_props("blotter-live", {"data": blotter.picture() | {"said": failure.message}})
            await asyncio.sleep(RETRY_S)
            continue
        try:
            await follow()
        except Missed:
            continue


def _tell(app: Dash, live: LiveExchange, session_of: ReadSession, pushing: Pushing) -> None:
    @app.callback(
        Output("detail-followed", "data"),
        Input("detail-asked", "data"),
        Input("connection", "data"),
        State("page", "data"),
        State("orders-account", "value"),
        websocket=True,
    )
    async def follow_order(asked: dict[str, Any], _connection: Any, page: str, chosen: str | None) -> Any:
        pushing.begin(page, "detail")
        session, order_id = session_of(), str(asked["id"])
        if session is None or not order_id.isdecimal():
            return no_update
        account = chosen_by(session, chosen)
        try:
            news = await live.order_news(session, account)
            await _tell_story(live, session, account, news, order_id)
        finally:
            live.release_order_news(account)
        return no_update

    @app.callback(
        Output("cancel-answer", "children"),
        Input("cancel-order", "n_clicks"),
        State("detail-asked", "data"),
        State("orders-account", "value"),
        prevent_initial_call=True,
    )
    async def cancel(clicks: int | None, asked: dict[str, Any], chosen: str | None) -> Any:
        session = session_of()
        if session is None or not clicks:
            return no_update
        try:
            path, account = f"/orders/{int(asked['id'])}/cancel", str(chosen_by(session, chosen))
            await live.gateway.send("POST", path, session.key, account=account)
        except (GatewayAway, GatewayRefusal) as failure:
            return failure.message
        return ""


async def _tell_story(live: LiveExchange, session: Session, account: int, news: OrderNews, order_id: str) -> None:
    """Show an order's story, and again after each change, until the order is closed."""
    with news.watch() as looker:
        while True:
            seen = news.number
            try:
                order = await live.gateway.get(
                    f"/orders/{order_id}", session.key, account=account, include_history="true"
                )
            except GatewayRefusal as refusal:
                set_props("detail-live", {"data": {"id": order_id, "said": refusal.message}})
                return
            except GatewayAway as away:
                set_props("detail-live", {"data": {"id": order_id, "said": away.message}})
                await asyncio.sleep(RETRY_S)
                continue
            set_props("detail-live", {"data": story_of(order)})
            if order["ts_finish"] is not None:
                return
            while not _is_touched(news, seen, order_id):
                looker.clear()
                await looker.wait()


def _is_touched(news: OrderNews, seen: int, order_id: str) -> bool:
    changed = news.since(seen)
    return changed is None or any(order["id"] == order_id for order in changed)


def _sum_up(app: Dash, live: LiveExchange, session_of: ReadSession, pushing: Pushing) -> None:
    @app.callback(
        Output("figures-followed", "data"),
        Input("figures-live", "id"),
        Input("connection", "data"),
        Input("orders-account", "value"),
        State("page", "data"),
        websocket=True,
    )
    async def follow_figures(_shown: str, _connection: Any, chosen: str | None, page: str) -> Any:
        pushing.begin(page, "figures")
        session = session_of()
        if session is None:
            return no_update
        account = chosen_by(session, chosen)
        try:
            news = await live.order_news(session, account)
            with news.watch() as looker:
                while True:
                    await looker.wait()
                    looker.clear()
                    if session_of() is None:
                        return no_update
                    set_props("figures-live", {"data": await _figures(live, session, account)})
                    await asyncio.sleep(FIGURES_PACE_S)
        finally:
            live.release_order_news(account)


async def _figures(live: LiveExchange, session: Session, account: int) -> Payload:
    gateway, key = live.gateway, session.key
    try:
        orders = await gateway.get("/overview/orders", key, account=account)
        totals = await gateway.get("/overview/trades", key, account=account)
        capital = await gateway.get("/overview/capital", key, account=account)
    except (GatewayAway, GatewayRefusal) as failure:
        return {"account": account, "said": failure.message}
    return {"account": account} | figures_of(orders, totals, capital, live.tickers.tickers)


def _draw(app: Dash) -> None:
    filters = ["status-filter", "side-filter", "type-filter", "market-filter", "from-filter", "to-filter"]
    app.clientside_callback(
        _call("ask"),
        Output("blotter-asked", "data"),
        *(Input(name, "value") for name in filters),
        Input("orders-account", "value"),
        Input("older", "n_clicks"),
        Input("newer", "n_clicks"),
        Input("newest", "n_clicks"),
        State("blotter-asked", "data"),
        State("blotter-live", "data"),
    )
    app.clientside_callback(
        "function() { return [null, null, null, null, null, null]; }",
        *(Output(name, "value") for name in filters),
        Input("reset-filters", "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(_call("blotter"), Output("drawn-blotter", "data"), Input("blotter-live", "data"))
    app.clientside_callback(_call("figures"), Output("drawn-figures", "data"), Input("figures-live", "data"))
    app.clientside_callback(
        _call("story"),
        Output("drawn-detail", "data"),
        Input("detail-live", "data"),
        Input("detail", "opened"),
        State("detail-asked", "data"),
    )
    app.clientside_callback(_call("open"), Output("detail", "opened"), Input("detail-asked", "data"))


def _call(function: str) -> str:
    return f"function() {{ return window.dash_clientside.orders.{function}.apply(null, arguments); }}"
