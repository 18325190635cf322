"""The simulation finds bugs: each of these, planted by itself, within a hundred seeds."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from actors.order_book import OrderBookShell
from infra.ports import Fenced
from mockexchange.matching.book import OrderBook
from mockexchange.matching.fills import FillWriter
from mockexchange.matching.queues import BookOrder
from mockexchange.messages.channel import BookAmend, BookCancel, Delivery, Receipt
from mockexchange.messages.events import BookEvent, OrderCanceled
from tests.simulation.exchange import simulate
from tests.simulation.journal import NodeJournal

SEEDS = 100
Plant = Callable[[pytest.MonkeyPatch], None]


def lose_a_release(patch: pytest.MonkeyPatch) -> None:
    """Let canceled orders keep what they held."""
    honest = OrderBook.cancel

    def cancel(self: OrderBook, cancel: BookCancel, shard: int) -> list[BookEvent]:
        events = honest(self, cancel, shard)
        return [msgspec.structs.replace(e, release=0) if isinstance(e, OrderCanceled) else e for e in events]

    patch.setattr(OrderBook, "cancel", cancel)


def skip_the_fence(patch: pytest.MonkeyPatch) -> None:
    """Let whoever finds that another has written append after that all the same."""
    honest = NodeJournal.append

    async def append(self: NodeJournal, subject: str, payload: bytes, expected: int) -> int:
        while True:
            try:
                return await honest(self, subject, payload, expected)
            except Fenced:
                expected = await self.last_sequence(subject)

    patch.setattr(NodeJournal, "append", append)


def post_fills_twice(patch: pytest.MonkeyPatch) -> None:
    """Let a book decide a call that comes again once more, with the fills it makes."""
    place, move = OrderBookShell._place_in_channel, OrderBookShell._move_channel

    def place_in_channel(self: OrderBookShell, delivery: Delivery) -> Receipt | None:
        receipt = place(self, delivery)
        return None if receipt is Receipt.DONE else receipt

    def move_channel(self: OrderBookShell, step: object, delivery: Delivery, number: int, _last: int) -> None:
        move(self, step, delivery, number, 0)  # type: ignore[arg-type]

    patch.setattr(OrderBookShell, "_place_in_channel", place_in_channel)
    patch.setattr(OrderBookShell, "_move_channel", move_channel)


def keep_the_other_order(patch: pytest.MonkeyPatch) -> None:
    """Let an order of a list trade and leave the other one open."""

    def leave_list(_self: FillWriter, order: BookOrder, _events: list[BookEvent]) -> int:
        return order.hold

    patch.setattr(FillWriter, "leave_list", leave_list)


def amend_too_late(patch: pytest.MonkeyPatch) -> None:
    """Let a book amend an order whenever it hears of it."""
    honest = OrderBook.amend

    def amend(self: OrderBook, amend: BookAmend, shard: int, _now_ns: int) -> list[BookEvent]:
        return honest(self, amend, shard, 0)

    patch.setattr(OrderBook, "amend", amend)


PLANTS = [
    lose_a_release,
    skip_the_fence,
    post_fills_twice,
    keep_the_other_order,
    amend_too_late,
]


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(simulate(seed).violations for seed in range(SEEDS))
