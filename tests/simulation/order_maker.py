"""Orders that meet each other and the outside market, now and then ones that must be refused."""

from __future__ import annotations

from random import Random

import msgspec

from mockexchange.instruments import Instrument
from mockexchange.messages.commands import PlaceList, PlaceOrder
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce


class OrderMaker:
    """Makes up one account's orders and ids."""

    def __init__(self, account: int, random: Random) -> None:
        self._account = account
        self._random = random
        self._ids = 0

    def new_id(self, kind: str) -> str:
        """Return an id that was not used before."""
        self._ids += 1
        return f"{kind}{self._account}-{self._ids}"

    def limit(self, instrument: Instrument, side: Side, now_ns: int, deadline_ns: int) -> PlaceOrder:
        """Make a limit order around the middle of the market."""
        random = self._random
        price = self._price(instrument, random.randint(-6, 6))
        if random.random() < 0.03:
            price = 0
        tif = random.choice([TimeInForce.GTC] * 5 + [TimeInForce.IOC, TimeInForce.FOK])
        is_post_only = tif is TimeInForce.GTC and random.random() < 0.15
        command_id, client_order_id = self._new_command()
        return PlaceOrder(
            command_id,
            self._account,
            instrument.symbol,
            side,
            OrderType.LIMIT,
            tif,
            is_post_only,
            self._quantity(instrument),
            price,
            0,
            0,
            client_order_id,
            now_ns,
            deadline_ns,
            prevention=self._prevention(),
        )

    def conditional(self, instrument: Instrument, side: Side, now_ns: int, deadline_ns: int) -> PlaceOrder:
        """Make an order that waits for a price near the market, seldom one that has been reached already."""
        random = self._random
        limit = self.limit(instrument, side, now_ns, deadline_ns)
        order_type = random.choice([each for each in OrderType if each.is_conditional])
        is_above = order_type.rises_to_trigger(side) is (random.random() < 0.9)
        stop_price = self._price(instrument, random.randint(1, 5) * (1 if is_above else -1))
        return msgspec.structs.replace(
            limit,
            order_type=order_type,
            is_post_only=False,
            price=limit.price if order_type.has_limit else 0,
            stop_price=stop_price,
            time_in_force=limit.time_in_force if order_type.has_limit else TimeInForce.IOC,
        )

    def list_of_two(self, instrument: Instrument, side: Side, now_ns: int, deadline_ns: int) -> PlaceList:
        """Make a list of a resting order and one that waits, seldom one that makes no sense."""
        random = self._random
        first, second = (self.limit(instrument, side, now_ns, deadline_ns) for _ in range(2))
        beyond = 1 if side is Side.SELL else -1
        stop_type = random.choice([OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT])
        stop_price = self._price(instrument, -beyond * random.randint(1, 6))
        second = msgspec.structs.replace(
            second,
            order_type=stop_type,
            is_post_only=False,
            quantity=first.quantity if random.random() < 0.95 else second.quantity,
            price=stop_price if stop_type.has_limit else 0,
            time_in_force=TimeInForce.GTC if stop_type.has_limit else TimeInForce.IOC,
            stop_price=stop_price,
        )
        price = self._price(instrument, beyond * random.randint(1, 6))
        first = msgspec.structs.replace(first, price=price, time_in_force=TimeInForce.GTC)
        return PlaceList((first, second), self.new_id("l") if random.random() < 0.5 else "")

    def market(
        self, instrument: Instrument, side: Side, reference_price: int, now_ns: int, deadline_ns: int
    ) -> PlaceOrder:
        """Make a market order, sometimes by quote amount."""
        tif = self._random.choice([TimeInForce.IOC, TimeInForce.IOC, TimeInForce.FOK])
        quantity, quote_amount = self._quantity(instrument), 0
        if self._random.random() < 0.3:
            quote_amount = instrument.quote_amount(instrument.start_price, quantity) + self._random.randint(0, 999)
            quantity, tif = 0, TimeInForce.IOC
        command_id, client_order_id = self._new_command()
        return PlaceOrder(
            command_id,
            self._account,
            instrument.symbol,
            side,
            OrderType.MARKET,
            tif,
            False,
            quantity,
            0,
            quote_amount,
            reference_price,
            client_order_id,
            now_ns,
            deadline_ns,
            prevention=self._prevention(),
        )

    def _price(self, instrument: Instrument, steps: int) -> int:
        price = instrument.start_price + steps * max(instrument.start_price // 1_000, 1)
        return price - price % instrument.tick_size

    def _prevention(self) -> SelfTradePrevention:
        mode: SelfTradePrevention = self._random.choice([SelfTradePrevention.NONE, *SelfTradePrevention])
        return mode

    def _new_command(self) -> tuple[str, str]:
        """Return a command id and the client order id it is made of, which may be empty."""
        if self._random.random() < 0.6:
            client_order_id = self.new_id("")
            return f"c:{client_order_id}", client_order_id
        return self.new_id("g"), ""

    def _quantity(self, instrument: Instrument) -> int:
        quantity = self._random.choice([10, 100, 1_000]) * self._random.randint(1, 9)
        return quantity - quantity % instrument.step_size or instrument.step_size
