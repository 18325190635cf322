"""The Dash application."""

from __future__ import annotations

from typing import Any, cast

from dash import Dash
from quart import Quart

from dashboard import market_desk, shell, web
from dashboard.live.exchange import LiveExchange
from dashboard.pages import market, sign_in
from dashboard.sessions import Session, Sessions


def create_app(live: LiveExchange, sessions: Sessions) -> Dash:
    """Return the dashboard of one exchange; its `server` is a Quart application."""
    server = Quart("dashboard")
    app = Dash(
        "dashboard",
        backend="quart",
        server=cast(Any, server),
        use_pages=True,
        pages_folder="",
        title="MockExchange",
        update_title="",
        suppress_callback_exceptions=True,
        websocket_batch_delay=0.002,
    )
    web.protect(server, sessions)

    def session_of() -> Session | None:
        return web.current_session(sessions)

    sign_in.register()
    market.register()
    app.layout = lambda: shell.frame(session_of())
    market_desk.register(app, live, session_of)
    return app
