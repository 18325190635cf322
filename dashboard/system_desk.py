"""The callbacks of the system page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State

from dashboard.live.exchange import LiveExchange
from dashboard.pushing import Pushing
from dashboard.sessions import Session
from dashboard.system_picture import public_picture, whole_picture

ReadSession = Callable[[], Session | None]


def register(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    """Add the callbacks."""
    pushing = Pushing()

    @app.callback(
        Output("system-followed", "data"),
        Input("system-live", "id"),
        Input("connection", "data"),
        State("page", "data"),
        websocket=True,
    )
    async def follow_system(_shown: str, _connection: Any, page: str) -> Any:
        def picture() -> dict[str, Any]:
            session = session_of()
            stores: dict[str, Any] = {
                "health-live": public_picture(live.system, live.links.has_gateway, live.links.has_nats)
            }
            if session is not None and session.is_admin:
                stores["system-live"] = whole_picture(live.system, sorted(live.tickers.tickers))
            return stores

        await pushing.follow(page, "system", live.system, picture)

    app.clientside_callback(_call("health"), Output("drawn-health", "data"), Input("health-live", "data"))
    app.clientside_callback(_call("whole"), Output("drawn-system", "data"), Input("system-live", "data"))


def _call(function: str) -> str:
    return f"function() {{ return window.dash_clientside.system.{function}.apply(null, arguments); }}"
