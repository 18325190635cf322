"""What the actor of a book does in one step or not at all: lists, amends, and orders that were waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from actors import book_channel, order_book
from actors.book_channel import BookChannel
from actors.runtime import Departure
from mockexchange.messages.channel import BookAmend, BookCancel, DeliveryAnswer, Receipt
from mockexchange.messages.codec import decode_delivery, decode_reserved, encode
from mockexchange.messages.events import (
    AmendRejected,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    OrderTriggered,
)
from mockexchange.messages.market import Print
from mockexchange.messages.orders import OrderType, Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.messages.subjects import book_journal
from tests.simulation.actors import INSTRUMENTS
from tests.simulation.bench import Bench, on_bench
from tests.simulation.faults import Append
from tests.support.book_calls import (
    FED,
    PLAIN,
    PRICE,
    SUBJECT,
    decided,
    deliver,
    delivery,
    opened,
    reserved,
)

START = INSTRUMENTS[PLAIN].start_price
NO_DEADLINE = 2**62


def stop(number: int, stop_price: int, symbol: str = PLAIN, **terms: Any) -> OrderReserved:
    """Return a stop-loss limit sell that rests two below its stop price."""
    made = {"side": Side.SELL, "order_type": OrderType.STOP_LOSS_LIMIT, "price": stop_price - 2}
    return reserved(number, symbol, stop_price=stop_price, **(made | terms))


def listed(number: int) -> list[OrderReserved]:
    """Return the legs of a list of sells around the start price."""
    list_id = number * 1024
    first = reserved(number, side=Side.SELL, price=START + 10, is_post_only=True, list_id=list_id)
    return [first, stop(number + 1, START - 10, hold=0, list_id=list_id)]


def happened(bench: Bench, kind: type, subject: str = SUBJECT) -> list[int]:
    return [event.order_id for event in bench.events(subject) if isinstance(event, kind)]


@on_bench
async def test_no_record_tells_of_one_leg_alone(bench: Bench) -> None:
    book = await opened(bench)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_book, "MAX_EVENTS", 1)
        await deliver(book, delivery(1, reserved(1), *listed(2), *listed(4), reserved(6)))
    told = [
        [event.order_id // 1024 for event in record.events if isinstance(event, OrderAccepted)]
        for record in bench.records(SUBJECT)
    ]
    assert [numbers for numbers in told if numbers] == [[1], [2, 3], [4, 5], [6]]
    assert [record.applied[0].last_order_id // 1024 for record in bench.records(SUBJECT) if record.applied] == [
        1, 3, 5, 6, 6,
    ]  # fmt: skip


@on_bench
async def test_a_list_that_is_sent_again_is_decided_once(bench: Bench) -> None:
    book = await opened(bench)
    await deliver(book, delivery(1, *listed(1), epoch=1))
    await deliver(book, delivery(1, *listed(1), *listed(3), epoch=9))
    assert [event.order_id // 1024 for event in decided(bench)] == [1, 2, 3, 4]


@on_bench
async def test_a_leg_without_the_other_is_refused_and_its_neighbours_are_not(bench: Bench) -> None:
    book = await opened(bench)
    await deliver(book, delivery(1, listed(1)[0], reserved(3), *listed(4), listed(6)[0]))
    assert [(event.order_id // 1024, type(event)) for event in decided(bench)] == [
        (1, OrderRejected),
        (3, OrderAccepted),
        (4, OrderAccepted),
        (5, OrderAccepted),
        (6, OrderRejected),
    ]


@on_bench
async def test_amends_follow_the_cancels_of_a_call_and_each_has_an_answer(bench: Bench) -> None:
    book = await opened(bench)
    now_ns = bench.now_ns()
    amends = [
        BookAmend(1024, "c:lower", 60, "", NO_DEADLINE),
        BookAmend(1024, "c:higher", 61, "", NO_DEADLINE),
        BookAmend(1024, "c:late", 50, "", now_ns - 1),
        BookAmend(2048, "c:gone", 50, "", NO_DEADLINE),
    ]
    cancels = [BookCancel(2048, "c:cancel")]
    answer = await deliver(book, delivery(1, reserved(1), reserved(2), cancels=cancels, amends=amends))
    assert answer == DeliveryAnswer(Receipt.DONE, bench.journal.end)
    answers = [event for event in bench.events(SUBJECT) if isinstance(event, OrderAmended | AmendRejected)]
    assert [event.command_id for event in answers] == ["c:lower", "c:higher", "c:late", "c:gone"]
    assert [getattr(event, "reason", None) for event in answers] == [
        None,
        RejectReason.INVALID_AMENDMENT,
        RejectReason.TOO_LATE,
        RejectReason.ORDER_NOT_OPEN,
    ]
    assert book[1].book.depth(5)[0] == [(START, 60)]


@on_bench
async def test_an_order_that_waited_through_a_restart_is_triggered_by_a_print_once(bench: Bench) -> None:
    feed = await bench.start_feed(FED, [(PRICE - 100, 500)], [(PRICE + 100, 500)])
    book = await opened(bench, FED)
    await deliver(book, delivery(1, stop(1, PRICE - 50, FED, order_type=OrderType.STOP_LOSS, price=0)))
    book[0].die()
    book = await bench.start_book(FED)
    subject = book_journal(FED)
    feed.say(Print(PRICE - 49, 5, Side.SELL, 2, 0))
    feed.say(Print(PRICE - 50, 5, Side.SELL, 3, 0))
    await bench.until(lambda: book[1].book.open_orders == 0)
    feed.say(Print(PRICE - 60, 5, Side.SELL, 4, 0))
    await bench.until(lambda: book[1].counters["updates"] == 4)
    assert happened(bench, OrderTriggered, subject) == [1024]
    [fill] = [event for event in bench.events(subject) if isinstance(event, OrderFilled)]
    assert (fill.price, fill.quantity) == (PRICE - 100, 100)


@on_bench
async def test_who_dies_amid_a_chain_of_triggers_goes_on_where_the_journal_ends(bench: Bench) -> None:
    book = await opened(bench)
    bids = [reserved(number, price=START - 2 * number) for number in range(1, 5)]
    stops = [stop(number + 4, START - 2 * number, account=2) for number in range(1, 4)]
    await deliver(book, delivery(1, *bids, *stops))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_book, "MAX_EVENTS", 2)
        bench.around.faults.next_appends = [Append.STORED, Append.STORED, Append.LOST]
        seller = reserved(9, side=Side.SELL, price=START - 2)
        calling = asyncio.ensure_future(deliver(book, delivery(2, seller)))
        await asyncio.wait([calling])
    assert bench.departures == [Departure.UNKNOWN_APPEND]
    before = happened(bench, OrderTriggered)
    assert 0 < len(before) < 3
    book = await bench.start_book(PLAIN)
    await bench.until(lambda: len(happened(bench, OrderTriggered)) == 3)
    assert happened(bench, OrderTriggered) == [number * 1024 for number in (5, 6, 7)]
    await deliver(book, delivery(2, seller))
    assert happened(bench, OrderTriggered) == [number * 1024 for number in (5, 6, 7)]
    assert book[1].book.depth(5) == ([], [])


@on_bench
async def test_a_book_in_which_an_order_waits_does_not_go_to_sleep(bench: Bench) -> None:
    bench.book_settings = order_book.BookSettings(idle_s=5.0)
    book = await opened(bench)
    await deliver(book, delivery(1, stop(1, START - 10)))
    await asyncio.sleep(20)
    assert bench.departures == []
    await deliver(book, delivery(2, cancels=[BookCancel(1024, "c:cancel")]))
    await bench.until(lambda: bench.departures == [Departure.ASLEEP])
    assert happened(bench, OrderCanceled) == [1024]


class _Calls:
    """Implements `infra.ports.Books` by remembering what it is handed."""

    def __init__(self) -> None:
        self.deliveries: list[Any] = []

    async def deliver(self, _symbol: str, payload: bytes) -> bytes:
        self.deliveries.append(decode_delivery(payload))
        return encode(DeliveryAnswer(Receipt.DONE))

    async def ask(self, _symbol: str, _payload: bytes) -> bytes:
        raise AssertionError

    async def renew(self, _symbol: str) -> None:
        raise AssertionError


@on_bench
async def test_a_channel_never_parts_the_legs_of_a_list_and_hands_amends_over_last(bench: Bench) -> None:
    calls = _Calls()
    channel = BookChannel(0, 1, PLAIN, bench.around.world_of(bench.node()), calls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_channel, "MAX_RECORD_BYTES", 1)
        channel.add_amend(BookAmend(1024, "c:amend", 50, "", NO_DEADLINE))
        channel.add_order(encode(reserved(1)))
        channel.add_list(*(encode(leg) for leg in listed(2)))
        channel.add_cancel(BookCancel(1024, "c:cancel"))
        assert channel.waiting == 4
        await bench.until(lambda: channel.waiting == 0)
    handed = [
        [decode_reserved(raw).order_id // 1024 for raw in each.orders] + [*each.cancels, *each.amends]
        for each in calls.deliveries
    ]
    assert [len(each) for each in handed] == [1, 4]
    assert handed[1][:2] == [2, 3]
    assert [msgspec.structs.asdict(each)["command_id"] for each in handed[1][2:]] == ["c:cancel", "c:amend"]
