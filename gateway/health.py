"""Whether all parts work, and which do not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final

import msgspec

from gateway.dispatch import NS_PER_S, READS
from gateway.failures import Failure, NotAvailable
from gateway.floor import Floor
from gateway.heartbeats import Heartbeats
from gateway.history_desk import HistoryDesk
from gateway.waiting import within
from infra.ports import Journal, JournalUnavailable
from mockexchange.messages.commands import AwaitSequence, SequenceAnswer, Unavailable

PATIENCE_S: Final = 1.0
KEEP_S: Final = 0.25
"""For so long a report is given again: health may be asked often and by anybody."""

_FAILING: Final = frozenset({"silent", "restarting", "starting", "connecting"})


class Report(msgspec.Struct):
    """What works. `failing` names the parts that do not; `parts` says of each "ok" or what is wrong."""

    status: str
    failing: list[str]
    parts: dict[str, str]


class Health:
    """Asks the parts how they are, all at once and each within a second."""

    def __init__(self, floor: Floor, journal: Journal, history: HistoryDesk, heartbeats: Heartbeats) -> None:
        self._floor = floor
        self._journal = journal
        self._history = history
        self._heartbeats = heartbeats
        self._report: Report | None = None
        self._made_at = float("-inf")

    async def report(self) -> Report:
        """Return how all parts are."""
        now = self._floor.clock.monotonic()
        if self._report is None or now - self._made_at > KEEP_S:
            self._report = await self._ask_all()
            self._made_at = self._floor.clock.monotonic()
        return self._report

    async def _ask_all(self) -> Report:
        questions: dict[str, Awaitable[str]] = {
            "journal": self._journal_state(),
            "registry": self._registry_state(),
            "valkey": self._valkey_state(),
        }
        questions |= {f"accounts.{shard}": self._shard_state(shard) for shard in range(self._floor.registry.shards)}
        states = await asyncio.gather(*(self._bounded(question) for question in questions.values()))
        parts = dict(zip(questions, states, strict=True))
        parts["directory"] = "ok" if self._heartbeats.is_heard("directory") else "is silent"
        parts |= _watched_parts(self._heartbeats.fresh().get("directory", {}))
        silent = self._floor.memory.silent_feeds(self._floor.registry.instruments.values())
        if silent:
            parts["feed"] = f"is silent for {', '.join(silent[:10])}"
        failing = [name for name, state in parts.items() if state != "ok"]
        return Report("unavailable" if failing else "ok", failing, parts)

    async def _bounded(self, question: Awaitable[str]) -> str:
        try:
            return await within(self._floor.clock, PATIENCE_S, question)
        except TimeoutError:
            return "does not answer"

    async def _journal_state(self) -> str:
        try:
            await self._journal.end()
        except JournalUnavailable as error:
            return str(error) or "cannot be reached"
        return "ok"

    async def _registry_state(self) -> str:
        """Say whether this process knows all accounts, keys and instruments; it refuses what it does not know."""
        try:
            await self._floor.follower.catch_up()
        except NotAvailable as failure:
            return failure.message
        return "ok"

    async def _valkey_state(self) -> str:
        try:
            await self._history.position()
        except Failure:
            return "cannot be reached"
        return "ok"

    async def _shard_state(self, shard: int) -> str:
        deadline_ns = self._floor.clock.now_ns() + round(PATIENCE_S * NS_PER_S)
        answer = await self._floor.dispatcher.ask(shard, READS, AwaitSequence(0), deadline_ns)
        if isinstance(answer, SequenceAnswer):
            return "ok"
        return answer.detail if isinstance(answer, Unavailable) else "refuses"


def _watched_parts(directory: Mapping[str, object]) -> dict[str, str]:
    """Return what the directory says of the parts it watches that do not work."""
    parts = directory.get("parts")
    if not isinstance(parts, Mapping):
        return {}
    return {
        str(name): f"is {status['state']}"
        for name, status in parts.items()
        if isinstance(status, Mapping) and _is_failing(str(name), status.get("state"))
    }


def _is_failing(name: str, state: object) -> bool:
    """Say whether a part in this state does not work; books come and go as they are used."""
    return state in _FAILING or (state == "recovering" and not name.startswith("book."))
