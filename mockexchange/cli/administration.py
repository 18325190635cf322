"""`mockx account`, `mockx key` and `mockx maintenance`: what an administrator asks of the gateway."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from infra.credentials import FILE_NAME, read_credentials
from infra.http_client import NoAnswer, request
from infra.problem import Problem
from infra.settings import Settings

_READ_ONLY: Final = ["read"]
_READ_AND_TRADE: Final = ["read", "trade"]


class Unanswered(Problem):
    """The gateway cannot be asked, or it refused."""


class Administration:
    """Asks the gateway with the administrator's key and shows what it answers."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console

    def run(self, arguments: argparse.Namespace) -> int:
        """Run one command; return the exit status."""
        match arguments.command, getattr(arguments, "action", None):
            case "account", "create":
                answer = self._ask("POST", "/accounts", {"name": arguments.name})
            case "account", "list":
                answer = self._ask("GET", "/accounts")
            case "key", "create":
                permissions = _READ_ONLY if arguments.read_only else _READ_AND_TRADE
                body = {"permissions": permissions, "public_key": _text_of(arguments.public_key)}
                answer = self._ask("POST", self._keys_of(arguments.account), body)
            case "key", "list":
                answer = self._ask("GET", self._keys_of(arguments.account))
            case "key", "revoke":
                answer = self._ask("DELETE", f"/keys/{quote(arguments.key_id, safe='')}")
            case "maintenance", _:
                answer = self._ask("POST", "/admin/maintenance", {"on": arguments.state == "on"})
            case other:
                raise AssertionError(other)
        self._show(answer, is_json=arguments.json)
        return 0

    def _keys_of(self, account: str) -> str:
        return f"/accounts/{account if account.isdecimal() else self._number_of(account)}/keys"

    def _number_of(self, name: str) -> int:
        for account in self._ask("GET", "/accounts"):
            if account["name"] == name:
                return int(account["account"])
        raise Unanswered(f"there is no account {name!r}: mockx account list shows all")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        try:
            answer = request(method, f"{self._settings.gateway_url}{path}", key=self._admin_key(), body=body)
        except NoAnswer as error:
            raise Unanswered(f"{error}; start the exchange with mockx up, or set MOCKX_GATEWAY_PORT") from error
        if answer.status >= 400:
            raise Unanswered(f"the exchange refused: {_reason(answer.body)} (status {answer.status})")
        return answer.body

    def _admin_key(self) -> str:
        if self._settings.admin_key is not None:
            return self._settings.admin_key
        path = self._settings.data_dir / FILE_NAME
        if not path.exists():
            raise Unanswered(f"there is no {path}: set MOCKX_DATA_DIR to the exchange's, or MOCKX_ADMIN_KEY")
        return read_credentials(path).admin_key

    def _show(self, answer: Any, *, is_json: bool) -> None:
        if is_json:
            print(json.dumps(answer, indent=2))
        elif isinstance(answer, list):
            self._console.print(_table(answer))
        else:
            for name, value in (answer or {}).items():
                self._console.print(f"{name}: {_text(value)}", markup=False, highlight=False, soft_wrap=True)


def _text_of(path: Path | None) -> str | None:
    """Return what a file of text holds, None without one. Raises OSError, or Unanswered where it is no text."""
    try:
        return None if path is None else path.read_text()
    except UnicodeDecodeError as error:
        raise Unanswered(f"{path} is no text: a public key is a PEM file") from error


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row.values()))
    return table


def _text(value: Any) -> str:
    match value:
        case list():
            return ", ".join(map(_text, value))
        case dict():
            return ", ".join(f"{amount} {asset}" for asset, amount in value.items())
        case _:
            return str(value)


def _reason(body: Any) -> str:
    """Return why a request was refused, in one line."""
    if isinstance(body, dict):
        return str(body.get("detail") or body.get("message") or body)
    return str(body)
