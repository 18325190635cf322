"""Shards and a book, given every kind of order and change in any order, never disagree about held money."""

from __future__ import annotations

import random

import msgspec
import pytest

from mockexchange.ledger import Ledger
from mockexchange.messages.codec import decode_record
from mockexchange.messages.commands import AmendOrder, PlaceList, PlaceOrder, ReplaceOrder
from mockexchange.messages.events import BookRecord, HoldMoved, OrderAmended, OrderFilled, OrderTriggered
from mockexchange.messages.market import Print
from mockexchange.messages.orders import CLEARING, Order, SelfTradePrevention, Side, TimeInForce
from tests.support.exchange import BTC, FAR_NS, USDT, Exchange, Shard, conditional, limit, market

SYMBOL = "BTC/USDT"
MIDDLE = 60_000_00
TICK = 1_00
ACCOUNTS = {1: 0, 2: 0, 3: 1, 4: 1}


class Session:
    """Gives one command at a time; every hop of its way is a step of its own."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.exchange = Exchange()
        self.commands = 0
        for (account, shard), funds in zip(ACCOUNTS.items(), (5_000, 500, 5_000, 500), strict=True):
            self.exchange.create_account(account, shard, USDT=funds * USDT, BTC=funds * BTC // 60_000)
        self.show()

    def play(self, steps: int) -> None:
        kinds = (self.place, self.place_list, self.replace, self.amend, self.cancel, self.show, self.print, self.move)
        for _ in range(steps):
            self.chance.choices(kinds, (8, 4, 4, 3, 2, 4, 6, 14))[0]()
            for shard in self.exchange.shards:
                shard.ledger.check()
        self.exchange.settle()
        self.exchange.settle()

    def price(self, reach: int = 4) -> int:
        return MIDDLE + self.chance.randint(-reach, reach) * TICK

    def someone(self) -> tuple[int, Shard]:
        account = self.chance.choice(list(ACCOUNTS))
        return account, self.exchange.shards[ACCOUNTS[account]]

    def named(self, order: PlaceOrder) -> PlaceOrder:
        self.commands += 1
        prevention = self.chance.choice(list(SelfTradePrevention))
        return msgspec.structs.replace(order, command_id=f"g:{self.commands}", prevention=prevention)

    def order(self, account: int) -> PlaceOrder:
        side, quantity = self.chance.choice(list(Side)), self.chance.randint(5, 200)
        match self.chance.randrange(5):
            case 0:
                return self.named(market(account, side, quantity, reference=MIDDLE))
            case 1:
                amount = quantity * self.price() * 10
                return self.named(market(account, side, quote=amount, reference=MIDDLE))
            case 2:
                return self.conditional(account, side, quantity)
            case _:
                tif = self.chance.choices(list(TimeInForce), (6, 1, 1))[0]
                return self.named(limit(account, side, quantity, self.price(), tif=tif))

    def conditional(self, account: int, side: Side, quantity: int) -> PlaceOrder:
        price = self.price(6) if self.chance.random() < 0.5 else 0
        takes_profit = self.chance.random() < 0.5
        return self.named(conditional(account, side, quantity, self.price(6), price, takes_profit=takes_profit))

    def place(self) -> None:
        account, shard = self.someone()
        shard.decide(self.order(account))

    def place_list(self) -> None:
        account, shard = self.someone()
        quantity = self.chance.randint(5, 100)
        if self.chance.random() < 0.5:
            above = limit(account, Side.SELL, quantity, MIDDLE + self.chance.randint(1, 6) * TICK, post_only=True)
            below = conditional(account, Side.SELL, quantity, self.price(6), self.price(6))
        else:
            below = limit(account, Side.BUY, quantity, MIDDLE - self.chance.randint(1, 6) * TICK, post_only=True)
            above = conditional(account, Side.BUY, quantity, self.price(6), self.chance.choice((0, self.price(6))))
        shard.decide(PlaceList((self.named(above), self.named(below)), ""))

    def replace(self) -> None:
        old = self.open_order()
        if old is not None:
            shard = self.exchange.shards[ACCOUNTS[old.account]]
            shard.decide(ReplaceOrder(self.order(old.account), old.order_id, "", self.chance.random() < 0.5))

    def amend(self) -> None:
        old = self.open_order()
        if old is not None:
            self.commands += 1
            quantity = self.chance.randint(1, max(1, old.quantity))
            amend = AmendOrder(f"g:{self.commands}", old.account, old.order_id, "", quantity, "", FAR_NS)
            self.exchange.shards[ACCOUNTS[old.account]].amend(amend)

    def cancel(self) -> None:
        old = self.open_order()
        if old is not None:
            self.exchange.shards[ACCOUNTS[old.account]].cancel(old)

    def open_order(self) -> Order | None:
        """Return an order that its shard believes to be open, which the book may know better."""
        account, shard = self.someone()
        orders: list[Order] = shard.ledger.open_orders(account, "", 0, 0)
        return self.chance.choice(orders) if orders else None

    def show(self) -> None:
        middle, quantity = self.price(2), self.chance.randint
        levels = range(1, 4)
        bids = [(middle - 50 - n * TICK, quantity(1, 200)) for n in levels]
        self.exchange.show(bids, [(middle + 50 + n * TICK, quantity(1, 200)) for n in levels])

    def print(self) -> None:
        update = Print(self.price(6), self.chance.randint(1, 200), self.chance.choice(list(Side)), 1, 1)
        self.exchange.hear(SYMBOL, update)

    def move(self) -> None:
        """Move something on its way: an append, a delivery, some records; or end a shard."""
        shard = self.chance.choice(self.exchange.shards)
        match self.chance.randrange(12):
            case 0:
                shard.restart()
            case 1 | 2 | 3:
                shard.append()
            case 4 | 5 | 6:
                shard.append()
                self.exchange.deliver(shard, SYMBOL)
            case 7 | 8:
                shard.fold(self.chance.randint(1, 3))
            case _:
                self.exchange.settle()


@pytest.mark.parametrize("seed", range(40))
def test_every_ledger_follows_the_book_and_nothing_is_lost(seed: int) -> None:
    session = Session(seed)
    session.play(250)
    book, clearing = session.exchange.books[SYMBOL], dict[str, int]()
    book.check()
    open_in_ledgers = 0
    for shard in session.exchange.shards:
        assert shard.ledger.unresolved() == {}
        open_in_ledgers += sum(len(account.open_orders) for account in shard.ledger.accounts.values())
        for asset, amount in shard.ledger.internal[CLEARING].items():
            clearing[asset] = clearing.get(asset, 0) + amount
        replayed = Ledger(shard.shard, session.exchange.ledger_limits)
        for sequence, subject, payload in session.exchange.after(0, shard.shard):
            replayed.apply(sequence, subject, decode_record(subject, payload))
        assert replayed.state_hash() == shard.ledger.state_hash()
    assert open_in_ledgers == book.open_orders
    assert not any(clearing.values())


def test_the_sessions_see_everything_that_moves_money() -> None:
    seen: set[type] = set()
    for seed in range(4):
        session = Session(seed)
        session.play(250)
        for _, subject, payload in session.exchange.records:
            record = decode_record(subject, payload)
            if isinstance(record, BookRecord):
                seen |= {type(event) for event in record.events}
    assert seen >= {HoldMoved, OrderAmended, OrderFilled, OrderTriggered}
