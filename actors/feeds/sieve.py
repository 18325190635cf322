"""What a venue says of one symbol through ccxt, made into market updates; what makes no sense is refused and counted.

ccxt gives whole order books with binary floats. Each book is compared with the one before, and only what changed is
converted: the shortest decimal text of a float is the number that the venue wrote, so nothing is lost. Floats are
compared here, never reckoned with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from math import isfinite
from typing import Any, Final

from mockexchange.instruments import Instrument
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print
from mockexchange.messages.orders import Side
from mockexchange.money import AmountError, to_units

LEVELS: Final = 100
"""So many levels of a side are mirrored, the best ones."""

FEW_LEVELS: Final = 5

MOST_KNOWN_PRINTS: Final = 5_000
MOST_KNOWN_PRICES: Final = 20_000
FARTHEST: Final = 2
"""A price this many times above or below the known ones is not believed."""

EARLIER_MS: Final = 2_000
"""Prints from longer before the book was known are of another time."""

_MS: Final = 1_000_000
_Side = dict[float, float]


class Refusal(StrEnum):
    """Why something that the venue said is not passed on."""

    NOT_A_NUMBER = "not a positive number"
    OFF_GRID = "off the instrument's grid"
    EMPTY = "empty book"
    CROSSED = "crossed book"
    BACKWARDS = "time went back"
    FAR_OFF = "price far off"
    REPEATED = "repeated print"
    EARLY = "print from before the book was known"


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class Sieve:
    """One symbol's state. An empty answer means that nothing could be believed."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.refused: Counter[Refusal] = Counter()
        self.is_known = False
        self._shown: tuple[_Side, _Side] = ({}, {})
        self._is_as_shown = False
        self._nonce = 0
        self._time_ms = 0
        self._cause = 0
        self._known_since_ms = 0
        self._printed_ms = 0
        self._prints: dict[object, None] = {}
        self._prices: dict[float, int | None] = {}

    def best_levels(self) -> list[list[tuple[float, float]]]:
        """Return the few best bids and asks of the last book that was believed."""
        return [list(islice(side.items(), FEW_LEVELS)) for side in self._shown]

    def change(self, instrument: Instrument) -> None:
        """Judge by changed filters from now on."""
        self.instrument = instrument
        self._prices.clear()
        self._is_as_shown = False

    def begin_anew(self) -> None:
        """Compare the next book with nothing: the connection is another one, whose numbers may have started again."""
        self._is_as_shown = False
        self._nonce = self._time_ms = 0

    def lose(self) -> list[MarketUpdate]:
        """Return that the market is unknown from now on, if it was known."""
        if not self.is_known:
            return []
        self.is_known = False
        self.begin_anew()
        return [MarketSilent()]

    def book(self, book: dict[str, Any], now_ms: int) -> list[MarketUpdate]:
        """Return what a whole book of ccxt changes; a change of nothing still says that the market lives."""
        try:
            return self._book(book, now_ms)
        except _Refused as refused:
            self.refused[refused.refusal] += 1
            return []

    def best(self, ticker: dict[str, Any]) -> list[MarketUpdate]:
        """Return the best levels that a polled ticker shows; without quantities it shows none."""
        try:
            return self._best(ticker)
        except _Refused as refused:
            self.refused[refused.refusal] += 1
            return []

    def prints(self, trades: Sequence[dict[str, Any]], *, is_poll: bool = False) -> list[MarketUpdate]:
        """Return trades that were not heard before; a poll repeats known ones as a matter of course."""
        updates: list[MarketUpdate] = []
        for trade in trades:
            try:
                updates.extend(self._print(trade, is_poll))
            except _Refused as refused:
                self.refused[refused.refusal] += 1
        return updates

    def _book(self, book: dict[str, Any], now_ms: int) -> list[MarketUpdate]:
        self._check_time(book)
        bids, asks = self._side(book.get("bids")), self._side(book.get("asks"))
        if not bids and not asks:
            raise _Refused(Refusal.EMPTY)
        self._check_prices(max(bids, default=0.0), min(asks, default=0.0))
        updates = self._difference(bids, asks) if self.is_known and self._is_as_shown else self._whole(bids, asks)
        if not self.is_known:
            self._known_since_ms = int(book.get("timestamp") or now_ms)
        self.is_known = self._is_as_shown = True
        self._shown = (bids, asks)
        self._nonce = book.get("nonce") or self._nonce
        self._time_ms = book.get("timestamp") or self._time_ms
        return updates

    def _check_time(self, book: dict[str, Any]) -> None:
        nonce, time_ms = book.get("nonce"), book.get("timestamp")
        if (nonce is not None and nonce < self._nonce) or (time_ms is not None and time_ms < self._time_ms):
            raise _Refused(Refusal.BACKWARDS)

    def _side(self, levels: Sequence[Any] | None) -> _Side:
        """Return the best levels of a side. Raises _Refused when any of them is nonsense."""
        side: _Side = {}
        for level in levels or ():
            price, quantity = _positive(level[0]), level[1]
            if quantity == 0:
                self.refused[Refusal.NOT_A_NUMBER] += 1
                continue
            side[price] = _positive(quantity)
            if len(side) == LEVELS:
                break
        return side

    def _check_prices(self, bid: float, ask: float) -> None:
        """Refuse a bid that reaches the ask, and prices that nobody can believe; 0 is an empty side."""
        if bid and ask and bid >= ask:
            raise _Refused(Refusal.CROSSED)
        if self.is_known:
            for price in (bid, ask):
                if price:
                    self._check_near(price)

    def _check_near(self, price: float) -> None:
        known = (max(self._shown[0], default=0.0), min(self._shown[1], default=0.0))
        if (highest := max(known)) and not min(p for p in known if p) / FARTHEST <= price <= highest * FARTHEST:
            raise _Refused(Refusal.FAR_OFF)

    def _whole(self, bids: _Side, asks: _Side) -> list[MarketUpdate]:
        self._is_as_shown = False
        shown_bids, shown_asks = (list(self._levels(side.items())) for side in (bids, asks))
        if not shown_bids and not shown_asks:
            raise _Refused(Refusal.OFF_GRID)
        return [DepthSnapshot(shown_bids, shown_asks, self._next_cause())]

    def _difference(self, bids: _Side, asks: _Side) -> list[MarketUpdate]:
        changes = []
        for before, now in zip(self._shown, (bids, asks), strict=True):
            gone = [(price, 0.0) for price in before.keys() - now.keys()]
            changed = [(price, quantity) for price, quantity in now.items() if before.get(price) != quantity]
            changes.append(list(self._levels([*gone, *changed])))
        return [DepthUpdate(changes[0], changes[1], self._next_cause())]

    def _levels(self, levels: Any) -> Iterator[tuple[int, int]]:
        """Yield levels in units; what is off the grid is left out, and less than a step counts as nothing."""
        for raw_price, raw_quantity in levels:
            price = self._price(raw_price)
            if price is None:
                self.refused[Refusal.OFF_GRID] += raw_quantity > 0
                continue
            quantity = self._quantity(raw_quantity)
            if quantity or self._is_as_shown:
                yield price, quantity

    def _price(self, raw: float) -> int | None:
        """Return a price in units, None when it is off the grid."""
        if raw not in self._prices:
            if len(self._prices) >= MOST_KNOWN_PRICES:
                self._prices.clear()
            self._prices[raw] = self._on_grid(raw)
        return self._prices[raw]

    def _on_grid(self, raw: float) -> int | None:
        try:
            price = to_units(str(raw), self.instrument.price_scale)
        except AmountError:
            return None
        return None if self.instrument.check_price(price) else price

    def _quantity(self, raw: float) -> int:
        """Return a quantity in units, rounded down to the step."""
        number = Decimal(str(raw))
        if number.adjusted() + self.instrument.quantity_scale > 17:
            raise _Refused(Refusal.NOT_A_NUMBER)
        units = int(number.scaleb(self.instrument.quantity_scale))
        return units - units % self.instrument.step_size

    def _best(self, ticker: dict[str, Any]) -> list[MarketUpdate]:
        if not self.is_known or not all(ticker.get(field) for field in ("bid", "ask", "bidVolume", "askVolume")):
            return []
        raw_bid, raw_ask = _positive(ticker["bid"]), _positive(ticker["ask"])
        self._check_prices(raw_bid, raw_ask)
        bid, ask = self._price(raw_bid), self._price(raw_ask)
        if bid is None or ask is None:
            raise _Refused(Refusal.OFF_GRID)
        quantities = [
            max(self._quantity(_positive(ticker[side])), self.instrument.step_size)
            for side in ("bidVolume", "askVolume")
        ]
        # The levels behind are no longer those of the last book, so the next one is said as a whole.
        self._is_as_shown = False
        return [BestBidOffer(bid, quantities[0], ask, quantities[1], self._next_cause())]

    def _print(self, trade: dict[str, Any], is_poll: bool) -> list[MarketUpdate]:
        time_ms = trade.get("timestamp")
        key = trade.get("id") or (time_ms, trade.get("price"), trade.get("amount"), trade.get("side"))
        if key in self._prints:
            if is_poll:
                return []
            raise _Refused(Refusal.REPEATED)
        self._remember(key)
        raw_price, raw_quantity, at_ms = (_positive(trade.get(name)) for name in ("price", "amount", "timestamp"))
        if not self.is_known or at_ms < self._known_since_ms - EARLIER_MS:
            raise _Refused(Refusal.EARLY)
        if at_ms < self._printed_ms:
            raise _Refused(Refusal.BACKWARDS)
        self._check_near(raw_price)
        price, quantity = self._price(raw_price), self._quantity(raw_quantity)
        if price is None or quantity == 0:
            raise _Refused(Refusal.OFF_GRID)
        self._printed_ms = int(at_ms)
        return [Print(price, quantity, self._taker(trade, raw_price), self._next_cause(), int(at_ms) * _MS)]

    def _taker(self, trade: dict[str, Any], price: float) -> Side:
        """Return the aggressor's side; where the venue does not say, it is the side whose quote was nearer."""
        if trade.get("side") in ("buy", "sell"):
            return Side.BUY if trade["side"] == "buy" else Side.SELL
        return Side.SELL if price <= max(self._shown[0], default=0.0) else Side.BUY

    def _remember(self, key: object) -> None:
        self._prints[key] = None
        if len(self._prints) > MOST_KNOWN_PRINTS:
            del self._prints[next(iter(self._prints))]

    def _next_cause(self) -> int:
        self._cause += 1
        return self._cause


def _positive(raw: Any) -> float:
    """Return a number above zero. Raises _Refused."""
    try:
        number = float(raw)
    except (TypeError, ValueError):
        raise _Refused(Refusal.NOT_A_NUMBER) from None
    if not isfinite(number) or number <= 0:
        raise _Refused(Refusal.NOT_A_NUMBER)
    return number
