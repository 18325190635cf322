"""Shards, books and a journal in one process, moved by hand: no actors, no waiting.

Records travel as the bytes that the journal would hold, and each shard folds them when it is told to, so that a test
can look at every moment in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger import AccountEvent, Intake, IntakeLimits, Ledger, LedgerLimits, reservation_of
from mockexchange.ledger.decisions import Amending, Decision, Known, PromisedList
from mockexchange.ledger.identity import Placement
from mockexchange.matching.book import OrderBook
from mockexchange.messages.channel import BookAmend, BookCancel
from mockexchange.messages.codec import decode_record, encode
from mockexchange.messages.commands import (
    AmendOrder,
    Deposit,
    PlaceList,
    PlaceOrder,
    Refused,
    ReplaceOrder,
    SetBalance,
    Withdraw,
)
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    AccountCreated,
    Adjusted,
    AmendRejected,
    Applied,
    AssetListed,
    BookEvent,
    BookRecord,
    Deposited,
    InstrumentListed,
    OrderAmended,
    OrderReserved,
    RegistryEvent,
    RegistryRecord,
    ShardEvent,
    ShardOpened,
    ShardRecord,
    Withdrawn,
)
from mockexchange.messages.market import DepthSnapshot, MarketUpdate
from mockexchange.messages.orders import Order, OrderType, Side, TimeInForce
from mockexchange.messages.subjects import BOOKS, REGISTRY, accounts_journal, book_journal

SECOND_NS = 1_000_000_000
FAR_NS = 10**18

BTC_USDT = Instrument("BTC", "USDT", 8, 8, 2, 5, min_notional=10**8, feed=True)
ETH_BTC = Instrument("ETH", "BTC", 6, 8, 5, 3, tick_size=5, step_size=10, min_quantity=10)
USDT = 10**8
BTC = 10**8


def limit(
    account: int,
    side: Side,
    quantity: int,
    price: int,
    *,
    command: str = "",
    symbol: str = "BTC/USDT",
    tif: TimeInForce = TimeInForce.GTC,
    client_id: str = "",
    post_only: bool = False,
) -> PlaceOrder:
    """Return a limit order; without `command` the client order id or its own terms name it."""
    command = command or (f"c:{client_id}" if client_id else f"g:{side}:{quantity}@{price}")
    return PlaceOrder(
        command, account, symbol, side, OrderType.LIMIT, tif, post_only, quantity, price, 0, 0, client_id, 1, FAR_NS
    )


def market(
    account: int,
    side: Side,
    quantity: int = 0,
    *,
    reference: int = 0,
    quote: int = 0,
    command: str = "",
    symbol: str = "BTC/USDT",
) -> PlaceOrder:
    """Return a market order by quantity or by quote amount."""
    command = command or f"g:{side}:{quantity}/{quote}"
    tif = TimeInForce.IOC
    return PlaceOrder(
        command, account, symbol, side, OrderType.MARKET, tif, False, quantity, 0, quote, reference, "", 1, FAR_NS
    )


def conditional(
    account: int,
    side: Side,
    quantity: int,
    stop_price: int,
    price: int = 0,
    *,
    takes_profit: bool = False,
    command: str = "",
    client_id: str = "",
) -> PlaceOrder:
    """Return a stop order, or one that takes profit; with a price it is a limit order once it is triggered."""
    order_type = (
        (OrderType.TAKE_PROFIT_LIMIT if price else OrderType.TAKE_PROFIT)
        if takes_profit
        else (OrderType.STOP_LOSS_LIMIT if price else OrderType.STOP_LOSS)
    )
    command = command or (f"c:{client_id}" if client_id else f"g:{order_type}:{side}:{quantity}@{stop_price}/{price}")
    return PlaceOrder(
        command,
        account,
        "BTC/USDT",
        side,
        order_type,
        TimeInForce.GTC if price else TimeInForce.IOC,
        False,
        quantity,
        price,
        0,
        0,
        client_id,
        1,
        FAR_NS,
        stop_price,
    )


class Shard:
    """One shard: its ledger, its intake, what it promised and did not append, and what books have to hear of it."""

    def __init__(self, exchange: Exchange, shard: int) -> None:
        self.exchange = exchange
        self.shard = shard
        self.ledger = Ledger(shard, exchange.ledger_limits)
        self.intake = Intake(self.ledger, exchange.intake_limits)
        self.unsent: list[ShardEvent] = []
        self.deliveries: dict[str, list[OrderReserved | BookCancel | BookAmend]] = {}
        self.amending: dict[str, AmendOrder] = {}
        self.number = 0

    def decide(self, request: Placement | Deposit | Withdraw | SetBalance) -> Decision:
        """Decide, and keep what was promised for the next append."""
        decision = self.intake.decide(request, self.exchange.now_ns)
        if isinstance(decision, OrderReserved | Deposited | Withdrawn | Adjusted):
            self.unsent.append(decision)
        elif isinstance(decision, PromisedList):
            self.unsent += decision.legs
        return decision

    def amend(self, request: AmendOrder) -> Amending | Known | Refused:
        """Decide, and queue what the book is to hear behind the orders that are queued."""
        decision = self.intake.amend(request)
        if isinstance(decision, Amending):
            self.amending[request.command_id] = request
            self.deliveries.setdefault(decision.symbol, []).append(decision.command)
        return decision

    def cancel(self, order: Order | OrderReserved, command_id: str = "cancel") -> None:
        """Queue a cancel for the order's book, behind the orders that are queued."""
        self.deliveries.setdefault(order.symbol, []).append(BookCancel(order.order_id, command_id))

    def append(self) -> None:
        """Append all that was promised; its orders are then on their way to the books."""
        if self.unsent:
            self.exchange.append_events(self.shard, self.unsent)
            for event in self.unsent:
                if isinstance(event, OrderReserved):
                    self.deliveries.setdefault(event.symbol, []).append(event)
            self.unsent = []

    def fold(self, limit: int | None = None) -> list[AccountEvent]:
        """Fold the next records of the journal (all by default)."""
        changes: list[AccountEvent] = []
        for sequence, subject, payload in self.exchange.after(self.ledger.sequence, self.shard)[:limit]:
            record = decode_record(subject, payload)
            changes += self.ledger.apply(sequence, subject, record)
            if isinstance(record, ShardRecord):
                self.intake.settle(record.events)
            elif isinstance(record, BookRecord):
                self.end_amendments(record)
        return changes

    def end_amendments(self, record: BookRecord) -> None:
        """Free the client order ids of amendments that a book decided."""
        for event in record.events:
            if isinstance(event, OrderAmended | AmendRejected) and event.command_id in self.amending:
                request = self.amending.pop(event.command_id)
                self.intake.end_amendment(request.account, request.new_client_order_id)

    def restart(self, snapshot: bytes | None = None) -> None:
        """Lose everything but the journal, and recover from it."""
        self.exchange.append_events(self.shard, [ShardOpened("again")])
        limits = self.exchange.ledger_limits
        self.ledger = Ledger(self.shard, limits) if snapshot is None else Ledger.from_snapshot(snapshot, limits)
        self.intake = Intake(self.ledger, self.exchange.intake_limits)
        self.unsent, self.deliveries, self.amending, self.number = [], {}, {}, 0
        self.fold()
        for symbol, orders in self.ledger.unresolved().items():
            self.deliveries[symbol] = [*map(reservation_of, orders)]


class Exchange:
    """All of it. Time stands still until a test moves `now_ns`."""

    def __init__(
        self,
        shards: int = 2,
        instruments: Sequence[Instrument] = (BTC_USDT, ETH_BTC),
        *,
        maker_rate: int = 1000,
        taker_rate: int = 2000,
        max_open_orders: int = 10_000,
        ledger_limits: LedgerLimits | None = None,
    ) -> None:
        self.now_ns = 1_000 * SECOND_NS
        self.records: list[tuple[int, str, bytes]] = []
        self.last: dict[str, int] = {}
        self.ledger_limits = ledger_limits or LedgerLimits()
        self.intake_limits = IntakeLimits(maker_rate, taker_rate, max_open_orders)
        assets = {instrument.base: instrument.base_scale for instrument in instruments}
        assets |= {instrument.quote: instrument.quote_scale for instrument in instruments}
        self.register(*(AssetListed(Asset(code, scale)) for code, scale in assets.items()))
        self.register(*map(InstrumentListed, instruments))
        self.books = {instrument.symbol: OrderBook(instrument) for instrument in instruments}
        self.shards = [Shard(self, shard) for shard in range(shards)]
        for shard in self.shards:
            self.append_events(shard.shard, [ShardOpened("first")])

    def append(self, subject: str, record: RegistryRecord | ShardRecord | BookRecord) -> int:
        """Put a record at the end of the journal."""
        sequence = len(self.records) + 1
        self.records.append((sequence, subject, encode(record)))
        self.last[subject] = sequence
        return sequence

    def append_events(self, shard: int, events: Sequence[ShardEvent]) -> int:
        """Append one record of a shard."""
        subject = accounts_journal(shard)
        return self.append(subject, ShardRecord(SCHEMA_VERSION, self.last.get(subject, 0), self.now_ns, list(events)))

    def append_book(self, symbol: str, events: Sequence[BookEvent], applied: dict[int, Applied] | None = None) -> int:
        """Append one record of a book."""
        subject = book_journal(symbol)
        previous = self.last.get(subject, 0)
        record = BookRecord(SCHEMA_VERSION, previous, self.now_ns, symbol, applied or {}, list(events))
        return self.append(subject, record)

    def register(self, *events: RegistryEvent) -> int:
        """Append one record of the registry."""
        previous = self.last.get(REGISTRY, 0)
        return self.append(REGISTRY, RegistryRecord(SCHEMA_VERSION, previous, self.now_ns, list(events)))

    def create_account(self, account: int, shard: int = 0, **funds: int) -> None:
        """Create an account and post its starting funds, folded by its shard."""
        self.register(AccountCreated(account, f"account {account}", shard, funds, dict.fromkeys(funds, 1)))
        owner = self.shards[shard]
        owner.fold()
        for due in owner.ledger.funds_due():
            owner.decide(Deposit(due.command_id, due.account, due.asset, due.amount, due.value, self.now_ns))
        owner.append()
        owner.fold()

    def after(self, sequence: int, shard: int) -> list[tuple[int, str, bytes]]:
        """Return the records after a sequence that a shard reads."""
        own, books = accounts_journal(shard), BOOKS.removesuffix(">")
        return [
            record for record in self.records[sequence:] if record[1] in {REGISTRY, own} or record[1].startswith(books)
        ]

    def place(self, request: PlaceOrder, shard: int = 0) -> Order:
        """Take an order the whole way, and return what became of it."""
        owner = self.shards[shard]
        decision = owner.decide(request)
        assert isinstance(decision, OrderReserved), decision
        self.settle()
        order = owner.ledger.order(request.account, decision.order_id)
        assert order is not None
        return order

    def place_list(self, first: PlaceOrder, second: PlaceOrder, name: str = "") -> list[Order]:
        """Take a list the whole way on the first shard, and return what became of its orders."""
        owner = self.shards[0]
        decision = owner.decide(PlaceList((first, second), name))
        assert isinstance(decision, PromisedList), decision
        self.settle()
        return owner.ledger.list_orders(first.account, decision.legs[0].order_id)

    def replace(self, place: PlaceOrder, old: Order, *, only_if_open: bool = True) -> Order:
        """Take a replacement the whole way on the first shard, and return the new order."""
        owner = self.shards[0]
        decision = owner.decide(ReplaceOrder(place, old.order_id, "", only_if_open))
        assert isinstance(decision, OrderReserved), decision
        self.settle()
        order = owner.ledger.order(place.account, decision.order_id)
        assert order is not None
        return order

    def settle(self) -> None:
        """Append, deliver and fold until nothing is on its way."""
        for shard in self.shards:
            shard.append()
            for symbol in list(shard.deliveries):
                self.deliver(shard, symbol)
        for shard in self.shards:
            shard.fold()

    def deliver(self, shard: Shard, symbol: str) -> None:
        """Let a book work off what a shard has for it, as one record. Orders it decided before are skipped."""
        waiting = shard.deliveries.pop(symbol, [])
        if not waiting:
            return
        book = self.books[symbol]
        epoch = self._epoch(shard.shard)
        before = book.applied.get(shard.shard, Applied(0, 0, 0))
        last_order_id, events = before.last_order_id, []
        for entry, following in zip(waiting, [*waiting[1:], None], strict=True):
            if isinstance(entry, BookCancel):
                events += self._evolve(book, book.cancel(entry, shard.shard))
            elif isinstance(entry, BookAmend):
                events += self._evolve(book, book.amend(entry, shard.shard, self.now_ns))
            elif entry.order_id <= last_order_id:
                continue
            elif entry.list_id == entry.order_id:
                assert isinstance(following, OrderReserved)
                events += self._evolve(book, book.place_list(entry, following, shard.shard, self.now_ns))
                last_order_id = following.order_id
            else:
                events += self._evolve(book, book.place(entry, shard.shard, self.now_ns))
                last_order_id = entry.order_id
        shard.number += 1
        book.applied[shard.shard] = Applied(epoch, shard.number, last_order_id)
        self.append_book(symbol, events, {shard.shard: book.applied[shard.shard]})

    def hear(self, symbol: str, update: MarketUpdate) -> None:
        """Let a book hear of the outside market; what it causes is journaled."""
        book = self.books[symbol]
        events = self._evolve(book, book.on_market(update)[0])
        if events:
            self.append_book(symbol, events)

    def show(self, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], symbol: str = "BTC/USDT") -> None:
        """Replace the outside market of a book."""
        self.hear(symbol, DepthSnapshot(list(bids), list(asks), 1))

    def _epoch(self, shard: int) -> int:
        """Return the sequence of the last ShardOpened of a shard."""
        subject = accounts_journal(shard)
        for sequence, at, payload in reversed(self.records):
            if at == subject:
                record = decode_record(subject, payload)
                if any(isinstance(event, ShardOpened) for event in record.events):
                    return sequence
        return 0

    @staticmethod
    def _evolve(book: OrderBook, events: list[BookEvent]) -> list[BookEvent]:
        for event in events:
            book.evolve(event)
        while more := book.uncross():
            for event in more:
                book.evolve(event)
            events = events + more
        return events
