"""The client whose calls block."""

from __future__ import annotations

from typing import Any

import ccxt

from mockexchange.client.account import AccountMethods
from mockexchange.client.administration import AdministratorMethods
from mockexchange.client.requests import Request


class MockExchange(AccountMethods, AdministratorMethods, ccxt.binance):  # type: ignore[misc]
    """ccxt.binance at this exchange."""

    def _ask(self, request: Request) -> Any:
        return request.read(self.fetch(**self._arguments(request)))
