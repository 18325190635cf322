"""What an order book's actor promises, on a world in which a test lets fail what it wants to see."""

from __future__ import annotations

import asyncio

import pytest

from actors import order_book
from actors.order_book import BookSettings, BookState
from actors.runtime import Departure
from infra.ports import Snapshot
from mockexchange.messages.channel import (
    BookCancel,
    BookUnready,
    DeliveryAnswer,
    DepthAnswer,
    OverrideAnswer,
    OverridePrice,
    ReadDepth,
    Receipt,
    ReleasePrice,
)
from mockexchange.messages.codec import encode
from mockexchange.messages.events import (
    BookClosed,
    BookOpened,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
)
from mockexchange.messages.market import DepthUpdate, Print
from mockexchange.messages.orders import Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.messages.subjects import book_journal
from tests.simulation.actors import BTC_USDT, INSTRUMENTS
from tests.simulation.bench import Bench, on_bench
from tests.simulation.faults import Append
from tests.support.book_calls import (
    FED,
    PLAIN,
    PRICE,
    SUBJECT,
    ask,
    decided,
    deliver,
    delivery,
    market_order,
    opened,
    reserved,
)


@on_bench
async def test_a_delivery_is_done_when_its_outcome_is_in_the_journal(bench: Bench) -> None:
    book = await opened(bench)
    answer = await deliver(book, delivery(1, reserved(1), reserved(2, side=Side.SELL)))
    assert answer == DeliveryAnswer(Receipt.DONE, bench.journal.end)
    record = bench.records(SUBJECT)[-1]
    assert record.applied[0].number == 1
    assert record.applied[0].last_order_id == 2 * 1024
    assert any(isinstance(event, OrderFilled) for event in record.events)


@on_bench
async def test_a_repeated_delivery_is_done_without_another_record(bench: Bench) -> None:
    book = await opened(bench)
    payload = delivery(1, reserved(1))
    answers = await asyncio.gather(deliver(book, payload), deliver(book, payload))
    end = bench.journal.end
    answers.append(await deliver(book, payload))
    assert [answer.receipt for answer in answers] == [Receipt.DONE] * 3
    assert bench.journal.end == end
    assert len(decided(bench)) == 1


@on_bench
async def test_a_delivery_out_of_line_changes_nothing(bench: Bench) -> None:
    book = await opened(bench)
    assert (await deliver(book, delivery(1, reserved(1), epoch=7))).receipt is Receipt.DONE
    end = bench.journal.end
    assert (await deliver(book, delivery(3, reserved(3), epoch=7))).receipt is Receipt.GAP
    assert (await deliver(book, delivery(2, reserved(2), epoch=6))).receipt is Receipt.STALE
    assert (await deliver(book, delivery(2, reserved(2), epoch=8))).receipt is Receipt.GAP
    assert bench.journal.end == end


@on_bench
async def test_a_new_incarnation_of_a_shard_sends_again_and_nothing_is_decided_twice(bench: Bench) -> None:
    book = await opened(bench)
    await deliver(book, delivery(1, reserved(1), reserved(2), epoch=1))
    await deliver(book, delivery(1, reserved(2), reserved(3), epoch=9))
    assert [event.order_id for event in decided(bench)] == [1024, 2048, 3072]


@on_bench
async def test_a_long_delivery_fills_several_records_and_goes_on_where_a_crash_cut_it_short(bench: Bench) -> None:
    book = await opened(bench)
    payload = delivery(1, *(reserved(number) for number in range(1, 31)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_book, "MAX_EVENTS", 7)
        bench.around.faults.next_appends = [Append.STORED, Append.STORED, Append.ACK_LOST]
        asked = asyncio.ensure_future(deliver(book, payload))
        await asyncio.wait([asked])
        assert asked.cancelled()
        assert len(decided(bench)) == 21
        assert [record.applied[0].number for record in bench.records(SUBJECT)[1:]] == [0, 0, 0]
        book = await bench.start_book(PLAIN)
        assert (await deliver(book, payload)).receipt is Receipt.DONE
    assert [event.order_id // 1024 for event in decided(bench)] == list(range(1, 31))
    assert bench.records(SUBJECT)[-1].applied[0].number == 1
    assert bench.departures == [Departure.UNKNOWN_APPEND]


@on_bench
async def test_an_order_past_its_deadline_is_rejected_with_its_whole_hold(bench: Bench) -> None:
    book = await opened(bench)
    late = reserved(1, deadline_ns=bench.now_ns() - 1)
    await deliver(book, delivery(1, late, reserved(2)))
    first, second = decided(bench)
    assert first == OrderRejected(1024, 1, 0, RejectReason.TOO_LATE, late.hold)
    assert isinstance(second, OrderAccepted)


@on_bench
async def test_a_deadline_that_passes_while_a_long_delivery_is_journaled_counts(bench: Bench) -> None:
    book = await opened(bench)
    deadline_ns = bench.now_ns() + 5 * 10**8
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_book, "MAX_EVENTS", 2)
        asked = asyncio.ensure_future(
            deliver(book, delivery(1, *(reserved(number, deadline_ns=deadline_ns) for number in range(1, 5))))
        )
        bench.journal.stall()
        await asyncio.sleep(1)
        bench.journal.go_on()
        await asked
    assert [type(event) for event in decided(bench)] == [OrderAccepted, OrderAccepted, OrderRejected, OrderRejected]


@on_bench
async def test_a_cancel_past_its_deadline_is_not_done(bench: Bench) -> None:
    book = await opened(bench)
    now_ns = bench.now_ns()
    cancels = [BookCancel(1024, "late", deadline_ns=now_ns - 1), BookCancel(2048, "x", deadline_ns=now_ns + 10**9)]
    await deliver(book, delivery(1, reserved(1), reserved(2), cancels=cancels))
    [canceled] = [event for event in bench.events(SUBJECT) if isinstance(event, OrderCanceled)]
    assert canceled.command_id == "x"
    assert book[1].book.open_orders == 1


@on_bench
async def test_without_a_journal_a_book_decides_nothing(bench: Bench) -> None:
    book = await opened(bench)
    before = book[1].book.state_hash()
    end = bench.journal.end
    bench.journal.go_down()
    assert (await deliver(book, delivery(1, reserved(1)))).receipt is Receipt.UNAVAILABLE
    assert await ask(book, OverridePrice(1, 1, 1)) == BookUnready(Receipt.UNAVAILABLE)
    assert book[1].book.state_hash() == before
    bench.journal.come_up()
    assert (await deliver(book, delivery(1, reserved(1)))).receipt is Receipt.DONE
    assert bench.journal.end == end + 1


@on_bench
async def test_a_book_whose_record_was_refused_is_seen_by_nobody(bench: Bench) -> None:
    book = await opened(bench)
    bench.around.faults.next_appends = [Append.REFUSED]
    asked = asyncio.ensure_future(deliver(book, delivery(1, reserved(1))))
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert bench.departures == [Departure.NOT_APPENDED]
    book = await bench.start_book(PLAIN)
    assert book[1].book.open_orders == 0


@on_bench
async def test_a_read_shows_journaled_state_only(bench: Bench) -> None:
    book = await opened(bench)
    bench.journal.stall()
    placing = asyncio.ensure_future(deliver(book, delivery(1, reserved(1))))
    await asyncio.sleep(0.1)
    reading = asyncio.ensure_future(ask(book, ReadDepth(5)))
    await asyncio.sleep(0.5)
    assert not placing.done()
    assert not reading.done()
    bench.journal.go_on()
    depth = await reading
    assert isinstance(depth, DepthAnswer)
    assert depth.bids == [(INSTRUMENTS[PLAIN].start_price, 100)]
    assert placing.done()


@on_bench
async def test_a_zombie_leaves_before_it_answers_a_read(bench: Bench) -> None:
    zombie = await opened(bench)
    await asyncio.sleep(1.5)
    await bench.start_book(PLAIN)
    asked = asyncio.ensure_future(ask(zombie, ReadDepth(5)))
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert bench.departures == [Departure.FENCED]


@on_bench
async def test_a_zombie_that_is_handed_a_delivery_changes_nothing(bench: Bench) -> None:
    zombie = await opened(bench)
    zombie[0].pause()
    payload = delivery(1, reserved(1))
    asked = asyncio.ensure_future(deliver(zombie, payload))
    book = await bench.start_book(PLAIN)
    assert (await deliver(book, payload)).receipt is Receipt.DONE
    end = bench.journal.end
    zombie[0].resume()
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert bench.departures == [Departure.FENCED]
    assert bench.journal.end == end


@on_bench
async def test_a_late_append_of_a_dead_incarnation_is_fenced_or_folded(bench: Bench) -> None:
    for number in range(1, 9):
        book = await opened(bench) if number == 1 else await bench.start_book(PLAIN)
        bench.around.faults.next_appends = [Append.LATE]
        asked = asyncio.ensure_future(deliver(book, delivery(1, reserved(number), epoch=number)))
        await asyncio.wait([asked])
        book = await bench.start_book(PLAIN)
        await deliver(book, delivery(1, reserved(number), epoch=number))
        await asyncio.sleep(5)
        assert [event.order_id // 1024 for event in decided(bench)] == list(range(1, number + 1))


@on_bench
async def test_an_idle_book_goes_to_sleep_and_its_next_incarnation_goes_on(bench: Bench) -> None:
    bench.book_settings = BookSettings(idle_s=5.0)
    book = await opened(bench)
    await deliver(book, delivery(1, reserved(1), reserved(2, side=Side.SELL)))
    await bench.until(lambda: book[1].state is BookState.PASSIVE)
    assert (await deliver(book, delivery(2, reserved(3)))).receipt is Receipt.PASSIVE
    assert await ask(book, ReadDepth(1)) == BookUnready(Receipt.PASSIVE)
    await bench.until(lambda: not book[0].is_alive)
    assert bench.departures == [Departure.ASLEEP]
    assert bench.events(SUBJECT)[-1] == BookClosed()
    assert len(bench.around.snapshots.kept[f"book.{PLAIN}"]) == 1
    book = await bench.start_book(PLAIN)
    assert bench.around.snapshots.loads == 1
    await deliver(book, delivery(2, reserved(3), reserved(4, side=Side.SELL)))
    first, second = (event for event in bench.events(SUBJECT) if isinstance(event, OrderFilled))
    assert second.trade_id > first.trade_id


@on_bench
async def test_a_book_with_an_open_order_or_an_override_stays_awake(bench: Bench) -> None:
    bench.book_settings = BookSettings(idle_s=2.0)
    book = await opened(bench)
    await deliver(book, delivery(1, reserved(1)))
    await asyncio.sleep(10)
    await deliver(book, delivery(2, cancels=[BookCancel(1024, "x")]))
    assert isinstance(bench.events(SUBJECT)[-1], OrderCanceled)
    assert isinstance(await ask(book, OverridePrice(7_000, 1, 1)), OverrideAnswer)
    await asyncio.sleep(10)
    assert book[1].state is BookState.SERVING
    await ask(book, ReleasePrice())
    await bench.until(lambda: book[1].state is BookState.PASSIVE)


@on_bench
async def test_an_override_is_answered_with_the_sequence_of_the_fills_it_caused(bench: Bench) -> None:
    book = await opened(bench)
    await deliver(book, delivery(1, reserved(1)))
    answer = await ask(book, OverridePrice(4_000, 1_000, 1_000))
    assert answer == OverrideAnswer(bench.journal.end)
    assert any(isinstance(event, OrderFilled) for event in bench.records(SUBJECT)[-1].events)


@on_bench
async def test_a_snapshot_of_an_unknown_version_is_passed_over(bench: Bench) -> None:
    book = await opened(bench)
    await deliver(book, delivery(1, reserved(1)))
    bench.around.snapshots.kept[f"book.{PLAIN}"] = [Snapshot(2, encode([99, [], 0, 0, None, []])), Snapshot(1, b"\xc1")]
    book = await bench.start_book(PLAIN)
    assert book[1].book.open_orders == 1
    assert bench.events(SUBJECT)[-1] == BookOpened(book[0].name)


# The outside market.


@on_bench
async def test_market_orders_trade_with_the_outside_market_as_the_feed_shows_it(bench: Bench) -> None:
    feed = await bench.start_feed(FED, [(PRICE - 100, 500)], [(PRICE + 100, 500)])
    book = await opened(bench, FED)
    feed.say(DepthUpdate([], [(PRICE + 100, 0), (PRICE + 50, 40), (PRICE + 60, 500)], 2))
    await bench.until(lambda: book[1].counters["updates"] == 2)
    await deliver(book, delivery(1, market_order(1)))
    fills = [event for event in bench.events(book_journal(FED)) if isinstance(event, OrderFilled)]
    assert [(fill.price, fill.quantity) for fill in fills] == [(PRICE + 50, 40), (PRICE + 60, 60)]


@on_bench
async def test_a_gap_in_the_feed_makes_the_market_unknown_until_the_next_snapshot(bench: Bench) -> None:
    feed = await bench.start_feed(FED, [(PRICE - 100, 500)], [(PRICE + 100, 500)])
    book = await opened(bench, FED)
    bench.around.bus.servers.clear()
    feed.say(DepthUpdate([], [(PRICE + 50, 40)], 2), is_lost=True)
    feed.say(DepthUpdate([], [(PRICE + 60, 40)], 3))
    await bench.until(lambda: book[1].book.is_stale)
    await deliver(book, delivery(1, market_order(1), reserved(2, FED, price=PRICE - 500)))
    refused, resting = decided(bench, book_journal(FED))
    assert refused.reason is RejectReason.PRICE_STALE
    assert isinstance(resting, OrderAccepted)
    await feed.start([(PRICE - 100, 500)], [(PRICE + 70, 500)])
    await bench.until(lambda: not book[1].book.is_stale)
    await deliver(book, delivery(2, market_order(3)))
    [fill] = [event for event in bench.events(book_journal(FED)) if isinstance(event, OrderFilled)]
    assert fill.price == PRICE + 70


@on_bench
async def test_a_silent_feed_makes_prices_stale_and_limit_orders_rest(bench: Bench) -> None:
    await bench.start_feed(FED, [(PRICE - 100, 500)], [(PRICE + 100, 500)])
    book = await opened(bench, FED)
    bench.around.bus.servers.clear()
    await bench.until(lambda: book[1].book.is_stale)
    await deliver(book, delivery(1, market_order(1), reserved(2, FED, price=PRICE + 500)))
    refused, resting = decided(bench, book_journal(FED))
    assert refused.reason is RejectReason.PRICE_STALE
    assert isinstance(resting, OrderAccepted)


@on_bench
async def test_what_the_feed_said_before_the_journal_was_lost_is_not_traded_with_afterwards(bench: Bench) -> None:
    feed = await bench.start_feed(FED, [(PRICE - 100, 500)], [(PRICE + 100, 500)])
    book = await opened(bench, FED)
    bench.journal.go_down()
    bench.around.bus.servers.clear()
    feed.say(DepthUpdate([], [(PRICE + 100, 0)], 2))
    await asyncio.sleep(1)
    bench.journal.come_up()
    await deliver(book, delivery(1, market_order(1)))
    [refused] = decided(bench, book_journal(FED))
    assert isinstance(refused, OrderRejected)
    assert refused.reason is RejectReason.PRICE_STALE


@on_bench
async def test_a_book_that_starts_without_its_feed_serves_after_a_while(bench: Bench) -> None:
    bench.book_settings = BookSettings(resync_s=2.0)
    began = bench.around.loop.now
    book = await opened(bench, FED)
    assert bench.around.loop.now - began < 5.0
    assert (await deliver(book, delivery(1, reserved(1, FED)))).receipt is Receipt.DONE
    assert book[1].book.is_stale


@on_bench
async def test_a_resting_order_is_filled_by_the_outside_market_and_its_print_counts_once(bench: Bench) -> None:
    feed = await bench.start_feed(FED, [(PRICE - 100, 500)], [(PRICE + 100, 500)])
    book = await opened(bench, FED)
    await deliver(book, delivery(1, reserved(1, FED, price=PRICE)))
    feed.say(Print(PRICE - 1, 30, Side.SELL, 2, 0))
    await bench.until(lambda: book[1].counters["updates"] == 2)
    feed.say(DepthUpdate([], [(PRICE, 70)], 3))
    await bench.until(lambda: book[1].book.open_orders == 0)
    fills = [event for event in bench.events(book_journal(FED)) if isinstance(event, OrderFilled)]
    assert [(fill.price, fill.quantity, fill.cause) for fill in fills] == [(PRICE, 30, 2), (PRICE, 70, 3)]
    assert BTC_USDT.quote_amount(PRICE, 100) == sum(fill.quote for fill in fills)
