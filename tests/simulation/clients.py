"""Clients: what they ask, with which ids, how often again, and all that they heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import msgspec

from actors.shard_requests import deadline_of
from gateway.dispatch import READS, TRANSFERS, Call
from infra.ports import PeerLost
from mockexchange.instruments import Instrument
from mockexchange.messages.commands import (
    AccountAnswer,
    AmendOrder,
    AwaitSequence,
    CancelAll,
    CancelOrder,
    Deposit,
    FillsAnswer,
    OrderAnswer,
    OrdersAnswer,
    PlaceList,
    PlaceOrder,
    ReadAccount,
    ReadFills,
    ReadList,
    ReadOpenOrders,
    ReadOrder,
    ReplaceOrder,
    SequenceAnswer,
    SetBalance,
    ShardAnswer,
    ShardRequest,
    Unavailable,
    Withdraw,
)
from mockexchange.messages.orders import Order, OrderType, Side
from tests.simulation.actors import INSTRUMENTS
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.order_maker import OrderMaker
from tests.simulation.surroundings import START_NS, Surroundings
from tests.simulation.wire import Wire

GATEWAYS = 2
READ_DEADLINE_S = 2.0
Insisted = PlaceOrder | PlaceList | ReplaceOrder | Deposit | Withdraw


@dataclass(slots=True)
class Heard:
    """One request and its answer (None: the connection broke).

    `seen` is the journal sequence that the client knew of when it asked; `begin` and `end` are the journal's ends when
    it asked and when it was answered.
    """

    account: int
    request: ShardRequest
    seen: int
    begin: int
    answer: ShardAnswer | None = None
    end: int = 0
    is_quiet: bool = False


class Memory:
    """All that was heard. In `is_quiet` times nothing fails, so every answer must be a definite one."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.is_quiet = False
        self.created: dict[str, int] = {}


class Client:
    """Trades for one account, through any gateway."""

    def __init__(
        self,
        account: int,
        shard: int,
        seed: object,
        around: Surroundings,
        fleet: SimulatedFleet,
        wire: Wire,
        memory: Memory,
    ) -> None:
        self.account = account
        self.shard = shard
        self.seen = 0
        self.unknown: dict[str, Insisted] = {}
        self._random = Random(f"client {seed} {account}")
        self._around = around
        self._fleet = fleet
        self._wire = wire
        self._memory = memory
        self._orders: list[Order] = []
        self._maker = OrderMaker(account, self._random)

    async def trade(self, actions: int, pause_s: float) -> None:
        """Do some things, one after the other."""
        chances = {
            self._place: 40,
            self._place_and_look: 15,
            self._place_twice_at_once: 7,
            self._place_another_body: 4,
            self._place_batch: 4,
            self._buy_at_market_at_once: 2,
            self._place_list: 7,
            self._replace: 8,
            self._amend: 8,
            self._cancel: 14,
            self._cancel_all: 3,
            self._move_money: 9,
            self._look: 5,
        }
        for _ in range(actions):
            await self._random.choices(list(chances), list(chances.values()))[0]()
            await asyncio.sleep(self._random.random() * pause_s)

    async def rest(self) -> None:
        """Have no open order, and do nothing for about as long as it takes a book to fall asleep."""
        await self._ask(CancelAll(self._maker.new_id("a"), self.account, "", self._deadline()), self._gateway())
        await asyncio.sleep(self._random.uniform(1.0, 3.0))

    async def settle_unknown(self) -> None:
        """Find out what became of what was never answered, by its id."""
        for request in list(self.unknown.values()):
            await self._ask(self._renewed(request, self._patience([10.0])), self._gateway())

    async def look_at_everything(self) -> None:
        """Read the account through every gateway."""
        for gateway in range(GATEWAYS):
            await self._ask(ReadAccount(self.account), gateway)
            await self._ask(ReadOpenOrders(self.account, "", 0, 500), gateway)

    async def await_sequence(self, sequence: int) -> None:
        """Wait until the account's shard knows the journal up to a sequence."""
        answer = None
        while not isinstance(answer, SequenceAnswer):
            answer = await self._ask(AwaitSequence(sequence), self._gateway())
            await asyncio.sleep(0.05)

    # What it does.

    async def _place(self) -> None:
        request = await self._new_order()
        await self._insist(request)

    async def _place_and_look(self) -> None:
        """Place an order and read it, and what it did, through the other gateway."""
        gateway = self._gateway()
        request = await self._new_order()
        answer = await self._ask(request, gateway)
        if isinstance(answer, OrderAnswer):
            other = (gateway + 1) % GATEWAYS
            by_id = ReadOrder(self.account, answer.order.order_id, "")
            await self._ask(by_id, other)
            await self._ask(ReadAccount(self.account), other)
            await self._ask(ReadFills(self.account, "", 50), other)

    async def _place_twice_at_once(self) -> None:
        request = await self._new_order()
        await asyncio.gather(*(self._ask(request, gateway) for gateway in range(GATEWAYS)))
        if self._random.random() < 0.5:
            await self._ask(self._renewed(request, self._patience([3.0])), self._gateway())

    async def _place_another_body(self) -> None:
        request = await self._new_order()
        step = INSTRUMENTS[request.symbol].step_size
        other = msgspec.structs.replace(request, quantity=request.quantity + step, quote_amount=0)
        if other.order_type is OrderType.MARKET and not request.quantity:
            other = msgspec.structs.replace(request, quote_amount=request.quote_amount + 1)
        if self._random.random() < 0.5:
            await asyncio.gather(self._ask(request, 0), self._ask(other, 1))
        else:
            await self._ask(request, self._gateway())
            await self._ask(other, self._gateway())

    async def _place_batch(self) -> None:
        orders = [await self._new_order() for _ in range(self._random.randint(2, 12))]
        await self._ask_all(orders, self._gateway())

    async def _buy_at_market_at_once(self) -> None:
        instrument = self._random.choice(list(INSTRUMENTS.values()))
        gateway = self._gateway()
        orders = [await self._market_order(instrument, Side.BUY, gateway) for _ in range(8)]
        await asyncio.gather(*(self._ask(order, gateway) for order in orders))

    async def _place_list(self) -> None:
        instrument = self._random.choice(list(INSTRUMENTS.values()))
        side = self._random.choice(list(Side))
        request = self._maker.list_of_two(instrument, side, self._now_ns(), self._deadline())
        await self._insist(request)
        if self._random.random() < 0.3:
            name = request.list_client_order_id or "nobody"
            await self._ask(ReadList(self.account, 0, name), self._gateway())

    async def _replace(self) -> None:
        """Replace an order, mostly by one of its side, sometimes by two at once."""
        if not self._orders:
            return
        requests = []
        order_id, client_order_id, order = self._some_order()
        for _ in range(self._random.choice([1, 1, 1, 2])):
            side = order.side if self._random.random() < 0.9 else order.side.opposite
            new = await self._new_order(INSTRUMENTS[order.symbol], side)
            requests.append(ReplaceOrder(new, order_id, client_order_id, self._random.random() < 0.6))
        await asyncio.gather(*(self._insist(request) for request in requests))

    async def _amend(self) -> None:
        if not self._orders:
            return
        order_id, client_order_id, order = self._some_order()
        quantity = max(order.quantity * self._random.choice([1, 4, 5, 5, 9]) // 10, 1)
        quantity -= quantity % INSTRUMENTS[order.symbol].step_size
        name = self._maker.new_id("") if self._random.random() < 0.5 else ""
        deadline_ns = self._deadline()
        request = AmendOrder(
            self._maker.new_id("m"), self.account, order_id, client_order_id, quantity, name, deadline_ns
        )
        for _ in range(self._random.randint(1, 2)):
            if not isinstance(await self._ask(request, self._gateway()), Unavailable):
                break

    def _some_order(self) -> tuple[int, str, Order]:
        """Return a way to name one of the latest orders, mostly one that was open, and the order."""
        latest = self._orders[-12:]
        rested = [order for order in latest if order.is_open]
        order = self._random.choice(rested if rested and self._random.random() < 0.7 else latest)
        by_id = self._random.random() < 0.6 or not order.client_order_id
        order_id, client_order_id = (order.order_id, "") if by_id else (0, order.client_order_id)
        if self._random.random() < 0.05:
            order_id, client_order_id = self._random.randint(1, 2**40), ""
        return order_id, client_order_id, order

    async def _cancel(self) -> None:
        if not self._orders:
            return
        order_id, client_order_id, _ = self._some_order()
        request = CancelOrder(self._maker.new_id("x"), self.account, order_id, client_order_id, self._deadline())
        for _ in range(self._random.randint(1, 2)):
            if not isinstance(await self._ask(request, self._gateway()), Unavailable):
                break

    async def _cancel_all(self) -> None:
        symbol = self._random.choice(["", *INSTRUMENTS])
        await self._ask(CancelAll(self._maker.new_id("a"), self.account, symbol, self._deadline()), self._gateway())

    async def _move_money(self) -> None:
        asset = self._random.choice(["USDT", "BTC", "ETH"])
        amount = self._random.choice([10**6, 10**8, 10**10, 10**12])
        kind = self._random.randrange(10)
        if kind < 5:
            await self._insist(Deposit(self._maker.new_id("d"), self.account, asset, amount, 0, self._now_ns()))
        elif kind < 9:
            await self._insist(Withdraw(self._maker.new_id("w"), self.account, asset, amount, 0, self._now_ns()))
        else:
            request = SetBalance(self._maker.new_id("s"), self.account, asset, amount, -1, self._now_ns())
            await self._ask(request, self._gateway())

    async def _look(self) -> None:
        gateway = self._gateway()
        await self._ask(ReadAccount(self.account), gateway)
        await self._ask(ReadOpenOrders(self.account, self._random.choice(["", "BTC/USDT"]), 0, 5), gateway)
        if self._orders:
            order = self._random.choice(self._orders)
            await self._ask(ReadOrder(self.account, 0, order.client_order_id or "nobody"), gateway)

    # Asking.

    async def _new_order(self, instrument: Instrument | None = None, side: Side | None = None) -> PlaceOrder:
        instrument = instrument or self._random.choice(list(INSTRUMENTS.values()))
        side = side or self._random.choice(list(Side))
        kind = self._random.random()
        if kind < 0.15:
            return self._maker.conditional(instrument, side, self._now_ns(), self._deadline())
        if kind < 0.75:
            return self._maker.limit(instrument, side, self._now_ns(), self._deadline())
        return await self._market_order(instrument, side, self._gateway())

    async def _market_order(self, instrument: Instrument, side: Side, gateway: int) -> PlaceOrder:
        reference = await self._reference(instrument, side, gateway)
        return self._maker.market(instrument, side, reference, self._now_ns(), self._deadline())

    async def _reference(self, instrument: Instrument, side: Side, gateway: int) -> int:
        try:
            find = lambda: self._fleet.gateway(gateway)  # noqa: E731
            price: int = await self._wire.call(None, find, "reference_price", instrument.symbol, side)
        except PeerLost:
            return 0
        return price

    async def _insist(self, request: Insisted) -> None:
        """Ask, again through other gateways where there is no answer, and sometimes where there is."""
        gateway = self._gateway()
        answer: ShardAnswer | None = None
        for _ in range(self._random.randint(1, 4)):
            answer = await self._ask(request, gateway)
            if not self._is_unknown(answer) and self._random.random() < 0.85:
                return
            gateway = (gateway + 1) % GATEWAYS
            request = self._renewed(request, self._patience([0.3, 1.0, 3.0]))
            await asyncio.sleep(self._random.random() * 0.3)

    async def _ask(self, request: ShardRequest, gateway: int) -> ShardAnswer | None:
        return (await self._ask_all([request], gateway))[0]

    async def _ask_all(self, requests: Sequence[ShardRequest], gateway: int) -> list[ShardAnswer | None]:
        begin, is_quiet = self._around.journal.end, self._memory.is_quiet
        heard = [Heard(self.account, request, self.seen, begin, is_quiet=is_quiet) for request in requests]
        self._memory.heard += heard
        calls = [Call(self.shard, self._channel(request), request) for request in requests]
        deadline_ns = max(map(deadline_of, requests))
        deadline_ns = deadline_ns or self._now_ns() + round(READ_DEADLINE_S * 1e9)
        answers: list[ShardAnswer | None]
        try:
            answers = await self._wire.call(None, lambda: self._fleet.gateway(gateway), "ask_all", calls, deadline_ns)
        except PeerLost:
            answers = [None] * len(calls)
        for each, answer in zip(heard, answers, strict=True):
            each.answer = answer
            each.end = self._around.journal.end
            self._learn(each.request, answer)
        return answers

    def _learn(self, request: ShardRequest, answer: ShardAnswer | None) -> None:
        match answer:
            case OrderAnswer(order):
                self.seen = max(self.seen, order.sequence)
                if isinstance(request, PlaceOrder | ReplaceOrder | AmendOrder):
                    self._orders.append(order)
            case OrdersAnswer(orders) if isinstance(request, PlaceList):
                self.seen = max(self.seen, answer.sequence)
                self._orders += orders
            case AccountAnswer() | OrdersAnswer() | FillsAnswer() | SequenceAnswer():
                self.seen = max(self.seen, answer.sequence)
        if isinstance(request, Insisted):
            if not self._is_unknown(answer):
                self.unknown.pop(request.command_id, None)
            elif self._random.random() < 0.5:
                self.unknown[request.command_id] = request

    @staticmethod
    def _is_unknown(answer: ShardAnswer | None) -> bool:
        return answer is None or isinstance(answer, Unavailable)

    def _channel(self, request: ShardRequest) -> str:
        match request:
            case PlaceOrder():
                return request.symbol
            case PlaceList():
                return request.legs[0].symbol
            case ReplaceOrder():
                return request.place.symbol
            case CancelOrder() | AmendOrder():
                return "BTC/USDT"
            case CancelAll():
                return f"@cancel-all:{self.account}"
            case Deposit() | Withdraw() | SetBalance():
                return TRANSFERS
            case _:
                return READS

    def _renewed(self, request: Insisted, deadline_s: float) -> Insisted:
        """Return the same command, to be sent once more."""
        now_ns = self._now_ns()
        times = {"received_ns": now_ns, "deadline_ns": now_ns + round(deadline_s * 1e9)}
        match request:
            case PlaceOrder():
                return msgspec.structs.replace(request, **times)
            case PlaceList(legs=(first, second)):
                legs = msgspec.structs.replace(first, **times), msgspec.structs.replace(second, **times)
                return msgspec.structs.replace(request, legs=legs)
            case ReplaceOrder(place=place):
                return msgspec.structs.replace(request, place=msgspec.structs.replace(place, **times))
        return msgspec.structs.replace(request, received_ns=now_ns)

    def _gateway(self) -> int:
        return self._random.randrange(GATEWAYS)

    def _now_ns(self) -> int:
        return START_NS + round(self._around.loop.now * 1e9)

    def _deadline(self) -> int:
        return self._now_ns() + round(self._patience([0.25, 1.0, 3.0, 3.0]) * 1e9)

    def _patience(self, choices: list[float]) -> float:
        """Draw how many seconds to wait; when nothing fails, as long as it takes to wake a book."""
        patience_s = self._random.choice(choices)
        return 10.0 if self._memory.is_quiet else patience_s
