"""The equity writer: what every account is worth over time, what its holdings cost, and what they have earned.

Portfolios are a fold of the journal, each record in the rows once, since the position stands beside them. Equity needs
prices, which stand in no journal: of times at which this writer or the read model was down there are no samples.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import aclosing
from typing import Final

from actors.background import Background
from actors.runtime import Pauses
from actors.writers.following import (
    AnotherJournal,
    Place,
    place_of,
    progress,
    read_on,
    read_registry,
    side_by_side,
)
from infra.market_memory import MarketMemory, value_at
from infra.ports import Bus, Clock, Journal, JournalMessage, JournalRewound, JournalUnavailable
from infra.read_model.equity_rows import LEVELS, AccountEquity, EquityPosition, EquityRows, EquitySample, encode_row
from infra.read_model.equity_store import EquityStore
from infra.read_model.store import HistoryUnavailable, PositionMoved
from mockexchange.messages.codec import decode_record
from mockexchange.messages.subjects import JOURNAL_ALL, equity
from mockexchange.portfolio import Portfolio, Portfolios
from mockexchange.portfolio_views import encode_portfolio, equity_of, portfolio_view

WRITE_PAUSE_S: Final = 1.0
"""So often is written whose money moved."""

SAMPLE_NS: Final = LEVELS[0].step_ms * 1_000_000
"""So often all are valued whose holdings have other prices than before."""

RECORDS_AT_ONCE: Final = 200
LONGEST_PAUSE_S: Final = 5.0

PRICES_WITHIN_S: Final = 60.0
"""So long after a start an account is not valued while what it holds has no price yet."""

NS_PER_MS: Final = 1_000_000

_log: Final = logging.getLogger(__name__)


class EquityWriter:
    """Folds portfolios, values them and writes both. An exception that `closed` raises means a broken journal."""

    def __init__(self, journal: Journal, bus: Bus, store: EquityStore, clock: Clock, cash: str) -> None:
        self._journal = journal
        self._bus = bus
        self._store = store
        self._clock = clock
        self._cash = cash
        self._memory = MarketMemory(bus, clock)
        self._name = secrets.token_hex(6)
        self._pauses = Pauses(clock, longest_s=LONGEST_PAUSE_S)
        self._portfolios = Portfolios(cash)
        self._rows: dict[int, AccountEquity] = {}
        self._touched: set[int] = set()
        self._unpriced: set[int] = set()
        self._prices: dict[str, int | None] = {}
        self._known: dict[str, int | None] = {}
        self._read = Place()
        self._end = 0
        self._written: EquityPosition | None = None
        self._began_at = clock.monotonic()
        self._background = Background()
        self._counters = dict.fromkeys(("accounts", "samples", "sessions", "rebuilds", "failed_writes"), 0)

    async def start(self) -> None:
        """Begin to follow the journal and the prices."""
        self._began_at = self._clock.monotonic()
        await self._memory.start()
        self._background.begin(self._run())

    async def stop(self) -> None:
        """Stop at once; what is not written will be folded again."""
        await self._memory.stop()
        await self._background.stop()

    async def closed(self) -> None:
        """Return once stopped; raise what broke the writer."""
        await self._background.closed()

    def status(self) -> dict[str, object]:
        """Return position, lag in records, and counters. A `failed_writes` that grows means that Valkey is away."""
        return {
            **self._background.status("following" if self._is_following else "catching up"),
            **progress(self._written_sequence, self._end),
            "waiting": len(self._touched),
            **self._counters,
        }

    @property
    def _is_following(self) -> bool:
        return self._written is not None and self._read.sequence >= self._end

    async def _run(self) -> None:
        while True:
            self._counters["sessions"] += 1
            try:
                await self._session()
            except HistoryUnavailable as reason:
                self._counters["failed_writes"] += 1
                _log.warning("equity cannot be written now: %s", reason)
            except (JournalUnavailable, JournalRewound, PositionMoved) as reason:
                _log.info("the equity writer begins a new session: %s: %s", type(reason).__name__, reason)
            except AnotherJournal as reason:
                _log.warning("the portfolios are of another journal: %s", reason)
                await self._forget()
            self._written = None
            await self._pauses.wait()

    async def _session(self) -> None:
        await self._recover()
        self._pauses.reset()
        await side_by_side(self._follow(), self._keep())

    # Finding its place.

    async def _recover(self) -> None:
        """Load what is stored, and make it this writer's."""
        self._end = await self._journal.end()
        stored = await self._store.position()
        if stored is None or stored.sequence > self._end:
            self._counters["rebuilds"] += 1
            await self._store.forget_accounts()
            stored = None
        place = Place() if stored is None else Place(stored.sequence, stored.checksum)
        # From here on another writer's writes fail, so that what is read now stays true.
        position = EquityPosition(*place, self._name, self._counters["sessions"] << 32)
        await self._store.write(EquityRows(), stored, position)
        rows = await self._store.every_account()
        if any(row.portfolio.cash != self._cash for row in rows):
            raise AnotherJournal("they are valued in another asset")
        self._rows = {row.portfolio.account: row for row in rows}
        self._portfolios = Portfolios(self._cash, [row.portfolio for row in rows])
        async with aclosing(read_registry(self._journal)) as messages:
            async for message in messages:
                self._fold(message)
        self._memory.remember(await self._store.tickers())
        self._touched, self._unpriced, self._prices = set(), set(), {}
        self._read, self._written = place, position

    async def _forget(self) -> None:
        try:
            await self._store.forget_accounts()
        except HistoryUnavailable as error:
            _log.warning("portfolios cannot be deleted now: %s", error)

    # Folding.

    async def _follow(self) -> None:
        async with aclosing(read_on(self._journal, [JOURNAL_ALL], self._read)) as batches:
            async for batch in batches:
                self._end = max(self._end, batch[-1].sequence)
                for count, message in enumerate(batch, start=1):
                    self._touched |= self._fold(message)
                    self._read = place_of(message)
                    if count % RECORDS_AT_ONCE == 0:
                        await asyncio.sleep(0)

    def _fold(self, message: JournalMessage) -> set[int]:
        """Fold a record; return the accounts whose money it moved."""
        record = decode_record(message.subject, message.payload)
        return self._portfolios.apply(message.sequence, message.subject, record)

    # Valuing.

    async def _keep(self) -> None:
        sampled = 0
        while True:
            await self._clock.sleep(WRITE_PAUSE_S)
            self._known = {}
            step = self._clock.now_ns() // SAMPLE_NS
            revalued = set()
            if self._is_following and step != sampled:
                revalued, sampled = self._revalued(), step
            await self._write(self._touched | revalued)

    def _revalued(self) -> set[int]:
        """Return the accounts that hold something whose price has changed since this was asked last."""
        before, self._prices = self._prices, {}
        changed, self._unpriced = self._unpriced, set()
        for account, portfolio in self._portfolios.by_account.items():
            for asset, holding in portfolio.holdings.items():
                price = self._prices[asset] = self._price(asset)
                if holding.amount and price != before.get(asset):
                    changed.add(account)
        return changed

    def _price(self, asset: str) -> int | None:
        """Return the price of an asset now, of which there is one in a round of the writer; None where none is known.

        It is in units of the asset's instrument; that of the cash asset is 1.
        """
        if asset not in self._known:
            instrument = self._portfolios.registry.instruments.get(f"{asset}/{self._cash}")
            known = 0 if instrument is None else self._memory.value_quote(instrument).value
            self._known[asset] = 1 if asset == self._cash else known or None
        return self._known[asset]

    def _value(self, asset: str, amount: int) -> int | None:
        price = self._price(asset)
        if asset == self._cash or price is None:
            return amount if asset == self._cash else None
        return value_at(price, amount, self._portfolios.registry.instruments[f"{asset}/{self._cash}"])

    def _is_priced(self, portfolio: Portfolio) -> bool:
        """Whether all prices are known, or have been waited for long enough."""
        if self._clock.monotonic() - self._began_at > PRICES_WITHIN_S:
            return True
        instruments = self._portfolios.registry.instruments
        return all(
            self._price(asset) is not None
            for asset, holding in portfolio.holdings.items()
            if holding.amount and f"{asset}/{self._cash}" in instruments
        )

    # Writing.

    async def _write(self, accounts: set[int]) -> None:
        """Write some accounts, and with the last of them how far the journal is folded."""
        assert self._written is not None
        self._touched = set()
        place, is_following = self._read, self._is_following
        if not accounts and place.sequence == self._written.sequence:
            if await self._store.position() != self._written:
                raise PositionMoved(self._written)
            return
        rows = EquityRows()
        told = [account for account in accounts if self._put(rows, account, is_following=is_following)]
        position = EquityPosition(*place, self._name, self._written.writes + 1)
        await self._store.write(rows, self._written, position)
        self._written = position
        self._counters["accounts"] += len(rows.accounts)
        self._counters["samples"] += len(rows.samples)
        for account in told:
            self._tell(account)

    def _put(self, rows: EquityRows, account: int, *, is_following: bool) -> bool:
        """Add an account to the rows; return whether it is to be told of."""
        portfolio = self._portfolios.by_account[account]
        row = self._rows.setdefault(account, AccountEquity(portfolio))
        is_touched = row.last is None or portfolio.sequence > self._written_sequence
        if is_following and not self._is_priced(portfolio):
            self._unpriced.add(account)
        elif is_following:
            sample = EquitySample(self._now_ms(), equity_of(portfolio, self._value), portfolio.invested)
            is_touched |= rows.take_sample(row, sample)
        if is_touched:
            rows.accounts[account] = encode_row(row)
        return is_touched and is_following

    @property
    def _written_sequence(self) -> int:
        return 0 if self._written is None else self._written.sequence

    def _tell(self, account: int) -> None:
        portfolio = self._portfolios.by_account[account]
        view = portfolio_view(portfolio, self._portfolios.registry.assets, self._value, self._now_ms())
        self._bus.publish(equity(account), encode_portfolio(view))

    def _now_ms(self) -> int:
        return self._clock.now_ns() // NS_PER_MS
