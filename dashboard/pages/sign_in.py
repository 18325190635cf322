"""Signing in: one field, for an API key or the password."""

from __future__ import annotations

from typing import Any, Final

import dash
import dash_mantine_components as dmc
from dash import html

_SAID: Final = {
    "wrong": "That is neither an API key nor the password of this exchange.",
    "away": "The gateway does not answer; try again in a moment.",
}


def register() -> None:
    """Add the page."""
    dash.register_page("sign_in", path="/sign-in", title="Sign in · MockExchange", layout=_layout)


def invitation(text: str) -> Any:
    """Return what stands in place of things that nobody sees who has not signed in."""
    link = html.A("Sign in", href="/sign-in", className="primary")
    return html.Section([html.P(text), link], className="panel invitation signed-out-only")


def _layout(**query: Any) -> Any:
    said = next((text for name, text in _SAID.items() if name in query), None)
    field = dmc.PasswordInput(
        id="secret", name="secret", label="API key or password", required=True, inputProps={"autoFocus": True}
    )
    return html.Main(
        dmc.Paper(
            html.Form(
                [
                    dmc.Title("Sign in", order=2),
                    dmc.Text(
                        "With an API key, or with the password that mockx up printed.", size="sm", className="quiet"
                    ),
                    field,
                    html.Button("Sign in", type="submit", className="primary", id="enter"),
                    dmc.Alert(said, color="orange", id="said") if said else None,
                ],
                action="/session",
                method="post",
                className="sign-in",
            ),
            withBorder=True,
            p="lg",
            maw=420,
            mx="auto",
            mt=60,
        )
    )
