"""The exchange on a recorded market."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.launched import LaunchedExchange
from tests.support.recordings import real_recording


@pytest.fixture
def replaying(tmp_path: Path) -> Iterator[LaunchedExchange]:
    exchange = LaunchedExchange(tmp_path / "data", feed=f"replay:{real_recording()}", auth="off")
    try:
        exchange.start()
        yield exchange
        assert exchange.stop() == 0
        exchange.wait_until_gone()
    finally:
        if exchange.is_running:
            exchange.kill_everything()


def recorded_range() -> tuple[Decimal, Decimal]:
    """Return the lowest bid and the highest ask of the recording's best levels."""
    bids, asks = [], []
    with gzip.open(real_recording(), "rt") as file:
        for line in file:
            message = json.loads(line.partition(" ")[2])
            if message.get("stream") == "btcusdt@bookTicker":
                bids.append(Decimal(message["data"]["b"]))
                asks.append(Decimal(message["data"]["a"]))
    return min(bids), max(asks)


def test_orders_fill_at_recorded_prices(replaying: LaunchedExchange) -> None:
    lowest, highest = recorded_range()
    seen: set[str] = set()
    while len(seen) < 4:
        ticker = replaying.get("/tickers/BTC/USDT")["BTC/USDT"]
        seen.add(ticker["bid"])
        assert lowest <= Decimal(ticker["bid"]) < Decimal(ticker["ask"]) <= highest
        assert not ticker["stale"]
    for side, amount in (("buy", "0.01"), ("sell", "0.009")):
        order = {"symbol": "BTC/USDT", "side": side, "type": "market", "amount": amount}
        answer = replaying.ask("POST", "/orders", order)
        assert answer.status == 200, answer
        assert answer.body["status"] == "filled", answer
        assert lowest <= Decimal(answer.body["average"]) <= highest
    balances = replaying.get("/balance")
    assert balances["BTC"]["used"] == "0.00000000"
    assert Decimal(balances["USDT"]["total"]) < 100_000
