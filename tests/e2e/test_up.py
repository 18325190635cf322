"""`mockx up` as a person uses it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.http_client import request
from tests.support.running_exchange import RunningExchange

TIMEOUT_S = 60.0
ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "amount": "0.01"}


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    """Run an exchange for tests that leave it as they find it, or nearly so."""
    exchange = RunningExchange(tmp_path_factory.mktemp("shared") / "data", gateway_processes="2")
    exchange.start()
    yield exchange
    assert exchange.stop(signal.SIGTERM) == 0
    exchange.wait_until_gone()


@pytest.fixture
def exchanges(tmp_path: Path) -> Iterator[Callable[..., RunningExchange]]:
    made: list[RunningExchange] = []

    def make(name: str = "data", **settings: str) -> RunningExchange:
        made.append(RunningExchange(tmp_path / name, **settings))
        return made[-1]

    yield make
    for exchange in made:
        if exchange._process is not None and exchange.process.poll() is None:
            exchange.kill()


def trade(exchange: RunningExchange) -> dict[str, str]:
    """Place an order that fills and one that rests; return the ids by what became of them."""
    filled = exchange.ask("POST", "/orders", ORDER | {"limit_price": "70000"}).body["id"]
    resting = exchange.ask("POST", "/orders", ORDER | {"limit_price": "20000"}).body["id"]
    eventually(lambda: exchange.get(f"/orders/{filled}")["status"] == "filled", "filled")
    return {"filled": filled, "new": resting}


def state(exchange: RunningExchange, orders: dict[str, str]) -> dict[str, object]:
    """Return the balances and all fields of the orders, each by its own name, so that a difference is named."""
    fields = {f"balance {asset}": row for asset, row in exchange.get("/balance").items()}
    for order in orders.values():
        fields |= {f"order {order} {name}": value for name, value in exchange.get(f"/orders/{order}").items()}
    return fields


def test_all_is_there_again_after_a_stop_and_after_a_restore(
    exchanges: Callable[..., RunningExchange], tmp_path: Path
) -> None:
    exchange = exchanges(account_shards="2")
    exchange.start()
    orders = trade(exchange)
    alice = json.loads(exchange.run("account", "create", "alice", "--json"))
    before = state(exchange, orders)
    assert exchange.run("backup", str(tmp_path / "backup")).startswith(str(tmp_path / "backup"))
    assert exchange.stop() == 0
    exchange.wait_until_gone()

    complaint = exchange.complaint(account_shards="1")
    assert complaint == ("mockx: MOCKX_ACCOUNT_SHARDS is 1, but accounts live on 2 shards: set it to at least 2\n")
    exchange.wait_until_gone()

    exchange.start()
    assert state(exchange, orders) == before
    assert exchange.get(f"/orders/{orders['new']}")["status"] == "new"
    assert exchange.stop() == 0

    restored = exchanges("restored", account_shards="2")
    restored.run("restore", str(tmp_path / "backup"), "--data-dir", str(restored.data_dir))
    restored.start()
    assert state(restored, orders) == before
    assert restored.ask("GET", "/balance", key=alice["api_key"]).body["USDT"]["free"] == "100000.00000000"
    assert restored.stop() == 0
    restored.wait_until_gone()


def test_the_line_that_is_shown_trades(shared: RunningExchange) -> None:
    curl = shlex.split(next(line for line in shared.lines if "curl" in line))
    headers = dict(curl[at + 1].split(": ") for at, word in enumerate(curl) if word == "-H")
    url = next(word for word in curl if word.startswith("http"))
    answer = request("POST", url, key=headers["x-api-key"], body=json.loads(curl[curl.index("-d") + 1]))
    assert answer.status == 200
    assert answer.body["status"] == "filled"
    assert shared.get("/balance")["BTC"]["total"] == "0.00099900"


def test_a_key_opens_nats_until_it_is_revoked(shared: RunningExchange) -> None:
    users = shared.data_dir / "nats" / "users.conf"
    made = json.loads(shared.run("account", "create", "alice", "--json"))
    eventually(lambda: made["api_key"] in users.read_text(), "known to NATS")
    shared.run("key", "revoke", made["key_id"])
    eventually(lambda: made["api_key"] not in users.read_text(), "unknown to NATS")
    assert shared.ask("GET", "/balance", key=made["api_key"]).status == 401


def test_accounts_and_keys_are_listed_for_people_and_for_scripts(shared: RunningExchange) -> None:
    bob = json.loads(shared.run("account", "create", "bob", "--json"))
    looking = json.loads(shared.run("key", "create", "bob", "--read-only", "--json"))
    assert shared.ask("POST", "/orders", ORDER | {"limit_price": "1"}, key=looking["api_key"]).status == 403
    listed = json.loads(shared.run("key", "list", "bob", "--json"))
    assert {key["key_id"]: key["permissions"] for key in listed} == {
        bob["key_id"]: ["read", "trade"],
        looking["key_id"]: ["read"],
    }
    assert "100000.00000000 USDT" in shared.run("account", "list")
    assert looking["key_id"] in shared.run("key", "list", str(bob["account"]))


def test_the_status_names_every_part(shared: RunningExchange) -> None:
    told = json.loads(shared.run("status", "--json"))
    assert told["process"] == shared.process.pid
    assert told["health"]["status"] == "ok"
    assert {"journal", "valkey", "directory", "accounts.0"} <= set(told["health"]["parts"])
    assert "accounts.0" in shared.run("status")


def test_what_is_killed_comes_back_and_nothing_outlives_the_command(exchanges: Callable[..., RunningExchange]) -> None:
    exchange = exchanges()
    exchange.start()
    orders = trade(exchange)
    before = state(exchange, orders)
    for part, program in (
        ("nats-server", "bin/nats-server"),
        ("valkey-server", "valkey-server"),
        ("gateway-1", "-m gateway"),
        ("actors", "gcs_server"),
        ("actors", "-m actors.host"),
    ):
        victim = next(pid for pid, command in exchange.processes().items() if program in command)
        os.kill(victim, signal.SIGKILL)
        assert "restarting in" in exchange.wait_for_line(f"{part} ")
        exchange.wait_for_line(f"{part} ready")
        eventually(exchange.is_well, f"well after {program} was killed")
        assert state(exchange, orders) == before, f"after {program} was killed"
    exchange.kill()
    exchange.wait_until_gone()
    exchange.start()
    assert state(exchange, orders) == before
    assert exchange.stop() == 0
