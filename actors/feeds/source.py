"""Where a feed's market comes from, and how scheduled ticks are let out at their pace."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Final, NamedTuple, Protocol

from infra.ports import Clock
from mockexchange.candles import Candle, Interval
from mockexchange.instruments import Instrument
from mockexchange.messages.market import MarketUpdate

SECOND_NS: Final = 1_000_000_000
LONGEST_LAG_NS: Final = SECOND_NS
"""A schedule further behind than this is moved instead: a process that slept does not hurry through what it missed."""


class Tick(NamedTuple):
    """What happens on one symbol `at_ns` nanoseconds after its schedule began."""

    at_ns: int
    symbol: str
    updates: list[MarketUpdate]


class MarketSource(Protocol):
    """An outside market. The first update of every symbol is a DepthSnapshot."""

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols it speaks of."""

    def add(self, instrument: Instrument) -> None:  # noqa: ARG002
        """Speak of an instrument that was listed, or by its new filters, if the market is the right one for it."""
        return

    def past(self, symbol: str, interval: Interval, first_ms: int, last_ms: int) -> list[Candle] | None:  # noqa: ARG002
        """Return the candles with trades that opened in a window, oldest first; None while they are not known yet.

        Only what was before the feed began is asked for. Must not take long.
        """
        return []

    def status(self) -> dict[str, object]:
        """Describe what there is to say beyond what the feed itself knows."""
        return {}

    def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        """Yield what happens as it happens, without end; close it with `aclosing`.

        An exception means that the market cannot be followed.
        """


class SilentSource(MarketSource):
    """An outside market of no symbols, in which nothing ever happens."""

    @property
    def symbols(self) -> frozenset[str]:
        """None."""
        return frozenset()

    async def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        """Yield nothing, for ever."""
        while True:
            await clock.sleep(60.0)
            yield []


async def pace(schedule: Iterator[Tick], clock: Clock, window_ns: int) -> AsyncGenerator[list[Tick], None]:
    """Yield ticks when they are due, those of one window of time together at its end.

    `at_ns` must not fall. What is overdue comes at once, together.
    """
    began = clock.monotonic()
    waiting = next(schedule, None)
    while waiting is not None:
        until_ns = (waiting.at_ns // window_ns + 1) * window_ns
        elapsed_ns = int((clock.monotonic() - began) * SECOND_NS)
        if elapsed_ns < until_ns:
            await clock.sleep((until_ns - elapsed_ns) / SECOND_NS)
        elif elapsed_ns - until_ns > LONGEST_LAG_NS:
            began += (elapsed_ns - until_ns) / SECOND_NS
        else:
            until_ns = elapsed_ns
        due = []
        while waiting is not None and waiting.at_ns < until_ns:
            due.append(waiting)
            waiting = next(schedule, None)
        yield due
