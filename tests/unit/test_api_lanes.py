"""Requests of one connection: batches by symbol, in order, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.binance.api_lanes import Lanes
from tests.support.eventually import eventually


class Desk:
    """Works off requests when it is let to; names that begin with `o` are batched."""

    def __init__(self, max_pending: int = 100) -> None:
        self.done: list[tuple[str, ...]] = []
        self.gate = asyncio.Event()
        self.begun = 0
        self.lanes = Lanes[str](self.one, self.batch, lambda name: name.startswith("o"), max_pending)

    async def one(self, name: str) -> None:
        self.begun += 1
        await self.gate.wait()
        self.done.append((name,))

    async def batch(self, names: Sequence[str]) -> None:
        self.begun += len(names)
        await self.gate.wait()
        self.done.append(tuple(names))


def test_what_comes_while_a_batch_is_under_way_is_the_next() -> None:
    async def main() -> None:
        desk = Desk()
        await desk.lanes.put("o1", "BTC")
        await eventually(lambda: desk.begun == 1)
        for name in ("o2", "o3", "c4", "c5", "o6"):
            await desk.lanes.put(name, "BTC")
        desk.gate.set()
        await eventually(lambda: desk.lanes.pending == 0)
        assert desk.done == [("o1",), ("o2", "o3"), ("c4",), ("c5",), ("o6",)]

    asyncio.run(main())


def test_symbols_and_reads_do_not_wait_for_each_other() -> None:
    async def main() -> None:
        desk = Desk()
        for name, lane in (("o1", "BTC"), ("o2", "ETH"), ("read", None), ("other read", None)):
            await desk.lanes.put(name, lane)
        await eventually(lambda: desk.begun == 4)
        desk.gate.set()
        await eventually(lambda: desk.lanes.pending == 0)

    asyncio.run(main())


def test_requests_without_an_answer_are_bounded() -> None:
    async def main() -> None:
        desk = Desk(max_pending=2)
        await desk.lanes.put("o1", "BTC")
        await desk.lanes.put("read", None)
        third = asyncio.create_task(desk.lanes.put("o2", "BTC"))
        await eventually(lambda: desk.begun == 2)
        assert not third.done()
        desk.gate.set()
        await third
        await eventually(lambda: desk.lanes.pending == 0)
        assert ("o2",) in desk.done

    asyncio.run(main())
