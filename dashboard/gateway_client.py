"""The dashboard's way to history and to orders: the gateway, as anybody else reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from infra.tls import trusting

TIMEOUT_S: Final = 10.0


class GatewayAway(Exception):
    """The gateway does not answer, or cannot now; `may_have_executed` where a command may have been done."""

    def __init__(self, message: str, *, may_have_executed: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.may_have_executed = may_have_executed


class GatewayRefusal(Exception):
    """The gateway refused; `field` names what is wrong, where one thing is."""

    def __init__(self, status: int, message: str, field: str) -> None:
        super().__init__(status, message, field)
        self.status = status
        self.message = message
        self.field = field


class GatewayClient:
    """Asks the gateway. Every call may raise GatewayAway or GatewayRefusal; numbers in answers stay texts."""

    def __init__(self, url: str, certificate: Path | None = None) -> None:
        self._url = url
        self._trust = trusting(certificate) if certificate is not None else True
        self._session: aiohttp.ClientSession | None = None

    async def is_there(self, timeout_s: float) -> bool:
        """Return whether the gateway answers in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.get("/health/live")
        except (TimeoutError, GatewayAway, GatewayRefusal):
            return False
        return True

    async def get(self, path: str, key: str = "", **parameters: str | int | None) -> Any:
        """Read something; parameters that are None are left out."""
        given = {name: str(value) for name, value in parameters.items() if value is not None}
        return (await self._ask("GET", path, key, parameters=given))[0]

    async def page(self, path: str, key: str = "", **parameters: str | int | None) -> tuple[list[Any], int]:
        """Read a page of a list, and the cursor of the next one (0: that was all)."""
        given = {name: str(value) for name, value in parameters.items() if value is not None}
        return await self._ask("GET", path, key, parameters=given)

    async def send(
        self, method: str, path: str, key: str, body: object = None, *, idempotency_key: str = "", **parameters: str
    ) -> Any:
        """Have something done; with the same `idempotency_key` once, where the gateway takes one."""
        asked = self._ask(method, path, key, parameters=parameters, body=body, idempotency_key=idempotency_key)
        return (await asked)[0]

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self,
        method: str,
        path: str,
        key: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: object = None,
        idempotency_key: str = "",
    ) -> tuple[Any, int]:
        """Return what the gateway answers, and the cursor that it gives with a page."""
        headers = {"x-api-key": key} if key else {}
        if idempotency_key:
            headers["idempotency-key"] = idempotency_key
        data = None
        if body is not None:
            data = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        if self._session is None:
            self._session = aiohttp.ClientSession(
                self._url,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                connector=aiohttp.TCPConnector(ssl=self._trust),
            )
        try:
            async with self._session.request(method, path, params=parameters, data=data, headers=headers) as answer:
                content = _decoded(await answer.read())
                if answer.status < 400:
                    return content, int(answer.headers.get("X-Next-Cursor", 0))
                raise _failure(answer.status, content)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise GatewayAway("The gateway does not answer.", may_have_executed=method != "GET") from error


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return {}


def _failure(status: int, content: Any) -> Exception:
    error = content.get("error", {}) if isinstance(content, dict) else {}
    message = str(error.get("message") or f"The gateway answered with status {status}.")
    if status >= 500:
        return GatewayAway(message, may_have_executed=bool(error.get("may_have_executed")))
    return GatewayRefusal(status, message, str(error.get("field") or ""))
