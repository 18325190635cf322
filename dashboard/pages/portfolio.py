"""The portfolio page: what the account is worth and was, what it holds, what it earned, and money in and out."""

from __future__ import annotations

import uuid
from typing import Any, Final

import dash
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.account_choice import chooser
from dashboard.links_desk import STORES as WAYS
from dashboard.pages.sign_in import invitation
from dashboard.theme import aria

SPANS: Final = {"1h": "1 h", "6h": "6 h", "1d": "1 d", "1w": "1 w", "1m": "1 M", "all": "All"}
STORES: Final = (
    "folio-live",
    "folio-followed",
    "folio-history",
    "folio-accounts",
    "folio-all",
    "folio-all-followed",
    "folio-drawn",
    "folio-all-drawn",
    *WAYS,
)
"""What the server writes into the page, and what callbacks without a visible result write to."""

_STILL: Final[Any] = {"displayModeBar": False, "staticPlot": True}
_HOVERED: Final[Any] = {"displayModeBar": False, "scrollZoom": False}


def register() -> None:
    """Add the page."""
    dash.register_page("portfolio", path="/portfolio", title="Portfolio · MockExchange", layout=layout)


def layout(account: str = "", **_query: Any) -> Any:
    """Return the page; `account` in the address opens another account, for an administrator."""
    return html.Div(
        [
            dcc.Store(id="page", data=uuid.uuid4().hex),
            dcc.Store(id="transfer-key", data=uuid.uuid4().hex),
            *(dcc.Store(id=name) for name in STORES),
            html.Div(
                [
                    html.Div(
                        chooser("folio-account", account),
                        id="folio-chooser",
                        hidden=True,
                    ),
                    html.Div(id="folio-head", className="head"),
                ],
                className="topline signed-in-only",
            ),
            invitation("Sign in to see what your account is worth, what it holds, and how it did."),
            html.Div(
                [_equity(), _shares(), _holdings(), _transfer(), _capital()],
                className="folio signed-in-only",
                id="folio",
            ),
            html.Section(
                [dmc.Title("All accounts", order=3), html.Div(id="folio-table-all", className="folio-grid")],
                className="panel folio-all",
                id="folio-everyone",
                hidden=True,
            ),
        ]
    )


def _equity() -> Any:
    return html.Section(
        [
            html.Div(
                [
                    dmc.Title("Equity", order=3),
                    dmc.SegmentedControl(
                        id="folio-span",
                        data=[{"value": value, "label": label} for value, label in SPANS.items()],
                        value="1h",
                        size="xs",
                    ),
                ],
                className="row",
            ),
            dcc.Graph(id="folio-equity", config=_HOVERED, className="folio-chart"),
        ],
        className="panel folio-equity",
    )


def _shares() -> Any:
    return html.Section(
        [
            dmc.Title("Distribution", order=3),
            dcc.Graph(id="folio-shares", config=_HOVERED, className="folio-donut"),
            html.Div(id="folio-frozen", className="frozen"),
        ],
        className="panel folio-shares",
    )


def _holdings() -> Any:
    return html.Section(
        [dmc.Title("Assets and positions", order=3), html.Div(id="folio-table", className="folio-grid")],
        className="panel folio-holdings",
    )


def _transfer() -> Any:
    return html.Section(
        [
            dmc.SegmentedControl(
                id="transfer-kind",
                data=[{"value": "deposit", "label": "Deposit"}, {"value": "withdrawal", "label": "Withdraw"}],
                value="deposit",
                fullWidth=True,
                size="sm",
            ),
            dmc.Select(id="transfer-asset", label="Asset", data=[], searchable=True, size="xs", allowDeselect=False),
            dmc.TextInput(id="transfer-amount", label="Amount", size="xs", inputProps={"inputMode": "decimal"}),
            html.Div(id="transfer-free", className="quiet"),
            dmc.Button("Deposit", id="transfer", fullWidth=True, size="sm"),
            html.Div(id="transfer-answer", role="status", className="answer", **aria(live="polite")),
        ],
        className="panel folio-transfer entry-form",
    )


def _capital() -> Any:
    return html.Section(
        [
            html.Div([dmc.Title("Capital", order=3), html.Div(id="folio-basis", className="quiet")], className="row"),
            html.Div(id="folio-capital", className="head folio-figures"),
            html.Div(
                [
                    dcc.Graph(id="folio-gauge", config=_STILL, className="folio-gauge"),
                    dcc.Graph(id="folio-waterfall", config=_HOVERED, className="folio-waterfall"),
                ],
                className="folio-charts",
            ),
        ],
        className="panel folio-capital",
    )
