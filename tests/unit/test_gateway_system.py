"""What a gateway says of itself and of the others, and how dialects come to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

import gateway
from gateway.app import create_app
from gateway.dialect import find_dialects
from mockexchange import __version__
from mockexchange.messages.directory import CreateAccount
from tests.support.eventually import eventually
from tests.support.local_exchange import Api, with_exchange


@with_exchange()
async def test_the_root_says_what_answers(api: Api) -> None:
    assert await api.get("/") == {"service": "mockexchange-api", "version": __version__}
    assert await api.get("/admin/health") == {"status": "ok"}
    assert await api.get("/health/live") == {"status": "ok"}


@with_exchange()
async def test_time_is_in_milliseconds_and_as_text(api: Api) -> None:
    now = await api.get("/time")
    assert abs(now["time"] - api.exchange.world.clock.now_ns() // 10**6) < 60_000
    assert now["iso"].endswith("Z")


@with_exchange()
async def test_all_is_well(api: Api) -> None:
    await _directory_speaks(api)
    health = await api.get("/health")
    assert health == {
        "status": "ok",
        "failing": [],
        "parts": {
            "journal": "ok",
            "registry": "ok",
            "valkey": "ok",
            "accounts.0": "ok",
            "accounts.1": "ok",
            "directory": "ok",
        },
    }


@pytest.mark.parametrize("part", ["journal", "registry", "valkey", "accounts.1", "directory", "feed", "history"])
@with_exchange()
async def test_health_names_the_part_that_fails(api: Api, part: str) -> None:
    await _directory_speaks(api)
    exchange = api.exchange
    gateway_of = api.app.state["gateway"]
    match part:
        case "journal":
            exchange.journal.is_available = False
        case "registry":
            await gateway_of.floor.follower.stop()
            await exchange.directory.handle(msgspec.msgpack.encode(CreateAccount("later", {})))
        case "valkey":
            exchange.history.is_available = False
        case "accounts.1":
            exchange.shards.lost_calls[1] = 1_000
        case "directory":
            gateway_of.heartbeats._beats.clear()
        case "feed":
            # The books that speak meanwhile are not heard either.
            await gateway_of.memory.stop()
            gateway_of.memory._market.clear()
            gateway_of.memory._feed.clear()
        case "history":
            exchange.fleet.statuses["history"] = {"state": "restarting"}
            exchange.bus.publish("system.directory", b'{"parts": {"history": {"state": "restarting"}}}')
    answer = await api.http.get("/health")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    report = answer.json()
    assert report["status"] == "unavailable"
    assert part in report["failing"]
    assert report["parts"][part] != "ok"
    if part not in {"journal"}:
        assert report["failing"] == [part]


@with_exchange()
async def test_a_part_that_recovers_is_not_well_while_books_come_and_go(api: Api) -> None:
    await _directory_speaks(api)
    parts = b'{"parts": {"feed": {"state": "recovering"}, "book.BTC-USDT": {"state": "recovering"}}}'
    api.exchange.bus.publish("system.directory", parts)
    report = (await api.http.get("/health")).json()
    assert (report["failing"], report["parts"]["feed"]) == (["feed"], "is recovering")


@with_exchange()
async def test_metrics_count_requests_by_route_and_status(api: Api) -> None:
    order = await api.buy("0.1", "50000.00")
    await api.get(f"/orders/{order['id']}")
    await api.get("/orders/17", 404)
    await api.get("/nope", 404)
    samples = await _samples(api)
    routes = {
        (labels["method"], labels["route"], labels["status"]): value
        for name, labels, value in samples
        if name == "mockx_http_requests_total"
    }
    assert routes["POST", "/orders", "200"] == 1
    assert routes["GET", "/orders/{order_id}", "200"] == 1
    assert routes["GET", "/orders/{order_id}", "404"] == 1
    assert routes["GET", "unmatched", "404"] == 1
    buckets = [
        value
        for name, labels, value in samples
        if name == "mockx_http_request_seconds_bucket" and labels["route"] == "/orders" and labels["method"] == "POST"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 1


@with_exchange()
async def test_metrics_show_what_all_parts_say(api: Api) -> None:
    bus = api.exchange.bus
    await eventually(lambda: bool(bus.payloads("system.accounts.0") and bus.payloads("system.gateway.0")))
    await _directory_speaks(api)
    bus.publish("system.gateway.1", bus.payloads("system.gateway.0")[-1])
    bus.publish("system.directory", b'{"part": "directory", "accounts": 3, "parts": {"history": {"lag": 17}}}')
    bus.publish("system.broken", b"not json")
    await api.get("/time")
    samples = await _samples(api)
    by_part = {(name, labels.get("part", "")): value for name, labels, value in samples}
    assert ("mockx_accounts_appends", "accounts.0") in by_part
    assert by_part["mockx_directory_accounts", "directory"] == 3
    assert by_part["mockx_history_actor_lag", "history"] == 17
    assert {labels["gateway"] for _, labels, _ in samples if "gateway" in labels} >= {"0"}
    assert ("mockx_gateway_counters_calls", "gateway.1") in by_part


@with_exchange()
async def test_the_openapi_document_knows_every_route_and_body(api: Api) -> None:
    document = await api.get("/docs/openapi.json")
    assert (await api.http.get("/docs")).status_code == 200
    paths = document["paths"]
    for path, method in [
        ("/orders", "post"), ("/orders", "get"), ("/orders", "delete"), ("/orders/batch", "post"),
        ("/orders/{order_id}", "get"), ("/orders/{order_id}/cancel", "post"), ("/balance/{asset}/deposit", "post"),
        ("/overview/capital", "get"), ("/admin/data", "delete"), ("/accounts", "post"), ("/instruments", "post"),
        ("/tickers/{symbols}", "get"), ("/trades/{symbol}", "get"), ("/health", "get"), ("/metrics", "get"),
    ]:  # fmt: skip
        assert method in paths[path], path
    body = paths["/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert set(schema["properties"]) >= {"symbol", "side", "type", "amount", "limit_price", "client_order_id"}
    batch = paths["/orders/batch"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (batch["type"], batch["items"]) == ("array", body)
    for status in ("400", "401", "404", "422", "503"):
        error = paths["/orders"]["post"]["responses"][status]["content"]["application/json"]["schema"]
        assert error["$ref"].endswith("ErrorBody")
    assert document["info"]["version"] == __version__


@with_exchange()
async def test_an_error_of_our_own_is_500_and_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    api.app.state["gateway"].money.balances = broken
    answer = await api.get("/balance", 500)
    assert answer["error"]["code"] == "internal_error"
    assert "a bug" not in str(answer)
    assert "a bug" in caplog.text


DIALECT = """
from litestar import Response, get
from gateway.dialect import Dialect

@get("/other/v9/ping", sync_to_thread=False)
def ping() -> dict[str, int]:
    return {}

@get("/other/v9/broken", sync_to_thread=False)
def broken() -> None:
    from gateway.failures import InvalidInput
    raise InvalidInput("symbol", "is bad")

def write_failure(failure: Exception) -> Response:
    return Response({"code": -1, "msg": type(failure).__name__}, status_code=418)

DIALECT = Dialect("other", [ping, broken], write_failure, prefixes=("/other/v9",))
"""


@pytest.fixture
def other_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A folder beside `native`, found because it is there."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "__init__.py").write_text(DIALECT)
    monkeypatch.setattr(gateway, "__path__", [*gateway.__path__, str(tmp_path)])
    yield gateway
    sys.modules.pop("gateway.other", None)


@with_exchange()
async def test_a_dialect_is_one_more_folder(api: Api, other_dialect: ModuleType) -> None:
    assert [dialect.name for dialect in find_dialects(other_dialect)] == ["binance", "other", "native"]
    both = Api(api.exchange, create_app(api.exchange.parts(index=1)))
    assert await both.get("/other/v9/ping") == {}
    assert await both.get("/other/v9/broken", 418) == {"code": -1, "msg": "InvalidInput"}
    assert await both.get("/other/v9/nope", 418) == {"code": -1, "msg": "NotFoundException"}
    assert (await both.get("/nope", 404))["error"]["code"] == "not_found"


async def _directory_speaks(api: Api) -> None:
    """Hear the directory now rather than at its next beat."""
    api.exchange.bus.publish("system.directory", b'{"part": "directory"}')


async def _samples(api: Api) -> list[tuple[str, dict[str, str], float]]:
    answer = await api.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


@with_exchange()
async def test_a_heartbeat_tells_the_last_refusals(api: Api) -> None:
    said: list[dict[str, Any]] = []
    await api.exchange.bus.subscribe("system.gateway.*", lambda _subject, payload: said.append(json.loads(payload)))
    await api.buy("1000", "59000.00", 422)
    await api.get("/orders", 400, limit=0)
    await eventually(lambda: len(said) > 0 and len(said[-1]["refusals"]) == 2)
    money, limit = said[-1]["refusals"]
    assert (money["method"], money["route"], money["status"]) == ("POST", "/orders", 422)
    assert "insufficient" in money["reason"].lower()
    assert (limit["route"], limit["status"], limit["reason"]) == ("/orders", 400, "limit: must be 1 to 500")
    shard = api.exchange.shards.shells[0].status()["refusals"]
    assert [(refusal["symbol"], refusal["account"], refusal["reason"]) for refusal in shard] == [
        ("BTC/USDT", 1, money["reason"].partition(":")[0])
    ]
    assert said[-1]["rss"] > 0
