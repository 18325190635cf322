"""The orders page: every order an account ever made, page by page, and each one's story."""

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

STATUSES: Final = {
    "open": "Open",
    "new": "New",
    "partially_filled": "Filled in part",
    "filled": "Filled",
    "canceled": "Canceled",
    "partially_canceled": "Canceled, filled in part",
    "rejected": "Rejected",
}
TYPES: Final = {
    "limit": "Limit",
    "market": "Market",
    "stop_loss": "Stop",
    "stop_loss_limit": "Stop limit",
    "take_profit": "Take profit",
    "take_profit_limit": "Take profit limit",
}
STORES: Final = (
    "blotter-asked",
    "blotter-live",
    "blotter-followed",
    "detail-live",
    "detail-followed",
    "figures-live",
    "figures-followed",
    "drawn-blotter",
    "drawn-detail",
    "drawn-figures",
    *WAYS,
)
"""What the server writes into the page, and what callbacks without a visible result write to."""


def register() -> None:
    """Add the page."""
    dash.register_page("orders", path="/orders", title="Orders · MockExchange", layout=layout)


def layout(order_id: str = "", account: str = "", **_query: Any) -> Any:
    """Return the page; `order_id` in the address opens an order's story, `account` is for an administrator."""
    return html.Div(
        [
            dcc.Store(id="page", data=uuid.uuid4().hex),
            dcc.Store(id="detail-asked", data={"id": order_id if order_id.isdecimal() else ""}),
            *(dcc.Store(id=name) for name in STORES),
            html.H1("Orders", className="unseen"),
            html.Div(chooser("orders-account", account), id="orders-chooser", hidden=True),
            invitation("Sign in to see your orders, page by page, and the story of each."),
            html.Section(
                html.Div(id="figures", className="figures", role="status"),
                className="panel signed-in-only",
                **aria(label="Totals"),
            ),
            html.Section(_filters(), className="panel filters signed-in-only", **aria(label="Filters")),
            html.Section(
                [html.Div(id="blotter", className="blotter"), _pager()],
                className="panel signed-in-only",
                **aria(label="Orders"),
            ),
            _detail(),
        ],
        className="stack",
    )


def _filters() -> list[Any]:
    return [
        _choice("status-filter", "Status", STATUSES),
        _choice("side-filter", "Side", {"buy": "Buy", "sell": "Sell"}),
        _choice("type-filter", "Type", TYPES),
        dmc.Select(
            id="market-filter",
            label="Asset or symbol",
            placeholder="Any",
            data=[],
            searchable=True,
            clearable=True,
            size="xs",
            nothingFoundMessage="None such",
        ),
        _time("from-filter", "From"),
        _time("to-filter", "Until"),
        dmc.Button("Reset", id="reset-filters", size="xs", variant="default"),
    ]


def _choice(name: str, label: str, choices: dict[str, str]) -> Any:
    data = [{"value": value, "label": text} for value, text in choices.items()]
    return dmc.Select(id=name, label=label, placeholder="Any", data=data, clearable=True, size="xs")


def _time(name: str, label: str) -> Any:
    return dmc.DateTimePicker(
        id=name, label=label, placeholder="Any time", clearable=True, size="xs", valueFormat="DD MMM YYYY HH:mm"
    )


def _pager() -> Any:
    return html.Nav(
        [
            dmc.Button("Newest", id="newest", size="compact-sm", variant="default"),
            dmc.Button("Newer", id="newer", size="compact-sm", variant="default"),
            html.Span(id="page-number", className="quiet", role="status", **aria(live="polite")),
            dmc.Button("Older", id="older", size="compact-sm", variant="default"),
        ],
        className="pager",
        **aria(label="Pages of orders"),
    )


def _detail() -> Any:
    return dmc.Drawer(
        id="detail",
        title="Order",
        position="right",
        size="lg",
        keepMounted=True,
        closeButtonProps={"aria-label": "Close"},
        children=[
            html.Div(id="story"),
            html.Div(
                [
                    dmc.Button("Cancel order", id="cancel-order", size="xs", color="orange"),
                    html.Span(id="cancel-answer", className="quiet", role="status"),
                ],
                id="cancel-row",
                className="row",
                style={"display": "none"},
            ),
        ],
    )
