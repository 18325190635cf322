"""Client classes for bots: ccxt's Binance classes that speak to this exchange, and what Binance has not.

`MockExchange` blocks, `AsyncMockExchange` awaits, `MockExchangePro` also watches. They need ccxt and nothing else.
Each is imported when it is first asked for, since ccxt's asynchronous halves take seconds on small machines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockexchange.client.asynchronous import AsyncMockExchange
    from mockexchange.client.blocking import MockExchange
    from mockexchange.client.streaming import MockExchangePro

__all__ = ["AsyncMockExchange", "MockExchange", "MockExchangePro"]

_MODULES = {"AsyncMockExchange": "asynchronous", "MockExchange": "blocking", "MockExchangePro": "streaming"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
