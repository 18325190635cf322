"""Instruments and orders for tests of the book."""

from __future__ import annotations

from mockexchange.instruments import Instrument
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.orders import OrderType, Side, TimeInForce

NO_DEADLINE = 2**62


def instrument(*, feed: bool = False, step_size: int = 1) -> Instrument:
    """Return BTC/USDT with two price and five quantity decimals."""
    return Instrument("BTC", "USDT", 8, 8, 2, 5, step_size=step_size, feed=feed)


PLAIN = instrument()
"""A book between accounts only."""

MIRRORED = instrument(feed=True)
"""A book with the outside market in it."""


class OrderMaker:
    """Makes reservations as an accounts shard does, with rising order ids and holds that fit.

    A market buy by quantity holds `hold`, by default more than it can ever need.
    """

    def __init__(self, traded: Instrument = PLAIN) -> None:
        self.instrument = traded
        self.last_order_id = 0

    def make(
        self,
        side: Side,
        quantity: int = 0,
        price: int = 0,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        is_post_only: bool = False,
        quote_amount: int = 0,
        hold: int | None = None,
        account: int = 1,
        maker_rate: int = 1000,
        taker_rate: int = 2000,
        deadline_ns: int = NO_DEADLINE,
    ) -> OrderReserved:
        """Reserve for an order; without a price it is a market order."""
        self.last_order_id += 1
        order_type = OrderType.LIMIT if price else OrderType.MARKET
        if hold is None:
            hold = self._hold(side, quantity, price, quote_amount)
        return OrderReserved(
            self.last_order_id,
            account,
            self.instrument.symbol,
            side,
            order_type,
            time_in_force if price else _market_time_in_force(time_in_force),
            is_post_only,
            quantity,
            price,
            quote_amount,
            f"g:{self.last_order_id}",
            "",
            hold,
            maker_rate,
            taker_rate,
            0,
            0,
            deadline_ns,
        )

    def _hold(self, side: Side, quantity: int, price: int, quote_amount: int) -> int:
        if side is Side.SELL:
            return self.instrument.base_amount(quantity)
        if price:
            return self.instrument.quote_amount(price, quantity)
        return quote_amount or self.instrument.quote_amount(10**6, quantity)


def _market_time_in_force(time_in_force: TimeInForce) -> TimeInForce:
    return TimeInForce.IOC if time_in_force is TimeInForce.GTC else time_in_force
