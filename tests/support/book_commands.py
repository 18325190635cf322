"""A seeded session of orders and market updates around a price that wanders."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from mockexchange.instruments import Instrument
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print
from mockexchange.messages.orders import Side, TimeInForce
from tests.support.orders import OrderMaker


class Commanded(Protocol):
    """What a session is played to."""

    def place(self, order: OrderReserved) -> None: ...
    def cancel(self, order_id: int) -> None: ...
    def hear(self, update: MarketUpdate) -> None: ...
    def override(self, price: int, bid_quantity: int, ask_quantity: int) -> None: ...
    def release(self) -> None: ...
    def uncross(self) -> object: ...
    def restart(self, *, from_snapshot: bool) -> None: ...


class BookCommands:
    """Gives one command at a time; the same seed gives the same session."""

    def __init__(self, traded: Instrument, chance: random.Random) -> None:
        self._chance = chance
        self._maker = OrderMaker(traded)
        self._middle = 100
        self._kinds: list[tuple[int, Callable[[Commanded], object]]] = [
            (30, self._limit),
            (8, self._market),
            (8, self._cancel),
            (20, self._depth),
            (12, self._best),
            (18, self._print),
            (6, self._snapshot),
            (10, lambda book: book.uncross()),
            (1, lambda book: book.hear(MarketSilent())),
            (1, self._override),
            (2, lambda book: book.release()),
            (1, self._restart),
        ]

    def give_one(self, book: Commanded) -> None:
        """Give the next command."""
        weights = [weight for weight, _ in self._kinds]
        self._chance.choices([give for _, give in self._kinds], weights)[0](book)

    def _near(self, reach: int = 3) -> int:
        return self._middle + self._chance.randint(-reach, reach)

    def _limit(self, book: Commanded) -> None:
        side = self._chance.choice(tuple(Side))
        time_in_force = self._chance.choices(tuple(TimeInForce), (8, 1, 1))[0]
        is_post_only = self._chance.random() < 0.2
        quantity = self._chance.randint(1, 30)
        made = self._maker.make(side, quantity, self._near(), time_in_force=time_in_force, is_post_only=is_post_only)
        book.place(made)

    def _market(self, book: Commanded) -> None:
        time_in_force = self._chance.choices((TimeInForce.IOC, TimeInForce.FOK), (3, 1))[0]
        amount = self._chance.randint(1, 50)
        # Some holds fit to the last unit, so that the edge between spent and not spent is met.
        hold = amount * self._near() * 10 + self._chance.choice((0, 0, -1, 1, 500))
        if self._chance.random() < 0.4:
            book.place(self._maker.make(Side.BUY, quote_amount=hold, time_in_force=time_in_force))
        elif self._chance.random() < 0.5:
            book.place(self._maker.make(Side.BUY, amount, hold=hold, time_in_force=time_in_force))
        else:
            book.place(self._maker.make(Side.SELL, amount, time_in_force=time_in_force))

    def _cancel(self, book: Commanded) -> None:
        book.cancel(self._chance.randint(max(1, self._maker.last_order_id - 20), self._maker.last_order_id + 1))

    def _levels(self, sign: int, first: int, chance_of_none: float) -> list[tuple[int, int]]:
        quantity = self._chance.randint
        chosen = [n for n in range(4) if self._chance.random() > chance_of_none]
        return [(self._middle + sign * (first + n), quantity(0, 15)) for n in chosen]

    def _snapshot(self, book: Commanded) -> None:
        self._middle += self._chance.randint(-1, 1)
        book.hear(DepthSnapshot(self._levels(-1, 0, 0.2), self._levels(1, 1, 0.2), self._chance.randint(1, 99)))

    def _depth(self, book: Commanded) -> None:
        bids = self._levels(-1, self._chance.randint(-1, 0), 0.7)
        asks = self._levels(1, self._chance.randint(0, 1), 0.7)
        book.hear(DepthUpdate(bids, asks, self._chance.randint(1, 99)))

    def _best(self, book: Commanded) -> None:
        bid, quantity = self._near(2), self._chance.randint
        ask = bid + self._chance.randint(0, 2)
        book.hear(BestBidOffer(bid, quantity(0, 15), ask, quantity(0, 15), self._chance.randint(1, 99)))

    def _print(self, book: Commanded) -> None:
        quantity, side = self._chance.randint(1, 40), self._chance.choice(tuple(Side))
        book.hear(Print(self._near(), quantity, side, self._chance.randint(1, 99), 7))

    def _override(self, book: Commanded) -> None:
        book.override(self._near(), self._chance.randint(0, 20), self._chance.randint(0, 20))

    def _restart(self, book: Commanded) -> None:
        book.restart(from_snapshot=self._chance.random() < 0.5)
