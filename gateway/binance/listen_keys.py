"""Listen keys: opened, extended and closed by an API key alone, without a signature."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from gateway.auth import Caller
from gateway.binance.errors import BinanceError
from gateway.binance.operation import NO_NAMES, Inquiry, Operation, Security, names
from gateway.failures import NotAvailable
from gateway.gateway import Gateway
from gateway.listen_keys import LIFE_S, mint
from infra.ports import ListenKey, ListenKeysUnavailable

T = TypeVar("T")

WEIGHT: Final = 2
NO_SUCH_KEY: Final = "This listenKey does not exist."


async def caller_of(gateway: Gateway, token: str) -> Caller | None:
    """Return whose a listen key is, None if it is not alive or its API key was revoked. Raises NotAvailable."""
    key = await _ask(gateway.listen_keys.find(token))
    if key is None or not is_valid(gateway, key.key_id):
        return None
    created = gateway.auth.account(key.account)
    permissions = frozenset(gateway.floor.registry.keys[key.key_id].permissions) if key.key_id else frozenset({"read"})
    return Caller(key.account, created.shard, permissions, key.key_id)


def is_valid(gateway: Gateway, key_id: str) -> bool:
    """Whether an API key was not revoked; where none is needed there is none."""
    return not key_id or key_id in gateway.floor.registry.keys


async def _open(inquiry: Inquiry) -> Any:
    account = inquiry.account
    wanted = ListenKey(mint(), account.account, account.key_id)
    return {"listenKey": await _ask(inquiry.gateway.listen_keys.open(wanted, LIFE_S))}


async def _extend(inquiry: Inquiry) -> Any:
    token = await _own(inquiry)
    if not await _ask(inquiry.gateway.listen_keys.extend(token, LIFE_S)):
        raise _unknown()
    return {}


async def _close(inquiry: Inquiry) -> Any:
    token = await _own(inquiry)
    await _ask(inquiry.gateway.listen_keys.close(token))
    return {}


async def _own(inquiry: Inquiry) -> str:
    """Return the token of a request if it is one of the caller's account."""
    token = inquiry.parameters.text("listenKey")
    key = await _ask(inquiry.gateway.listen_keys.find(token))
    if key is None or key.account != inquiry.account.account:
        raise _unknown()
    return token


def _unknown() -> BinanceError:
    return BinanceError(-1125, NO_SUCH_KEY)


async def _ask(question: Awaitable[T]) -> T:
    try:
        return await question
    except ListenKeysUnavailable as error:
        raise NotAvailable("listen keys are not available") from error


PATH: Final = "/api/v3/userDataStream"

_TOKEN: Final = names("listenKey")

OPERATIONS: Final = [
    Operation("POST", PATH, "userDataStream.start", Security.KEY, WEIGHT, _open, takes=NO_NAMES),
    Operation("PUT", PATH, "userDataStream.ping", Security.KEY, WEIGHT, _extend, takes=_TOKEN),
    Operation("DELETE", PATH, "userDataStream.stop", Security.KEY, WEIGHT, _close, takes=_TOKEN),
]
