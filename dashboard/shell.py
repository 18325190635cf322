"""What surrounds every page: name, ways to the pages, who is signed in, and whether all is live."""

from __future__ import annotations

from typing import Any, Final

import dash
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.sessions import Session
from dashboard.theme import THEME, aria

DOCUMENT: Final = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <meta name="color-scheme" content="light dark">
        <title>{%title%}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/icon.svg">
        <script src="/assets/scheme.js"></script>
        {%css%}
    </head>
    <body>
        {%app_entry%}
        <footer>{%config%}{%scripts%}{%renderer%}</footer>
    </body>
</html>"""
"""What every page is written into."""

PAGES: Final = (("Market", "/"), ("Portfolio", "/portfolio"), ("Orders", "/orders"), ("System", "/system"))


def frame(session: Session | None) -> Any:
    """Return the frame around a page, for whoever has signed in."""
    return dmc.MantineProvider(
        id="mantine",
        theme=THEME,
        defaultColorScheme="auto",
        children=[
            dcc.Location(id="address", refresh="callback-nav"),
            # A new value has all streams of a page begin anew: it was cut off and is connected again.
            dcc.Store(id="connection"),
            dcc.Store(id="signed-in", data=session.account if session else None),
            dmc.NotificationContainer(id="notices", position="bottom-right", limit=4),
            dmc.AppShell(
                [
                    dmc.AppShellHeader(_header(session)),
                    dmc.AppShellMain(
                        [_links(), html.Div(dash.page_container, className="" if session else "signed-out")]
                    ),
                ],
                header={"height": 52},
                padding="xs",
            ),
        ],
    )


def _header(session: Session | None) -> Any:
    ways = html.Nav([html.A(name, href=path, className="way") for name, path in PAGES], **aria(label="Pages"))
    name = [html.Img(src="/assets/icon.svg", alt="", width=22, height=22), html.Span("MockExchange")]
    brand = html.A(name, href="/", className="brand", **aria(label="MockExchange"))
    return html.Div([brand, ways, _person(session)], className="header")


def _person(session: Session | None) -> Any:
    toggle = dmc.ColorSchemeToggle(
        lightIcon="☀", darkIcon="☾", color="gray", size="md", id="scheme", **aria(label="Dark or light")
    )
    if session is None:
        return html.Div(
            [toggle, html.A("Sign in", href="/sign-in", className="primary", id="sign-in")], className="person"
        )
    name = "administrator" if session.is_admin else session.name or f"account {session.account}"
    leave = html.Form(
        html.Button("Sign out", type="submit", className="way", id="sign-out"), action="/session/end", method="post"
    )
    return html.Div([toggle, html.Span(name, className="quiet", id="who"), leave], className="person")


def _links() -> Any:
    """Return the banner that says when something is away; it is empty while all is well."""
    return html.Div(id="links", role="status", **aria(live="polite"))
