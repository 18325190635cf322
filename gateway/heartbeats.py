"""What the parts of the exchange say of themselves once a second on `system.>`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from infra.ports import Bus, Clock

FRESH_S: Final = 5.0
FORGET_S: Final = 60.0
MAX_PARTS: Final = 10_000

_decode: Final = msgspec.json.Decoder(dict[str, object]).decode


class Beat(NamedTuple):
    """The last heartbeat of a part, as it came."""

    payload: bytes
    at: float


class Heartbeats:
    """Remembers the last heartbeat of every part."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._beats: dict[str, Beat] = {}
        self._end: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._end = await self._bus.subscribe("system.>", self._hear)

    async def stop(self) -> None:
        """Listen no longer."""
        if self._end is not None:
            await self._end()
            self._end = None

    def is_heard(self, part: str) -> bool:
        """Whether a part, or one below it (`writer` covers `writer.0`), spoke lately."""
        now = self._clock.monotonic()
        return any(
            now - beat.at <= FRESH_S and (name == part or name.startswith(f"{part}."))
            for name, beat in self._beats.items()
        )

    def fresh(self) -> dict[str, Mapping[str, object]]:
        """Return what each part said last, leaving out those that have fallen silent and what cannot be read."""
        now = self._clock.monotonic()
        said: dict[str, Mapping[str, object]] = {}
        for name, beat in sorted(self._beats.items()):
            if now - beat.at <= FRESH_S:
                try:
                    said[name] = _decode(beat.payload)
                except msgspec.MsgspecError:
                    said[name] = {"unreadable": 1}
        return said

    def _hear(self, subject: str, payload: bytes) -> None:
        now = self._clock.monotonic()
        if len(self._beats) >= MAX_PARTS:
            self._beats = {name: beat for name, beat in self._beats.items() if now - beat.at <= FORGET_S}
        self._beats[subject.removeprefix("system.")] = Beat(payload, now)
