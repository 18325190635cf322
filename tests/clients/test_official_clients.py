"""Binance's own clients, old and new, each in its environment, see here what the exchange has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.members import Member

SESSIONS = Path(__file__).parent / "sessions"
SESSION_S = 120.0
Seen = dict[str, Any]


def environment_of(client: str) -> Path:
    """Return the Python of a client's own environment, which `make test` installs."""
    home = Path(os.environ.get("CLIENTS_HOME", Path(sys.prefix) / "clients"))
    python = home / client / "bin" / "python"
    assert python.exists(), f"{python} is missing: run make test"
    return python


def run(client: str, script: str, member: Member) -> Seen:
    """Let a client trade for a member; return what it saw."""
    secrets = {"BOT_URL": member.exchange.url, "BOT_KEY": member.api_key, "BOT_SECRET": member.secret}
    done = subprocess.run(
        [environment_of(client), SESSIONS / script],
        env=os.environ | secrets,
        capture_output=True,
        text=True,
        timeout=SESSION_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen: Seen = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.fixture
def connector(alice: Member) -> tuple[Seen, Member]:
    return run("binance-connector", "connector_session.py", alice), alice


@pytest.fixture
def sdk(alice: Member) -> tuple[Seen, Member]:
    return run("binance-sdk-spot", "sdk_session.py", alice), alice


def check_market_buy(seen: Seen, member: Member) -> None:
    own = member.order(seen["bought"]["orderId"])
    assert own["status"] == "filled"
    assert Decimal(seen["bought"]["executedQty"]) == Decimal(own["actual_filled"])
    assert Decimal(seen["bought"]["cummulativeQuoteQty"]) == Decimal(own["actual_notion"])
    fees = sum(Decimal(trade["commission"]) for trade in seen["my_trades"])
    assert fees == Decimal(own["actual_fee"])
    assert {trade["orderId"] for trade in seen["my_trades"]} == {seen["bought"]["orderId"]}


def test_binance_connector_sees_the_market_and_trades(connector: tuple[Seen, Member]) -> None:
    seen, member = connector
    assert {"BTCUSDT", "LABUSDT"} <= set(seen["symbols"])
    assert seen["depth"]["bids"][0][0] < seen["depth"]["asks"][0][0]
    opened = [row[0] for row in seen["klines"]]
    assert all(time_ms % 60_000 == 0 for time_ms in opened)
    assert opened == sorted(set(opened))
    ids = [trade["id"] for trade in seen["trades"]]
    assert ids == sorted(set(ids))
    assert seen["placed"]["clientOrderId"] == "connector-1"
    assert seen["queried"]["orderId"] == seen["placed"]["orderId"]
    assert [order["orderId"] for order in seen["open"]] == [seen["placed"]["orderId"]]
    assert seen["replaced"]["cancelResult"] == seen["replaced"]["newOrderResult"] == "SUCCESS"
    assert member.order(seen["placed"]["orderId"])["status"] == "canceled"
    assert seen["canceled"]["status"] == "CANCELED"
    assert len(seen["pair"]["orders"]) == 2
    assert seen["pair_queried"]["listOrderStatus"] == "EXECUTING"
    assert seen["pair_canceled"]["listOrderStatus"] == "ALL_DONE"
    assert seen["refused"][:2] == [400, -1013]
    check_market_buy(seen, member)
    held = {row["asset"]: row["locked"] for row in seen["account"]["balances"]}
    assert Decimal(held["LAB"]) == Decimal(held["USDT"]) == 0


def test_binance_connector_hears_the_market_and_its_own_orders(connector: tuple[Seen, Member]) -> None:
    seen, _ = connector
    streams = seen["streams"]
    assert streams["btcusdt@trade"]["s"] == "BTCUSDT"
    assert streams["btcusdt@kline_1m"]["k"]["i"] == "1m"
    assert streams["btcusdt@depth@100ms"]["U"] <= streams["btcusdt@depth@100ms"]["u"]
    assert len(streams["btcusdt@depth5@100ms"]["bids"]) == 5
    kinds = [(event["e"], event.get("X")) for event in seen["user"]]
    assert sorted(kinds, key=str) == sorted(
        [
            ("executionReport", "NEW"),
            ("outboundAccountPosition", None),
            ("executionReport", "CANCELED"),
            ("outboundAccountPosition", None),
        ],
        key=str,
    )


def test_binance_sdk_spot_finds_every_answer_in_its_schema(sdk: tuple[Seen, Member]) -> None:
    seen, member = sdk
    assert seen["placed"]["status"] == "NEW"
    assert seen["amended"]["amendedOrder"]["qty"] == "0.50000000"
    assert seen["canceled"]["origQty"] == "0.50000000"
    assert [row["newQty"] for row in seen["amendments"]] == ["0.50000000"]
    assert [row["status"] for row in seen["orders"]] == ["CANCELED"]
    assert Decimal(seen["bought"]["cummulativeQuoteQty"]) <= 1000
    check_market_buy(seen, member)
    assert len(seen["pairs_open"]) == 1
    assert seen["ws_placed"]["status"] == seen["ws_status"]["status"] == "NEW"
    assert seen["ws_canceled"]["status"] == "CANCELED"
    assert member.order(seen["ws_placed"]["orderId"])["status"] == "canceled"
    own = {asset: Decimal(free) for asset, (free, _) in member.balances().items()}
    told = {row["asset"]: Decimal(row["free"]) for row in seen["ws_account"]["balances"]}
    assert {asset: told[asset] for asset in own if own[asset]} == {asset: free for asset, free in own.items() if free}
    assert Decimal(seen["book_ticker"]["b"]) < Decimal(seen["book_ticker"]["a"])
