"""Orders as people ask for them, turned into commands: decimals into units, and the prices that size their holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.auth import Caller
from gateway.failures import Failure, NotAvailable
from gateway.floor import Floor, unknown_symbol
from gateway.new_orders import NewOrder, check_terms, positive_units
from mockexchange.instruments import Instrument
from mockexchange.messages.commands import PlaceOrder
from mockexchange.messages.orders import Side

Key = tuple[str, Side, bool]

References = dict[Key, "int | Failure"]
"""The best price on the other side for takers of a symbol and side, or why it cannot be known."""


class OrderCommands:
    """Makes commands; asks what they need and this process may not know."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def look_up(self, orders: Sequence[NewOrder]) -> References:
        """Find out about new instruments, and reference prices.

        All questions are asked at once and each once, so that no order waits for the market of another.
        """
        instruments = self._floor.registry.instruments
        references: References = {}
        if any(new.symbol not in instruments for new in orders):
            try:
                await self._floor.follower.catch_up()
            except NotAvailable as failure:
                references |= {_key(new): failure for new in orders if new.symbol not in instruments}
        keys = list({_key(new): None for new in orders if new.needs_reference and new.symbol in instruments})
        if len(keys) == 1:
            # Most orders come alone, and most prices are known: then a task would be the greater part of the work.
            references[keys[0]] = await self._try_reference(keys[0])
        elif keys:
            references |= zip(keys, await asyncio.gather(*map(self._try_reference, keys)), strict=True)
        return references

    def make(
        self, caller: Caller, new: NewOrder, references: References, deadline_ns: int, command_id: str = ""
    ) -> PlaceOrder:
        """Turn what is asked for into a command. Raises Failure.

        Its id is the first there is of `command_id`, the order's own, its client order id, and one that is new.
        """
        reference = references.get(_key(new), 0)
        instrument = self._floor.registry.instruments.get(new.symbol)
        if instrument is None:
            raise reference if isinstance(reference, Failure) else unknown_symbol(new.symbol)
        time_in_force = check_terms(new)
        quantity = positive_units(new.amount, instrument.quantity_scale, "amount")
        price = positive_units(new.limit_price, instrument.price_scale, "limit_price")
        stop_price = positive_units(new.stop_price, instrument.price_scale, "stop_price")
        quote_amount = positive_units(new.quote_amount, instrument.quote_scale, "quote_amount")
        if isinstance(reference, Failure):
            raise reference
        return PlaceOrder(
            command_id or new.command_id or self._command_id(new.client_order_id),
            caller.account,
            new.symbol,
            new.side,
            new.order_type,
            time_in_force,
            new.is_post_only,
            quantity,
            price,
            quote_amount,
            reference if new.needs_reference else 0,
            new.client_order_id,
            deadline_ns - self._floor.timeout_ns,
            deadline_ns,
            stop_price,
            new.prevention,
        )

    async def reference_price(self, instrument: Instrument, side: Side, *, must_know: bool) -> int:
        """Return the best price known on the other side, 0 if there is none. Raises NotAvailable.

        Only where it sizes a hold a silent book is asked for it.
        """
        price = self._floor.memory.quote(instrument).of_taker(side)
        if price or not must_know:
            return price
        depth = await self._floor.books.depth(instrument.symbol, 1)
        levels = depth.asks if side is Side.BUY else depth.bids
        return levels[0][0] if levels else 0

    async def _try_reference(self, key: Key) -> int | Failure:
        symbol, side, must_know = key
        try:
            return await self.reference_price(self._floor.registry.instruments[symbol], side, must_know=must_know)
        except NotAvailable as failure:
            return failure

    def _command_id(self, client_order_id: str) -> str:
        return f"c:{client_order_id}" if client_order_id else self._floor.mint()


def _key(new: NewOrder) -> Key:
    return new.symbol, new.side, new.is_sized_by_reference
