"""The callbacks with which people trade on the market page: place, amend, cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from dash import Dash, Input, Output, State, no_update

from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.live.exchange import LiveExchange
from dashboard.order_entry import Legs, Terms, number, request_of, told
from dashboard.sessions import Session

UNAUTHORIZED: Final = 401

ReadSession = Callable[[], Session | None]
Act = Callable[..., Awaitable[str]]
"""Sends something to the gateway for whoever has signed in; returns what to say of it."""


def register(app: Dash, live: LiveExchange, session_of: ReadSession) -> None:
    """Add the callbacks."""

    async def act(method: str, path: str, body: object = None, **parameters: str) -> str:
        session = session_of()
        if session is None:
            return "Sign in to trade."
        try:
            return told(await live.gateway.send(method, path, session.key, body, **parameters))
        except GatewayRefusal as refusal:
            if refusal.status == UNAUTHORIZED:
                live.tell_refused(session.key)
            return f"Refused: {refusal.message}"
        except GatewayAway as away:
            return f"{away.message} {'It may have been done.' if away.may_have_executed else 'Nothing was done.'}"

    _place(app, act)
    _change(app, act)
    _cancel(app, act)


def _place(app: Dash, act: Act) -> None:
    @app.callback(
        Output("answer", "children"),
        Input("place", "n_clicks"),
        State("symbol", "value"),
        State("side", "value"),
        State("type", "value"),
        State("price", "value"),
        State("amount", "value"),
        State("unit", "value"),
        State("stop-price", "value"),
        State("time-in-force", "value"),
        State("post-only", "checked"),
        State("profit-kind", "value"),
        State("profit-price", "value"),
        State("stop-kind", "value"),
        State("stop-limit-price", "value"),
        running=[(Output("place", "loading"), True, False)],
        prevent_initial_call=True,
    )
    async def place(_clicks: int, *typed: Any) -> str:
        legs = Legs(*typed[-len(Legs._fields) :])
        try:
            path, body = request_of(Terms(*typed[: -len(Legs._fields)])._replace(legs=legs))
        except ValueError as error:
            return str(error)
        return await act("POST", path, body)


def _change(app: Dash, act: Act) -> None:
    @app.callback(
        Output("answer", "children", allow_duplicate=True),
        Output("amend", "opened"),
        Output("amending", "data"),
        Output("amend-amount", "value"),
        Output("amend-answer", "children"),
        Input("click", "data"),
        prevent_initial_call=True,
    )
    async def click(clicked: dict[str, str]) -> Any:
        if clicked["action"] == "amend":
            return no_update, True, clicked["id"], clicked["amount"], ""
        said = await act("POST", f"/orders/{int(clicked['id'])}/cancel")
        return said, False, no_update, no_update, no_update

    @app.callback(
        Output("amend-answer", "children", allow_duplicate=True),
        Output("amend", "opened", allow_duplicate=True),
        Output("answer", "children", allow_duplicate=True),
        Input("amend-done", "n_clicks"),
        State("amending", "data"),
        State("amend-amount", "value"),
        prevent_initial_call=True,
    )
    async def amend(_clicks: int, order_id: str, amount: str) -> Any:
        try:
            body = {"amount": number("Amount", amount)}
        except ValueError as error:
            return str(error), True, no_update
        said = await act("POST", f"/orders/{int(order_id)}/amend", body)
        return (said, False, said) if said.startswith("Order") else (said, True, no_update)


def _cancel(app: Dash, act: Act) -> None:
    @app.callback(
        Output("answer", "children", allow_duplicate=True),
        Input("cancel-symbol", "n_clicks"),
        State("symbol", "value"),
        prevent_initial_call=True,
    )
    async def cancel_symbol(_clicks: int, symbol: str) -> str:
        return await act("DELETE", "/orders", symbol=symbol)

    @app.callback(
        Output("answer", "children", allow_duplicate=True), Input("cancel-all", "n_clicks"), prevent_initial_call=True
    )
    async def cancel_all(_clicks: int) -> str:
        return await act("DELETE", "/orders")
