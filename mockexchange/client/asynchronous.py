"""The client whose calls are awaited."""

from __future__ import annotations

from typing import Any

import ccxt.async_support

from mockexchange.client.account import AccountMethods
from mockexchange.client.administration import AdministratorMethods
from mockexchange.client.requests import Request


class AwaitedMethods(AccountMethods, AdministratorMethods):
    """The methods of MockExchange, to be awaited."""

    async def _ask(self, request: Request) -> Any:
        return request.read(await self.fetch(**self._arguments(request)))


class AsyncMockExchange(AwaitedMethods, ccxt.async_support.binance):  # type: ignore[misc]
    """ccxt.async_support.binance at this exchange."""
