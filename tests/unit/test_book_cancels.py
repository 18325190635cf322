from __future__ import annotations

import gc

import pytest

from mockexchange.matching.queues import BookOrder, PriceLevel
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.events import OrderCanceled
from mockexchange.messages.orders import Side
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk


def test_a_cancel_gives_the_hold_back() -> None:
    desk = BookDesk()
    desk.buy(5, 100, shard=2, account=9)
    reason = RejectReason.CANCELED_BY_USER
    assert desk.cancel(1, shard=2) == [OrderCanceled(1, 9, 2, "c:cancel", reason, 5000)]
    assert desk.book.depth(5) == ([], [])


def test_a_cancel_by_an_administrator_says_so() -> None:
    desk = BookDesk()
    desk.sell(5, 100)
    canceled = desk.cancel(1, by_admin=True).canceled
    assert (canceled.reason, canceled.release) == (RejectReason.CANCELED_BY_ADMIN, 5000)


def test_a_cancel_from_another_shard_does_nothing() -> None:
    desk = BookDesk()
    desk.buy(5, 100, shard=2)
    assert desk.cancel(1, shard=1) == []
    assert desk.book.open_orders == 1


def test_a_cancel_of_what_is_not_open_does_nothing() -> None:
    desk = BookDesk()
    desk.buy(5, 100)
    desk.sell(5, 100)
    assert desk.cancel(1) == []
    assert desk.cancel(2) == []
    assert desk.cancel(77) == []


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_the_others_keep_their_order_when_one_leaves_the_queue(gone: int) -> None:
    desk = BookDesk()
    for _ in range(3):
        desk.sell(1, 100)
    desk.cancel(gone)
    expected = [order_id for order_id in (1, 2, 3) if order_id != gone]
    assert [maker for maker, _, _ in desk.buy(3, 100).trades] == expected


def test_a_canceled_and_repeated_order_stands_at_the_end() -> None:
    desk = BookDesk()
    desk.sell(1, 100)
    desk.sell(1, 100)
    desk.cancel(1)
    desk.sell(1, 100)
    assert desk.buy(2, 100).trades == [(2, 100, 1), (3, 100, 1)]


@pytest.mark.parametrize("spread", [1, 1000])
def test_cancels_behind_a_better_price_leave_nothing_behind(spread: int) -> None:
    desk = BookDesk()
    book = desk.book
    desk.buy(1, 5000)
    # Straight to the book: the desk keeps a journal.
    for number in range(100_000 if spread == 1 else 10_000):
        order = desk.maker.make(Side.BUY, 1, 1000 + number % spread)
        for event in book.place(order, 0, 0):
            book.evolve(event)
        for event in book.cancel(BookCancel(order.order_id, ""), 0):
            book.evolve(event)
    assert book.open_orders == 1
    assert book.depth(10) == ([(5000, 1)], [])
    gc.collect()
    kept = [thing for thing in gc.get_objects() if isinstance(thing, BookOrder | PriceLevel)]
    assert len(kept) < 100
