"""`mockx account`, `mockx key` and `mockx maintenance`: what an administrator asks of the gateway."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rich.console import Console

from infra.settings import Settings
from mockexchange.cli.exchange import RunningExchange, Unanswered
from mockexchange.cli.tables import show

_READ_ONLY: Final = ["read"]
_READ_AND_TRADE: Final = ["read", "trade"]


class Administration:
    """Asks the gateway with the administrator's key and shows what it answers."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._exchange = RunningExchange(settings)
        self._console = console

    def run(self, arguments: argparse.Namespace) -> int:
        """Run one command; return the exit status."""
        match arguments.command, getattr(arguments, "action", None):
            case "account", "create":
                answer = self._exchange.administer("POST", "/accounts", {"name": arguments.name})
            case "account", "list":
                answer = self._exchange.administer("GET", "/accounts")
            case "key", "create":
                permissions = _READ_ONLY if arguments.read_only else _READ_AND_TRADE
                body = {"permissions": permissions, "public_key": _text_of(arguments.public_key)}
                answer = self._exchange.administer("POST", self._keys_of(arguments.account), body)
            case "key", "list":
                answer = self._exchange.administer("GET", self._keys_of(arguments.account))
            case "key", "revoke":
                answer = self._exchange.administer("DELETE", f"/keys/{quote(arguments.key_id, safe='')}")
            case "maintenance", _:
                answer = self._exchange.administer("POST", "/admin/maintenance", {"on": arguments.state == "on"})
            case other:
                raise AssertionError(other)
        show(self._console, answer, is_json=arguments.json)
        return 0

    def _keys_of(self, account: str) -> str:
        return f"/accounts/{account if account.isdecimal() else self._number_of(account)}/keys"

    def _number_of(self, name: str) -> int:
        for account in self._exchange.administer("GET", "/accounts"):
            if account["name"] == name:
                return int(account["account"])
        raise Unanswered(f"there is no account {name!r}: mockx account list shows all")


def _text_of(path: Path | None) -> str | None:
    """Return what a file of text holds, None without one. Raises OSError, or Unanswered where it is no text."""
    try:
        return None if path is None else path.read_text()
    except UnicodeDecodeError as error:
        raise Unanswered(f"{path} is no text: a public key is a PEM file") from error
