"""Candles under load, with their writer and the read model killed: each own trade counts once."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from mockexchange.messages.codec import decode_book_record
from mockexchange.messages.events import OrderFilled
from mockexchange.messages.subjects import book_journal
from tests.support.floor import PLAIN, Floor
from tests.support.launched import read_journal, repeatedly

pytestmark = pytest.mark.anyio

ORDERS = 30
GOLD = "GOLD/USDT"


async def own_trades(floor: Floor) -> tuple[int, int]:
    """Return how many trades of GOLD/USDT, which has no feed, the journal holds, and their quantity."""
    async with floor.exchange.nats() as connection:
        messages = [each for each in await read_journal(connection) if each.subject == book_journal(GOLD)]
    events = [event for each in messages for event in decode_book_record(each.payload).events]
    quantities = [event.quantity for event in events if isinstance(event, OrderFilled)]
    return len(quantities), sum(quantities)


def candles(floor: Floor, interval: str) -> Any:
    return floor.exchange.administer("GET", f"/candles/{GOLD}?interval={interval}&start=0&limit=1000")


def statistics(floor: Floor) -> Any:
    return floor.exchange.administer("GET", f"/tickers/{GOLD}/24h")


def is_told(floor: Floor, trades: int) -> bool:
    return bool(statistics(floor)["trades"] >= trades)


def is_counted(floor: Floor, interval: str, trades: int) -> bool:
    return sum(each["trades"] for each in candles(floor, interval)) >= trades


async def test_each_own_trade_is_in_the_candles_once_whoever_dies(floor: Floor) -> None:
    async with floor.exchange.watched() as watch, floor.load(PLAIN) as load:
        for victim in ("candles", "valkey-server", "candles"):
            await load.flow(ORDERS)
            pid = await watch.running(victim)
            os.kill(pid, signal.SIGKILL)
            await load.flow(ORDERS)
            await watch.running(victim, unlike=pid)
            await floor.exchange.wait_until_well(load.session)
    trades, quantity = await own_trades(floor)
    assert trades > ORDERS
    for interval in ("1m", "1h", "1d", "1M"):
        # What is not the last candle any more is read from the store, to which it comes a moment later.
        await repeatedly(partial(is_counted, floor, interval, trades))
        found = candles(floor, interval)
        assert sum(each["trades"] for each in found) == trades, interval
        assert sum(Decimal(each["volume"]) for each in found) == Decimal(quantity).scaleb(-2), interval
    # They are told once a second, which may be after the candles were written.
    await repeatedly(partial(is_told, floor, trades))
    found = statistics(floor)
    assert (found["symbol"], found["trades"]) == (GOLD, trades)
