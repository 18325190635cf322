"""Telling a page which ways are closed, and so why no orders can be placed."""

from __future__ import annotations

from typing import Any, Final

from dash import Dash, Input, Output, State

from dashboard.live.exchange import LiveExchange
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
        await pushing.follow(page, "ways", live.links, lambda: {"ways": ways_picture(live)})

    app.clientside_callback(
        "function(state) { return window.dash_clientside.base.links(state && state.text); }",
        Output("drawn-ways", "data"),
        Input("ways", "data"),
    )


def ways_picture(live: LiveExchange) -> dict[str, str]:
    """Return what to tell of ways that are closed, and why no orders can be placed; nothing while all are open."""
    if not live.links.has_nats:
        text = "Live prices are interrupted: NATS cannot be reached. This page goes on by itself when it can."
        return {"text": text, "blocked": "NATS cannot be reached: no orders now."}
    if not live.links.has_gateway:
        text = "The gateway does not answer: orders and history are not available now."
        return {"text": text, "blocked": "The gateway does not answer: no orders now."}
    return {"text": "", "blocked": ""}
