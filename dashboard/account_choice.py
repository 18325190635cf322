"""Whose money and orders a page shows: one's own, or for an administrator those of any account."""

from __future__ import annotations

from typing import Any, Final

import dash_mantine_components as dmc

from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.live.exchange import LiveExchange
from dashboard.sessions import Session
from dashboard.theme import aria

MAX_DIGITS: Final = 15
SHOWN: Final = 100
"""A list that drops down shows so many at once; typing finds the others."""


def chooser(name: str, wanted: str = "") -> Any:
    """Return the field in which an administrator chooses an account; `wanted` comes from the address."""
    return dmc.Select(
        id=name,
        data=[],
        value=wanted if _is_number(wanted) else None,
        searchable=True,
        limit=SHOWN,
        w=230,
        size="sm",
        allowDeselect=False,
        nothingFoundMessage="No such account",
        **aria(label="Account"),
    )


def chosen_by(session: Session, chosen: Any) -> int:
    """Return the account that a session sees: what was chosen where that is its to see, else its own."""
    if not isinstance(chosen, str) or not _is_number(chosen):
        return session.account
    return int(chosen) if session.may_see(int(chosen)) else session.account


async def choices_of(live: LiveExchange, session: Session) -> list[dict[str, str]]:
    """Return the accounts that a session may choose of."""
    own = [{"value": str(session.account), "label": f"account {session.account}"}]
    if not session.is_admin:
        return own
    try:
        rows = await live.gateway.get("/accounts", session.key)
    except (GatewayAway, GatewayRefusal):
        return own
    return [{"value": str(row["account"]), "label": f"{row['name']} · {row['account']}"} for row in rows]


def first_choice(session: Session, choices: list[dict[str, str]], wanted: str | None) -> str:
    """Return what is chosen at first: what is wanted if there is such an account, else one's own."""
    return wanted if wanted is not None and wanted in {row["value"] for row in choices} else str(session.account)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
