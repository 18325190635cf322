"""The directory: what it writes into the registry, and how it looks after the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import pytest

from actors.directory import UNRESPONSIVE_AFTER, DirectorySettings, DirectoryShell, Secret, TooFewShards
from actors.fleet import Missing, Part, book_part, shard_part
from actors.runtime import Departure, World
from actors.surveys import Survey
from infra.ports import PeerLost
from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.codec import decode_directory_answer, decode_registry_record, encode
from mockexchange.messages.directory import (
    CreateAccount,
    CreateKey,
    DirectoryAnswer,
    DirectoryRefused,
    DirectoryRequest,
    DirectoryUnready,
    Done,
    EnsureBook,
    KeyMade,
    ListInstrument,
    RevokeKey,
)
from mockexchange.messages.subjects import REGISTRY
from mockexchange.registry import Registry
from tests.support.heard_bus import HeardBus
from tests.support.local_exchange import BTC_USDT, LocalJournal
from tests.support.manual_clock import ManualClock, settle
from tests.support.memory_journal import MemorySnapshots

pytestmark = pytest.mark.anyio


class LeftError(Exception):
    """The process ended itself."""


def leave(why: Departure, detail: str) -> NoReturn:
    raise LeftError(f"{why.text}: {detail}")


class FakeFleet:
    """Actors that answer as the test says."""

    def __init__(self) -> None:
        self.alive: dict[Part, object] = {}
        self.started: list[Part] = []
        self.removed: list[Part] = []

    async def ensure(self, part: Part) -> None:
        if part not in self.alive:
            self.started.append(part)
            self.alive[part] = {"state": "serving"}

    async def remove(self, part: Part) -> None:
        self.removed.append(part)
        self.alive.pop(part, None)

    async def status(self, part: Part) -> dict[str, object]:
        status = self.alive.get(part)
        if status is None:
            raise Missing(part.name)
        if isinstance(status, Exception):
            raise status
        assert isinstance(status, dict)
        return status

    async def books(self) -> list[Part]:
        return [part for part in self.alive if part.kind == "book"]


class Scene:
    """A directory on a journal that outlives it."""

    def __init__(self) -> None:
        self.journal = LocalJournal()
        self.clock = ManualClock()
        self.fleet = FakeFleet()
        self.keys = 0

    async def start(self, shards: int = 2, surveys: Mapping[str, Survey] | None = None) -> DirectoryShell:
        world = World(self.journal, HeardBus(), MemorySnapshots(), self.clock, leave)
        settings = DirectorySettings(
            shards=shards,
            assets=[Asset("USDT"), Asset("BTC")],
            instruments=[BTC_USDT],
            demo_name="demo",
            demo_funds={"USDT": 100},
            demo_values={"USDT": 100},
            demo_secret=Secret("demo-key", "demo-secret", b"sealed"),
            always_on=[Part("feed")],
        )
        shell = DirectoryShell(world, self.fleet, settings, self.new_secret, surveys)
        await shell.start()
        await settle()
        return shell

    def new_secret(self) -> Secret:
        self.keys += 1
        return Secret(f"key-{self.keys}", f"secret-{self.keys}", b"sealed")

    def folded(self) -> Registry:
        registry = Registry()
        for message in self.journal.messages(REGISTRY):
            registry.apply(message.sequence, decode_registry_record(message.payload))
        return registry


async def ask(shell: DirectoryShell, request: DirectoryRequest) -> DirectoryAnswer:
    return decode_directory_answer(await shell.handle(encode(request)))


async def refusal(shell: DirectoryShell, request: DirectoryRequest) -> tuple[str, int]:
    answer = await ask(shell, request)
    assert isinstance(answer, DirectoryRefused)
    return answer.field, answer.status


async def test_the_first_start_lists_what_the_settings_name_and_makes_the_demo_account() -> None:
    scene = Scene()
    shell = await scene.start()
    registry = scene.folded()
    assert registry.shards == 2
    assert set(registry.assets) == {"USDT", "BTC"}
    assert registry.instruments == {"BTC/USDT": BTC_USDT}
    assert registry.accounts[1].name == "demo"
    assert registry.key("demo-key") is not None
    await shell.stop()


async def test_a_second_start_changes_nothing() -> None:
    scene = Scene()
    await (await scene.start()).stop()
    before = len(scene.journal.records)
    await (await scene.start()).stop()
    assert len(scene.journal.records) == before


async def test_fewer_shards_than_accounts_live_on_are_refused() -> None:
    scene = Scene()
    shell = await scene.start(shards=2)
    assert isinstance(await ask(shell, CreateAccount("alice", {})), KeyMade)
    await shell.stop()
    with pytest.raises(TooFewShards, match="MOCKX_ACCOUNT_SHARDS is 1"):
        await scene.start(shards=1)


async def test_accounts_are_spread_over_the_shards_for_life() -> None:
    scene = Scene()
    shell = await scene.start()
    for name in ("alice", "bob", "carol"):
        await ask(shell, CreateAccount(name, {"USDT": 5}, {"USDT": 5}))
    assert [account.shard for account in scene.folded().accounts.values()] == [0, 1, 0, 1]
    await shell.stop()


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "line\nbreak"])
async def test_a_name_nobody_could_read_is_refused(name: str) -> None:
    shell = await Scene().start()
    assert await refusal(shell, CreateAccount(name, {})) == ("name", 400)
    await shell.stop()


async def test_a_name_is_taken_once() -> None:
    scene = Scene()
    shell = await scene.start()
    await ask(shell, CreateAccount("<b>alice</b>", {}))
    assert await refusal(shell, CreateAccount("<b>alice</b>", {})) == ("name", 409)
    assert await refusal(shell, CreateAccount("bob", {"GOLD": 1})) == ("funds", 404)
    assert len(scene.folded().accounts) == 2
    await shell.stop()


async def test_a_revoked_key_is_not_found_any_more() -> None:
    scene = Scene()
    shell = await scene.start()
    made = await ask(shell, CreateKey(1, ["read"]))
    assert isinstance(made, KeyMade)
    assert scene.folded().key(made.api_key) is not None
    assert isinstance(await ask(shell, RevokeKey(made.key_id)), Done)
    assert scene.folded().key(made.api_key) is None
    assert await refusal(shell, RevokeKey(made.key_id)) == ("key_id", 404)
    assert await refusal(shell, CreateKey(1, ["read", "fly"])) == ("permissions", 400)
    assert await refusal(shell, CreateKey(9, ["read"])) == ("account", 404)
    await shell.stop()


async def test_scales_never_change_and_filters_may() -> None:
    scene = Scene()
    shell = await scene.start()
    coarser = Instrument("BTC", "USDT", 8, 8, 2, 5, tick_size=10, feed=True)
    assert isinstance(await ask(shell, ListInstrument(coarser, [])), Done)
    assert scene.folded().instruments["BTC/USDT"].tick_size == 10
    other_scale = Instrument("BTC", "USDT", 8, 8, 3, 5)
    assert await refusal(shell, ListInstrument(other_scale, [])) == ("price_scale", 400)
    other_asset = Instrument("BTC", "EUR", 6, 8, 2, 5)
    assert await refusal(shell, ListInstrument(other_asset, [])) == ("base_scale", 400)
    assert await refusal(shell, ListInstrument(Instrument("btc", "EUR", 8, 8, 2, 5), [])) == ("base", 400)
    await shell.stop()


async def test_filters_changed_by_an_administrator_outlive_a_restart() -> None:
    scene = Scene()
    shell = await scene.start()
    coarser = Instrument("BTC", "USDT", 8, 8, 2, 5, tick_size=10, feed=False)
    await ask(shell, ListInstrument(coarser, []))
    await shell.stop()
    await (await scene.start()).stop()
    listed = scene.folded().instruments["BTC/USDT"]
    assert (listed.tick_size, listed.feed) == (10, True)


async def test_without_a_journal_nothing_is_promised() -> None:
    scene = Scene()
    shell = await scene.start()
    scene.journal.is_available = False
    assert isinstance(await ask(shell, CreateAccount("alice", {})), DirectoryUnready)
    scene.journal.is_available = True
    assert shell.registry.account_named("alice") is None
    assert isinstance(await ask(shell, CreateAccount("alice", {})), KeyMade)
    await shell.stop()


async def test_what_always_runs_is_started_and_started_again() -> None:
    scene = Scene()
    shell = await scene.start()
    always = {shard_part(0), shard_part(1), Part("feed")}
    assert set(scene.fleet.started) == always
    del scene.fleet.alive[shard_part(1)]
    await scene.clock.advance(1.5)
    assert scene.fleet.started.count(shard_part(1)) == 2
    await shell.stop()


async def test_a_restarting_actor_is_left_alone() -> None:
    scene = Scene()
    shell = await scene.start()
    scene.fleet.alive[Part("feed")] = PeerLost("restarting")
    await scene.clock.advance(10)
    assert scene.fleet.started.count(Part("feed")) == 1
    assert scene.fleet.removed == []
    await shell.stop()


async def test_an_actor_that_stays_silent_is_replaced() -> None:
    scene = Scene()
    shell = await scene.start()
    scene.fleet.alive[Part("feed")] = TimeoutError()
    await scene.clock.advance(UNRESPONSIVE_AFTER + 1)
    assert scene.fleet.removed == [Part("feed")]
    assert scene.fleet.started.count(Part("feed")) == 2
    await shell.stop()


async def test_a_book_is_started_on_first_use_and_forgotten_when_it_sleeps() -> None:
    scene = Scene()
    shell = await scene.start()
    book = book_part("BTC/USDT")
    assert await ask(shell, EnsureBook("BTC/USDT")) == Done(0)
    assert scene.fleet.started.count(book) == 1
    assert await ask(shell, EnsureBook("BTC/USDT")) == Done(0)
    assert scene.fleet.started.count(book) == 1
    del scene.fleet.alive[book]
    await scene.clock.advance(3)
    assert scene.fleet.started.count(book) == 1
    assert await ask(shell, EnsureBook("BTC/USDT")) == Done(0)
    assert scene.fleet.started.count(book) == 2
    assert await refusal(shell, EnsureBook("NO/WHERE")) == ("symbol", 404)
    await shell.stop()


async def test_a_passive_book_is_replaced_when_it_is_needed() -> None:
    scene = Scene()
    shell = await scene.start()
    book = book_part("BTC/USDT")
    scene.fleet.alive[book] = {"state": "passive"}
    assert await ask(shell, EnsureBook("BTC/USDT")) == Done(0)
    assert scene.fleet.removed == [book]
    assert scene.fleet.alive[book] == {"state": "serving"}
    await shell.stop()


async def test_a_heartbeat_says_how_often_an_actor_was_restarted_and_how_the_servers_are() -> None:
    scene = Scene()

    async def survey() -> dict[str, object]:
        return {"records": 7}

    shell = await scene.start(surveys={"journal": survey})
    feed = Part("feed")
    for pid in (1, 1, 2, 2, 3):
        scene.fleet.alive[feed] = {"state": "serving", "pid": pid}
        await scene.clock.advance(1)
        scene.fleet.alive[feed] = PeerLost("it is being restarted")
        await scene.clock.advance(1)
    status = shell.status()
    assert status["servers"] == {"journal": {"records": 7}}
    parts = status["parts"]
    assert isinstance(parts, dict)
    assert parts["feed"]["state"] == "restarting"
    assert parts["feed"]["restarts"] == 2
    await shell.stop()


async def test_a_book_that_sleeps_and_wakes_was_not_restarted() -> None:
    scene = Scene()
    shell = await scene.start()
    book = book_part("BTC/USDT")
    for pid in (1, 2):
        scene.fleet.alive[book] = {"state": "serving", "pid": pid}
        assert await ask(shell, EnsureBook("BTC/USDT")) == Done(0)
        await scene.clock.advance(2)
        assert shell.status()["parts"][book.name]["restarts"] == 0  # type: ignore[index]
        del scene.fleet.alive[book]
        await scene.clock.advance(2)
    await shell.stop()
