"""A journal that stores in order, and tells of it late, twice or never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from infra.ports import AppendUnknown, Fenced, JournalMessage, JournalUnavailable
from tests.simulation.faults import Append, Faults
from tests.simulation.loop import Node, SimulatedLoop

APPEND_TIMEOUT_S = 5.0
LARGEST_BATCH = 12


class _Append:
    """An append on its way."""

    __slots__ = ("answer", "expected", "node", "payload", "subject", "will_be_acknowledged")

    def __init__(self, node: Node, subject: str, payload: bytes, expected: int, answer: asyncio.Future[int]) -> None:
        self.node = node
        self.subject = subject
        self.payload = payload
        self.expected = expected
        self.answer = answer
        self.will_be_acknowledged = True


class FakeJournal:
    """The stream and its server, which may be down (it refuses) or stalled (it does not answer).

    Nodes that are `cut` off have no connection to it; nodes in `deaf` are sent no records.
    """

    def __init__(self, loop: SimulatedLoop, faults: Faults) -> None:
        self.records: list[JournalMessage] = []
        self.last: dict[str, int] = {}
        self.is_up = True
        self.is_stalled = False
        self.deaf: set[Node] = set()
        self.cut: set[Node] = set()
        self.refusals = 0
        self._loop = loop
        self._faults = faults
        self._in_flight: dict[_Append, None] = {}
        self._stalled: list[_Append] = []
        self._grown: dict[asyncio.Future[None], None] = {}

    def seen_by(self, node: Node) -> NodeJournal:
        """Return the journal as one node's connection shows it."""
        return NodeJournal(self, node)

    @property
    def end(self) -> int:
        """The sequence of the last record."""
        return len(self.records)

    def go_down(self) -> None:
        """Lose every connection: appends in flight end as unknown, stored or not."""
        self.is_up = False
        self._lose(list(self._in_flight))

    def cut_off(self, node: Node) -> None:
        """Lose the connection of one node until it is taken out of `cut`."""
        self.cut.add(node)
        self._lose([append for append in self._in_flight if append.node is node])

    def _lose(self, appends: list[_Append]) -> None:
        for append in appends:
            del self._in_flight[append]
            append.will_be_acknowledged = False
            if self._faults.random.random() < 0.5:
                self._store(append)
            self._give_up(append)

    def come_up(self) -> None:
        """Serve again."""
        self.is_up = True

    def stall(self) -> None:
        """Answer nobody until `go_on`, as a stopped process does."""
        self.is_stalled = True

    def go_on(self) -> None:
        """Do now what was asked meanwhile."""
        self.is_stalled = False
        stalled, self._stalled = self._stalled, []
        for append in stalled:
            self._arrive(append)

    def submit(self, node: Node, subject: str, payload: bytes, expected: int, answer: asyncio.Future[int]) -> None:
        """Take an append; its fate does not depend on the writer's any more."""
        fate = self._faults.append()
        if not self.is_up or node in self.cut or fate is Append.REFUSED:
            self.refusals += 1
            answer.set_exception(JournalUnavailable("no connection"))
            return
        append = _Append(node, subject, payload, expected, answer)
        append.will_be_acknowledged = fate is Append.STORED
        if fate is not Append.LOST:
            self._in_flight[append] = None
            late_s = self._faults.random.uniform(0.0, 3.0) if fate is Append.LATE else self._faults.delay()
            self._loop.later(late_s, self._arrive, append)
        patience_s = APPEND_TIMEOUT_S if fate is Append.STORED else self._faults.random.uniform(0.0, 0.5)
        self._loop.later(patience_s, self._give_up, append)

    def _arrive(self, append: _Append) -> None:
        if self.is_stalled:
            self._stalled.append(append)
        elif append in self._in_flight:
            del self._in_flight[append]
            self._store(append)

    def _store(self, append: _Append) -> None:
        result: int | Fenced
        last = self.last.get(append.subject, 0)
        if append.expected != last:
            result = Fenced(f"expected {append.expected}, last is {last}")
        else:
            result = self._put(append.subject, append.payload)
        if append.will_be_acknowledged:
            self._loop.later(self._faults.delay(), self._acknowledge, append, result)

    def _put(self, subject: str, payload: bytes) -> int:
        sequence = len(self.records) + 1
        self.records.append(JournalMessage(sequence, subject, payload))
        self.last[subject] = sequence
        grown, self._grown = self._grown, {}
        for future in grown:
            if not future.done():
                future.set_result(None)
        return sequence

    @staticmethod
    def _acknowledge(append: _Append, result: int | Fenced) -> None:
        if append.answer.done():
            return
        if isinstance(result, Fenced):
            append.answer.set_exception(result)
        else:
            append.answer.set_result(result)

    @staticmethod
    def _give_up(append: _Append) -> None:
        if not append.answer.done():
            append.answer.set_exception(AppendUnknown("no answer"))

    async def growth(self) -> None:
        """Return when a record was stored."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._grown[future] = None
        try:
            await future
        finally:
            self._grown.pop(future, None)


class NodeJournal:
    """Implements `infra.ports.Journal` for one node. A dead node reaches nothing."""

    def __init__(self, journal: FakeJournal, node: Node) -> None:
        self._journal = journal
        self._node = node
        self._loop = node.loop
        self._faults = journal._faults

    @property
    def is_available(self) -> bool:
        return self._journal.is_up and self._node not in self._journal.cut

    async def append(self, subject: str, payload: bytes, expected: int) -> int:
        answer: asyncio.Future[int] = self._loop.create_future()
        if self._node.is_alive:
            self._journal.submit(self._node, subject, payload, expected, answer)
        return await answer

    async def last_sequence(self, subject: str) -> int:
        await self._ask()
        last = self._journal.last.get(subject, 0)
        await asyncio.sleep(self._faults.delay())
        return last

    async def end(self) -> int:
        await self._ask()
        end = self._journal.end
        await asyncio.sleep(self._faults.delay())
        return end

    async def read(self, subjects: Sequence[str], start: int) -> AsyncGenerator[list[JournalMessage], None]:
        at = max(start, 1) - 1
        exact = {subject for subject in subjects if not subject.endswith(">")}
        prefixes = tuple(subject[:-1] for subject in subjects if subject.endswith(">"))
        records = self._journal.records
        while True:
            while at >= len(records) or self._is_silent():
                if at < len(records):
                    await asyncio.sleep(0.05)
                else:
                    await self._journal.growth()
            await asyncio.sleep(self._faults.delay())
            chunk = records[at : at + self._faults.random.randint(1, LARGEST_BATCH)]
            at += len(chunk)
            wanted = [record for record in chunk if record.subject in exact or record.subject.startswith(prefixes)]
            if wanted:
                yield wanted

    def _is_silent(self) -> bool:
        return not self.is_available or self._journal.is_stalled or self._node in self._journal.deaf

    async def _ask(self) -> None:
        """Reach the server, or find that it cannot be reached."""
        await asyncio.sleep(self._faults.delay())
        waited = 0
        while self._journal.is_stalled and waited < 50:
            await asyncio.sleep(0.1)
            waited += 1
        if not self.is_available or self._journal.is_stalled or not self._node.is_alive:
            raise JournalUnavailable("no connection")
