"""One step of an accounts shard: what was decided in one go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from actors.runtime import MAX_RECORD_BYTES
from mockexchange.messages.channel import BookAmend, BookCancel
from mockexchange.messages.codec import encode
from mockexchange.messages.events import OrderReserved, ShardEvent

EVENTS_OF_A_PART: Final = 2_000


@dataclass(slots=True)
class Step:
    """What one record will hold, and the cancels and amends that go to the books after it."""

    events: list[ShardEvent] = field(default_factory=list)
    raws: list[msgspec.Raw] = field(default_factory=list)
    size: int = 0
    cancels: list[tuple[str, BookCancel]] = field(default_factory=list)
    amends: list[tuple[str, BookAmend]] = field(default_factory=list)

    def add(self, event: ShardEvent) -> None:
        """Add an event, encoded once and for all."""
        encoded = encode(event)
        self.events.append(event)
        self.raws.append(msgspec.Raw(encoded))
        self.size += len(encoded)

    def records(self) -> Iterator[tuple[list[ShardEvent], list[msgspec.Raw]]]:
        """Yield the events, and the same encoded, of each record to append: one, unless they are too large for it.

        Both orders of a list stand in one record.
        """
        if not self.events:
            return
        if self.size < 2 * MAX_RECORD_BYTES:
            yield self.events, self.raws
            return
        start = 0
        while start < len(self.events):
            end = min(start + EVENTS_OF_A_PART, len(self.events))
            end += _begins_list(self.events[end - 1])
            yield self.events[start:end], self.raws[start:end]
            start = end


def _begins_list(event: ShardEvent) -> bool:
    return isinstance(event, OrderReserved) and event.list_id == event.order_id
