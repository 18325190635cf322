"""Equity in a real store: portfolios, samples and position in one step, and what is read of each age."""

from __future__ import annotations

from itertools import pairwise

import pytest

from infra.read_model.equity_rows import DAY_MS, HOUR_MS, AccountEquity, EquityPosition, EquityRows, EquitySample
from infra.read_model.equity_rows import encode_row as encoded
from infra.read_model.equity_store import EquityReader, ValkeyEquityStore
from infra.read_model.store import HistoryUnavailable, PositionMoved
from infra.read_model.valkey_store import ValkeyHistoryStore
from mockexchange.portfolio import Portfolio
from tests.support.servers import ValkeyServer

pytestmark = pytest.mark.anyio

START_MS = 1_700_000_000_000 // DAY_MS * DAY_MS
FIRST = EquityPosition(7, 1, "one", 0)
SECOND = EquityPosition(9, 2, "one", 1)


def portfolio_of(account: int) -> Portfolio:
    portfolio = Portfolio(account, "USDT")
    # Costs may be larger than 64 bits hold.
    portfolio.deposit("BTC", 5, 2**70)
    return portfolio


async def test_what_is_written_is_read_by_position(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        store, rows = ValkeyEquityStore(client), EquityRows()
        assert await store.position() is None
        row = AccountEquity(portfolio_of(1), EquitySample(START_MS, 5, 3))
        rows.accounts[1] = encoded(row)
        await store.write(rows, None, FIRST)
        assert await store.position() == FIRST
        assert await store.every_account() == [row]
        assert await EquityReader(client).accounts_of([2, 1]) == [None, row]
        with pytest.raises(PositionMoved):
            await store.write(EquityRows(), None, SECOND)
        await store.write(rows, FIRST, SECOND)
        # The client may send a write again whose answer was lost.
        await store.write(rows, FIRST, SECOND)
        await ValkeyHistoryStore(client).wipe()
        assert await store.position() == SECOND
        await store.forget_accounts()
        assert (await store.position(), await store.every_account()) == (None, [])


async def test_samples_grow_sparse_with_age_and_are_bounded(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        store, row, position = ValkeyEquityStore(client), AccountEquity(portfolio_of(1)), None
        number, time_ms = 0, START_MS
        end_ms = START_MS + 2 * DAY_MS
        while time_ms < end_ms:
            rows = EquityRows()
            for _ in range(720):
                time_ms += 10_000
                rows.take_sample(row, EquitySample(time_ms, time_ms, 0))
            rows.accounts[1] = encoded(row)
            number += 1
            following = EquityPosition(1, 1, "one", number)
            await store.write(rows, position, following)
            position = following
        reader = EquityReader(client)
        all_of_it = [sample.time_ms for sample in await reader.samples(1, 0, end_ms, end_ms)]
        assert all_of_it == sorted(set(all_of_it))
        assert all_of_it[-1] == end_ms
        steps = {
            age: {b - a for a, b in pairwise(all_of_it) if lower <= end_ms - b < age - 60_000}
            for lower, age in ((0, 6 * HOUR_MS), (7 * HOUR_MS, DAY_MS), (26 * HOUR_MS, 2 * DAY_MS))
        }
        assert steps == {6 * HOUR_MS: {10_000}, DAY_MS: {60_000}, 2 * DAY_MS: {HOUR_MS}}
        assert await client.zcard("mockx:equity:10s:1") <= 2_161
        assert await client.zcard("mockx:equity:1m:1") <= 1_441
        middle = end_ms - HOUR_MS + 5
        found = [sample.time_ms for sample in await reader.samples(1, middle, middle + 20_000, end_ms)]
        assert found == [end_ms - HOUR_MS, end_ms - HOUR_MS + 10_000, end_ms - HOUR_MS + 20_000]


async def test_without_a_server_nothing_waits(clean_valkey_server: ValkeyServer) -> None:
    async with clean_valkey_server.client() as client:
        clean_valkey_server.kill()
        with pytest.raises(HistoryUnavailable):
            await EquityReader(client).samples(1, 0, 1, 2)
