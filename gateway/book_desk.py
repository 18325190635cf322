"""Questions to the order books, which may be asleep, recovering or dead."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import chain, repeat
from typing import Final, TypeVar

from gateway.failures import NotAvailable
from gateway.waiting import within
from infra.ports import Books, Clock, PeerLost
from mockexchange.messages.channel import (
    BookAnswer,
    BookRequest,
    BookUnready,
    DepthAnswer,
    OverrideAnswer,
    OverridePrice,
    ReadDepth,
    Receipt,
    ReleasePrice,
)
from mockexchange.messages.codec import decode_book_answer, encode

T = TypeVar("T")

PAUSES_S: Final = (0.01, 0.05, 0.1, 0.2, 0.3)
AWAY: Final = "the book cannot be reached"

REASONS: Final = {
    Receipt.RECOVERING: "the book is recovering",
    Receipt.PASSIVE: "the book is being started",
    Receipt.BUSY: "the book is busy",
    Receipt.UNAVAILABLE: "the journal cannot be reached",
}


class BookDesk:
    """Asks books, waking and finding them again as needed, within a bound."""

    def __init__(self, books: Books, clock: Clock, timeout_s: float) -> None:
        self._books = books
        self._clock = clock
        self._timeout_s = timeout_s

    async def depth(self, symbol: str, limit: int) -> DepthAnswer:
        """Read the best levels of a book. Raises NotAvailable."""
        answer = await self._ask(symbol, ReadDepth(limit))
        assert isinstance(answer, DepthAnswer)
        return answer

    async def change(self, symbol: str, request: OverridePrice | ReleasePrice) -> int:
        """Override or release the price of a book; return the journal's sequence. Raises NotAvailable.

        Either may be done twice without harm, so it is repeated until it is answered.
        """
        answer = await self._ask(symbol, request)
        assert isinstance(answer, OverrideAnswer)
        return answer.sequence

    async def _ask(self, symbol: str, request: BookRequest) -> DepthAnswer | OverrideAnswer:
        payload = encode(request)
        until = self._clock.monotonic() + self._timeout_s
        reason = AWAY
        for pause_s in chain(PAUSES_S, repeat(PAUSES_S[-1])):
            answer = await self._try(symbol, payload, until)
            if isinstance(answer, DepthAnswer | OverrideAnswer):
                return answer
            reason = answer
            if self._clock.monotonic() + pause_s >= until:
                break
            await self._clock.sleep(pause_s)
        # A change that was cut short may be in the journal all the same; a read never is.
        raise NotAvailable(reason, may_execute=not isinstance(request, ReadDepth))

    async def _try(self, symbol: str, payload: bytes, until: float) -> DepthAnswer | OverrideAnswer | str:
        """Ask once; return the answer, or why there is none. A book that is away is started for the next time."""
        try:
            answer: BookAnswer = decode_book_answer(await self._bounded(self._books.ask(symbol, payload), until))
            if not isinstance(answer, BookUnready):
                return answer
            if answer.receipt is not Receipt.PASSIVE:
                return REASONS.get(answer.receipt, AWAY)
        except (PeerLost, TimeoutError):
            answer = BookUnready(Receipt.PASSIVE)
        try:
            await self._bounded(self._books.renew(symbol), until)
        except (PeerLost, TimeoutError):
            return AWAY
        return REASONS[answer.receipt]

    async def _bounded(self, call: Awaitable[T], until: float) -> T:
        return await within(self._clock, until - self._clock.monotonic(), call)
