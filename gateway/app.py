"""The Litestar application: all dialects on one gateway."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, Message, Receive, Scope, Send

import gateway as package
from gateway.dialect import MAX_BODY_BYTES, Answer, Dialect, dialect_of, find_dialects
from gateway.failures import Failure, reason_of
from gateway.gateway import Gateway, GatewayParts
from gateway.metrics import RefusedRequest, RequestTimes
from gateway.streams.door import make_door
from infra.ports import Clock
from mockexchange import __version__
from mockexchange.views import NS_PER_MS

logger = logging.getLogger(__name__)

UNMATCHED: Final = "unmatched"
PAGE_FILES: Final = "/docs-files"

DESCRIPTION: Final = (
    "Amounts and prices are decimal strings in the instrument's precision, and may be sent as strings or as numbers, "
    "which are read exactly. Every answer that is not a success has the body "
    '`{"error": {"code", "message", "field"}, "detail"}`: 400 for a value that cannot be used, 401 without a good key, '
    "403 where a key may not, 404 for what does not exist, 409 for duplicates and orders that are not open, 413 for "
    "a body above 1 MB, 422 for insufficient funds, 503 with Retry-After when something is not available now; "
    "`may_have_executed` then says whether the command may still be executed until its deadline."
)


def create_app(parts: GatewayParts, dialects: Sequence[Dialect] | None = None) -> Litestar:
    """Return the application of one gateway process; `app.state["gateway"]` is its gateway.

    Once started, the process must end when the task `app.state["following"]` does.
    """
    spoken = find_dialects(package) if dialects is None else dialects
    gateway = Gateway(parts)
    write_failure = _writer(spoken, gateway.requests, parts.clock)
    door = make_door(spoken)
    return Litestar(
        route_handlers=[
            *(handler for dialect in spoken for handler in dialect.handlers),
            *([] if door is None else [door]),
            _page_files(),
        ],
        state=State({"gateway": gateway}),
        lifespan=[_lifespan],
        exception_handlers={Failure: write_failure, HTTPException: write_failure, Exception: write_failure},
        middleware=[_counting(gateway.requests)],
        openapi_config=_openapi(),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    gateway: Gateway = app.state["gateway"]
    app.state["following"] = await gateway.start()
    try:
        yield
    finally:
        await gateway.stop()


def _writer(
    dialects: Sequence[Dialect], times: RequestTimes, clock: Clock
) -> Callable[[Request[Any, Any, Any], Exception], Answer]:
    """Return the handler of all that goes wrong: it is told in the dialect that the path belongs to."""

    def write(request: Request[Any, Any, Any], failure: Exception) -> Answer:
        is_told = isinstance(failure, HTTPException) and failure.status_code < 500
        if not is_told and not isinstance(failure, Failure):
            logger.error("%s %s broke", request.method, request.scope.get("path_template"), exc_info=failure)
        answer = dialect_of(dialects, request.scope["path"]).write_failure(failure)
        route = str(request.scope.get("path_template") or UNMATCHED)
        refused = RefusedRequest(
            clock.now_ns() // NS_PER_MS, str(request.method), route, answer.status_code or 500, reason_of(failure)
        )
        times.refusals.append(refused)
        if "route_handler" not in request.scope:
            # No route was found, so nobody else counts it.
            times.observe(request.method, UNMATCHED, answer.status_code or 500, 0.0)
        return answer

    return write


def _counting(times: RequestTimes) -> Callable[[ASGIApp], ASGIApp]:
    """Return a middleware that counts requests by route, and how long they took."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def count(scope: Scope, receive: Receive, send: Send) -> None:
            started = time.perf_counter()
            status = 500

            async def note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                elif message["type"] == "websocket.accept":
                    status = 101
                await send(message)

            try:
                await app(scope, receive, note)
            finally:
                method = scope["method"] if scope["type"] == ScopeType.HTTP else "WEBSOCKET"
                times.observe(method, scope["path_template"], status, time.perf_counter() - started)

        return count

    return wrap


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="MockExchange",
        version=__version__,
        description=DESCRIPTION,
        path="/docs",
        use_handler_docstrings=True,
        render_plugins=[
            SwaggerRenderPlugin(
                js_url=f"{PAGE_FILES}/swagger-ui-bundle.js",
                css_url=f"{PAGE_FILES}/swagger-ui.css",
                standalone_preset_js_url=f"{PAGE_FILES}/swagger-ui-standalone-preset.js",
            )
        ],
        components=Components(
            security_schemes={"key": SecurityScheme(type="apiKey", name="x-api-key", security_scheme_in="header")}
        ),
        security=[{"key": []}],
    )


def _page_files() -> Router:
    """Serve what the page at /docs needs, so that it works without the internet."""
    package = find_spec("swagger_ui")
    assert package is not None
    assert package.submodule_search_locations is not None
    directory = Path(package.submodule_search_locations[0]) / "static"
    return create_static_files_router(PAGE_FILES, [directory], include_in_schema=False)
