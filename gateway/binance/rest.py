"""REST: a request becomes an inquiry of its operation, and what comes of it becomes JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, route
from litestar.enums import HttpMethod, MediaType
from litestar.handlers import HTTPRouteHandler

from gateway.binance.catalogue import OPERATIONS
from gateway.binance.errors import BinanceError, body_of, describe
from gateway.binance.limits import count_orders, count_request, headers_of
from gateway.binance.operation import Inquiry, Operation
from gateway.binance.parameters import Parameters
from gateway.binance.signature import authorize, signed_text
from gateway.failures import Failure
from gateway.gateway import Gateway

MAX_FIELDS: Final = 100
MAX_BODY_BYTES: Final = 65_536

_encode: Final = msgspec.json.Encoder().encode

AnyRequest = Request[Any, Any, Any]


def make_handlers(operations: Sequence[Operation]) -> list[HTTPRouteHandler]:
    """Return a route for each operation that REST has."""
    return [_handler(operation) for operation in operations if operation.path]


def write_failure(failure: Failure | Exception) -> Response[Any]:
    """Tell a failure."""
    return _failed(failure, {})


def _handler(operation: Operation) -> HTTPRouteHandler:
    async def answer(request: AnyRequest) -> Response[Any]:
        headers: dict[str, str] = {}
        try:
            return _json(await _answer(request, operation, headers), 200, headers)
        except Failure as failure:
            return _failed(failure, headers)

    answer.__name__ = f"{operation.method.lower()}{operation.path.replace('/', '_')}"
    decorate = route(operation.path, http_method=HttpMethod(operation.method), status_code=200, include_in_schema=False)
    return decorate(answer)


async def _answer(request: AnyRequest, operation: Operation, headers: dict[str, str]) -> Any:
    """Do what is asked; the headers tell what has been used up by then."""
    gateway: Gateway = request.app.state["gateway"]
    query: bytes = request.scope["query_string"]
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise BinanceError(-1101, f"Too many parameters; expected {MAX_BODY_BYTES} bytes at most.", 413)
    parameters = Parameters.of_pairs(_pairs(query), _pairs(body))
    client = request.scope["client"]
    used = await count_request(gateway, client[0] if client else "", operation, parameters)
    headers.update(headers_of(used))
    api_key = request.headers.get("x-mbx-apikey")
    caller = await authorize(gateway, operation.security, api_key, parameters, lambda: signed_text(query, body))
    if operation.orders and caller is not None:
        headers.update(headers_of(await count_orders(gateway, caller.account, operation.orders)))
    return await operation.handle(Inquiry(gateway, parameters, caller))


def _pairs(text: bytes) -> list[tuple[str, str]]:
    """Return the pairs of a query or of a form, whatever type the body claims to be. Raises BinanceError."""
    if not text:
        return []
    try:
        return parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BinanceError(-1101, f"Too many parameters; expected '{MAX_FIELDS}' at most.") from error


def _json(content: Any, status: int, headers: dict[str, str]) -> Response[bytes]:
    return Response(_encode(content), status_code=status, headers=headers, media_type=MediaType.JSON)


def _failed(failure: Failure | Exception, headers: dict[str, str]) -> Response[bytes]:
    described = describe(failure)
    return _json(body_of(described), described.status, headers | described.headers)


HANDLERS: Final = make_handlers(OPERATIONS)
