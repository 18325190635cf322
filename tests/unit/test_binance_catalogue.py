"""What holds for every operation of Binance's dialect, whatever it does."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gateway.binance.catalogue import BY_NAME, OPERATIONS
from gateway.binance.errors import BinanceError
from gateway.binance.operation import NO_NAMES, Operation, Security
from gateway.binance.parameters import Parameters
from gateway.rate_limits import RateLimits
from tests.support.binance_api import BinanceApi
from tests.support.local_exchange import Api, with_exchange

OPEN = {
    "/api/v3/ping", "/api/v3/time", "/api/v3/exchangeInfo", "/api/v3/depth", "/api/v3/trades",
    "/api/v3/historicalTrades", "/api/v3/aggTrades", "/api/v3/klines", "/api/v3/uiKlines", "/api/v3/avgPrice",
    "/api/v3/ticker/24hr", "/api/v3/ticker/tradingDay", "/api/v3/ticker/price", "/api/v3/ticker/bookTicker",
    "/api/v3/ticker", "/sapi/v1/system/status", "/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo",
}  # fmt: skip

NO_LIMITS = RateLimits(0, 0, 0, 0)

ROUTES = [operation for operation in OPERATIONS if operation.path]


async def codes(bot: BinanceApi, operations: list[Operation], *, is_signed: bool) -> dict[str, tuple[int, int]]:
    """Ask all operations without what they need, and return status and code of each."""

    async def ask(operation: Operation) -> tuple[str, tuple[int, int]]:
        send = bot.send if is_signed else bot.send_text
        answer = await send(operation.method, operation.path)
        body = answer.json()
        return f"{operation.method} {operation.path}", (answer.status_code, body.get("code") if body else 0)

    return dict(await asyncio.gather(*map(ask, operations)))


def test_routes_and_names_are_given_once() -> None:
    counts = Counter((operation.method, operation.path) for operation in ROUTES)
    assert [route for route, count in counts.items() if count > 1] == []
    assert len(BY_NAME) == sum(bool(operation.name) for operation in OPERATIONS)
    assert {operation.path for operation in ROUTES if operation.security is Security.NONE} == OPEN


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_everything_weighs_something(operation: Operation) -> None:
    weight = operation.weight
    assert (weight if isinstance(weight, int) else weight(Parameters({"symbol": "BTCUSDT"}))) > 0


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_what_binance_has_takes_what_it_has_there_and_the_rest_takes_anything(operation: Operation) -> None:
    parameters = Parameters({"unheard": "1", "signature": "x"})
    if not operation.path.startswith("/api/v3"):
        assert operation.weigh(parameters) > 0
        return
    with pytest.raises(BinanceError) as refused:
        operation.weigh(parameters)
    assert refused.value.code == (-1101 if operation.takes is NO_NAMES else -1104)


@with_exchange(limits=NO_LIMITS)
async def test_nothing_private_is_told_without_a_key_and_a_signature(api: Api) -> None:
    closed = [operation for operation in ROUTES if operation.security is not Security.NONE]
    nobody = BinanceApi(api, key="")
    assert set((await codes(nobody, closed, is_signed=True)).values()) == {(401, -2014)}
    signed = [operation for operation in closed if operation.security is not Security.KEY]
    assert set((await codes(BinanceApi(api), signed, is_signed=False)).values()) == {(400, -1102)}
    forged = BinanceApi(api, secret="guessed")
    assert set((await codes(forged, signed, is_signed=True)).values()) == {(400, -1022)}


@with_exchange(limits=NO_LIMITS)
async def test_a_key_does_only_what_it_is_for(api: Api) -> None:
    for permission, refused in (("read", Security.TRADE), ("trade", Security.READ)):
        made = await api.admin.post("/accounts/1/keys", {"permissions": [permission]}, 201)
        bot = BinanceApi(api, made["api_key"], made["api_secret"])
        operations = [operation for operation in ROUTES if operation.security is refused]
        assert set((await codes(bot, operations, is_signed=True)).values()) <= {(401, -2015)}
