"""The client that also watches."""

from __future__ import annotations

import ccxt.pro

from mockexchange.client.asynchronous import AwaitedMethods


class MockExchangePro(AwaitedMethods, ccxt.pro.binance):  # type: ignore[misc]
    """ccxt.pro.binance at this exchange."""
