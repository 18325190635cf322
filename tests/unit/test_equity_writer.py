"""The equity writer: whose worth is kept when, and what survives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from actors.writers.equity import EquityWriter
from infra.ports import JournalMessage
from infra.read_model.equity_rows import AccountEquity, EquityRows, EquitySample, thinned
from mockexchange.instruments import Asset
from mockexchange.messages.codec import encode
from mockexchange.messages.events import (
    AccountCreated,
    AssetListed,
    Deposited,
    InstrumentListed,
    RegistryRecord,
    ShardEvent,
    ShardRecord,
    Withdrawn,
)
from mockexchange.messages.subjects import REGISTRY, accounts_journal, market
from mockexchange.portfolio import Portfolio
from mockexchange.views import encode_ticker, ticker_view
from tests.support.candle_trades import BTC_USDT
from tests.support.heard_bus import HeardBus
from tests.support.manual_clock import ManualClock
from tests.support.memory_equity import MemoryEquityStore
from tests.support.memory_journal import MemoryJournal

UNIT = 10**8


class Surroundings:
    """What a writer is given, and a writer that can be killed and started again."""

    def __init__(self) -> None:
        self.bus = HeardBus()
        self.clock = ManualClock()
        assets = [AssetListed(Asset(code)) for code in ("BTC", "USDT")]
        accounts = [AccountCreated(number, f"account {number}", 0, {}) for number in (1, 2)]
        registry = RegistryRecord(1, 0, 0, [*assets, InstrumentListed(BTC_USDT), *accounts])
        self.journal = MemoryJournal([JournalMessage(1, REGISTRY, encode(registry))])
        self.store = MemoryEquityStore()
        self.writer = self._new()

    def _new(self) -> EquityWriter:
        return EquityWriter(self.journal, self.bus, self.store, self.clock, "USDT")

    async def restart(self) -> None:
        """Kill the writer, and start another."""
        await self.writer.stop()
        self.writer = self._new()
        await self.writer.start()

    def record(self, *events: ShardEvent) -> None:
        """Journal events of the shard."""
        record = ShardRecord(1, 0, self.clock.now_ns(), list(events))
        self.journal.extend([(len(self.journal.records) + 1, accounts_journal(0), encode(record))])

    def deposit(self, account: int, asset: str, amount: int, value: int = 0) -> None:
        self.record(Deposited(f"d{len(self.journal.records)}", account, asset, amount, value or amount, "deposit"))

    def price(self, price: int) -> None:
        """Let the book say its last price, in cents."""
        view = ticker_view(
            BTC_USDT, bid=price, bid_quantity=1, ask=price, ask_quantity=1, last=price, time_ns=self.clock.now_ns()
        )
        self.bus.publish(market("BTC/USDT", "ticker"), encode_ticker(view))

    def told(self, account: int) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.bus.payloads(f"equity.{account}")]


def writing(scenario: Callable[[Surroundings], Awaitable[None]]) -> None:
    async def run() -> None:
        around = Surroundings()
        await around.writer.start()
        await around.clock.advance(1)
        await scenario(around)
        await around.writer.stop()
        await around.writer.closed()
        assert around.bus.handlers == []

    asyncio.run(run())


def test_money_that_moved_is_told_and_kept_within_a_second() -> None:
    async def scenario(around: Surroundings) -> None:
        around.deposit(1, "USDT", 500 * UNIT)
        await around.clock.advance(1.1)
        stored = around.store.of(1)
        assert stored.last is not None
        assert (stored.last.equity, stored.last.invested) == (500 * UNIT, 500 * UNIT)
        assert around.told(1)[-1]["equity"] == "500.00000000"
        assert around.told(2) == []

    writing(scenario)


def test_prices_alone_move_equity_every_ten_seconds_and_cash_costs_nothing() -> None:
    async def scenario(around: Surroundings) -> None:
        around.price(5_000_000)
        around.deposit(1, "BTC", UNIT, 50_000 * UNIT)
        around.deposit(2, "USDT", UNIT)
        await around.clock.advance(11)
        told_of_cash = len(around.told(2))
        for step in range(1, 7):
            around.price(5_000_000 + step * 100)
            await around.clock.advance(10)
        assert around.store.level(1, "10s")[-6:] == [(50_000 + step) * UNIT for step in range(6)]
        last = around.store.of(1).last
        assert last is not None
        assert last.equity == 50_006 * UNIT
        assert len(around.told(2)) == told_of_cash
        assert around.store.level(2, "10s") == []
        writes = around.store.writes
        await around.clock.advance(60)
        assert around.store.writes == writes

    writing(scenario)


def test_a_level_keeps_the_last_sample_of_each_of_its_steps() -> None:
    row, rows = AccountEquity(Portfolio(1, "USDT")), EquityRows()
    for second in range(0, 7_300, 10):
        assert rows.take_sample(row, EquitySample(second * 1_000, second, 0))
    kept: dict[str, list[int]] = {}
    for _, level, sample in rows.samples:
        kept.setdefault(level.name, []).append(sample.equity)
    assert kept["10s"] == list(range(0, 7_290, 10))
    assert kept["1m"] == list(range(50, 7_290, 60))
    assert kept["1h"] == [3_590, 7_190]
    assert "1d" not in kept
    assert not rows.take_sample(row, EquitySample(8_000_000, 7_290, 0))


def test_nothing_is_counted_twice_or_lost_over_restarts() -> None:
    async def scenario(around: Surroundings) -> None:
        around.deposit(1, "USDT", 100)
        await around.clock.advance(2)
        await around.restart()
        around.deposit(1, "USDT", 20)
        around.record(Withdrawn("w", 1, "USDT", 5, 5, "withdrawal"))
        await around.clock.advance(2)
        await around.restart()
        await around.clock.advance(2)
        portfolio = around.store.of(1).portfolio
        assert (portfolio.holdings["USDT"].amount, portfolio.deposits, portfolio.withdrawals) == (115, 120, 5)
        assert around.writer.status()["state"] == "following"

    writing(scenario)


def test_while_the_store_is_away_portfolios_wait_and_then_hold_all() -> None:
    async def scenario(around: Surroundings) -> None:
        around.deposit(1, "USDT", 100)
        await around.clock.advance(2)
        around.store.is_available = False
        around.deposit(1, "USDT", 11)
        await around.clock.advance(20)
        around.store.is_available = True
        around.deposit(1, "USDT", 3)
        await around.clock.advance(20)
        assert around.store.of(1).portfolio.holdings["USDT"].amount == 114

    writing(scenario)


def test_another_journal_is_reckoned_anew_and_samples_stay() -> None:
    async def scenario(around: Surroundings) -> None:
        around.deposit(1, "USDT", 100)
        await around.clock.advance(12)
        around.deposit(1, "USDT", 1)
        await around.clock.advance(12)
        samples = around.store.level(1, "10s")
        around.journal.records.pop()
        around.journal.records.pop()
        around.deposit(2, "USDT", 7)
        around.deposit(2, "USDT", 7)
        await around.restart()
        await around.clock.advance(20)
        assert set(around.store.accounts) == {2}
        assert around.store.of(2).portfolio.deposits == 14
        assert samples
        assert around.store.level(1, "10s") == samples

    writing(scenario)


def test_equity_does_not_collapse_while_prices_are_not_known_yet() -> None:
    async def scenario(around: Surroundings) -> None:
        around.price(5_000_000)
        around.deposit(1, "BTC", UNIT, 50_000 * UNIT)
        await around.clock.advance(12)
        await around.restart()
        await around.clock.advance(30)
        last = around.store.of(1).last
        assert last is not None
        assert last.equity == 50_000 * UNIT
        around.price(5_100_000)
        await around.clock.advance(12)
        last = around.store.of(1).last
        assert last is not None
        assert last.equity == 51_000 * UNIT

    writing(scenario)


def test_thinning_keeps_the_ends_and_spreads_the_rest_evenly() -> None:
    samples = [EquitySample(time, time, 0) for time in range(1_000)]
    thin = thinned(samples, 11)
    assert len(thin) == 11
    assert (thin[0], thin[-1]) == (samples[0], samples[-1])
    assert {b.time_ms - a.time_ms for a, b in pairwise(thin[1:])} == {100}
    assert thinned(samples, 1) == [samples[-1]]
    assert thinned(samples[:5], 5) == samples[:5]
