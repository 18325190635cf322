"""Counts and times of requests, and the Prometheus text of the whole exchange.

Each gateway process says its own counters in its heartbeat, as every other part does; so any of them can show all.
"""

from __future__ import annotations

import bisect
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric, UntypedMetricFamily
from prometheus_client.registry import Collector

BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MAX_DEPTH: Final = 3
REFUSALS: Final = 20

_NAME: Final = re.compile(r"[^a-zA-Z0-9_]+")


class RouteTimes(msgspec.Struct):
    """How many requests of a route and status there were, by time; the last bucket is for all that took longer."""

    method: str
    route: str
    status: int
    buckets: list[int]
    seconds: float = 0.0


class RefusedRequest(msgspec.Struct):
    """A request that was refused: when (ms), of which route, and why."""

    time: int
    method: str
    route: str
    status: int
    reason: str


class GatewayBeat(msgspec.Struct):
    """What a gateway says of itself on `system.gateway.<index>`."""

    part: str
    counters: dict[str, float]
    requests: list[RouteTimes]
    refusals: list[RefusedRequest] = []
    pid: int = 0
    rss: int = 0


class RequestTimes:
    """Counts requests by route and status."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str, int], RouteTimes] = {}
        self.refusals: deque[RefusedRequest] = deque(maxlen=REFUSALS)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        times = self._times.get((method, route, status))
        if times is None:
            buckets = [0] * (len(BUCKETS_S) + 1)
            times = self._times[method, route, status] = RouteTimes(method, route, status, buckets)
        times.buckets[bisect.bisect_left(BUCKETS_S, seconds)] += 1
        times.seconds += seconds

    def all(self) -> list[RouteTimes]:
        """Return all counts."""
        return list(self._times.values())


def exposition(beats: Mapping[str, Mapping[str, object]]) -> bytes:
    """Write what all parts said as Prometheus text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Said(beats))
    return generate_latest(registry)


class _Said(Collector):
    def __init__(self, beats: Mapping[str, Mapping[str, object]]) -> None:
        self._beats = beats

    def collect(self) -> Iterable[Metric]:
        yield from _request_families(self._beats)
        yield from _counter_families(self._beats)


def _request_families(beats: Mapping[str, Mapping[str, object]]) -> Iterator[Metric]:
    labels = ("gateway", "method", "route", "status")
    counts = CounterMetricFamily("mockx_http_requests", "Requests answered.", labels=labels)
    times = HistogramMetricFamily("mockx_http_request_seconds", "Time to answer.", labels=labels)
    for name, beat in beats.items():
        for entry in _requests_of(name, beat):
            values = (name.removeprefix("gateway."), entry.method, entry.route, str(entry.status))
            counts.add_metric(values, sum(entry.buckets))
            times.add_metric(values, _cumulative(entry.buckets), entry.seconds)
    yield counts
    yield times


def _requests_of(name: str, beat: Mapping[str, object]) -> list[RouteTimes]:
    """Return the requests that a heartbeat counts; those of a gateway of another version may not be readable."""
    if not name.startswith("gateway."):
        return []
    try:
        return msgspec.convert(beat, GatewayBeat).requests
    except msgspec.ValidationError:
        return []


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total = 0
    rows: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), buckets, strict=True):
        total += count
        rows.append((bound, float(total)))
    return rows


def _counter_families(beats: Mapping[str, Mapping[str, object]]) -> Iterator[Metric]:
    """Show every number that a part says as `mockx_<kind>_<number>{part="<name>"}`."""
    families: dict[str, UntypedMetricFamily] = {}
    for name, beat in beats.items():
        for part, number, value in _numbers(name, beat):
            metric = f"mockx_{_clean(part.partition('.')[0])}_{_clean(number)}"
            family = families.get(metric)
            if family is None:
                family = families[metric] = UntypedMetricFamily(metric, f"{number}, as the part says.", labels=["part"])
            family.add_metric([part], value)
    yield from families.values()


def _numbers(name: str, beat: Mapping[str, object]) -> Iterator[tuple[str, str, float]]:
    """Yield (part, number's name, value). The directory speaks for parts that have no heartbeat of their own."""
    for key, value in beat.items():
        if key == "parts" and isinstance(value, Mapping):
            for part, status in value.items():
                if isinstance(status, Mapping):
                    yield from ((str(part), f"actor_{key}", number) for key, number in _flat("", status, MAX_DEPTH))
        elif key != "requests":
            yield from ((name, key, number) for key, number in _flat(key, value, MAX_DEPTH))


def _flat(name: str, value: object, depth: int) -> Iterator[tuple[str, float]]:
    match value:
        case bool() | int() | float():
            yield name, float(value)
        case Mapping() if depth:
            for key, inner in value.items():
                yield from _flat(f"{name}_{key}" if name else str(key), inner, depth - 1)


def _clean(text: str) -> str:
    return _NAME.sub("_", text).strip("_").lower() or "value"
