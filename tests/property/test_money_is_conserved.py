"""Two shards, two books and the outside market, moved in any order and restarted at any moment."""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mockexchange.ledger import Joined, Known, KnownTransfer, Ledger, PromisedList
from mockexchange.messages.codec import decode_record
from mockexchange.messages.commands import (
    AmendOrder,
    Deposit,
    PlaceList,
    PlaceOrder,
    ReplaceOrder,
    SetBalance,
    Withdraw,
)
from mockexchange.messages.events import Adjusted, BookRecord, Deposited, OrderReserved, Withdrawn
from mockexchange.messages.market import Print
from mockexchange.messages.orders import CLEARING, Order, OrderType, SelfTradePrevention, Side, TimeInForce
from tests.support.auditor import audit
from tests.support.exchange import BTC, FAR_NS, USDT, Exchange, Shard

SHARDS = (0, 1)
ACCOUNTS = {1: 0, 2: 0, 3: 1, 4: 1}
PRICES = {"BTC/USDT": 60_000_00, "ETH/BTC": 5_000}
TICKS = {"BTC/USDT": 1_00, "ETH/BTC": 5}
STEPS = {"BTC/USDT": 1, "ETH/BTC": 10}
QUOTES = {"BTC/USDT": USDT, "ETH/BTC": BTC // 1000}

Request = PlaceOrder | PlaceList | ReplaceOrder | Deposit | Withdraw | SetBalance

accounts = st.sampled_from(sorted(ACCOUNTS))
symbols = st.sampled_from(sorted(PRICES))
sides = st.sampled_from(Side)
shards = st.sampled_from(SHARDS)
command_ids = st.sampled_from([f"c{number}" for number in range(200)])
client_ids = st.sampled_from(["", "", "", "x", "y"])
ticks = st.integers(-2, 2)


@st.composite
def limit_orders(draw: st.DrawFn) -> PlaceOrder:
    symbol = draw(symbols)
    tif = draw(st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]))
    price = PRICES[symbol] + draw(ticks) * TICKS[symbol]
    quantity = draw(st.integers(2, 100)) * STEPS[symbol]
    is_post_only = tif is TimeInForce.GTC and draw(st.integers(0, 5)) == 5
    return PlaceOrder(
        draw(command_ids), draw(accounts), symbol, draw(sides), OrderType.LIMIT, tif, is_post_only, quantity, price,
        0, 0, draw(client_ids), 1, FAR_NS,
    )  # fmt: skip


@st.composite
def market_orders(draw: st.DrawFn) -> PlaceOrder:
    symbol, side = draw(symbols), draw(sides)
    size = draw(st.integers(2, 100))
    is_by_quote = draw(st.booleans())
    quantity, quote = (0, size * QUOTES[symbol]) if is_by_quote else (size * STEPS[symbol], 0)
    reference = PRICES[symbol] + draw(ticks) * TICKS[symbol]
    return PlaceOrder(
        draw(command_ids), draw(accounts), symbol, side, OrderType.MARKET, TimeInForce.IOC, False, quantity, 0, quote,
        reference, "", 1, FAR_NS,
    )  # fmt: skip


@st.composite
def conditional_orders(draw: st.DrawFn) -> PlaceOrder:
    order = draw(limit_orders())
    order_type = draw(st.sampled_from([each for each in OrderType if each.is_conditional]))
    return msgspec.structs.replace(
        order,
        order_type=order_type,
        is_post_only=False,
        stop_price=PRICES[order.symbol] + draw(ticks) * TICKS[order.symbol],
        price=order.price if order_type.has_limit else 0,
        time_in_force=order.time_in_force if order_type.has_limit else TimeInForce.IOC,
        prevention=draw(st.sampled_from(SelfTradePrevention)),
    )


@st.composite
def order_lists(draw: st.DrawFn) -> PlaceList:
    """Return a list that makes sense, but for ids that may repeat."""
    first, second = draw(limit_orders()), draw(conditional_orders())
    beyond = TICKS[first.symbol] * (1 if first.side is Side.SELL else -1)
    stop_price = PRICES[first.symbol] - beyond * draw(st.integers(0, 2))
    legs = (
        msgspec.structs.replace(
            first,
            price=PRICES[first.symbol] + beyond * draw(st.integers(1, 2)),
            time_in_force=TimeInForce.GTC,
            is_post_only=False,
        ),
        msgspec.structs.replace(
            second,
            account=first.account,
            symbol=first.symbol,
            side=first.side,
            quantity=first.quantity,
            order_type=OrderType.STOP_LOSS_LIMIT,
            time_in_force=TimeInForce.GTC,
            price=stop_price + beyond * draw(st.integers(-1, 1)),
            stop_price=stop_price,
        ),
    )
    return PlaceList(legs, draw(st.sampled_from(["", "l"])))


orders_of_all_kinds = limit_orders() | market_orders() | conditional_orders()


class Money(RuleBasedStateMachine):
    """Commands with ids that repeat, and every hop of their way as a step of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.effects: dict[tuple[int, str], int] = {}
        self.requests: list[Request] = []
        self.snapshots: dict[int, bytes] = {}
        self.amendments = 0

    @initialize()
    def fund(self) -> None:
        for (account, shard), funds in zip(ACCOUNTS.items(), (100, 1000, 100, 1000), strict=True):
            self.exchange.create_account(account, shard, USDT=funds * USDT, BTC=BTC // 40, ETH=2_000_000)

    def shard_of(self, account: int) -> Shard:
        return self.exchange.shards[ACCOUNTS[account]]

    def send(self, request: Request) -> None:
        shard = self.shard_of(request.account)
        key = request.account, request.command_id
        decision = shard.decide(request)
        match decision:
            case OrderReserved() | Deposited() | Withdrawn() | Adjusted():
                assert key not in self.effects, "a command takes effect twice"
                self.effects[key] = len(self.exchange.records)
                self.requests.append(request)
            case PromisedList(legs=legs):
                for leg in legs:
                    assert (leg.account, leg.command_id) not in self.effects, "a command takes effect twice"
                    self.effects[leg.account, leg.command_id] = len(self.exchange.records)
                self.requests.append(request)
            case Known() | KnownTransfer() | Joined():
                assert key in self.effects, "nobody sent this before"

    @rule(orders=st.lists(orders_of_all_kinds, min_size=1, max_size=8))
    def place(self, orders: list[PlaceOrder]) -> None:
        for order in orders:
            self.send(order)

    @rule(orders=st.lists(orders_of_all_kinds, min_size=1, max_size=8))
    def place_and_settle(self, orders: list[PlaceOrder]) -> None:
        self.place(orders)
        self.exchange.settle()

    @rule(listed=order_lists())
    def place_list(self, listed: PlaceList) -> None:
        self.send(listed)

    @rule(place=orders_of_all_kinds, only_if_open=st.booleans(), data=st.data())
    def replace(self, place: PlaceOrder, only_if_open: bool, data: st.DataObject) -> None:
        orders = self.shard_of(place.account).ledger.open_orders(place.account, place.symbol, 0, 0)
        if orders:
            old = data.draw(st.sampled_from(orders))
            self.send(ReplaceOrder(place, old.order_id, "", only_if_open))

    @rule(account=accounts, tenths=st.integers(1, 10), name=st.sampled_from(["", "z1", "z2"]), data=st.data())
    def amend(self, account: int, tenths: int, name: str, data: st.DataObject) -> None:
        shard = self.shard_of(account)
        orders: list[Order] = shard.ledger.open_orders(account, "", 0, 0)
        if orders:
            order = data.draw(st.sampled_from(orders))
            step = STEPS[order.symbol]
            quantity = order.quantity * tenths // 10 // step * step
            self.amendments += 1
            command_id = f"amend{self.amendments}"
            shard.amend(AmendOrder(command_id, account, order.order_id, "", quantity, name, FAR_NS))

    @rule(account=accounts, amount=st.integers(0, 900), command_id=command_ids, kind=st.sampled_from("dws"))
    def transfer(self, account: int, amount: int, command_id: str, kind: str) -> None:
        units = amount * USDT
        match kind:
            case "d":
                self.send(Deposit(command_id, account, "USDT", units, units, 1))
            case "w":
                self.send(Withdraw(command_id, account, "USDT", units, units, 1))
            case _:
                self.send(SetBalance(command_id, account, "USDT", units, -1, 1))

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        if self.requests:
            self.send(data.draw(st.sampled_from(self.requests)))

    @rule(account=accounts, data=st.data())
    def cancel(self, account: int, data: st.DataObject) -> None:
        shard = self.shard_of(account)
        orders: list[Order] = shard.ledger.open_orders(account, "", 0, 0)
        if orders:
            shard.cancel(data.draw(st.sampled_from(orders)))

    @rule(shard=shards)
    def append(self, shard: int) -> None:
        self.exchange.shards[shard].append()

    @rule(shard=shards, symbol=symbols)
    def deliver(self, shard: int, symbol: str) -> None:
        self.exchange.deliver(self.exchange.shards[shard], symbol)

    @rule(shard=shards, records=st.integers(1, 5))
    def fold(self, shard: int, records: int) -> None:
        owner = self.exchange.shards[shard]
        for sequence, subject, payload in self.exchange.after(owner.ledger.sequence, shard)[:records]:
            before = free_balances(owner.ledger)
            owner.fold(1)
            assert owner.ledger.sequence == sequence
            if isinstance(decode_record(subject, payload), BookRecord):
                after = free_balances(owner.ledger)
                assert all(after[key] >= free for key, free in before.items()), "a book lowered a free balance"

    @rule()
    def settle(self) -> None:
        self.exchange.settle()

    @rule(tick=ticks, bid=st.integers(0, 300), ask=st.integers(0, 300))
    def show_market(self, tick: int, bid: int, ask: int) -> None:
        middle = PRICES["BTC/USDT"] + tick * TICKS["BTC/USDT"]
        bids = [(middle - 50 - 100 * level, bid) for level in range(2) if bid]
        self.exchange.show(bids, [(middle + 50 + 100 * level, ask) for level in range(2) if ask])

    @rule(tick=ticks, quantity=st.integers(1, 300), side=st.sampled_from(Side))
    def print_trade(self, tick: int, quantity: int, side: Side) -> None:
        price = PRICES["BTC/USDT"] + tick * TICKS["BTC/USDT"] + 50
        self.exchange.hear("BTC/USDT", Print(price, quantity, side, 1, 1))

    @rule(seconds=st.integers(1, 3600))
    def let_time_pass(self, seconds: int) -> None:
        self.exchange.now_ns += seconds * 10**9

    @rule(shard=shards)
    def take_snapshot(self, shard: int) -> None:
        live = self.exchange.shards[shard].ledger
        self.snapshots[shard] = live.to_snapshot()
        restored = Ledger.from_snapshot(self.snapshots[shard], self.exchange.ledger_limits)
        restored.check()
        assert restored.unresolved() == live.unresolved()

    @rule(shard=shards, from_snapshot=st.booleans())
    def restart(self, shard: int, from_snapshot: bool) -> None:
        owner = self.exchange.shards[shard]
        for event in owner.unsent:
            if isinstance(event, OrderReserved | Deposited | Withdrawn | Adjusted):
                del self.effects[event.account, event.command_id]
        owner.restart(self.snapshots.get(shard) if from_snapshot else None)

    @invariant()
    def ledgers_are_sound(self) -> None:
        for shard in self.exchange.shards:
            shard.ledger.check()
            for account in shard.ledger.accounts:
                assert all(shard.intake.free(account, asset) >= 0 for asset in ("USDT", "BTC", "ETH"))

    def teardown(self) -> None:
        self.exchange.settle()
        self.nothing_is_lost()
        self.the_auditor_agrees()
        self.replays_agree()

    def nothing_is_lost(self) -> None:
        for account, command_id in self.effects:
            known = self.shard_of(account).ledger.accounts[account]
            assert command_id in known.by_command or command_id in known.transfers
        clearing: dict[str, int] = {}
        for shard in self.exchange.shards:
            assert shard.ledger.unresolved() == {}
            for asset, amount in shard.ledger.internal[CLEARING].items():
                clearing[asset] = clearing.get(asset, 0) + amount
        assert not any(clearing.values())

    def the_auditor_agrees(self) -> None:
        report = audit(self.exchange.records)
        assert report.violations == []
        for shard in self.exchange.shards:
            for number, account in shard.ledger.accounts.items():
                audited = {asset: pair for asset, pair in report.balances[number].items() if any(pair)}
                held = {balance.asset: (balance.free, balance.held) for balance in account.balances.values()}
                assert {asset: pair for asset, pair in held.items() if any(pair)} == audited
                audited_open = {
                    order_id: order.hold_left
                    for order_id, order in report.open_orders.items()
                    if order.reserved.account == number
                }
                assert {order.order_id: order.hold_left for order in account.open_orders.values()} == audited_open

    def replays_agree(self) -> None:
        for shard in self.exchange.shards:
            replayed = Ledger(shard.shard, self.exchange.ledger_limits)
            for sequence, subject, payload in self.exchange.after(0, shard.shard):
                replayed.apply(sequence, subject, decode_record(subject, payload))
            assert replayed.state_hash() == shard.ledger.state_hash()
            restored = Ledger.from_snapshot(shard.ledger.to_snapshot(), self.exchange.ledger_limits)
            assert restored.state_hash() == shard.ledger.state_hash()
            assert msgspec.msgpack.decode(restored.to_snapshot()) == msgspec.msgpack.decode(replayed.to_snapshot())


def free_balances(ledger: Ledger) -> dict[tuple[int, str], int]:
    """Return every free balance of a ledger."""
    return {
        (number, balance.asset): balance.free
        for number, account in ledger.accounts.items()
        for balance in account.balances.values()
    }


TestMoney = Money.TestCase
TestMoney.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
