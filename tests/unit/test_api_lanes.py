"""Requests of one connection: batches by symbol, in order, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from gateway.binance.api_lanes import Lanes
from tests.support.eventually import eventually


class Desk:
    """Works off requests when it is let to; names that begin with `o` are batched."""

    def __init__(self, max_pending: int = 100) -> None:
        self.sent: list[tuple[str, ...]] = []
        self.done: list[str] = []
        self.sending = asyncio.Event()
        self.answering = asyncio.Event()
        self.sending.set()
        self.lanes = Lanes[str](self.one, self.batch, lambda name: name.startswith("o"), max_pending)

    async def one(self, name: str) -> None:
        self.sent.append((name,))
        await self.answering.wait()
        self.done.append(name)

    async def batch(self, names: Sequence[str]) -> Awaitable[None]:
        await self.sending.wait()
        self.sent.append(tuple(names))

        async def answer() -> None:
            await self.answering.wait()
            self.done.extend(names)

        return answer()

    async def finish(self) -> None:
        self.sending.set()
        self.answering.set()
        await eventually(lambda: self.lanes.pending == 0)


def test_what_comes_while_a_batch_is_being_sent_is_the_next() -> None:
    async def main() -> None:
        desk = Desk()
        desk.sending.clear()
        for name in ("o1", "o2", "o3"):
            await desk.lanes.put(name, "BTC")
            await asyncio.sleep(0)
        desk.sending.set()
        await eventually(lambda: desk.sent == [("o1",), ("o2", "o3")])
        assert not desk.done
        await desk.finish()
        assert desk.done == ["o1", "o2", "o3"]

    asyncio.run(main())


def test_a_batch_is_sent_before_the_one_before_it_is_answered() -> None:
    async def main() -> None:
        desk = Desk()
        for name in ("o1", "o2"):
            await desk.lanes.put(name, "BTC")
            await eventually(lambda name=name: (name,) in desk.sent)  # type: ignore[misc]
        assert not desk.done
        await desk.finish()

    asyncio.run(main())


def test_what_is_no_order_waits_for_all_before_it_and_holds_back_all_after_it() -> None:
    async def main() -> None:
        desk = Desk()
        await desk.lanes.put("o1", "BTC")
        await eventually(lambda: desk.sent == [("o1",)])
        for name in ("o2", "c3", "c4", "o5"):
            await desk.lanes.put(name, "BTC")
        await eventually(lambda: ("o2",) in desk.sent)
        for _ in range(10):
            await asyncio.sleep(0)
        assert desk.sent == [("o1",), ("o2",)]
        await desk.finish()
        assert desk.sent == [("o1",), ("o2",), ("c3",), ("c4",), ("o5",)]
        assert desk.done[:2] == ["o1", "o2"]
        assert desk.done[-1] == "o5"

    asyncio.run(main())


def test_symbols_and_reads_do_not_wait_for_each_other() -> None:
    async def main() -> None:
        desk = Desk()
        for name, lane in (("o1", "BTC"), ("o2", "ETH"), ("read", None), ("other read", None)):
            await desk.lanes.put(name, lane)
        await eventually(lambda: len(desk.sent) == 4)
        await desk.finish()

    asyncio.run(main())


def test_requests_without_an_answer_are_bounded() -> None:
    async def main() -> None:
        desk = Desk(max_pending=2)
        await desk.lanes.put("o1", "BTC")
        await desk.lanes.put("read", None)
        third = asyncio.create_task(desk.lanes.put("o2", "BTC"))
        await eventually(lambda: len(desk.sent) == 2)
        assert not third.done()
        desk.answering.set()
        await third
        await desk.finish()
        assert "o2" in desk.done

    asyncio.run(main())
