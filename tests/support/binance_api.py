"""A client of the Binance dialect, by hand: it signs by HMAC, and can be told to send what no client would."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.support.local_exchange import DEMO_KEY, DEMO_SECRET, Api


class BinanceApi:
    """Asks one gateway of a local exchange for the demo account unless told otherwise."""

    def __init__(self, api: Api, key: str = DEMO_KEY, secret: str = DEMO_SECRET) -> None:
        self.api = api
        self.key = key
        self.secret = secret

    async def public(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        """Ask without a key; return the body."""
        return checked(await self.api.http.get(path, params=parameters or None), status)

    async def ask(self, method: str, path: str, status: int = 200, /, **parameters: Any) -> Any:
        """Ask with a signature; return the body."""
        return checked(await self.send(method, path, **parameters), status)

    async def get(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        return await self.ask("GET", path, status, **parameters)

    async def post(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        return await self.ask("POST", path, status, **parameters)

    async def put(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        return await self.ask("PUT", path, status, **parameters)

    async def delete(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        return await self.ask("DELETE", path, status, **parameters)

    async def send(self, method: str, path: str, **parameters: Any) -> httpx.Response:
        """Send a signed request with its parameters in the query."""
        query = urlencode({"timestamp": now_ms()} | parameters)
        return await self.send_text(method, path, f"{query}&signature={self.sign(query)}")

    async def send_text(self, method: str, path: str, query: str = "", body: str = "") -> httpx.Response:
        """Send a query and a body as they are."""
        url = f"{path}?{query}" if query else path
        headers = {"x-mbx-apikey": self.key}
        return await self.api.http.request(method, url, content=body.encode(), headers=headers)

    def sign(self, text: str) -> str:
        """Return the signature of a text."""
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def now_ms() -> int:
    """Return the time in milliseconds."""
    return time.time_ns() // 1_000_000


def checked(answer: httpx.Response, status: int) -> Any:
    """Return the body of an answer that has a status."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    return answer.json()
