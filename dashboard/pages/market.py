"""The market page: one symbol's book, tape and candles, order entry, and the own open orders."""

from __future__ import annotations

import uuid
from typing import Any, Final

import dash
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.links_desk import STORES as WAYS
from dashboard.order_entry import PROFIT_LEGS, STOP_LEGS, TYPES
from dashboard.theme import aria

INTERVALS: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
SHARES: Final = (25, 50, 75, 100)


def register() -> None:
    """Add the page."""
    dash.register_page("market", path="/", title="Market · MockExchange", layout=layout)


def layout(symbol: str = "", **_query: Any) -> Any:
    """Return the page; `symbol` comes from the address."""
    return html.Div(
        [
            dcc.Store(id="page", data=uuid.uuid4().hex),
            dcc.Store(id="wanted", data=symbol),
            *(dcc.Store(id=name) for name in STORES),
            _head(),
            html.Div(
                [
                    _chart(),
                    html.Section(
                        [dmc.Title("Order book", order=3), html.Div(id="ladder", className="ladder")],
                        className="panel book",
                    ),
                    html.Section(
                        [dmc.Title("Trades", order=3), html.Div(id="tape", className="tape")], className="panel trades"
                    ),
                    html.Section(_entry(), className="panel entry", id="entry"),
                    html.Section(
                        [
                            _cancels(),
                            html.P("Sign in to trade and to see your orders here.", className="quiet signed-out-only"),
                            html.Div(id="open-orders", className="orders"),
                        ],
                        className="panel own",
                    ),
                ],
                className="market",
            ),
            _amend(),
        ]
    )


STORES: Final = (
    "live-book",
    "live-tape",
    "live-head",
    "live-candle",
    "live-past",
    "live-own",
    "symbols",
    "instrument",
    "history",
    "click",
    "followed",
    "own-followed",
    "amending",
    "symbols-followed",
    "drawn-preview",
    "drawn-book",
    "drawn-tape",
    "drawn-head",
    "drawn-own",
    *WAYS,
)
"""What the server writes into the page, and what callbacks without a visible result write to."""


def _head() -> Any:
    return html.Div(
        [
            dmc.Select(
                id="symbol",
                data=[],
                searchable=True,
                w=170,
                size="sm",
                allowDeselect=False,
                maxDropdownHeight=420,
                comboboxProps={"width": 300, "position": "bottom-start"},
                nothingFoundMessage="No such symbol",
                renderOption={"function": "symbolOption"},
                **aria(label="Symbol"),
            ),
            html.Div(id="head", className="head"),
        ],
        className="topline",
    )


def _chart() -> Any:
    return html.Section(
        [
            html.Div(
                [
                    dmc.SegmentedControl(id="interval", data=list(INTERVALS), value="1m", size="xs"),
                    dmc.SegmentedControl(
                        id="view",
                        data=[{"value": "candles", "label": "Candles"}, {"value": "depth", "label": "Depth"}],
                        value="candles",
                        size="xs",
                    ),
                ],
                className="row",
            ),
            dcc.Graph(id="chart", responsive=True, config={"displayModeBar": False, "scrollZoom": True}),
        ],
        className="panel chart",
    )


def _cancels() -> Any:
    buttons = [
        dmc.Button(text, id=name, size="compact-xs", variant="default")
        for name, text in (("cancel-symbol", "Cancel this symbol"), ("cancel-all", "Cancel all"))
    ]
    return html.Div(
        [dmc.Title("Open orders", order=3), html.Div(buttons, className="row signed-in-only")], className="row"
    )


def _entry() -> list[Any]:
    return [
        dmc.SegmentedControl(
            id="side",
            data=[{"value": "buy", "label": "Buy"}, {"value": "sell", "label": "Sell"}],
            value="buy",
            fullWidth=True,
            size="sm",
        ),
        dmc.Select(
            id="type",
            data=[{"value": value, "label": label} for value, label in TYPES.items()],
            value="limit",
            label="Type",
            size="xs",
            allowDeselect=False,
        ),
        _prices(),
        html.Div(
            [
                _price("amount", "Amount"),
                dmc.SegmentedControl(id="unit", data=[], value="base", size="xs", **aria(label="Amount in")),
            ],
            className="amount",
        ),
        html.Div(
            [dmc.Button(f"{share} %", id={"share": share}, size="compact-xs", variant="default") for share in SHARES],
            className="shares",
        ),
        html.Div(
            [
                dmc.Select(
                    id="time-in-force",
                    data=["GTC", "IOC", "FOK"],
                    value="GTC",
                    size="xs",
                    w=80,
                    allowDeselect=False,
                    **aria(label="Time in force"),
                ),
                dmc.Checkbox(id="post-only", label="Post only", size="xs"),
            ],
            className="row",
        ),
        html.Div(id="preview", className="preview"),
        html.Div(id="blocked", className="blocked", role="status"),
        dmc.Button("Place order", id="place", fullWidth=True, size="sm", disabled=True),
        html.Div(id="answer", role="status", className="answer", **aria(live="polite")),
    ]


def _prices() -> Any:
    """Return all prices an order may have. Two orders of which one cancels the other stand side by side."""
    profit = [
        _leg("profit-kind", "Profit by", PROFIT_LEGS),
        _price("profit-price", "Take profit at"),
        _price("price", "Price"),
    ]
    stop = [
        _leg("stop-kind", "Stop by", STOP_LEGS),
        _price("stop-price", "Stop price"),
        _price("stop-limit-price", "Stop limit"),
    ]
    return html.Div([html.Div(profit, className="leg"), html.Div(stop, className="leg")], id="prices")


def _price(name: str, label: str) -> Any:
    return dmc.TextInput(id=name, label=label, size="xs", inputProps={"inputMode": "decimal"})


def _leg(name: str, label: str, kinds: dict[str, str]) -> Any:
    data = [{"value": value, "label": text} for value, text in kinds.items()]
    return dmc.Select(id=name, label=label, data=data, value=next(iter(kinds)), size="xs", allowDeselect=False)


def _amend() -> Any:
    return dmc.Modal(
        id="amend",
        title="Lower the amount",
        children=[
            dmc.Text("The order keeps its place in the queue.", size="sm", className="quiet"),
            dmc.TextInput(
                id="amend-amount",
                label="New amount",
                size="sm",
                inputProps={"inputMode": "decimal", "data-autofocus": True},
            ),
            html.Div(id="amend-answer", role="status", className="answer"),
            dmc.Button("Amend", id="amend-done", mt="sm"),
        ],
    )
