"""Orders that meet each other and the outside market, now and then ones that must be refused."""

from __future__ import annotations

from random import Random

from mockexchange.instruments import Instrument
from mockexchange.messages.commands import PlaceOrder
from mockexchange.messages.orders import OrderType, Side, TimeInForce


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
        price = instrument.start_price + random.randint(-6, 6) * max(instrument.start_price // 1_000, 1)
        price -= price % instrument.tick_size
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
        )

    def market(
        self, instrument: Instrument, side: Side, reference_price: int, now_ns: int, deadline_ns: int
    ) -> PlaceOrder:
        """Make a market order, a buy sometimes by quote amount."""
        tif = self._random.choice([TimeInForce.IOC, TimeInForce.IOC, TimeInForce.FOK])
        quantity, quote_amount = self._quantity(instrument), 0
        if side is Side.BUY and self._random.random() < 0.3:
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
        )

    def _new_command(self) -> tuple[str, str]:
        """Return a command id and the client order id it is made of, which may be empty."""
        if self._random.random() < 0.6:
            client_order_id = self.new_id("")
            return f"c:{client_order_id}", client_order_id
        return self.new_id("g"), ""

    def _quantity(self, instrument: Instrument) -> int:
        quantity = self._random.choice([10, 100, 1_000]) * self._random.randint(1, 9)
        return quantity - quantity % instrument.step_size or instrument.step_size
