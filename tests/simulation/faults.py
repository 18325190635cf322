"""What goes wrong, drawn from one seed.

Each seed draws first which kinds of fault it has and how often, so that some runs are nearly calm and some are not;
a fault that is rare beside others finds its runs too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random


class Append(Enum):
    """What becomes of an append."""

    STORED = "stored and acknowledged"
    ACK_LOST = "stored, but nobody hears of it"
    LOST = "not stored, and nobody hears of it"
    REFUSED = "not stored, and the writer knows"
    LATE = "stored long after the writer has given up"


class Call(Enum):
    """What becomes of a call to an actor."""

    ANSWERED = "executed and answered"
    ANSWER_LOST = "executed, but nobody hears of it"
    LOST = "not executed, and nobody hears of it"


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each kind of fault happens, as chances.

    `life_steps` is the mean life of a node (0: for ever), after which it stands still (`pauses`), loses its connection
    to the journal for a while (`cuts`), or dies.
    No faults, but as rare: `lulls` in which nobody trades, and what the administrator does.
    """

    append_unknown: float = 0.0
    append_refused: float = 0.0
    call_lost: float = 0.0
    call_repeated: float = 0.0
    message_lost: float = 0.0
    message_repeated: float = 0.0
    snapshot_lost: float = 0.0
    store_away: float = 0.0
    slow: float = 0.0
    life_steps: int = 0
    pauses: float = 0.0
    cuts: float = 0.0
    outages: int = 0
    blackouts: int = 0
    lulls: int = 0
    overrides: int = 0
    resets: int = 0


CALM = Rates()
MAX_DEATHS = 25
"""Nodes that may be ended or paused in one run, so that every run gets somewhere."""


def draw_rates(random: Random) -> Rates:
    """Draw what a run has to live with."""

    def chance(most: float) -> float:
        return random.choice([0.0, most / 10, most / 3, most])

    return Rates(
        append_unknown=chance(0.03),
        append_refused=chance(0.03),
        call_lost=chance(0.06),
        call_repeated=chance(0.2),
        message_lost=chance(0.1),
        message_repeated=chance(0.1),
        snapshot_lost=chance(0.5),
        store_away=chance(0.2),
        slow=chance(0.05),
        life_steps=random.choice([0, 600, 2_000, 5_000]),
        pauses=random.choice([0.0, 0.3, 0.6]),
        cuts=random.choice([0.0, 0.0, 0.3]),
        outages=random.choice([0, 0, 1, 3]),
        blackouts=random.choice([0, 0, 0, 1]),
        lulls=random.choice([0, 0, 1]),
        overrides=random.choice([0, 0, 2]),
        resets=random.choice([0, 0, 0, 1]),
    )


class Faults:
    """Draws faults as they come. Once `end` was called, everything works."""

    def __init__(self, seed: object, rates: Rates = CALM) -> None:
        self.random = Random(f"faults {seed}")
        self.rates = rates
        self.deaths = 0
        self.next_appends: list[Append] = []

    def end(self) -> None:
        """Let everything work from now on."""
        self.rates = CALM

    def chance(self, probability: float) -> bool:
        """Draw whether something happens."""
        return probability > 0 and self.random.random() < probability

    def delay(self) -> float:
        """Draw how long a message is under way, in seconds: mostly a fraction of a millisecond."""
        if self.chance(self.rates.slow):
            return self.random.uniform(0.002, self.random.choice([0.05, 0.4, 0.4, 2.5]))
        return self.random.uniform(0.0001, 0.0015)

    def append(self) -> Append:
        """Draw what becomes of an append, unless it was said before in `next_appends`."""
        if self.next_appends:
            return self.next_appends.pop(0)
        if self.chance(self.rates.append_refused):
            return Append.REFUSED
        if self.chance(self.rates.append_unknown):
            return self.random.choice([Append.ACK_LOST, Append.LOST, Append.LATE])
        return Append.STORED

    def call(self) -> Call:
        """Draw what becomes of a call."""
        if self.chance(self.rates.call_lost):
            return self.random.choice([Call.ANSWER_LOST, Call.LOST])
        return Call.ANSWERED

    def life(self) -> int:
        """Draw after how many steps a new node meets its fate, -1 for never; often while it still recovers."""
        if not self.rates.life_steps or self.deaths >= MAX_DEATHS:
            return -1
        if self.chance(0.15):
            return self.random.randint(1, 150)
        return 1 + int(self.random.expovariate(1 / self.rates.life_steps))
