"""An independent auditor: from the raw records of the journal to balances and violations, by plain arithmetic.

It shares the messages with the exchange and nothing else: an error in the ledger or in a book cannot hide itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mockexchange.instruments import Instrument
from mockexchange.messages.codec import decode_record
from mockexchange.messages.events import (
    AccountCreated,
    Adjusted,
    BookEvent,
    BookRecord,
    Deposited,
    FillSide,
    HistoryCleared,
    HoldMoved,
    InstrumentListed,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    OrderTriggered,
    RegistryRecord,
    ShardRecord,
    TradeIdsReserved,
    Withdrawn,
)
from mockexchange.messages.orders import CLEARING, FEES, HOUSE, OUTSIDE, Side, TimeInForce
from tests.support import audit_orders
from tests.support.audit_report import AuditedOrder, AuditReport

DAY_NS = 86_400_000_000_000


def audit(records: Iterable[tuple[int, str, bytes]]) -> AuditReport:
    """Read a journal from its beginning, in stream order."""
    work = Auditor()
    for sequence, subject, payload in records:
        work.read(sequence, subject, payload)
    return work.close()


class Auditor:
    """Reads record after record; `close` says what is found so far, and reading may go on."""

    def __init__(self) -> None:
        self.report = AuditReport()
        self.previous: dict[str, int] = {}
        self.instruments: dict[str, Instrument] = {}
        self.created: dict[int, AccountCreated] = {}
        self.free: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.held: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.internal: dict[int, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        self.commands: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
        self.client_ids: dict[int, dict[str, int]] = defaultdict(dict)
        self.last_counter: dict[int, int] = defaultdict(int)
        self.last_trade: dict[str, int] = defaultdict(int)
        self.trade_ids_until: dict[str, int] = defaultdict(int)
        self.last_decided: dict[tuple[str, int], int] = defaultdict(int)
        self.applied: dict[tuple[str, int], tuple[int, int, int]] = {}
        self.list_traders: dict[int, int] = {}

    def blame(self, what: str) -> None:
        self.report.violations.append(f"{what} (sequence {self.report.sequence})")

    def read(self, sequence: int, subject: str, payload: bytes) -> None:
        if sequence <= self.report.sequence:
            self.blame(f"record {sequence} comes after {self.report.sequence}")
        self.report.sequence = sequence
        record = decode_record(subject, payload)
        if record.previous != self.previous.get(subject, 0):
            self.blame(f"{subject} says it follows {record.previous}, but follows {self.previous.get(subject, 0)}")
        self.previous[subject] = sequence
        match record:
            case RegistryRecord():
                self.read_registry(record)
            case ShardRecord():
                self.read_shard(int(subject.rpartition(".")[2]), record)
            case BookRecord():
                self.read_book(record)

    def read_registry(self, record: RegistryRecord) -> None:
        for event in record.events:
            if isinstance(event, InstrumentListed):
                self.instruments[event.instrument.symbol] = event.instrument
            elif isinstance(event, AccountCreated):
                if event.account in self.created:
                    self.blame(f"account {event.account} created twice")
                self.created[event.account] = event

    # What shards say.

    def read_shard(self, shard: int, record: ShardRecord) -> None:
        for event in record.events:
            match event:
                case OrderReserved():
                    self.reserve(shard, event, record.time_ns)
                case Deposited() | Withdrawn() | Adjusted():
                    self.transfer(shard, event, record.time_ns)
                case HistoryCleared():
                    self.clear(shard)
                case _:
                    pass

    def clear(self, shard: int) -> None:
        for account, created in self.created.items():
            if created.shard == shard:
                known = self.commands[account]
                self.commands[account] = {
                    command: seen
                    for command, seen in known.items()
                    if not seen[1] or self.report.orders[seen[1]].is_open
                }

    def use_command(self, account: int, command_id: str, time_ns: int, order_id: int) -> None:
        seen = self.commands[account].get(command_id)
        if seen is not None:
            order = self.report.orders.get(seen[1])
            if time_ns - seen[0] < DAY_NS or (order is not None and order.is_open):
                self.blame(f"command {command_id} of account {account} took effect twice")
        self.commands[account][command_id] = (time_ns, order_id)

    def belongs(self, account: int, shard: int) -> None:
        if account not in self.created or self.created[account].shard != shard:
            self.blame(f"shard {shard} touched account {account}, which is not its own")

    def reserve(self, shard: int, event: OrderReserved, time_ns: int) -> None:
        self.belongs(event.account, shard)
        self.use_command(event.account, event.command_id, time_ns, event.order_id)
        counter, owner = divmod(event.order_id, 1024)
        if owner != shard or counter <= self.last_counter[shard] or event.order_id >= 2**53:
            self.blame(f"order id {event.order_id} does not rise on shard {shard}")
        self.last_counter[shard] = counter
        if event.client_order_id:
            other = self.client_ids[event.account].get(event.client_order_id)
            if other is not None and self.report.orders[other].is_open:
                self.blame(f"orders {other} and {event.order_id} are open with one client order id")
            self.client_ids[event.account][event.client_order_id] = event.order_id
        order = AuditedOrder(event, shard, event.hold, quantity=event.quantity, client_order_id=event.client_order_id)
        self.report.orders[event.order_id] = order
        self.move_to_held(order, event.hold)
        may_be_lent = event.replaces or event.list_id not in {0, event.order_id}
        if event.hold < 0 or (not event.hold and not may_be_lent):
            self.blame(f"order {event.order_id} holds {event.hold}")

    def move_to_held(self, order: AuditedOrder, amount: int) -> None:
        account, asset = order.reserved.account, self.hold_asset(order)
        self.free[account][asset] -= amount
        self.held[account][asset] += amount
        self.never_negative(account, asset)

    def transfer(self, shard: int, event: Deposited | Withdrawn | Adjusted, time_ns: int) -> None:
        self.belongs(event.account, shard)
        self.use_command(event.account, event.command_id, time_ns, 0)
        if not isinstance(event, Adjusted) and event.amount <= 0:
            self.blame(f"transfer {event.command_id} moves {event.amount}")
        amount = -event.amount if isinstance(event, Withdrawn) else event.amount
        self.free[event.account][event.asset] += amount
        self.internal[shard][OUTSIDE][event.asset] -= amount
        self.never_negative(event.account, event.asset)

    def never_negative(self, account: int, asset: str) -> None:
        free, held = self.free[account][asset], self.held[account][asset]
        if free < 0 or held < 0:
            self.blame(f"account {account} has {free} free and {held} held {asset}")

    # What books say.

    def read_book(self, record: BookRecord) -> None:
        for shard, applied in record.applied.items():
            epoch, number, last_order_id = self.applied.get((record.symbol, shard), (0, 0, 0))
            # A long call fills several records, of which all but the last name the number before it.
            now = (applied.epoch, applied.number, applied.last_order_id)
            is_later = now > (epoch, number, last_order_id)
            if not is_later or applied.last_order_id < last_order_id:
                self.blame(
                    f"{record.symbol} applied {applied} of shard {shard} after {epoch}, {number}, {last_order_id}"
                )
            self.applied[record.symbol, shard] = now
        for event in record.events:
            self.read_book_event(record.symbol, event)

    def read_book_event(self, symbol: str, event: BookEvent) -> None:
        match event:
            case OrderAccepted() | OrderRejected():
                self.decide(symbol, event)
            case OrderFilled():
                self.fill(symbol, event)
            case OrderTriggered():
                audit_orders.trigger(self, symbol, event)
            case OrderAmended():
                audit_orders.amend(self, symbol, event)
            case HoldMoved():
                audit_orders.move_hold(self, symbol, event)
            case OrderCanceled():
                order = self.find(symbol, event.order_id, event.account, event.shard, "open")
                if order is not None:
                    if order.reserved.time_in_force is TimeInForce.FOK and order.filled:
                        self.blame(f"fill-or-kill order {event.order_id} was filled in part")
                    self.end(order, "canceled", event.release)
            case TradeIdsReserved(until):
                if until <= self.trade_ids_until[symbol]:
                    self.blame(f"{symbol} reserved trade ids up to {until} again")
                self.trade_ids_until[symbol] = until
            case _:
                pass

    def find(self, symbol: str, order_id: int, account: int, shard: int, status: str) -> AuditedOrder | None:
        order = self.report.orders.get(order_id)
        if order is None or (order.reserved.symbol, order.reserved.account, order.shard) != (symbol, account, shard):
            self.blame(f"{symbol} decided order {order_id} of account {account}, which nobody placed so")
            return None
        if order.status != status:
            self.blame(f"{symbol} decided order {order_id} as if it were {status}, but it is {order.status}")
            return None
        return order

    def decide(self, symbol: str, event: OrderAccepted | OrderRejected) -> None:
        if event.order_id <= self.last_decided[symbol, event.shard]:
            self.blame(f"{symbol} decided order {event.order_id} of shard {event.shard} out of order")
        self.last_decided[symbol, event.shard] = event.order_id
        order = self.find(symbol, event.order_id, event.account, event.shard, "reserved")
        if order is None:
            return
        if isinstance(event, OrderRejected):
            self.end(order, "rejected", event.release)
            return
        order.status = "open"
        is_enough = order.reserved.list_id or event.hold >= order.reserved.need
        terms = (order.reserved.quantity, order.reserved.stop_price)
        if event.hold != order.hold_left or not is_enough or (event.quantity, event.stop_price) != terms:
            self.blame(f"order {event.order_id} was accepted otherwise than it was placed")

    def end(self, order: AuditedOrder, status: str, release: int) -> None:
        order.status = status
        order.hold_left -= release
        if release < 0:
            self.blame(f"order {order.reserved.order_id} released {release}")
        self.move_to_held(order, -release)
        self.nothing_left(order)

    def nothing_left(self, order: AuditedOrder) -> None:
        if order.hold_left:
            self.blame(f"order {order.reserved.order_id} ended and still holds {order.hold_left}")

    def fill(self, symbol: str, event: OrderFilled) -> None:
        self.check_trade(symbol, event)
        self.report.trades.setdefault(symbol, []).append(event)
        audit_orders.check_prevention(self, event)
        for side, other in ((event.taker, event.maker), (event.maker, event.taker)):
            is_buy = (event.taker_side is Side.BUY) == (side is event.taker)
            if side.account == HOUSE:
                if side.shard != other.shard or side.order_id or side.fee or side.release or other.account == HOUSE:
                    self.blame(f"trade {event.trade_id} of {symbol} has a strange house side")
            else:
                self.fill_side(symbol, event, side, other, is_buy=is_buy)

    def check_trade(self, symbol: str, event: OrderFilled) -> None:
        if not self.last_trade[symbol] < event.trade_id <= self.trade_ids_until[symbol]:
            self.blame(f"trade id {event.trade_id} of {symbol} does not rise within what is reserved")
        self.last_trade[symbol] = event.trade_id
        instrument = self.instruments[symbol]
        base = event.quantity * 10 ** (instrument.base_scale - instrument.quantity_scale)
        value_scale = instrument.quote_scale - instrument.price_scale - instrument.quantity_scale
        quote = event.price * event.quantity * 10**value_scale
        if (event.base, event.quote) != (base, quote) or event.quantity <= 0 or event.price <= 0:
            self.blame(f"trade {event.trade_id} of {symbol} has wrong amounts")

    def fill_side(self, symbol: str, event: OrderFilled, side: FillSide, other: FillSide, *, is_buy: bool) -> None:
        order = self.find(symbol, side.order_id, side.account, side.shard, "open")
        if order is None:
            return
        trade = f"trade {event.trade_id} of {symbol}"
        if order.is_buy != is_buy:
            self.blame(f"{trade} is on the wrong side of order {side.order_id}")
        spent, received = (event.quote, event.base) if is_buy else (event.base, event.quote)
        self.check_terms(trade, order, event, side, received)
        audit_orders.check_may_trade(self, trade, order)
        order.trades.append(event.trade_id)
        order.filled += event.quantity
        order.filled_quote += event.quote
        order.fee += side.fee
        order.hold_left -= spent + side.release
        if order.hold_left < 0:
            self.blame(f"{trade} took more than order {side.order_id} held")
        self.post_fill(order, side, other, spent, received)
        self.check_remaining(trade, order, side)

    def check_terms(self, trade: str, order: AuditedOrder, event: OrderFilled, side: FillSide, received: int) -> None:
        is_maker = side is event.maker
        terms = order.reserved
        rate = terms.maker_rate if is_maker else terms.taker_rate
        if side.fee != (received * rate + 999_999) // 1_000_000:
            self.blame(f"{trade} takes a fee of {side.fee} from order {side.order_id}")
        if side.release < 0:
            self.blame(f"{trade} releases {side.release} of order {side.order_id}")
        if terms.order_type.has_limit:
            beyond = event.price > terms.price if order.is_buy else event.price < terms.price
            if beyond or (is_maker and event.price != terms.price):
                self.blame(f"{trade} at {event.price} is not at the price of order {side.order_id}")
        elif is_maker:
            self.blame(f"{trade} has market order {side.order_id} as its maker")

    def check_remaining(self, trade: str, order: AuditedOrder, side: FillSide) -> None:
        quantity = order.quantity
        if quantity:
            if order.filled > quantity or side.remaining != quantity - order.filled:
                self.blame(f"{trade} leaves {side.remaining} of order {side.order_id}, filled {order.filled}")
        elif side.remaining not in {0, -1}:
            self.blame(f"{trade} leaves {side.remaining} of order {side.order_id}, which is by quote amount")
        if side.remaining == 0:
            order.status = "filled"
            self.nothing_left(order)

    def post_fill(self, order: AuditedOrder, side: FillSide, other: FillSide, spent: int, received: int) -> None:
        account = order.reserved.account
        held_asset = self.hold_asset(order)
        base, _, quote = order.reserved.symbol.partition("/")
        got_asset = base if held_asset == quote else quote
        before = self.free[account][held_asset], self.free[account][got_asset]
        self.held[account][held_asset] -= spent + side.release
        self.free[account][held_asset] += side.release
        self.free[account][got_asset] += received - side.fee
        if self.free[account][held_asset] < before[0] or self.free[account][got_asset] < before[1]:
            self.blame(f"a book lowered a free balance of account {account}")
        self.never_negative(account, held_asset)
        sums = self.internal[order.shard]
        sums[FEES][got_asset] += side.fee
        if other.account == HOUSE or other.shard != side.shard:
            counterparty = HOUSE if other.account == HOUSE else CLEARING
            sums[counterparty][held_asset] += spent
            sums[counterparty][got_asset] -= received

    def hold_asset(self, order: AuditedOrder) -> str:
        base, _, quote = order.reserved.symbol.partition("/")
        return quote if order.is_buy else base

    # The end.

    def close(self) -> AuditReport:
        report = self.report
        for account in sorted({*self.free, *self.held}):
            assets = sorted({*self.free[account], *self.held[account]})
            report.balances[account] = {
                asset: (self.free[account][asset], self.held[account][asset]) for asset in assets
            }
        report.internal = {
            shard: {owner: dict(sums) for owner, sums in owners.items()} for shard, owners in self.internal.items()
        }
        self.sum_shards()
        self.compare_holds()
        self.look_at_open_orders()
        return report

    def sum_shards(self) -> None:
        sums: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        clearing: dict[str, int] = defaultdict(int)
        for shard, owners in self.report.internal.items():
            for owner, amounts in owners.items():
                for asset, amount in amounts.items():
                    sums[shard][asset] += amount
                    clearing[asset] += amount if owner == CLEARING else 0
        for account, balances in self.report.balances.items():
            for asset, (free, held) in balances.items() if account in self.created else ():
                sums[self.created[account].shard][asset] += free + held
        self.report.sums = {shard: dict(amounts) for shard, amounts in sums.items()}
        for shard, amounts in self.report.sums.items():
            for asset, amount in amounts.items():
                if amount:
                    self.blame(f"shard {shard} sums to {amount} {asset}")
        for asset, amount in clearing.items():
            if amount:
                self.blame(f"clearing sums to {amount} {asset}")

    def look_at_open_orders(self) -> None:
        for order_id, order in self.report.open_orders.items():
            terms = order.reserved
            waits = terms.order_type.is_conditional and not order.is_triggered
            rests = waits or (terms.order_type.has_limit and terms.time_in_force is TimeInForce.GTC)
            if order.status == "open" and not rests:
                self.blame(f"order {order_id} does not rest, but is open")

    def compare_holds(self) -> None:
        holds: dict[tuple[int, str], int] = defaultdict(int)
        for order in self.report.open_orders.values():
            holds[order.reserved.account, self.hold_asset(order)] += order.hold_left
        for account, balances in self.report.balances.items():
            for asset, (_, held) in balances.items():
                if held != holds[account, asset]:
                    self.blame(f"account {account} holds {held} {asset}, its orders {holds[account, asset]}")
