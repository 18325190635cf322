"""A process that was stopped for a while and does not know that another took its place."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import NoReturn

import aiohttp
import pytest

from actors.order_book import BookSettings, OrderBookShell
from actors.runtime import Departure
from actors.site import world_of
from mockexchange.messages.channel import DepthAnswer, OverrideAnswer, OverridePrice, ReadDepth, ReleasePrice
from mockexchange.messages.codec import decode_book_answer, decode_book_record, encode
from mockexchange.messages.events import BookOpened, PriceOverridden, PriceReleased
from mockexchange.messages.orders import Side
from mockexchange.messages.subjects import book_journal
from tests.support.audit_report import AuditReport
from tests.support.floor import FED, Floor
from tests.support.launched import PATIENCE_S, repeatedly
from tests.support.load import TIMEOUT

pytestmark = pytest.mark.anyio

SYMBOL = "GOLD/USDT"
ORDER = {"symbol": SYMBOL, "side": "buy", "type": "limit", "amount": "2.00", "limit_price": "40.00"}


def refuse_to_leave(why: Departure, detail: str) -> NoReturn:
    raise AssertionError(f"the second incarnation left: {why.text}, {detail}")


async def test_a_stopped_book_that_goes_on_beside_its_successor_exits_and_has_changed_nothing(floor: Floor) -> None:
    trader = floor.traders[0]
    async with (
        floor.exchange.watched() as watch,
        floor.exchange.nats() as connection,
        floor.load(FED) as load,
        aiohttp.ClientSession(floor.exchange.url, timeout=TIMEOUT, headers=trader.headers) as session,
    ):
        assert (await place(session, ORDER | {"client_order_id": "before-the-stop"}))[0] == 200
        await load.flow()
        first = await watch.running("book.GOLD-USDT")
        os.kill(first, signal.SIGSTOP)
        try:
            placing = asyncio.create_task(place(session, ORDER | {"client_order_id": "to-the-stopped-one"}))
            second = OrderBookShell(
                SYMBOL, "second", replace(world_of(connection), leave=refuse_to_leave), BookSettings()
            )
            await second.start()
            depth = decode_book_answer(await second.ask(encode(ReadDepth(500))))
            assert isinstance(depth, DepthAnswer)
            assert (depth.bids, depth.asks) == resting_levels(await floor.examiner.read())
            for request in (OverridePrice(10_000, 0, 0), ReleasePrice()):
                assert isinstance(decode_book_answer(await second.ask(encode(request))), OverrideAnswer)
            await second.stop()
        finally:
            os.kill(first, signal.SIGCONT)
        await repeatedly(lambda: first not in floor.exchange.family())
        status, placed = await placing
        assert status == 200
        # On a busy machine the time that it may take is over before there is a book again.
        assert placed["status"] == "new" or placed["reason"] == "too_late", placed
        await watch.running("book.GOLD-USDT", unlike=first)
        await floor.exchange.wait_until_well(session)
        await load.flow()
    await floor.examiner.verify(load)
    records = [message for message in floor.examiner.records() if message.subject == book_journal(SYMBOL)]
    since = [decode_book_record(message.payload) for message in records if message.sequence >= second.epoch]
    kinds = [[type(event) for event in record.events] for record in since]
    assert kinds[:4] == [[BookOpened], [PriceOverridden], [PriceReleased], [BookOpened]]


async def place(session: aiohttp.ClientSession, order: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Place an order, again under its id while it is not answered: it is one order all the same."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with session.post("/orders", json=order) as answer:
                if answer.status != 503:
                    return answer.status, await answer.json()
            await asyncio.sleep(0.1)


def resting_levels(report: AuditReport) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return what rests in the book according to the journal: price and quantity, best first."""
    levels: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    for order in report.open_orders.values():
        terms = order.reserved
        if terms.symbol == SYMBOL and order.status == "open":
            side = levels[terms.side]
            side[terms.price] = side.get(terms.price, 0) + terms.quantity - order.filled
    return sorted(levels[Side.BUY].items(), reverse=True), sorted(levels[Side.SELL].items())
