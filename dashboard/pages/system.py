"""The system page: whether all is well, and for an administrator how every part is."""

from __future__ import annotations

import uuid
from typing import Any, Final

import dash
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.links_desk import STORES as WAYS
from dashboard.theme import aria

STORES: Final = (
    "health-live",
    "system-live",
    "system-followed",
    "drawn-health",
    "drawn-system",
    *WAYS,
)


def register() -> None:
    """Add the page."""
    dash.register_page("system", path="/system", title="System · MockExchange", layout=layout)


def layout(**_query: Any) -> Any:
    """Return the page. What the server does not write into it stays hidden."""
    return html.Div(
        [
            dcc.Store(id="page", data=uuid.uuid4().hex),
            *(dcc.Store(id=name) for name in STORES),
            html.H1("System", className="unseen"),
            html.Section(
                html.Div("Listening…", id="health", role="status", **aria(live="polite")), className="panel health"
            ),
            html.Div(
                [
                    html.Div(id="speeds", className="speeds"),
                    html.Div(
                        [
                            _panel("Books", "books"),
                            _panel("Parts", "parts"),
                            _panel("Latency of requests, last ten seconds", "routes"),
                            _panel("Journal and read model", "servers"),
                        ],
                        className="halves",
                    ),
                    _panel("Recent refusals", "refusals"),
                ],
                id="whole",
                className="stack",
                hidden=True,
            ),
            html.P(
                "Signed in with the password that mockx up printed, you see here how every part does: books, speeds, "
                "latency, journal, memory, and what was refused.",
                className="quiet note",
            ),
        ],
        className="stack",
    )


def _panel(title: str, name: str) -> Any:
    return html.Section([dmc.Title(title, order=3), html.Div(id=name, className="grid")], className="panel")
