"""The numbered channel from an accounts shard to one book."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import msgspec

from actors.runtime import MAX_RECORD_BYTES, Departure, Pauses, World, run
from infra.ports import Books, PeerLost
from mockexchange.messages.channel import BookAmend, BookCancel, Delivery, Receipt
from mockexchange.messages.codec import decode_delivery_answer, encode

CALL_TIMEOUT_S: Final = 5.0
MAX_CANCELS: Final = 1_000
MAX_AMENDS: Final = 1_000


class BookChannel:
    """Hands orders, cancels and amends to a book: in order, one call in flight, again until the book has done it.

    What comes while a call is in flight goes with the next. A call is repeated with its number, so a book that had
    done it says so. A task exists only while there is something to hand over.
    """

    def __init__(self, shard: int, epoch: int, symbol: str, world: World, books: Books) -> None:
        self._shard = shard
        self._epoch = epoch
        self._symbol = symbol
        self._world = world
        self._books = books
        self._number = 0
        self._orders: deque[tuple[bytes, ...]] = deque()
        self._cancels: deque[BookCancel] = deque()
        self._amends: deque[BookAmend] = deque()
        self._task: asyncio.Task[None] | None = None
        self._needs_waking = False
        self.retries = 0

    @property
    def waiting(self) -> int:
        """Number of orders, lists, cancels and amends not yet handed over."""
        return len(self._orders) + len(self._cancels) + len(self._amends)

    def add_order(self, encoded: bytes) -> None:
        """Queue an encoded `OrderReserved`; ids must rise."""
        self._orders.append((encoded,))
        self._begin()

    def add_list(self, first: bytes, second: bytes) -> None:
        """Queue both orders of a list, which go in the same call; ids must rise."""
        self._orders.append((first, second))
        self._begin()

    def add_cancel(self, cancel: BookCancel) -> None:
        """Queue a cancel; it goes after all orders queued before it."""
        self._cancels.append(cancel)
        self._begin()

    def add_amend(self, amend: BookAmend) -> None:
        """Queue an amend; it goes after all orders and cancels queued before it."""
        self._amends.append(amend)
        self._begin()

    def wake(self) -> None:
        """Have the book run even though there is nothing to hand over."""
        self._needs_waking = True
        self._begin()

    def stop(self) -> None:
        """Hand over nothing more."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = run(self._world, self._run())

    async def _run(self) -> None:
        pauses = Pauses(self._world.clock)
        while self._needs_waking and not self._orders:
            self._needs_waking = not await self._renew()
            if self._needs_waking:
                await pauses.wait()
        while self._orders or self._cancels or self._amends:
            await self._hand_over(encode(self._next()))

    def _next(self) -> Delivery:
        self._number += 1
        orders: list[msgspec.Raw] = []
        size = 0
        while self._orders and size < MAX_RECORD_BYTES:
            for encoded in self._orders.popleft():
                size += len(encoded)
                orders.append(msgspec.Raw(encoded))
        cancels: list[BookCancel] = []
        while self._cancels and not self._orders and len(cancels) < MAX_CANCELS:
            cancels.append(self._cancels.popleft())
        amends: list[BookAmend] = []
        while self._amends and not self._orders and not self._cancels and len(amends) < MAX_AMENDS:
            amends.append(self._amends.popleft())
        return Delivery(self._shard, self._epoch, self._number, orders, cancels, amends)

    async def _hand_over(self, payload: bytes) -> None:
        pauses = Pauses(self._world.clock, longest_s=0.2)
        while (receipt := await self._call(payload)) is not Receipt.DONE:
            if receipt is Receipt.STALE:
                self._world.leave(Departure.FENCED, f"{self._symbol} knows a newer shard {self._shard}")
            if receipt is Receipt.GAP:
                self._world.leave(Departure.BROKEN, f"{self._symbol} misses a call before {self._number}")
            self.retries += 1
            if receipt in (Receipt.PASSIVE, None):
                await self._renew()
            await pauses.wait()

    async def _call(self, payload: bytes) -> Receipt | None:
        """Make the call; return None when nobody knows what became of it."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return decode_delivery_answer(await self._books.deliver(self._symbol, payload)).receipt
        except (PeerLost, TimeoutError):
            return None

    async def _renew(self) -> bool:
        """Have the directory start or replace the book; return whether it did."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._books.renew(self._symbol)
        except (PeerLost, TimeoutError):
            return False
        return True
