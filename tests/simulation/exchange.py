"""One run: clients trade on the whole exchange while things fail; then it is repaired and held against its journal."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
from dataclasses import dataclass, field
from random import Random

from actors.fleet import DIRECTORY, Part
from actors.runtime import Departure
from infra.ports import PeerLost
from mockexchange.messages.codec import decode_directory_answer, decode_registry_record, encode
from mockexchange.messages.directory import CreateAccount, DirectoryRefused, KeyMade
from mockexchange.messages.events import AccountCreated
from mockexchange.messages.subjects import REGISTRY
from tests.simulation.actors import FUNDS, SHARDS, small_records
from tests.simulation.administrator import Administrator
from tests.simulation.answers import AnswerAuditor
from tests.simulation.clients import GATEWAYS, Client, Memory
from tests.simulation.faults import Faults, Rates, draw_rates
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.loop import Node, Stuck
from tests.simulation.publications import Publications
from tests.simulation.rest import Rest
from tests.simulation.surroundings import Surroundings
from tests.simulation.truth import compare, fold
from tests.simulation.wire import NodeDirectory, Wire
from tests.support.auditor import audit

ACCOUNTS = 6
POOR_FUNDS = {"USDT": 2_500 * 10**8, "ETH": 2 * 10**8}
SETTLE_S = 60.0
QUIET_S = 4.0


@dataclass
class Report:
    """What one run came to. `digest` is that of the whole journal, byte by byte."""

    seed: object
    violations: list[str] = field(default_factory=list)
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict)


class _Broken(Exception):
    """A violation was found that leaves nothing to go on with."""


class _Errors(logging.Handler):
    """What the exchange logs as an error is a violation."""

    def __init__(self, violations: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._violations = violations

    def emit(self, record: logging.LogRecord) -> None:
        self._violations.append(f"{record.name}: {self.format(record)}")


class Simulation:
    """Runs the whole exchange for one seed. `actions` are what each account does."""

    def __init__(self, seed: object, actions: int = 40, rates: Rates | None = None) -> None:
        self.seed = seed
        self.random = Random(f"simulation {seed}")
        self.around = Surroundings(seed, Faults(seed, draw_rates(self.random) if rates is None else rates))
        self.wire = Wire(self.around.loop, self.around.faults)
        self.fleet = SimulatedFleet(self.around, self.wire)
        self.memory = Memory()
        self.clients: list[Client] = []
        self.violations: list[str] = []
        self._actions = actions
        self._administrator = Administrator(self.random, self.around, self.fleet, self.wire)
        self._rest = Rest(self.around, self.fleet)
        self._publications = Publications()
        self._broken: asyncio.Future[None] = self.around.loop.create_future()
        self.around.bus.on_publish = self._publications.hear
        self.around.on_departure = self._note_departure

    def run(self) -> Report:
        """Run and check."""
        errors = _Errors(self.violations)
        logging.getLogger().addHandler(errors)
        try:
            with small_records():
                self.around.loop.run(self._run())
        except _Broken:
            pass
        except Stuck as error:
            self.violations.append(f"nothing happens any more: {error}")
        except Exception as error:
            self.violations.append(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        finally:
            logging.getLogger().removeHandler(errors)
        self.violations += self.around.loop.failures + self.wire.errors
        journal = hashlib.sha256()
        for record in self.around.journal.records:
            journal.update(f"{record.sequence} {record.subject} {len(record.payload)} ".encode() + record.payload)
        return Report(self.seed, self.violations, journal.hexdigest(), self._counts())

    def _counts(self) -> dict[str, int]:
        around = self.around
        return {
            "records": around.journal.end,
            "heard": len(self.memory.heard),
            "steps": around.loop.steps,
            "seconds": round(around.loop.now),
            "deaths": around.faults.deaths,
            "zombies": self.fleet.zombies,
            **{why.name.lower(): sum(w is why for _, w, _ in around.departures) for why in Departure},
        }

    async def _run(self) -> None:
        script = asyncio.get_running_loop().create_task(self._script())
        await asyncio.wait([script, self._broken], return_when=asyncio.FIRST_COMPLETED)
        if not script.done():
            raise _Broken
        script.result()

    def _note_departure(self, node: Node, why: Departure, detail: str) -> None:
        """Stop the run where a node found that an invariant does not hold."""
        # A book that was given up may take a call for its successor's, and miss those before it.
        is_misled = "misses a call" in detail and self.fleet.zombies > 0
        if why is Departure.BROKEN and not is_misled:
            self._break(f"{node.name}: {detail}")

    def _break(self, what: str) -> None:
        self.violations.append(what)
        if not self._broken.done():
            self._broken.set_result(None)

    async def _script(self) -> None:
        self._start()
        outages = asyncio.get_running_loop().create_task(self._outages())
        blackouts = asyncio.get_running_loop().create_task(self._blackouts())
        rates = self.around.faults.rates
        administering = asyncio.get_running_loop().create_task(self._administrator.act(rates.overrides, rates.resets))
        pause_s = self.random.choice([0.05, 0.3])
        await asyncio.gather(*(self._trade(number, pause_s) for number in range(1, ACCOUNTS + 1)))
        outages.cancel()
        await blackouts
        await administering
        await self._repair()
        for client in self.clients:
            await client.settle_unknown()
        self.violations += filter(None, [await self._administrator.tidy()])
        await asyncio.gather(*(client.trade(1, 0.0) for client in self.clients))
        await self._become_quiet()
        await asyncio.gather(*(client.look_at_everything() for client in self.clients))
        await self._check()

    def _start(self) -> None:
        self.fleet.start(DIRECTORY)
        for index in range(GATEWAYS):
            self.fleet.start(Part("gateway", str(index)))

    # The scenario.

    async def _trade(self, number: int, pause_s: float) -> None:
        """Create an account, then trade for it."""
        lulls = self.around.faults.rates.lulls
        await asyncio.sleep(self.random.random())
        sequence, account, shard = await self._create(number)
        client = Client(account, shard, self.seed, self.around, self.fleet, self.wire, self.memory)
        self.clients.append(client)
        await client.await_sequence(sequence)
        for _ in range(lulls):
            await asyncio.gather(*(client.trade(self._actions // (2 * lulls + 2), pause_s) for _ in range(2)))
            await client.rest()
        await asyncio.gather(*(client.trade(self._actions // (2 * lulls + 2), pause_s) for _ in range(2)))

    async def _create(self, number: int) -> tuple[int, int, int]:
        """Create an account by its name, which can be taken once, however often it has to be asked."""
        directory = NodeDirectory(self.wire, self.fleet, None)
        funds = POOR_FUNDS if number > ACCOUNTS - 2 else FUNDS
        request = encode(CreateAccount(f"account {number}", funds, {"USDT": funds["USDT"]}))
        while True:
            try:
                answer = decode_directory_answer(await directory.handle(request))
            except PeerLost:
                answer = None
            if isinstance(answer, KeyMade | DirectoryRefused):
                break
            await asyncio.sleep(0.2)
        return self._find_account(f"account {number}")

    async def _outages(self) -> None:
        journal = self.around.journal
        for _ in range(self.around.faults.rates.outages):
            await asyncio.sleep(self.random.uniform(0.5, 6.0))
            lasts_s = self.random.choice([0.1, 1.0, 7.0]) * self.random.random()
            if self.random.random() < 0.5:
                journal.go_down()
                await asyncio.sleep(lasts_s)
                journal.come_up()
            else:
                journal.stall()
                await asyncio.sleep(lasts_s)
                journal.go_on()

    async def _blackouts(self) -> None:
        for _ in range(self.around.faults.rates.blackouts):
            await asyncio.sleep(self.random.uniform(1.0, 5.0))
            self.fleet.black_out()
            await asyncio.sleep(self.random.uniform(0.1, 1.5))
            self._start()

    async def _repair(self) -> None:
        """Let everything work from now on, and wait until nothing is left over from before."""
        self.around.journal.come_up()
        self.around.journal.go_on()
        self.fleet.end_faults()
        until = self.around.loop.now + SETTLE_S
        while self._rest.unsettled():
            if self.around.loop.now > until:
                self.violations.append(f"after {SETTLE_S} s without faults: {self._rest.unsettled()}")
                raise _Broken
            await asyncio.sleep(0.25)
        self.memory.is_quiet = True

    async def _become_quiet(self) -> None:
        """Let the outside markets end, and wait until the journal does not grow any more."""
        self.around.is_closing = True
        until = self.around.loop.now + SETTLE_S
        end, since = -1, self.around.loop.now
        while self.around.loop.now < since + QUIET_S or self._rest.unsettled():
            if self.around.journal.end != end:
                end, since = self.around.journal.end, self.around.loop.now
            if self.around.loop.now > until:
                self.violations.append(f"the journal does not come to rest: {self._rest.unsettled()}")
                raise _Broken
            await asyncio.sleep(0.25)

    def _find_account(self, name: str) -> tuple[int, int, int]:
        for record in self.around.journal.records:
            if record.subject == REGISTRY:
                for event in decode_registry_record(record.payload).events:
                    if isinstance(event, AccountCreated) and event.name == name:
                        return record.sequence, event.account, event.shard
        raise AssertionError(f"{name} was created and is not in the journal")

    # The end.

    async def _check(self) -> None:
        records = self.around.journal.records
        report = audit(records)
        self.violations += report.violations
        truth = fold(records, SHARDS)
        self.violations += truth.violations
        if truth.violations:
            return
        self.violations += compare(truth, report)
        answers = AnswerAuditor(truth)
        answers.check(self.memory.heard)
        self.violations += answers.violations
        self.violations += self._administrator.check(truth)
        self.violations += self._publications.check(truth)
        self.violations += await self._rest.check(truth)


def simulate(seed: object, actions: int = 40, rates: Rates | None = None) -> Report:
    """Run the exchange for one seed."""
    return Simulation(seed, actions, rates).run()
