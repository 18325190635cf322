"""A journal and snapshots in memory, for what only reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from fnmatch import fnmatchcase

from infra.ports import JournalMessage, Snapshot


class MemoryJournal:
    """Implements `infra.ports.Journal`. Records are put in by the test; a reader gets them in batches."""

    def __init__(self, records: Iterable[tuple[int, str, bytes]] = (), batch: int = 100) -> None:
        self.records: list[JournalMessage] = []
        self.is_available = True
        self._batch = batch
        self._grown = asyncio.Event()
        self.extend(records)

    def extend(self, records: Iterable[tuple[int, str, bytes]]) -> None:
        self.records.extend(JournalMessage(*record) for record in records)
        self._grown.set()

    async def append(self, subject: str, payload: bytes, expected: int) -> int:
        raise AssertionError("a reader does not append")

    async def last_sequence(self, subject: str) -> int:
        return max((record.sequence for record in self.records if record.subject == subject), default=0)

    async def end(self) -> int:
        return self.records[-1].sequence if self.records else 0

    async def read(self, subjects: Sequence[str], start: int) -> AsyncGenerator[list[JournalMessage], None]:
        at = 0
        patterns = [subject.replace(">", "*") for subject in subjects]
        while True:
            if at == len(self.records):
                self._grown.clear()
                await self._grown.wait()
            chunk = self.records[at : at + self._batch]
            at += len(chunk)
            wanted = [m for m in chunk if m.sequence >= start and any(fnmatchcase(m.subject, p) for p in patterns)]
            if wanted:
                yield wanted


class MemorySnapshots:
    """Implements `infra.ports.Snapshots`."""

    def __init__(self) -> None:
        self.kept: dict[str, list[Snapshot]] = {}

    async def save(self, name: str, snapshot: Snapshot) -> None:
        self.kept[name] = [snapshot, *self.kept.get(name, [])][:2]

    async def load(self, name: str) -> list[Snapshot]:
        return list(self.kept.get(name, []))
