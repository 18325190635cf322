"""Instruments and orders for tests of the book."""

from __future__ import annotations

import msgspec

from mockexchange.instruments import Instrument
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.orders import OrderType, SelfTradePrevention, Side, TimeInForce

NO_DEADLINE = 2**62


def instrument(*, feed: bool = False, step_size: int = 1, band_down: int = 0, band_up: int = 0) -> Instrument:
    """Return BTC/USDT with two price and five quantity decimals."""
    bands = {"band_down": band_down, "band_up": band_up}
    return Instrument("BTC", "USDT", 8, 8, 2, 5, step_size=step_size, feed=feed, **bands)


PLAIN = instrument()
"""A book between accounts only."""

MIRRORED = instrument(feed=True)
"""A book with the outside market in it."""


class OrderMaker:
    """Makes reservations as an accounts shard does, with rising order ids and holds that fit.

    A market order whose hold nobody can tell holds `hold`, by default more than it can ever need.
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
        order_type: OrderType | None = None,
        stop_price: int = 0,
        prevention: SelfTradePrevention = SelfTradePrevention.NONE,
    ) -> OrderReserved:
        """Reserve for an order; of no `order_type` it is a market order where it has no price, else a limit order."""
        self.last_order_id += 1
        order_type = order_type or (OrderType.LIMIT if price else OrderType.MARKET)
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
            hold,
            stop_price,
            prevention,
        )

    def make_list(self, first: OrderReserved, second: OrderReserved) -> tuple[OrderReserved, OrderReserved]:
        """Make a list of two orders: all the money either needs is with the first."""
        list_id = first.order_id
        hold = max(first.need, second.need)
        change = msgspec.structs.replace
        return change(first, hold=hold, list_id=list_id), change(second, hold=0, list_id=list_id)

    def _hold(self, side: Side, quantity: int, price: int, quote_amount: int) -> int:
        if side is Side.SELL:
            return self.instrument.base_amount(quantity or 10**6)
        if price:
            return self.instrument.quote_amount(price, quantity)
        return quote_amount or self.instrument.quote_amount(10**6, quantity)


def _market_time_in_force(time_in_force: TimeInForce) -> TimeInForce:
    return TimeInForce.IOC if time_in_force is TimeInForce.GTC else time_in_force
