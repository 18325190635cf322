"""What answers here, what time it is, and whether all is well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from litestar import Response, get, post

from gateway.health import Report
from gateway.native.requests import OpenRequest, gateway_of
from gateway.native.schemas import ServerTime, ServiceName, Status
from mockexchange import __version__
from mockexchange.views import NS_PER_MS

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Nothing(msgspec.Struct):
    """An empty object."""


@get("/", include_in_schema=False)
async def get_root() -> ServiceName:
    """Say what answers here."""
    return ServiceName("mockexchange-api", __version__)


@get("/time", operation_id="getTime")
async def get_time(request: OpenRequest) -> ServerTime:
    """Tell the exchange's time, in milliseconds since the epoch and as text."""
    now_ns = gateway_of(request).parts.clock.now_ns()
    iso = datetime.fromtimestamp(now_ns // NS_PER_MS / 1000, UTC).isoformat(timespec="milliseconds")
    return ServerTime(now_ns // NS_PER_MS, iso.replace("+00:00", "Z"))


@get("/health", operation_id="getHealth")
async def get_health(request: OpenRequest) -> Response[Report]:
    """Say whether all parts work: 200, or 503 naming those that do not."""
    report = await gateway_of(request).health.report()
    headers = {"Retry-After": "1"} if report.failing else {}
    return Response(report, status_code=503 if report.failing else 200, headers=headers)


@get("/health/live", operation_id="getLiveness")
async def get_liveness() -> Status:
    """Say that this process answers, whatever the others do."""
    return Status()


@post("/health/echo", status_code=200, include_in_schema=False)
async def post_nothing() -> Nothing:
    """Answer an empty object to whatever is posted: the ceiling that benchmarks compare orders with."""
    return Nothing()


@get("/metrics", operation_id="getMetrics")
async def get_metrics(request: OpenRequest) -> Response[bytes]:
    """Show counters of the whole exchange as Prometheus text."""
    return Response(gateway_of(request).metrics(), media_type=METRICS_TYPE)


HANDLERS: Final = [get_root, get_time, get_health, get_liveness, post_nothing, get_metrics]
