"""Telling a page which ways are closed, for pages that stream nothing of the market."""

from __future__ import annotations

from typing import Any, Final

from dash import Dash, Input, Output, State

from dashboard.live.exchange import LiveExchange
from dashboard.market_desk import links_picture
from dashboard.pushing import Pushing

STORES: Final = ("ways", "ways-followed", "drawn-ways")
"""What a page needs beside `page` to be told."""


def register(app: Dash, live: LiveExchange) -> None:
    """Add the callbacks."""
    pushing = Pushing()

    @app.callback(
        Output("ways-followed", "data"),
        Input("connection", "data"),
        Input("ways", "id"),
        State("page", "data"),
        websocket=True,
    )
    async def follow_ways(_connection: Any, _ways: str, page: str) -> Any:
        await pushing.follow(page, "ways", live.links, lambda: {"ways": links_picture(live)})

    app.clientside_callback(
        "function(state) { return window.dash_clientside.base.links(state && state.text); }",
        Output("drawn-ways", "data"),
        Input("ways", "data"),
    )
