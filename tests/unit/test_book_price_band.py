"""How far from the last price a limit price may be."""

from __future__ import annotations

import pytest

from mockexchange.instruments import ListingError, check_listing
from mockexchange.messages.market import DepthSnapshot
from mockexchange.messages.orders import OrderType, Side
from mockexchange.messages.refusals import RejectReason
from tests.support.book_desk import BookDesk
from tests.support.orders import instrument


def at_hundred(band: tuple[int, int]) -> BookDesk:
    desk = BookDesk(band=band)
    desk.override(100, 0, 0)
    return desk


@pytest.mark.parametrize(("price", "is_taken"), [(19, False), (20, True), (500, True), (501, False)])
@pytest.mark.parametrize("side", list(Side))
def test_a_limit_price_lies_within_the_band(side: Side, price: int, is_taken: bool) -> None:
    desk = at_hundred((200_000, 5_000_000))
    events = desk.place(desk.maker.make(side, 1, price))
    assert (events.kinds == ["OrderAccepted"]) is is_taken
    assert is_taken or events.refusal is RejectReason.PRICE_OUT_OF_BAND


def test_an_order_that_would_take_is_bound_too() -> None:
    desk = at_hundred((200_000, 5_000_000))
    desk.sell(1, 100)
    assert desk.buy(1, 501).refusal is RejectReason.PRICE_OUT_OF_BAND


def test_a_stop_limit_order_is_bound_by_its_limit_alone() -> None:
    desk = at_hundred((500_000, 2_000_000))
    kind = OrderType.STOP_LOSS_LIMIT
    assert desk.buy(1, 201, order_type=kind, stop_price=110).refusal is RejectReason.PRICE_OUT_OF_BAND
    assert desk.buy(1, 200, order_type=kind, stop_price=900).kinds == ["OrderAccepted"]


def test_zero_is_no_bound() -> None:
    assert at_hundred((0, 0)).buy(1, 10**6).kinds == ["OrderAccepted"]
    assert at_hundred((500_000, 0)).buy(1, 10**6).kinds == ["OrderAccepted"]
    assert at_hundred((0, 2_000_000)).buy(1, 1).kinds == ["OrderAccepted"]


def test_before_the_first_price_the_outside_best_is_looked_at() -> None:
    desk = BookDesk(feed=True, band=(200_000, 5_000_000))
    desk.hear(DepthSnapshot([(100, 5)], [(101, 5)], 1))
    assert desk.buy(1, 19).refusal is RejectReason.PRICE_OUT_OF_BAND
    assert desk.buy(1, 20).kinds == ["OrderAccepted"]


def test_where_nothing_is_known_every_price_is_in_bounds() -> None:
    assert BookDesk(band=(200_000, 5_000_000)).buy(1, 10**6).kinds == ["OrderAccepted"]


@pytest.mark.parametrize(
    ("down", "up", "field"), [(-1, 0, "band_down"), (1_000_001, 0, "band_down"), (0, 1, "band_up")]
)
def test_a_band_without_the_last_price_cannot_be_listed(down: int, up: int, field: str) -> None:
    with pytest.raises(ListingError, match=field):
        check_listing(instrument(band_down=down, band_up=up))
