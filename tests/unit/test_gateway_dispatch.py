"""The dispatcher batches what waits, lets nobody wait for a stranger, and repeats itself with the same command ids."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from gateway.dispatch import BUSY, LOST, READS, SILENT, Call, Dispatcher, DispatchLimits
from infra.ports import PeerLost
from mockexchange.messages.commands import (
    CancelOrder,
    ReadAccount,
    Refused,
    SequenceAnswer,
    ShardAnswer,
    ShardRequest,
    Unavailable,
)
from mockexchange.messages.refusals import RejectReason
from tests.support.manual_clock import ManualClock, settle

LIMITS = DispatchLimits(depth=1, patience_s=0.25, grace_s=0.75, pauses_s=(0.1, 0.2, 0.4))
TWO_DEEP = DispatchLimits(depth=2, patience_s=0.25, grace_s=0.75, pauses_s=(0.1, 0.2, 0.4))
Answering = Callable[[list[ShardRequest]], Awaitable[list[ShardAnswer]]]


def command(number: int, symbol: str = "BTC/USDT") -> CancelOrder:
    return CancelOrder(f"g:{symbol}:{number}", 1, number, "", 0)


def answer_to(request: ShardRequest) -> ShardAnswer:
    return SequenceAnswer(getattr(request, "order_id", 0))


class ScriptedShards:
    """Shards that do what the test says; every call is remembered."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.times: list[float] = []
        self.calls: list[tuple[int, list[ShardRequest]]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.failures: list[Exception | ShardAnswer] = []

    async def handle(self, shard: int, payload: bytes) -> bytes:
        requests = msgspec.msgpack.decode(payload, type=list[ShardRequest])
        self.calls.append((shard, requests))
        self.times.append(self.clock.monotonic())
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return msgspec.msgpack.encode([failure] * len(requests))
        first = requests[0]
        if isinstance(first, CancelOrder):
            symbol = first.command_id.split(":")[1]
            if symbol in self.gates:
                await self.gates[symbol].wait()
        return msgspec.msgpack.encode([answer_to(request) for request in requests])

    def hang(self, symbol: str) -> asyncio.Event:
        return self.gates.setdefault(symbol, asyncio.Event())


class Bench:
    def __init__(self, limits: DispatchLimits = LIMITS) -> None:
        self.clock = ManualClock()
        self.shards = ScriptedShards(self.clock)
        self.dispatcher = Dispatcher(self.shards, self.clock, limits)

    def send(self, number: int, symbol: str = "BTC/USDT", within_s: float = 5.0) -> asyncio.Task[ShardAnswer]:
        deadline_ns = self.clock.now_ns() + round(within_s * 1e9)
        return asyncio.ensure_future(self.dispatcher.ask(0, symbol, command(number, symbol), deadline_ns))

    def numbers(self) -> list[list[int]]:
        return [
            [request.order_id for request in requests if isinstance(request, CancelOrder)]
            for _, requests in self.shards.calls
        ]

    def sizes(self) -> list[int]:
        return [len(requests) for _, requests in self.shards.calls]


def run(scenario: Callable[[Bench], Awaitable[None]], limits: DispatchLimits = LIMITS) -> None:
    async def main() -> None:
        bench = Bench(limits)
        await scenario(bench)
        await bench.dispatcher.close()
        assert bench.dispatcher.pending == 0
        await settle()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    asyncio.run(main())


def test_what_arrives_in_one_turn_shares_a_call() -> None:
    async def scenario(bench: Bench) -> None:
        answers = await asyncio.gather(*(bench.send(number) for number in range(100)))
        assert answers == [SequenceAnswer(number) for number in range(100)]
        assert bench.sizes() == [100]

    run(scenario)


def test_what_arrives_while_a_call_is_in_flight_shares_the_next() -> None:
    async def scenario(bench: Bench) -> None:
        gate = bench.shards.hang("BTC/USDT")
        first = bench.send(1)
        await settle()
        others = []
        for number in range(2, 12):
            others.append(bench.send(number))
            await settle()
        assert bench.sizes() == [1]
        gate.set()
        assert await first == SequenceAnswer(1)
        assert await asyncio.gather(*others) == [SequenceAnswer(number) for number in range(2, 12)]
        assert bench.sizes() == [1, 10]

    run(scenario)


def test_two_calls_of_a_channel_are_in_flight_in_the_order_in_which_requests_came() -> None:
    async def scenario(bench: Bench) -> None:
        gate = bench.shards.hang("BTC/USDT")
        orders = []
        for number in range(6):
            orders.append(bench.send(number))
            await settle()
        assert bench.numbers() == [[0], [1]]
        gate.set()
        assert await asyncio.gather(*orders) == [SequenceAnswer(number) for number in range(6)]
        assert [number for call in bench.numbers() for number in call] == list(range(6))

    run(scenario, TWO_DEEP)


def test_more_than_one_call_carries_leaves_in_the_order_in_which_it_came() -> None:
    async def scenario(bench: Bench) -> None:
        gate = bench.shards.hang("BTC/USDT")
        calls = [Call(0, "BTC/USDT", command(number)) for number in range(5)]
        answers = bench.dispatcher.send_all(calls, bench.clock.now_ns() + 10**9)
        await settle()
        assert bench.numbers() == [[0, 1], [2, 3]]
        gate.set()
        assert await answers == [SequenceAnswer(number) for number in range(5)]
        assert bench.numbers() == [[0, 1], [2, 3], [4]]

    run(scenario, DispatchLimits(depth=2, max_batch=2))


def test_calls_that_were_lost_together_are_sent_again_as_one_and_in_order() -> None:
    async def scenario(bench: Bench) -> None:
        orders = []
        bench.shards.failures = [PeerLost("shard died"), PeerLost("shard died")]
        for number in range(2):
            orders.append(bench.send(number))
            await settle(1)
        orders.append(bench.send(2))
        await settle()
        assert bench.numbers()[:2] == [[0], [1]]
        await bench.clock.advance(5)
        assert await asyncio.gather(*orders) == [SequenceAnswer(number) for number in range(3)]
        assert [number for call in bench.numbers()[2:] for number in call] == [0, 1, 2]

    run(scenario, TWO_DEEP)


def test_a_call_carries_no_more_than_the_limit() -> None:
    async def scenario(bench: Bench) -> None:
        calls = [Call(0, "BTC/USDT", command(number)) for number in range(25)]
        answers = await bench.dispatcher.ask_all(calls, bench.clock.now_ns() + 10**9)
        assert answers == [SequenceAnswer(number) for number in range(25)]
        assert bench.sizes() == [10, 10, 5]

    run(scenario, DispatchLimits(max_batch=10))


def test_answers_come_in_the_order_asked_over_shards_and_channels() -> None:
    async def scenario(bench: Bench) -> None:
        calls = [
            Call(number % 2, symbol, command(number, symbol))
            for number in range(30)
            for symbol in ("BTC/USDT", "ETH/USDT")
        ]
        answers = await bench.dispatcher.ask_all(calls, bench.clock.now_ns() + 10**9)
        assert answers == [SequenceAnswer(number) for number in range(30) for _ in range(2)]
        assert sorted(shard for shard, _ in bench.shards.calls) == [0, 0, 1, 1]

    run(scenario)


def test_a_hung_symbol_delays_itself_alone() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.hang("ETH/USDT")
        hung = bench.send(1, "ETH/USDT")
        await settle()
        assert await bench.send(2, "BTC/USDT") == SequenceAnswer(2)
        assert await bench.dispatcher.ask(0, READS, ReadAccount(1), bench.clock.now_ns() + 10**9) == SequenceAnswer(0)
        assert not hung.done()
        await bench.clock.advance(5.75)
        assert await hung == Unavailable(SILENT, may_execute=True)

    run(scenario)


def test_one_order_that_waits_does_not_hold_back_its_symbol_for_long() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.hang("BTC/USDT")
        hung = bench.send(1)
        await settle()
        del bench.shards.gates["BTC/USDT"]
        later = bench.send(2)
        await settle()
        assert not later.done()
        await bench.clock.advance(0.25)
        assert await later == SequenceAnswer(2)
        assert not hung.done()
        await bench.clock.advance(6)
        assert await hung == Unavailable(SILENT, may_execute=True)

    run(scenario)


def test_calls_under_way_on_a_channel_are_bounded() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.hang("BTC/USDT")
        orders = []
        for number in range(10):
            orders.append(bench.send(number))
            await bench.clock.advance(0.3)
        assert bench.sizes() == [1, 1, 1]
        await bench.clock.advance(10)
        assert [type(await order) for order in orders] == [Unavailable] * 10

    run(scenario, DispatchLimits(depth=1, max_calls=3, patience_s=0.25, grace_s=0.75))


def test_a_lost_call_is_repeated_with_the_same_command_ids() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.failures = [PeerLost("shard died"), PeerLost("shard died")]
        orders = [bench.send(number) for number in range(3)]
        await bench.clock.advance(0.1)
        late = bench.send(3)
        await bench.clock.advance(0.2)
        assert await asyncio.gather(*orders, late) == [SequenceAnswer(number) for number in range(4)]
        sent = [[request.command_id for request in requests] for _, requests in bench.shards.calls]
        first = [f"g:BTC/USDT:{number}" for number in range(3)]
        assert sent == [first, first, [*first, "g:BTC/USDT:3"]]

    run(scenario)


def test_pauses_grow_while_a_shard_is_away_and_end_with_the_deadline() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.failures = [PeerLost("shard died") for _ in range(100)]
        order = bench.send(1, within_s=1.0)
        await bench.clock.advance(5)
        assert bench.shards.times == pytest.approx([0, 0.1, 0.3, 0.7])
        assert await order == Unavailable(LOST, may_execute=True)

    run(scenario)


def test_a_command_that_never_left_says_so() -> None:
    async def scenario(bench: Bench) -> None:
        recovering = Unavailable("the accounts are recovering")
        bench.shards.failures = [recovering] * 100
        order = bench.send(1, within_s=1.0)
        await bench.clock.advance(2)
        assert await order == recovering

    run(scenario)


def test_once_a_command_may_have_executed_no_later_answer_takes_it_back() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.failures = [PeerLost("shard died"), *[Unavailable("the accounts are recovering")] * 100]
        order = bench.send(1, within_s=1.0)
        await bench.clock.advance(2)
        assert await order == Unavailable("the accounts are recovering", may_execute=True)

    run(scenario)


def test_a_shard_that_recovers_before_the_deadline_is_not_noticed() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.failures = [PeerLost("shard died"), *[Unavailable("the accounts are recovering")] * 3]
        order = bench.send(7)
        await bench.clock.advance(3)
        assert await order == SequenceAnswer(7)

    run(scenario)


def test_a_refusal_is_an_answer_and_is_not_repeated() -> None:
    async def scenario(bench: Bench) -> None:
        refused = Refused(RejectReason.UNKNOWN_ORDER)
        bench.shards.failures = [refused]
        assert await bench.send(1) == refused
        assert bench.sizes() == [1]

    run(scenario)


def test_what_waits_past_its_deadline_is_not_sent_any_more() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.hang("BTC/USDT")
        hung = bench.send(1, within_s=5.0)
        await settle()
        waiting = bench.send(2, within_s=0.5)
        await bench.clock.advance(10)
        assert await hung == Unavailable(SILENT, may_execute=True)
        assert await waiting == Unavailable(SILENT, may_execute=False)
        assert bench.sizes() == [1]

    run(scenario, DispatchLimits(max_calls=1))


def test_a_full_queue_refuses_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.hang("BTC/USDT")
        bench.send(0)
        await settle()
        waiting = [bench.send(number) for number in range(1, 6)]
        await settle()
        assert await bench.send(6) == Unavailable(BUSY, may_execute=False)
        assert await bench.send(7, "ETH/USDT") == SequenceAnswer(7)
        assert not any(order.done() for order in waiting)

    run(scenario, DispatchLimits(depth=1, max_queue=5))


def test_all_channels_together_are_bounded() -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(5):
            symbol = f"A{number}/USDT"
            bench.shards.hang(symbol)
            bench.send(number, symbol)
        await settle()
        assert await bench.send(6, "ETH/USDT") == Unavailable(BUSY, may_execute=False)

    run(scenario, DispatchLimits(max_pending=5))


def test_a_caller_that_goes_away_leaves_the_others_alone() -> None:
    async def scenario(bench: Bench) -> None:
        gate = bench.shards.hang("BTC/USDT")
        gone, stays = bench.send(1), bench.send(2)
        await settle()
        gone.cancel()
        await settle()
        gate.set()
        assert await stays == SequenceAnswer(2)

    run(scenario)


def test_closing_answers_whoever_waits() -> None:
    async def scenario(bench: Bench) -> None:
        bench.shards.hang("BTC/USDT")
        sent = bench.send(1)
        await settle()
        waiting = bench.send(2)
        await settle()
        await bench.dispatcher.close()
        assert (await sent, await waiting) == (
            Unavailable("the gateway is stopping", may_execute=True),
            Unavailable("the gateway is stopping", may_execute=False),
        )
        assert isinstance(await bench.send(3), Unavailable)

    run(scenario)


@pytest.mark.parametrize("broken", [b"\xff", msgspec.msgpack.encode([])])
def test_an_answer_that_makes_no_sense_hangs_nobody(broken: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        handle, bench.shards.handle = bench.shards.handle, lambda shard, payload: _give(broken)  # type: ignore[method-assign]
        assert await bench.send(1) == Unavailable("internal error", may_execute=True)
        bench.shards.handle = handle  # type: ignore[method-assign]
        assert await bench.send(2) == SequenceAnswer(2)

    run(scenario)
    assert "a call to shard 0 broke" in caplog.text


async def _give(payload: bytes) -> bytes:
    return payload


def test_idle_channels_are_forgotten() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.gather(*(bench.send(1, f"A{number}/USDT") for number in range(50)))
        await settle()
        assert not bench.dispatcher._channels

    run(scenario)
