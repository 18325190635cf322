"""ccxt's own binance classes, unchanged, with the URLs of an exchange on this machine."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro

from tests.support.members import Member


def configuration(url: str, api_key: str = "", secret: str = "") -> dict[str, Any]:
    """Return what a bot's author gives to ccxt.binance."""
    ws = url.replace("http", "ws", 1)
    return {
        "apiKey": api_key,
        "secret": secret,
        "options": {"fetchMarkets": {"types": ["spot"]}},
        "urls": {
            "api": {
                "public": f"{url}/api/v3",
                "private": f"{url}/api/v3",
                "v1": f"{url}/api/v1",
                "sapi": f"{url}/sapi/v1",
                "ws": {"spot": f"{ws}/stream/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}},
            }
        },
    }


def sync_client(member: Member, **more: Any) -> ccxt.binance:
    """Return a blocking client of a member."""
    return ccxt.binance(configuration(member.exchange.url, member.api_key, member.secret) | more)


def place_list(client: Any, **terms: str) -> Any:
    """Sell 1 LAB by a limit above the market or a stop below it, for which ccxt has no method of its own."""
    order = {"symbol": "LABUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER"}
    return client.request("orderList/oco", ["private"], "POST", order | terms)


class Blocking:
    """An asyncio client whose calls block, so that one test serves both kinds."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *arguments, **named: self._loop.run_until_complete(found(*arguments, **named))

    def end(self) -> None:
        """Close the client and its loop."""
        self._loop.run_until_complete(self._client.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


def async_client(member: Member) -> Blocking:
    """Return an asyncio client of a member, made to block."""
    return Blocking(ccxt.async_support.binance(configuration(member.exchange.url, member.api_key, member.secret)))


def pro_client(member: Member, **more: Any) -> ccxt.pro.binance:
    """Return a streaming client of a member."""
    return ccxt.pro.binance(configuration(member.exchange.url, member.api_key, member.secret) | more)
