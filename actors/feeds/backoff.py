"""Growing pauses with jitter, so that many who lost one venue do not come back to it at once."""

from __future__ import annotations

from random import Random
from typing import Final

from infra.ports import Clock

FIRST_S: Final = 0.25
LONGEST_S: Final = 30.0


class Backoff:
    """Pauses between tries, each about twice as long as the one before."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._tries = 0

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._tries = 0

    async def wait(self) -> None:
        """Wait between half a pause and all of it."""
        pause_s = min(FIRST_S * 2 ** min(self._tries, 16), LONGEST_S)
        self._tries += 1
        await self._clock.sleep(pause_s * self._random.uniform(0.5, 1.0))
