"""What happens to an account, in order and complete, shared by all who read it in this process.

The bus may lose messages. Each has the account's gapless number, so a loss shows with the next message; and where none
comes, the number that the account's shard tells now and then shows it. Whoever reads is then told to start anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import msgspec

from gateway.auth import Caller
from gateway.dispatch import READS
from gateway.failures import Failure, NotAvailable
from gateway.floor import Floor
from gateway.streams.hub import Hub, Leave
from mockexchange.messages.commands import AccountAnswer, ReadAccount
from mockexchange.messages.subjects import account
from mockexchange.views import AccountBalance, AccountFill, AccountOrder

logger = logging.getLogger(__name__)

CHECK_S: Final = 5.0
SETTLE_S: Final = 2.0
"""What the shard has told must have arrived after this long."""

MAX_WAITING: Final = 10_000
LOST: Final = "messages were lost: connect again"

_decode_order: Final = msgspec.json.Decoder(AccountOrder).decode
_decode_fill: Final = msgspec.json.Decoder(AccountFill).decode
_decode_balance: Final = msgspec.json.Decoder(AccountBalance).decode


class _Numbered(msgspec.Struct):
    number: int


_decode_number: Final = msgspec.json.Decoder(_Numbered).decode


class OrderEvent(NamedTuple):
    """A step of an order, and its fill where it traded; the payloads are as they came."""

    told: AccountOrder
    fill: AccountFill | None
    payloads: tuple[bytes, ...]

    @property
    def sequence(self) -> int:
        """Where in the journal it happened."""
        return self.told.sequence


class BalanceEvent(NamedTuple):
    """Balances that changed."""

    told: AccountBalance
    payloads: tuple[bytes, ...]

    @property
    def sequence(self) -> int:
        """Where in the journal it happened."""
        return self.told.sequence


AccountEvent = OrderEvent | BalanceEvent


class AccountReader(Protocol):
    """Who reads the events of an account."""

    def take(self, event: AccountEvent) -> None:
        """Take an event; must not wait."""

    def lose(self, name: str, reason: str) -> None:
        """Learn that events are missing; nothing more comes."""


class _Feed:
    """The events of one account."""

    def __init__(self, caller: Caller, floor: Floor, on_lost: Callable[[_Feed], None]) -> None:
        self.caller = caller
        self.readers: dict[AccountReader, None] = {}
        self.number = -1
        self._floor = floor
        self._on_lost = on_lost
        self._waiting: list[tuple[str, bytes]] = []
        self._traded: tuple[AccountOrder, bytes] | None = None

    async def open(self, hub: Hub) -> Leave:
        """Listen, and find out where the account stands."""
        leave = await hub.listen(account(self.caller.account, "*"), self._hear)
        try:
            number = await self.current_number()
        except BaseException:
            leave()
            raise
        self.number = number
        waiting, self._waiting = self._waiting, []
        for subject, payload in waiting:
            self._hear(subject, payload)
        return leave

    async def current_number(self) -> int:
        """Return the number of the account's last event as its shard knows it. Raises Failure."""
        request = ReadAccount(self.caller.account)
        return (await self._floor.ask(self.caller.shard, READS, request, AccountAnswer)).number

    def lose(self) -> None:
        """Tell all readers that events are missing."""
        readers, self.readers = self.readers, {}
        self._on_lost(self)
        for reader in readers:
            reader.lose("account", LOST)

    def _hear(self, subject: str, payload: bytes) -> None:
        if self.number < 0:
            self._waiting.append((subject, payload))
            del self._waiting[:-MAX_WAITING]
            return
        number = _decode_number(payload).number
        if number <= self.number:
            return
        if number != self.number + 1:
            self.lose()
            return
        self.number = number
        event = self._read(subject.rpartition(".")[2], payload)
        if event is not None:
            for reader in tuple(self.readers):
                reader.take(event)

    def _read(self, kind: str, payload: bytes) -> AccountEvent | None:
        """Return what a message tells; an order that traded waits for its fill, which is the next message."""
        if kind == "balance":
            return BalanceEvent(_decode_balance(payload), (payload,))
        if kind == "orders":
            told = _decode_order(payload)
            if told.change.price is None or told.change.triggered:
                return OrderEvent(told, None, (payload,))
            self._traded = (told, payload)
            return None
        traded, self._traded = self._traded, None
        # Without it, the order was told before anybody listened.
        return None if traded is None else OrderEvent(traded[0], _decode_fill(payload), (traded[1], payload))


class AccountFeeds:
    """The feeds of this process, each open while it has readers."""

    def __init__(self, hub: Hub, floor: Floor) -> None:
        self._hub = hub
        self._floor = floor
        self._feeds: dict[int, tuple[_Feed, asyncio.Task[Leave]]] = {}
        self._checking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after the feeds."""
        self._checking = asyncio.create_task(self._check_all(), name="check account feeds")

    async def stop(self) -> None:
        """Close all feeds."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)
        for _, opening in self._feeds.values():
            opening.cancel()
        await asyncio.gather(*(opening for _, opening in self._feeds.values()), return_exceptions=True)
        self._feeds.clear()

    @property
    def are_open(self) -> bool:
        """Whether there are feeds, and all of them know where they stand."""
        return bool(self._feeds) and all(opening.done() for _, opening in self._feeds.values())

    async def join(self, caller: Caller, reader: AccountReader) -> Leave:
        """Let a reader have all events of the caller's account from now on. Raises Failure.

        Whatever is read of the account after this returned, with a sequence, is continued by the events above it.
        """
        entry = self._feeds.get(caller.account)
        if entry is None:
            feed = _Feed(caller, self._floor, self._close)
            entry = self._feeds[caller.account] = (feed, asyncio.create_task(feed.open(self._hub)))
        feed, opening = entry
        feed.readers[reader] = None
        try:
            await asyncio.shield(opening)
        except BaseException:
            self._leave(feed, reader)
            raise
        return lambda: self._leave(feed, reader)

    def _leave(self, feed: _Feed, reader: AccountReader) -> None:
        feed.readers.pop(reader, None)
        if not feed.readers:
            self._close(feed)

    def _close(self, feed: _Feed) -> None:
        entry = self._feeds.get(feed.caller.account)
        if entry is None or entry[0] is not feed:
            return
        del self._feeds[feed.caller.account]
        opening = entry[1]
        if opening.done() and not opening.cancelled() and opening.exception() is None:
            opening.result()()
        else:
            opening.cancel()

    async def _check_all(self) -> None:
        while True:
            await self._floor.clock.sleep(CHECK_S)
            await asyncio.gather(*(self._check(feed) for feed, opening in self._feeds.values() if opening.done()))

    async def _check(self, feed: _Feed) -> None:
        """Compare a feed with its shard: what the shard had told must be here a little later."""
        try:
            number = await feed.current_number()
        except NotAvailable:
            return
        except Failure:
            logger.exception("account %d cannot be checked", feed.caller.account)
            return
        if number > feed.number:
            await self._floor.clock.sleep(SETTLE_S)
            if number > feed.number:
                feed.lose()
