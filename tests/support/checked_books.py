"""After every test, each book it built must still keep its invariants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mockexchange.instruments import Instrument
from mockexchange.matching import BookLimits, OrderBook


@pytest.fixture(autouse=True)
def every_book_is_checked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check the books of a test when it ends."""
    built: list[OrderBook] = []
    build = OrderBook.__init__

    def remember(book: OrderBook, instrument: Instrument, limits: BookLimits | None = None) -> None:
        build(book, instrument, limits or BookLimits())
        built.append(book)

    monkeypatch.setattr(OrderBook, "__init__", remember)
    yield
    for book in built:
        book.check()
