"""Orders, from what people ask for to commands of the shards and back. Speaks no dialect and knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from gateway.auth import Caller
from gateway.dispatch import READS, Call
from gateway.failures import CommandRefused, Failure, failure_of
from gateway.floor import Floor
from gateway.new_orders import NewOrder, check_id, positive_units
from gateway.order_commands import OrderCommands
from mockexchange.instruments import Instrument
from mockexchange.ledger.order_checks import check_order, need_of
from mockexchange.messages.commands import (
    AccountAnswer,
    AmendOrder,
    CancelAll,
    CancelOrder,
    OrderAnswer,
    OrdersAnswer,
    PlaceList,
    PlaceOrder,
    ReadAccount,
    ReadList,
    ReadOpenOrders,
    ReadOrder,
    Refused,
    ReplaceOrder,
    ShardAnswer,
    Unavailable,
)
from mockexchange.messages.orders import Fill, Order, OrderStatus
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import to_text


class Placed(NamedTuple):
    """An order whose outcome is in the journal, its instrument, and the fills it made at once."""

    order: Order
    instrument: Instrument
    fills: list[Fill]


class Replaced(NamedTuple):
    """An order that was placed, and the one in whose place it was to come, as it is now.

    That one was canceled by this very command if its `cancel_command_id` is the placed order's `command_id`.
    """

    placed: Placed
    replaced: Order | None


class Sent(NamedTuple):
    """Orders on their way: their commands, with a Failure where there is none, and the answers to come."""

    commands: list[PlaceOrder | Failure]
    answers: asyncio.Future[list[ShardAnswer]]


class OrderDesk:
    """Places, changes, cancels and reads orders of one account at a time."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.commands = OrderCommands(floor)

    async def place(self, caller: Caller, new: NewOrder) -> Placed:
        """Place an order; return it once its outcome is in the journal. Raises Failure."""
        outcome = (await self.place_many(caller, [new]))[0]
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    async def place_many(self, caller: Caller, orders: Sequence[NewOrder | Failure]) -> list[Placed | Failure]:
        """Place orders; return one answer for each, in order. A Failure among them is handed through."""
        return await self.outcomes(await self.send_many(caller, orders))

    async def send_many(self, caller: Caller, orders: Sequence[NewOrder | Failure]) -> Sent:
        """Send orders on their way; `outcomes` then waits for what becomes of them. Raises Failure.

        The shard takes those of one symbol in the order of these calls, if each is made after the one before has ended.
        """
        self._floor.check_open()
        references = await self.commands.look_up([new for new in orders if isinstance(new, NewOrder)])
        deadline_ns = self._floor.deadline_ns()

        def command(new: NewOrder | Failure) -> PlaceOrder | Failure:
            if isinstance(new, Failure):
                return new
            try:
                return self.commands.make(caller, new, references, deadline_ns)
            except Failure as failure:
                return failure

        commands = [command(new) for new in orders]
        calls = [Call(caller.shard, item.symbol, item) for item in commands if isinstance(item, PlaceOrder)]
        return Sent(commands, self._floor.dispatcher.send_all(calls, deadline_ns))

    async def outcomes(self, sent: Sent) -> list[Placed | Failure]:
        """Return what became of orders, in the order in which they were given."""
        answers = iter(await sent.answers)
        return [self._outcome(next(answers)) if isinstance(item, PlaceOrder) else item for item in sent.commands]

    async def place_list(
        self, caller: Caller, first: NewOrder, second: NewOrder, list_client_order_id: str = ""
    ) -> list[Placed]:
        """Place two orders of which one cancels the other; return both. Raises Failure.

        Each leg needs its own time in force and client order id; the list's id makes the command's.
        """
        if list_client_order_id:
            check_id("list_client_order_id", list_client_order_id)
        self._floor.check_open()
        references = await self.commands.look_up([first, second])
        deadline_ns = self._floor.deadline_ns()
        name = f"l:{list_client_order_id}" if list_client_order_id else self._floor.mint()
        legs = (
            self.commands.make(caller, first, references, deadline_ns, first.command_id or f"{name}:1"),
            self.commands.make(caller, second, references, deadline_ns, second.command_id or f"{name}:2"),
        )
        command = PlaceList(legs, list_client_order_id)
        answer = await self._floor.ask(caller.shard, first.symbol, command, OrdersAnswer, deadline_ns=deadline_ns)
        return [Placed(order, self._instrument_of(order), []) for order in answer.orders]

    async def replace(
        self, caller: Caller, new: NewOrder, order_id: int, client_order_id: str = "", *, only_if_open: bool
    ) -> Replaced:
        """Cancel an order and place another as one step; return both. Raises Failure.

        The new order may use the old one's money. With `only_if_open` nothing is placed where nothing was canceled.
        """
        self._floor.check_open()
        references = await self.commands.look_up([new])
        deadline_ns = self._floor.deadline_ns()
        place = self.commands.make(caller, new, references, deadline_ns)
        command = ReplaceOrder(place, order_id, client_order_id, only_if_open)
        answer = await self._floor.ask(caller.shard, new.symbol, command, OrderAnswer, deadline_ns=deadline_ns)
        return Replaced(self._placed(answer), answer.replaced)

    async def amend(
        self, caller: Caller, order_id: int, client_order_id: str, quantity: Decimal, new_client_order_id: str = ""
    ) -> Placed:
        """Lower the quantity of an open order, which keeps its place in the queue; return it. Raises Failure."""
        if new_client_order_id:
            check_id("new_client_order_id", new_client_order_id)
        order = await self.order(caller, order_id, client_order_id)
        instrument = await self._floor.instrument(order.symbol)
        units = positive_units(quantity, instrument.quantity_scale, "amount")
        deadline_ns = self._floor.deadline_ns()
        command = AmendOrder(
            self._floor.mint(), caller.account, order.order_id, "", units, new_client_order_id, deadline_ns
        )
        answer = await self._floor.ask(caller.shard, order.symbol, command, OrderAnswer, deadline_ns=deadline_ns)
        return self._placed(answer)

    async def cancel(
        self, caller: Caller, order_id: int, client_order_id: str = "", only: OrderStatus | None = None
    ) -> Order:
        """Cancel an open order, and the other of its list; return its last state. Raises Failure.

        The order is read first, for its symbol: so a cancel waits for its own book and no other. With `only` it must
        then be in that state, else the failure is ORDER_NOT_OPEN and its detail begins with `status: `.
        """
        return (await self.cancel_order(caller, await self.order(caller, order_id, client_order_id), only))[0]

    async def cancel_order(self, caller: Caller, order: Order, only: OrderStatus | None = None) -> list[Order]:
        """Cancel an order that was read before as `cancel` does; return it, and then the other of its list."""
        if only is not None and order.status is not only:
            raise CommandRefused(RejectReason.ORDER_NOT_OPEN, f"status: {order.status.name}, wanted {only.name}")
        deadline_ns = self._floor.deadline_ns()
        command = CancelOrder(self._floor.mint(), caller.account, order.order_id, "", deadline_ns)
        return (
            await self._floor.ask(caller.shard, order.symbol, command, OrdersAnswer, deadline_ns=deadline_ns)
        ).orders

    async def cancel_all(self, caller: Caller, symbol: str = "") -> list[Order]:
        """Cancel all open orders of an account, of one symbol or of all; return those canceled. Raises Failure."""
        deadline_ns = self._floor.deadline_ns()
        command = CancelAll(self._floor.mint(), caller.account, symbol, deadline_ns)
        # A channel of its own, since it waits for every book in which the account has orders.
        channel = f"@cancel-all:{caller.account}"
        return (await self._floor.ask(caller.shard, channel, command, OrdersAnswer, deadline_ns=deadline_ns)).orders

    async def cancel_list(self, caller: Caller, list_id: int, list_client_order_id: str = "") -> list[Order]:
        """Cancel a list; return the last state of its orders. Raises Failure."""
        orders = await self.order_list(caller, list_id, list_client_order_id)
        chosen = next((order for order in orders if order.is_open), orders[0])
        canceled = await self.cancel_order(caller, chosen)
        return sorted(canceled, key=lambda order: order.order_id)

    async def order(self, caller: Caller, order_id: int, client_order_id: str = "") -> Order:
        """Read an order by its id or, when that is 0, by its client order id. Raises Failure."""
        request = ReadOrder(caller.account, order_id, client_order_id)
        return (await self._floor.ask(caller.shard, READS, request, OrderAnswer)).order

    async def order_list(self, caller: Caller, list_id: int, list_client_order_id: str = "") -> list[Order]:
        """Read both orders of a list by its id or, when that is 0, by its own client order id. Raises Failure."""
        request = ReadList(caller.account, list_id, list_client_order_id)
        return (await self._floor.ask(caller.shard, READS, request, OrdersAnswer)).orders

    async def open_orders(self, caller: Caller, symbol: str, before: int, limit: int) -> OrdersAnswer:
        """Read open orders with ids below `before` (0: newest), newest first. Raises Failure."""
        request = ReadOpenOrders(caller.account, symbol, before, limit)
        return await self._floor.ask(caller.shard, READS, request, OrdersAnswer)

    async def shortfall(self, caller: Caller, new: NewOrder) -> str:
        """Return why the free balance would not pay for an order now, nothing if it would. Raises Failure.

        So the terms and the filters of an order can be tried as well, without placing it.
        """
        references = await self.commands.look_up([new])
        command = self.commands.make(caller, new, references, self._floor.deadline_ns())
        instrument = self._floor.registry.instruments[command.symbol]
        if new.is_sized_by_reference and not command.reference_price:
            return RejectReason.NO_PRICE.text
        refused = check_order(instrument, command)
        if refused is not None:
            raise failure_of(refused)
        need = need_of(instrument, command, 0)
        account = await self._floor.ask(caller.shard, READS, ReadAccount(caller.account), AccountAnswer)
        free = sum(balance.free for balance in account.balances if balance.asset == need.asset)
        if free >= need.least:
            return ""
        return f"need {to_text(need.least, need.scale)} {need.asset}, have {to_text(free, need.scale)}"

    def _outcome(self, answer: ShardAnswer) -> Placed | Failure:
        if isinstance(answer, OrderAnswer):
            return self._placed(answer)
        assert isinstance(answer, Refused | Unavailable), type(answer)
        return failure_of(answer)

    def _placed(self, answer: OrderAnswer) -> Placed:
        return Placed(answer.order, self._instrument_of(answer.order), answer.fills)

    def _instrument_of(self, order: Order) -> Instrument:
        return self._floor.registry.instruments[order.symbol]
