"""What the client classes are made of: ccxt's class at this exchange's URLs, and requests to the exchange's own API.

A request is data (`Request`); `_ask` sends it, and what it returns is the answer in a blocking class and an awaitable
of it in the others. So every method is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ccxt import AuthenticationError

from mockexchange.client.configuration import api_urls, read_access, with_access
from mockexchange.client.refusals import raise_refusal
from mockexchange.client.requests import Request

if TYPE_CHECKING:
    from ccxt import Exchange as Base
else:
    Base = object


class ExchangeCore(Base):  # type: ignore[misc]
    """What stands in front of a ccxt class of binance."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        secret: str | None = None,
        admin_key: str | None = None,
        timeout: float | None = None,
        ca_file: str | None = None,
    ) -> None:
        given = config or {}
        access = read_access(
            given,
            base_url=base_url,
            api_key=api_key,
            secret=secret,
            admin_key=admin_key,
            timeout=timeout,
            ca_file=ca_file,
        )
        super().__init__(with_access(given, access))
        self._access = access
        urls: dict[str, Any] = self.urls
        moved = api_urls(access.base_url, urls["api"])
        urls |= {"api": moved, "test": moved, "demo": moved}
        self.name = "MockExchange"

    def handle_errors(self, *arguments: Any) -> Any:
        """Raise what an answer refuses, of either API."""
        status, response = arguments[0], arguments[6]
        raise_refusal(self.id, status, response)
        return super().handle_errors(*arguments)

    @property
    def _is_unsigned(self) -> bool:
        return bool(self.apiKey) and not self.secret

    def _arguments(self, request: Request) -> dict[str, Any]:
        if request.is_admin and not self._access.admin_key:
            raise AuthenticationError(f"{self.id} requires the administrator's key: admin_key, MOCKEXCHANGE_ADMIN_KEY")
        return request.to_arguments(
            self._access.base_url, self._access.admin_key if request.is_admin else self.apiKey or ""
        )

    def _ask(self, request: Request) -> Any:
        raise NotImplementedError
