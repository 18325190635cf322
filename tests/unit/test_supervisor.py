import asyncio

import pytest

from infra.supervisor import Notice, Part, PartFailed, Pauses, Step, Supervisor
from tests.support.manual_clock import ManualClock, settle

pytestmark = pytest.mark.anyio


class FakeChild:
    def __init__(self, log: list[str], name: str) -> None:
        self.log = log
        self.name = name
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def die(self, status: int = -9) -> None:
        self.ended.set_result(status)

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    async def stop(self, grace_s: float) -> int:
        if not self.ended.done():
            self.log.append(f"stop {self.name}")
            self.ended.set_result(0)
        return self.ended.result()


class World:
    """Fake parts that are ready at once, unless held back."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log: list[str] = []
        self.notices: list[Notice] = []
        self.children: dict[str, FakeChild] = {}
        self.held: set[str] = set()
        self.dead_on_arrival: set[str] = set()

    def part(self, name: str, needs: tuple[str, ...] = (), follows: str | None = None) -> Part:
        async def launch() -> FakeChild:
            self.log.append(f"start {name}")
            self.children[name] = FakeChild(self.log, name)
            if name in self.dead_on_arrival:
                self.children[name].die(3)
            return self.children[name]

        async def wait_ready() -> None:
            while name in self.held or name in self.dead_on_arrival:
                await self.clock.sleep(0.1)

        return Part(name, launch, wait_ready, needs, follows, ready_timeout_s=5)

    def supervisor(self, *parts: Part) -> Supervisor:
        return Supervisor(parts, self.clock, self.notices.append)

    def chain(self) -> Supervisor:
        return self.supervisor(
            self.part("gateway", ("ray",), follows="ray"),
            self.part("ray", ("nats", "valkey")),
            self.part("nats"),
            self.part("valkey"),
        )

    def steps(self, part: str) -> list[Step]:
        return [notice.step for notice in self.notices if notice.part == part]

    def pauses(self, part: str) -> list[float]:
        return [notice.seconds for notice in self.notices if notice.part == part and notice.step is Step.DIED]

    async def kill(self, name: str, lived_s: float = 0.0) -> float:
        """Let a part live for a while, kill it, wait for its next incarnation; return how long that took."""
        await self.clock.advance(lived_s)
        dead = self.children[name]
        dead.die()
        await settle()
        waited = 0.0
        while self.children[name] is dead:
            await self.clock.advance(0.05)
            waited += 0.05
            assert waited < 60
        return waited


def test_pauses_double_up_to_ten_seconds():
    pauses = Pauses()
    assert [pauses.after(lived_s=1) for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_pauses_are_short_again_after_a_healthy_while():
    pauses = Pauses()
    for _ in range(5):
        pauses.after(lived_s=1)
    assert [pauses.after(lived_s=30), pauses.after(lived_s=1)] == [0.2, 0.4]


async def test_parts_start_once_what_they_need_is_ready():
    world = World()
    supervisor = world.chain()
    world.held = {"valkey"}
    starting = asyncio.create_task(supervisor.start())
    await settle()
    assert sorted(world.log) == ["start nats", "start valkey"]
    world.held.clear()
    await world.clock.advance(1)
    await starting
    assert world.log[2:] == ["start ray", "start gateway"]
    await supervisor.stop()


async def test_parts_stop_before_those_that_they_need():
    world = World()
    supervisor = world.chain()
    await supervisor.start()
    world.log.clear()
    await supervisor.stop()
    assert world.log[:2] == ["stop gateway", "stop ray"]
    assert sorted(world.log[2:]) == ["stop nats", "stop valkey"]
    assert all(
        steps == [Step.STARTING, Step.READY, Step.STOPPING, Step.STOPPED] for steps in map(world.steps, ("ray", "nats"))
    )


async def test_a_part_that_dies_is_restarted_after_growing_pauses():
    world = World()
    supervisor = world.supervisor(world.part("nats"))
    await supervisor.start()
    for _ in range(3):
        await world.kill("nats")
    assert world.pauses("nats") == [0.2, 0.4, 0.8]
    await world.kill("nats", lived_s=60)
    assert world.pauses("nats")[-1] == 0.2
    await supervisor.stop()


async def test_nothing_is_restarted_before_its_pause_is_over():
    world = World()
    supervisor = world.supervisor(world.part("nats"))
    await supervisor.start()
    await world.kill("nats")
    world.children["nats"].die()
    await world.clock.advance(0.39)
    assert world.log.count("start nats") == 2
    await world.clock.advance(0.02)
    assert world.log.count("start nats") == 3
    await supervisor.stop()


async def test_the_death_of_one_part_leaves_the_others_alone():
    world = World()
    supervisor = world.chain()
    await supervisor.start()
    await world.kill("nats")
    await world.clock.advance(1)
    assert world.steps("nats") == [Step.STARTING, Step.READY, Step.DIED, Step.STARTING, Step.READY]
    assert world.steps("ray") == world.steps("gateway") == [Step.STARTING, Step.READY]
    await supervisor.stop()


async def test_a_part_that_follows_another_is_started_anew_with_it():
    world = World()
    supervisor = world.chain()
    await supervisor.start()
    world.held = {"ray"}
    world.log.clear()
    await world.kill("ray")
    await world.clock.advance(1)
    assert world.log == ["stop gateway", "start ray"]
    world.held.clear()
    await world.clock.advance(1)
    assert world.log == ["stop gateway", "start ray", "start gateway"]
    died = next(notice for notice in world.notices if notice.part == "gateway" and notice.step is Step.DIED)
    assert died.detail == "follows ray"
    await supervisor.stop()


async def test_a_part_that_never_gets_ready_again_is_stopped_and_tried_anew():
    world = World()
    supervisor = world.supervisor(world.part("nats"))
    await supervisor.start()
    world.held = {"nats"}
    await world.kill("nats")
    await world.clock.advance(5.1)
    assert world.log == ["start nats", "start nats", "stop nats"]
    world.held.clear()
    await world.clock.advance(1)
    assert world.steps("nats")[-2:] == [Step.STARTING, Step.READY]
    await supervisor.stop()


async def test_a_part_that_dies_at_the_first_start_fails_the_start():
    world = World()
    world.dead_on_arrival = {"ray"}
    supervisor = world.chain()
    with pytest.raises(PartFailed, match="ray ended with status 3"):
        await supervisor.start()
    await supervisor.stop()
    assert {"stop nats", "stop valkey"} <= set(world.log)
    assert "start gateway" not in world.log


async def test_a_part_that_is_not_ready_in_time_fails_the_first_start():
    world = World()
    world.held = {"nats"}
    supervisor = world.chain()
    starting = asyncio.create_task(supervisor.start())
    await world.clock.advance(5.1)
    with pytest.raises(PartFailed, match="nats was not ready within 5 s"):
        await starting
    await supervisor.stop()


async def test_stopping_while_a_part_waits_for_its_restart_does_not_start_it():
    world = World()
    supervisor = world.supervisor(world.part("nats"))
    await supervisor.start()
    world.children["nats"].die()
    await settle()
    await supervisor.stop()
    await world.clock.advance(60)
    assert world.log == ["start nats"]


async def test_stopping_during_the_start_stops_what_has_started():
    world = World()
    world.held = {"ray"}
    supervisor = world.chain()
    starting = asyncio.create_task(supervisor.start())
    await settle()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await supervisor.stop()
    assert world.log[-3:][0] == "stop ray"
    assert sorted(world.log[-2:]) == ["stop nats", "stop valkey"]


async def test_a_part_that_cannot_be_launched_ends_the_watch():
    world = World()

    async def launch():
        if "start nats" in world.log:
            raise FileNotFoundError("nats-server")
        return await world.part("nats").launch()

    part = world.part("nats")
    supervisor = world.supervisor(Part("nats", launch, part.wait_ready))
    await supervisor.start()
    watching = asyncio.create_task(supervisor.watch())
    world.children["nats"].die()
    await world.clock.advance(1)
    with pytest.raises(FileNotFoundError):
        await watching
    await supervisor.stop()


async def test_the_notice_of_a_death_says_how_it_came():
    world = World()
    supervisor = world.supervisor(world.part("nats"))
    await supervisor.start()
    await world.kill("nats")
    world.children["nats"].die(70)
    await world.clock.advance(1)
    details = [notice.detail for notice in world.notices if notice.step is Step.DIED]
    assert details == ["was killed by signal 9", "ended with status 70"]
    await supervisor.stop()
