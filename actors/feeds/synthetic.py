"""A seeded market of its own: prices wander, quotes follow, takers come.

The price is a function of the wall clock: noise on many time scales around the start price, each scale's swing growing
with the root of its period, which looks like a random walk and yet stays near its start. So a feed that restarts goes
on where the market would be by now, although nothing was stored. All arithmetic is on integers, so that one seed
gives the same market on every machine.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Iterator
from itertools import islice, pairwise
from math import isqrt
from random import Random
from typing import Final, NamedTuple
from zlib import crc32

from actors.feeds.source import SECOND_NS, MarketSource, Tick, pace
from infra.ports import Clock
from mockexchange.candles import NS_PER_MS, SECOND_MS, Candle, Interval, bucket, moved
from mockexchange.instruments import Instrument
from mockexchange.messages.market import CANDLES_AT_ONCE, DepthSnapshot, DepthUpdate, MarketUpdate, Print
from mockexchange.messages.orders import Side

LEVELS_AT_LEAST: Final = 25
LEVELS_AT_MOST: Final = 40

_SHORTEST_PERIOD_NS: Final = 4 * SECOND_NS
_SHORTEST_SWING: Final = 100_000
_PARTS: Final = 10**9
_SWINGS: Final = [isqrt(_SHORTEST_SWING**2 << octave) for octave in range(17)]
"""Swing of each octave in parts of 10 ** 9: from a ten-thousandth in 4 s to 2.6 % in three days."""

_GRAINS_IN_PRICE: Final = 100_000
_TAKER_PERCENT: Final = 60
_LEVELS_SWEPT: Final = 3
_SIZE_SPREAD: Final = 100
_WIDEST_GAP: Final = 4
"""Between two levels, in grains."""

_WINDOW_NS: Final = 20_000_000


def _uniform(key: int, octave: int, index: int) -> int:
    """Return noise between -2**31 and 2**31, fixed for its arguments (the finalizer of SplitMix64)."""
    bits = (key * 0x9E3779B97F4A7C15 + octave * 0xD1B54A32D192ED03 + index * 0x8CB92BA72F3D8DD7) & (2**64 - 1)
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & (2**64 - 1)
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & (2**64 - 1)
    return (bits ^ bits >> 31) - 2**63 >> 32


def drift(key: int, now_ns: int) -> int:
    """Return how far the price is from its start at a time, in parts of 10 ** 9."""
    total = 0
    for octave, swing in enumerate(_SWINGS):
        period_ns = _SHORTEST_PERIOD_NS << octave
        index, passed_ns = divmod(now_ns, period_ns)
        before, after = _uniform(key, octave, index), _uniform(key, octave, index + 1)
        total += swing * (before + (after - before) * passed_ns // period_ns) >> 31
    return total


class Nature(NamedTuple):
    """What a market is by itself: the key of its noise, its price at first in ticks, and its usual size."""

    key: int
    start: int
    size: int


def _nature(instrument: Instrument, seed: int) -> Nature:
    start_price = instrument.start_price or 100 * 10**instrument.price_scale
    return Nature(
        crc32(instrument.symbol.encode()) ^ seed,
        max(start_price // instrument.tick_size, 2),
        _usual_size(instrument, start_price),
    )


def _usual_size(instrument: Instrument, start_price: int) -> int:
    """Return the size most orders are near: worth a thousand times the least order."""
    worth: int = 1_000 * (instrument.min_notional or 10**instrument.quote_scale)
    steps = worth // (instrument.quote_amount(start_price, 1) * instrument.step_size or 1)
    return max(steps, 10) * instrument.step_size


class SyntheticMarket:
    """One symbol's market; prices are ticks inside, and multiples of the tick size in what it says."""

    def __init__(self, instrument: Instrument, seed: int) -> None:
        self._instrument = instrument
        self._random = Random(f"{seed} {instrument.symbol}")
        self._key, self._start, self._size = _nature(instrument, seed)
        self._grain = max(1, self._start // _GRAINS_IN_PRICE)
        self._noise = 0
        self._cause = 0
        self._levels: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._changes: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._quotes = {Side.BUY: 0, Side.SELL: 0}
        self._follow(self._start)

    def snapshot(self) -> DepthSnapshot:
        """Return the whole displayed depth, best levels first."""
        self._changes = {Side.BUY: {}, Side.SELL: {}}
        return DepthSnapshot(
            self._said(sorted(self._levels[Side.BUY].items(), reverse=True)),
            self._said(sorted(self._levels[Side.SELL].items())),
            self._cause,
        )

    def step(self, now_ns: int) -> list[MarketUpdate]:
        """Let a moment pass: takers may come, quotes follow the price, some sizes change."""
        updates: list[MarketUpdate] = []
        target = self._target(now_ns)
        if self._random.randrange(100) < _TAKER_PERCENT:
            updates.extend(self._take(self._taker_side(target), now_ns))
        self._follow(target)
        for side in Side:
            self._change_sizes(side)
        updates.append(self._changed())
        return updates

    def _target(self, now_ns: int) -> int:
        """Return the price, in ticks, that quotes should be around: the drift and a noise that dies away."""
        self._noise += self._random.randint(-600 * self._grain, 600 * self._grain) - self._noise // 8
        return self._start * (_PARTS + drift(self._key, now_ns)) // _PARTS + self._noise // 1_000

    def _taker_side(self, target: int) -> Side:
        """Return the side takers are on: mostly the one that moves the quotes to their target."""
        is_towards = self._random.randrange(4) > 0
        is_up = 2 * target > self._quotes[Side.BUY] + self._quotes[Side.SELL]
        return Side.BUY if is_up == is_towards else Side.SELL

    def _take(self, taker: Side, now_ns: int) -> Iterator[Print]:
        """Let a taker eat its way through the best levels."""
        maker = taker.opposite
        left = self._some_size()
        for price in self._sorted(maker)[:_LEVELS_SWEPT]:
            displayed = self._levels[maker][price]
            quantity = min(left, displayed)
            self._put(maker, price, displayed - quantity)
            self._cause += 1
            yield Print(price * self._instrument.tick_size, quantity, taker, self._cause, now_ns)
            left -= quantity
            if left == 0:
                return

    def _follow(self, target: int) -> None:
        """Move the quotes once they are off their target, and mend both sides."""
        bid, ask = self._quotes[Side.BUY], self._quotes[Side.SELL]
        if not bid or abs(2 * target - bid - ask) > self._grain + 4:
            spread = self._random.randint(1, 4)
            bid = max(1, target - spread // 2)
            self._quotes = {Side.BUY: bid, Side.SELL: bid + spread}
        for side in Side:
            self._mend(side)

    def _mend(self, side: Side) -> None:
        """Remove levels beyond the quote or far from it, display it, and keep gaps and number of levels in bounds."""
        towards_worse = -1 if side is Side.BUY else 1
        quote = self._quotes[side]
        reach = 2 * LEVELS_AT_MOST * self._grain
        for price in [price for price in self._levels[side] if not 0 <= (price - quote) * towards_worse <= reach]:
            self._put(side, price, 0)
        if quote not in self._levels[side]:
            self._put(side, quote, self._some_size())
        self._fill_gaps(side, towards_worse)
        prices = self._sorted(side)
        for price in prices[LEVELS_AT_MOST:]:
            self._put(side, price, 0)
        worst = prices[-1]
        for _ in range(LEVELS_AT_LEAST - len(prices)):
            worst += towards_worse * self._random.randint(1, 2 * self._grain)
            if worst < 1:
                return
            self._put(side, worst, self._some_size())

    def _fill_gaps(self, side: Side, towards_worse: int) -> None:
        """Put levels where the quotes have moved away from the others."""
        for better, worse in pairwise(self._sorted(side)):
            price = better
            while (worse - price) * towards_worse > _WIDEST_GAP * self._grain:
                price += towards_worse * self._random.randint(1, 2 * self._grain)
                self._put(side, price, self._some_size())

    def _change_sizes(self, side: Side) -> None:
        """Give a level or two another size, more often near the best."""
        prices = self._sorted(side)
        for _ in range(self._random.randint(0, 2)):
            price = prices[self._random.randrange(self._random.randint(1, len(prices)))]
            self._put(side, price, self._some_size())

    def _some_size(self) -> int:
        """Return a size around the usual one; a ratio of two even chances has the power-law tail that sizes have."""
        step = self._instrument.step_size
        size = self._size * self._random.randint(1, _SIZE_SPREAD) // self._random.randint(1, _SIZE_SPREAD)
        return max(size // step, 1) * step

    def _sorted(self, side: Side) -> list[int]:
        return sorted(self._levels[side], reverse=side is Side.BUY)

    def _put(self, side: Side, price: int, quantity: int) -> None:
        self._changes[side][price] = quantity
        if quantity > 0:
            self._levels[side][price] = quantity
        else:
            self._levels[side].pop(price, None)

    def _changed(self) -> DepthUpdate:
        bids, asks = (self._said(list(self._changes[side].items())) for side in Side)
        self._changes = {Side.BUY: {}, Side.SELL: {}}
        self._cause += 1
        return DepthUpdate(bids, asks, self._cause)

    def _said(self, levels: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(price * self._instrument.tick_size, quantity) for price, quantity in levels]


_PAST_STEPS: Final = 4
"""A past candle's prices are those at so many moments and at its end; its high and low are among them."""

_SIZES_A_SECOND: Final = 7
_TRADES_A_SECOND: Final = 8


class SyntheticPast:
    """What a market did before the feed began, as far as it follows from seed and clock alone."""

    def __init__(self, instrument: Instrument, seed: int) -> None:
        self._instrument = instrument
        self._key, self._start, self._size = _nature(instrument, seed)

    def candles(self, interval: Interval, first_ms: int, last_ms: int) -> Iterator[Candle]:
        """Yield the candles that open in a window."""
        open_ms = bucket(interval, moved(interval, first_ms - 1, 1))
        opened = self._price(open_ms)
        while open_ms <= last_ms:
            ends_ms = moved(interval, open_ms, 1)
            step_ms = (ends_ms - open_ms) // (_PAST_STEPS + 1)
            inner = [self._price(open_ms + step_ms * each) for each in range(1, _PAST_STEPS + 1)]
            prices = [opened, *inner, self._price(ends_ms)]
            yield self._candle(prices, open_ms, ends_ms)
            open_ms, opened = ends_ms, prices[-1]

    def _candle(self, prices: list[int], open_ms: int, ends_ms: int) -> Candle:
        """Return a candle of about the usual volume: from half of it to half more."""
        instrument = self._instrument
        seconds = (ends_ms - open_ms) // SECOND_MS
        percent = 100 + _uniform(self._key, len(_SWINGS), open_ms) * 50 // 2**31
        trades = max(seconds * _TRADES_A_SECOND * percent // 100, 1)
        steps = self._size // instrument.step_size * seconds * _SIZES_A_SECOND * percent // 100
        volume = max(steps, 1) * instrument.step_size
        low, high = min(prices), max(prices)
        quote = instrument.quote_amount((low + high) // 2, volume)
        bought, bought_quote = volume // 2, quote // 2
        ends = (-1, -1, 0, ends_ms - 1, open_ms)
        return Candle(open_ms, prices[0], high, low, prices[-1], volume, quote, trades, bought, bought_quote, *ends)

    def _price(self, time_ms: int) -> int:
        ticks = self._start * (_PARTS + drift(self._key, time_ms * NS_PER_MS)) // _PARTS
        return max(ticks, 1) * self._instrument.tick_size


class SyntheticSource(MarketSource):
    """Markets of several symbols, each with its own chances, about eight ticks a second apiece."""

    def __init__(self, instruments: dict[str, Instrument], seed: int) -> None:
        self._instruments = dict(instruments)
        self._joining: list[Instrument] = []
        self._seed = seed

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols it speaks of."""
        return frozenset(self._instruments)

    def add(self, instrument: Instrument) -> None:
        """Speak of an instrument that was listed; one that is spoken of keeps its market."""
        if instrument.symbol not in self._instruments:
            self._instruments[instrument.symbol] = instrument
            self._joining.append(instrument)

    def past(self, symbol: str, interval: Interval, first_ms: int, last_ms: int) -> list[Candle]:
        """Return candles made of the price that the market would have had."""
        past = SyntheticPast(self._instruments[symbol], self._seed).candles(interval, first_ms, last_ms)
        return list(islice(past, CANDLES_AT_ONCE))

    def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        """Yield what happens as it happens, without end."""
        return pace(self.schedule(clock.now_ns()), clock, _WINDOW_NS)

    def schedule(self, began_ns: int) -> Iterator[Tick]:
        """Yield all ticks from a time on: the same ones for the same time and listings, without end."""
        self._joining = list(self._instruments.values())
        markets: dict[str, SyntheticMarket] = {}
        chances = Random(self._seed)
        due: list[tuple[int, str]] = []
        at_ns = 0
        while self._joining or due:
            joining, self._joining = self._joining, []
            for instrument in joining:
                market = markets[instrument.symbol] = SyntheticMarket(instrument, self._seed)
                market.step(began_ns + at_ns)
                yield Tick(at_ns, instrument.symbol, [market.snapshot()])
            for instrument in joining:
                heapq.heappush(due, (at_ns + chances.randrange(SECOND_NS // 8), instrument.symbol))
            at_ns, symbol = due[0]
            yield Tick(at_ns, symbol, markets[symbol].step(began_ns + at_ns))
            heapq.heapreplace(due, (at_ns + chances.randint(SECOND_NS // 25, SECOND_NS * 21 // 100), symbol))
