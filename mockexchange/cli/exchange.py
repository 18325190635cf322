"""The running exchange as the commands of `mockx` ask it: where it is, with whose key, and what an answer means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from infra.address import Address, find_address
from infra.credentials import FILE_NAME, Credentials, read_credentials
from infra.http_client import NoAnswer, request
from infra.problem import Problem
from infra.settings import Settings

URL_VARIABLE = "MOCKEXCHANGE_BASE_URL"
KEY_VARIABLE = "MOCKEXCHANGE_API_KEY"
TRUST_VARIABLE = "MOCKEXCHANGE_CA_FILE"


class Unanswered(Problem):
    """The gateway cannot be asked, or it refused."""


class RunningExchange:
    """Asks the gateway of the exchange in the data directory, or the one that the environment names."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.address = _address(settings)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask with an account's key: the one in the environment, else the demo account's. Raises Unanswered."""
        key = os.environ.get(KEY_VARIABLE) or self._credentials(KEY_VARIABLE).demo_api_key
        return self._ask(method, path, body, key)

    def administer(self, method: str, path: str, body: object = None) -> Any:
        """Ask with the administrator's key. Raises Unanswered."""
        key = self._settings.admin_key or self._credentials("MOCKX_ADMIN_KEY").admin_key
        return self._ask(method, path, body, key)

    def ask_openly(self, path: str) -> Any:
        """Ask for what needs no key, and return it whatever the status. Raises Unanswered."""
        return self._send("GET", path, None, None).body

    def _ask(self, method: str, path: str, body: object, key: str) -> Any:
        answer = self._send(method, path, body, key)
        if answer.status >= 400:
            raise Unanswered(f"the exchange refused: {_reason(answer.body)} (status {answer.status})")
        return answer.body

    def _send(self, method: str, path: str, body: object, key: str | None) -> Any:
        url, certificate = self.address
        try:
            return request(method, f"{url}{path}", key=key, body=body, certificate=certificate)
        except NoAnswer as error:
            raise Unanswered(
                f"{error}; start the exchange with mockx up, or set MOCKX_GATEWAY_PORT or {URL_VARIABLE}"
            ) from error

    def _credentials(self, variable: str) -> Credentials:
        path = self._settings.data_dir / FILE_NAME
        if not path.exists():
            raise Unanswered(f"there is no {path}: set MOCKX_DATA_DIR to the exchange's, or {variable}")
        return read_credentials(path)


def _address(settings: Settings) -> Address:
    url = os.environ.get(URL_VARIABLE)
    if not url:
        return find_address(settings)
    trusted = os.environ.get(TRUST_VARIABLE)
    return Address(url.rstrip("/"), Path(trusted) if trusted else None)


def _reason(body: Any) -> str:
    """Return why a request was refused, in one line."""
    if isinstance(body, dict):
        return str(body.get("detail") or body.get("message") or body)
    return str(body)
