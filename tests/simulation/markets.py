"""A small outside market: a few levels that wander, prints, best quotes, and silences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from random import Random

from actors.feeds.source import MarketSource, Tick
from infra.ports import Clock
from mockexchange.instruments import Instrument
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketUpdate, Print
from mockexchange.messages.orders import Side

LEVELS = 4
PAUSE_S = (0.02, 0.6)
LONGEST_SILENCE_S = 4.0


class SmallMarket:
    """One symbol's market around a middle price, in steps of `step` price units."""

    def __init__(self, instrument: Instrument, random: Random) -> None:
        self.instrument = instrument
        self.middle = instrument.start_price
        self._random = random
        self._step = max(instrument.start_price // 1_000, 1)
        self._cause = 0
        self._shown: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def snapshot(self) -> DepthSnapshot:
        """Show everything."""
        self._shown = {side: self._levels(side) for side in Side}
        self._cause += 1
        return DepthSnapshot(list(self._shown[Side.BUY].items()), list(self._shown[Side.SELL].items()), self._cause)

    def step(self, now_ns: int) -> list[MarketUpdate]:
        """Say something new."""
        kind = self._random.randrange(10)
        if kind < 3:
            return [self._print(now_ns)]
        if kind < 4:
            self._wander(1)
            return [self.snapshot()]
        if kind < 5:
            return [self._best()]
        self._wander(self._random.choice([0, 1, 1, 4]))
        return [self._changes()]

    def _wander(self, steps: int) -> None:
        self.middle += self._random.randint(-steps, steps) * self._step
        self.middle = max(self.middle, 20 * self._step)

    def _levels(self, side: Side) -> dict[int, int]:
        away = -1 if side is Side.BUY else 1
        return {self.middle + away * (1 + place) * self._step: self._size() for place in range(LEVELS)}

    def _changes(self) -> DepthUpdate:
        changed: dict[Side, list[tuple[int, int]]] = {}
        for side in Side:
            wanted = self._levels(side)
            gone = [(price, 0) for price in self._shown[side] if price not in wanted]
            changed[side] = [*gone, *wanted.items()]
            self._shown[side] = wanted
        self._cause += 1
        return DepthUpdate(changed[Side.BUY], changed[Side.SELL], self._cause)

    def _best(self) -> BestBidOffer:
        self._cause += 1
        bid, ask = self.middle - self._step, self.middle + self._step
        return BestBidOffer(bid, self._size(), ask, self._size(), self._cause)

    def _print(self, now_ns: int) -> Print:
        self._cause += 1
        taker = self._random.choice([Side.BUY, Side.SELL])
        price = self.middle + (1 if taker is Side.BUY else -1) * self._random.randint(1, 3) * self._step
        return Print(price, self._size(), taker, self._cause, now_ns)

    def _size(self) -> int:
        return self._random.randint(1, 40) * self.instrument.step_size * 100


class SmallSource(MarketSource):
    """The markets of some symbols; sometimes all of them fall silent.

    Once `is_over` it says that nothing changes.
    """

    def __init__(
        self, instruments: dict[str, Instrument], random: Random, silence: float, is_over: Callable[[], bool]
    ) -> None:
        self._is_over = is_over
        self._markets = {symbol: SmallMarket(instrument, random) for symbol, instrument in instruments.items()}
        self._random = random
        self._silence = silence

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(self._markets)

    async def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        yield [Tick(0, symbol, [market.snapshot()]) for symbol, market in self._markets.items()]
        while True:
            is_silent = self._random.random() < self._silence
            await asyncio.sleep(self._random.uniform(*(1.0, LONGEST_SILENCE_S) if is_silent else PAUSE_S))
            if self._is_over():
                yield [Tick(0, symbol, []) for symbol in self._markets]
                continue
            symbol = self._random.choice(list(self._markets))
            yield [Tick(0, symbol, self._markets[symbol].step(clock.now_ns()))]
