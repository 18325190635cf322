"""The Dash application."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from dash import Dash
from quart import Quart

from dashboard import links_desk, market_desk, orders_desk, portfolio_desk, shell, system_desk, trade_desk, web
from dashboard.live.exchange import LiveExchange
from dashboard.pages import market, orders, portfolio, sign_in, system
from dashboard.sessions import Session, Sessions


def create_app(live: LiveExchange, sessions: Sessions, *, taker_fee: Decimal, maker_fee: Decimal) -> Dash:
    """Return the dashboard of one exchange; its `server` is a Quart application."""
    server = Quart("dashboard")
    app = Dash(
        "dashboard",
        backend="quart",
        server=cast(Any, server),
        use_pages=True,
        pages_folder="",
        title="MockExchange",
        index_string=shell.DOCUMENT,
        # It runs before the page is drawn, and so before all others.
        assets_ignore="scheme.js",
        update_title="",
        suppress_callback_exceptions=True,
        websocket_batch_delay=0.002,
        # A page that is only looked at stays connected.
        websocket_inactivity_timeout=0,
    )
    web.protect(server, sessions, app.csp_hashes)
    live.on_refused(sessions.end_key)
    sessions.on_end(live.look_again)

    def session_of() -> Session | None:
        return web.current_session(sessions)

    sign_in.register()
    market.register()
    portfolio.register()
    orders.register()
    system.register()
    app.layout = lambda: shell.frame(session_of())
    market_desk.register(app, live, session_of, taker_fee=taker_fee, maker_fee=maker_fee)
    trade_desk.register(app, live, session_of)
    portfolio_desk.register(app, live, session_of)
    links_desk.register(app, live)
    orders_desk.register(app, live, session_of)
    system_desk.register(app, live, session_of)
    return app
