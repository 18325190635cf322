"""What the routes of this dialect take from a request: the gateway, the caller, symbols and pages."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import State
from litestar.params import QueryParameter

from gateway.auth import Caller, Permission
from gateway.failures import InvalidInput
from gateway.gateway import Gateway

T = TypeVar("T")

AuthorizedRequest = Request[Caller, None, State]
OpenRequest = Request[None, None, State]

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 100
MAX_CURSOR: Final = 2**53
MAX_TIME_MS: Final = 10**13

Limit = Annotated[int | None, QueryParameter(description=f"How many, 1 to {MAX_LIMIT}; {DEFAULT_LIMIT} by default.")]
Tail = Annotated[int | None, QueryParameter(description="Another name of limit; 0 or less means as many as possible.")]
Cursor = Annotated[int, QueryParameter(description="Where to go on: the header X-Next-Cursor of the page before.")]
Account = Annotated[
    int | None, QueryParameter(description="The account to act for; an administrator alone may choose.")
]


def gateway_of(request: Request[Any, Any, Any]) -> Gateway:
    """Return the gateway that answers this request."""
    gateway: Gateway = request.app.state["gateway"]
    return gateway


# These run before a request is read. Litestar's guards would do the same and copy the route handler each time.


async def may_read(request: Request[Any, Any, Any]) -> None:
    """Let in who may read an account."""
    await _authorize(request, Permission.READ)


async def may_trade(request: Request[Any, Any, Any]) -> None:
    """Let in who may change an account."""
    await _authorize(request, Permission.TRADE)


async def may_administer(request: Request[Any, Any, Any]) -> None:
    """Let in who may change the exchange."""
    await _authorize(request, Permission.ADMIN)


async def _authorize(request: Request[Any, Any, Any], permission: Permission) -> None:
    caller = await gateway_of(request).auth.authenticate(request.headers.get("x-api-key"))
    caller.require(permission)
    request.scope["user"] = caller


def parse_symbol(text: str) -> str:
    """Return the symbol that a path or query names: `BTC/USDT`, or `BTC-USDT` where a slash is awkward."""
    name = text.strip("/").upper()
    return name if "/" in name else name.replace("-", "/")


def page_size(limit: int | None, tail: int | None) -> int:
    """Return how many rows are asked for. Raises InvalidInput."""
    if limit is None:
        if tail is None:
            return DEFAULT_LIMIT
        return min(tail, MAX_LIMIT) if tail > 0 else MAX_LIMIT
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput("limit", f"must be 1 to {MAX_LIMIT}")
    return limit


def check_cursor(cursor: int) -> int:
    """Return where a page begins. Raises InvalidInput."""
    if not 0 <= cursor <= MAX_CURSOR:
        raise InvalidInput("cursor", "is not one that was given")
    return cursor


def check_time(name: str, time_ms: int) -> int:
    """Return a time in milliseconds. Raises InvalidInput."""
    if not 0 <= time_ms <= MAX_TIME_MS:
        raise InvalidInput(name, "must be milliseconds since the epoch")
    return time_ms


def page(request: Request[Any, Any, Any], rows: T, cursor: int) -> Response[T]:
    """Answer with a page; the headers tell where the next begins, if there is one."""
    if not cursor:
        return Response(rows)
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    target = f"{request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
    return Response(rows, headers={"X-Next-Cursor": str(cursor), "Link": f'<{target}>; rel="next"'})


def idempotency_key(request: Request[Any, Any, Any]) -> str:
    """Return the Idempotency-Key of a request, or nothing."""
    return request.headers.get("idempotency-key", "")
