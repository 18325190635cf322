"""Orders, from what people ask for to commands of the shards and back. Speaks no dialect and knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from gateway.auth import Caller
from gateway.dispatch import READS, Call
from gateway.failures import Failure, NotAvailable, failure_of
from gateway.floor import Floor, unknown_symbol
from gateway.new_orders import NewOrder, check_terms, positive_units
from mockexchange.instruments import Instrument
from mockexchange.ledger.order_checks import check_order, need_of
from mockexchange.messages.commands import (
    AccountAnswer,
    CancelAll,
    CancelOrder,
    OrderAnswer,
    OrdersAnswer,
    PlaceOrder,
    ReadAccount,
    ReadOpenOrders,
    ReadOrder,
    Refused,
    ShardAnswer,
    Unavailable,
)
from mockexchange.messages.orders import Order, OrderType, Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import to_text


class Placed(NamedTuple):
    """An order whose outcome is in the journal, and its instrument."""

    order: Order
    instrument: Instrument


References = dict[tuple[str, Side], "int | Failure"]
"""The best price on the other side for takers of a symbol and side, or why it cannot be known."""


class OrderDesk:
    """Places, cancels and reads orders of one account at a time."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def place(self, caller: Caller, new: NewOrder) -> Placed:
        """Place an order; return it once its outcome is in the journal. Raises Failure."""
        outcome = (await self.place_many(caller, [new]))[0]
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    async def place_many(self, caller: Caller, orders: Sequence[NewOrder | Failure]) -> list[Placed | Failure]:
        """Place orders; return one answer for each, in order. A Failure among them is handed through."""
        self._floor.check_open()
        references = await self._look_up([new for new in orders if isinstance(new, NewOrder)])
        deadline_ns = self._floor.deadline_ns()
        commands = [self._try_command(caller, new, references, deadline_ns) for new in orders]
        calls = [Call(caller.shard, item.symbol, item) for item in commands if isinstance(item, PlaceOrder)]
        answers = iter(await self._floor.dispatcher.ask_all(calls, deadline_ns))
        return [self._outcome(item, next(answers)) if isinstance(item, PlaceOrder) else item for item in commands]

    async def cancel(self, caller: Caller, order_id: int, client_order_id: str = "") -> Order:
        """Cancel an open order; return its last state. Raises Failure.

        The order is read first, for its symbol: so a cancel waits for its own book and no other.
        """
        order = await self.order(caller, order_id, client_order_id)
        deadline_ns = self._floor.deadline_ns()
        command = CancelOrder(self._floor.mint(), caller.account, order.order_id, "", deadline_ns)
        answer = await self._floor.ask(caller.shard, order.symbol, command, OrdersAnswer, deadline_ns=deadline_ns)
        return answer.orders[0]

    async def cancel_all(self, caller: Caller, symbol: str = "") -> list[Order]:
        """Cancel all open orders of an account, of one symbol or of all; return those canceled. Raises Failure."""
        deadline_ns = self._floor.deadline_ns()
        command = CancelAll(self._floor.mint(), caller.account, symbol, deadline_ns)
        # A channel of its own, since it waits for every book in which the account has orders.
        channel = f"@cancel-all:{caller.account}"
        return (await self._floor.ask(caller.shard, channel, command, OrdersAnswer, deadline_ns=deadline_ns)).orders

    async def order(self, caller: Caller, order_id: int, client_order_id: str = "") -> Order:
        """Read an order by its id or, when that is 0, by its client order id. Raises Failure."""
        request = ReadOrder(caller.account, order_id, client_order_id)
        return (await self._floor.ask(caller.shard, READS, request, OrderAnswer)).order

    async def open_orders(self, caller: Caller, symbol: str, before: int, limit: int) -> OrdersAnswer:
        """Read open orders with ids below `before` (0: newest), newest first. Raises Failure."""
        request = ReadOpenOrders(caller.account, symbol, before, limit)
        return await self._floor.ask(caller.shard, READS, request, OrdersAnswer)

    async def shortfall(self, caller: Caller, new: NewOrder) -> str:
        """Return why the free balance would not pay for an order now, nothing if it would. Raises Failure."""
        references = await self._look_up([new])
        command = self._command(caller, new, references.get((new.symbol, new.side), 0), self._floor.deadline_ns())
        instrument = self._floor.registry.instruments[command.symbol]
        if _needs_reference(new) and new.side is Side.BUY and not command.reference_price:
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

    async def reference_price(self, instrument: Instrument, side: Side) -> int:
        """Return the best price known on the other side, 0 if there is none. Raises NotAvailable.

        Only a buy has to know it, since it sizes the hold: so only for a buy a silent book is asked.
        """
        price = self._floor.memory.quote(instrument).of_taker(side)
        if price or side is Side.SELL:
            return price
        depth = await self._floor.books.depth(instrument.symbol, 1)
        return depth.asks[0][0] if depth.asks else 0

    async def _look_up(self, orders: Sequence[NewOrder]) -> References:
        """Find out what commands need and this process may not know: new instruments, and reference prices.

        All questions are asked at once and each once, so that no order waits for the market of another.
        """
        instruments = self._floor.registry.instruments
        references: References = {}
        if any(new.symbol not in instruments for new in orders):
            try:
                await self._floor.follower.catch_up()
            except NotAvailable as failure:
                references |= {(new.symbol, new.side): failure for new in orders if new.symbol not in instruments}
        keys = {(new.symbol, new.side): None for new in orders if _needs_reference(new) and new.symbol in instruments}
        if keys:
            prices = await asyncio.gather(*(self._try_reference(instruments[symbol], side) for symbol, side in keys))
            references |= zip(keys, prices, strict=True)
        return references

    async def _try_reference(self, instrument: Instrument, side: Side) -> int | Failure:
        try:
            return await self.reference_price(instrument, side)
        except NotAvailable as failure:
            return failure

    def _try_command(
        self, caller: Caller, new: NewOrder | Failure, references: References, deadline_ns: int
    ) -> PlaceOrder | Failure:
        if isinstance(new, Failure):
            return new
        try:
            return self._command(caller, new, references.get((new.symbol, new.side), 0), deadline_ns)
        except Failure as failure:
            return failure

    def _command(self, caller: Caller, new: NewOrder, reference: int | Failure, deadline_ns: int) -> PlaceOrder:
        """Turn decimals into units, and what is asked for into a command. Raises Failure."""
        instrument = self._floor.registry.instruments.get(new.symbol)
        if instrument is None:
            raise reference if isinstance(reference, Failure) else unknown_symbol(new.symbol)
        time_in_force = check_terms(new)
        quantity = positive_units(new.amount, instrument.quantity_scale, "amount")
        price = positive_units(new.limit_price, instrument.price_scale, "limit_price")
        quote_amount = positive_units(new.quote_amount, instrument.quote_scale, "quote_amount")
        if isinstance(reference, Failure):
            raise reference
        return PlaceOrder(
            new.command_id or (f"c:{new.client_order_id}" if new.client_order_id else self._floor.mint()),
            caller.account,
            new.symbol,
            new.side,
            new.order_type,
            time_in_force,
            new.is_post_only,
            quantity,
            price,
            quote_amount,
            reference if new.order_type is OrderType.MARKET else 0,
            new.client_order_id,
            deadline_ns - self._floor.timeout_ns,
            deadline_ns,
        )

    def _outcome(self, command: PlaceOrder, answer: ShardAnswer) -> Placed | Failure:
        if isinstance(answer, OrderAnswer):
            return Placed(answer.order, self._floor.registry.instruments[command.symbol])
        assert isinstance(answer, Refused | Unavailable), type(answer)
        return failure_of(answer)


def _needs_reference(new: NewOrder) -> bool:
    return new.order_type is OrderType.MARKET and new.quote_amount is None
