"""Holds what traders were told against the journal, and the journal against what the exchange answers now."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import aiohttp

from infra.nats.journal import NatsJournal
from infra.ports import JournalMessage
from mockexchange.instruments import Instrument
from mockexchange.messages.codec import decode_record
from mockexchange.messages.events import AssetListed, InstrumentListed, RegistryRecord
from mockexchange.messages.orders import OrderType, TimeInForce
from mockexchange.messages.subjects import REGISTRY
from mockexchange.money import to_text, to_units
from tests.support.audit_report import AuditedOrder, AuditReport
from tests.support.auditor import Auditor
from tests.support.launched import PATIENCE_S, LaunchedExchange, read_journal
from tests.support.load import TIMEOUT, Command, Fate, Load, Trader

SAMPLE = 100
PAGE = 500
CLOSED = {"filled": "filled", "canceled": "canceled", "partially_canceled": "canceled", "rejected": "rejected"}
"""What a closed order is called: by the exchange, and by the auditor."""

IMPOSSIBLE = {"internal_error", "duplicate_command", "duplicate_client_order_id", "not_authenticated"}
"""Refusals that no order of the load ever deserves."""

RETRY_S = 0.1

State = tuple[dict[str, tuple[str, str]], set[str]]
"""Balances by asset as (free, used), and the ids of open orders."""


ListedFill = tuple[str, int, str]
"""A fill as (symbol, trade id, order id)."""


class CatchingUp(Exception):
    """The read model is not where it has to be for an answer."""


class Examiner:
    """Follows one exchange's journal from test to test; a record once read must never change."""

    def __init__(self, exchange: LaunchedExchange, traders: Sequence[Trader]) -> None:
        self._exchange = exchange
        self._traders = traders
        self._seen: list[JournalMessage] = []
        self._auditor = Auditor()
        self._instruments: dict[str, Instrument] = {}
        self._scales: dict[str, int] = {}
        self._random = random.Random(11)

    async def verify(self, *loads: Load) -> AuditReport:
        """Hold everything against everything. Call it when the loads have ended."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            report = await self._compare_states(session)
            assert report.violations == []
            assert all(amount == 0 for sums in report.sums.values() for amount in sums.values())
            trader = self._random.choice(self._traders)
            fills = _fills_in(report, trader.account)
            orders = _by_client_id(report)
            commands = [command for load in loads for command in load.commands]
            for command in commands:
                self._compare(command, orders.get((command.trader.account, command.client_order_id)))
            for answer in (answer for load in loads for answer in load.canceled):
                order = report.orders[int(answer["id"])]
                assert order.status == CLOSED[answer["status"]], answer
            await self._ask_again(session, commands)
            await self._compare_history(session, trader, fills)
        return report

    async def read(self) -> AuditReport:
        """Read the journal to its end; return what the auditor finds so far, in the one report that grows."""
        async with self._exchange.nats() as connection:
            messages = await read_journal(connection)
        assert messages[: len(self._seen)] == self._seen, "the journal has changed where it was read before"
        for message in messages[len(self._seen) :]:
            if message.subject == REGISTRY:
                self._note_listings(message)
            self._auditor.read(*message)
        self._seen = messages
        return self._auditor.close()

    def records(self) -> list[JournalMessage]:
        """Return all that was read."""
        return self._seen

    def _note_listings(self, message: JournalMessage) -> None:
        record = decode_record(message.subject, message.payload)
        assert isinstance(record, RegistryRecord)
        for event in record.events:
            if isinstance(event, InstrumentListed):
                self._instruments[event.instrument.symbol] = event.instrument
            elif isinstance(event, AssetListed):
                self._scales[event.asset.code] = event.asset.scale

    # What traders were told.

    def _compare(self, command: Command, found: list[AuditedOrder] | None) -> None:
        """Hold one command's fate against the orders the journal has under its client order id."""
        orders = found or []
        said = command.answer.get("error", {}).get("code")
        assert said not in IMPOSSIBLE, command
        assert len(orders) <= 1, f"{command} took effect {len(orders)} times"
        if command.fate is Fate.ACKNOWLEDGED:
            assert orders, f"{command} was acknowledged and is gone"
            self._compare_answer(command, orders[0])
        elif command.fate is Fate.REFUSED:
            assert not orders, f"{command} was refused and took effect"
        else:
            assert command.fate is Fate.UNKNOWN, command
        for order in orders:
            self._compare_terms(command, order)

    def _compare_answer(self, command: Command, order: AuditedOrder) -> None:
        answer, instrument = command.answer, self._instruments[command.symbol]
        assert answer["id"] == str(order.reserved.order_id), command
        filled = to_units(Decimal(answer["actual_filled"]), instrument.quantity_scale)
        if answer["status"] in CLOSED:
            assert (order.status, order.filled) == (CLOSED[answer["status"]], filled), command
        else:
            assert order.filled >= filled, command

    def _compare_terms(self, command: Command, order: AuditedOrder) -> None:
        """A command is wholly there: its order has the terms it was sent with."""
        body, terms, instrument = command.body, order.reserved, self._instruments[command.symbol]
        is_market = body["type"] == "market"
        assert terms.symbol == command.symbol
        assert order.is_buy == (body["side"] == "buy")
        assert instrument.quantity_text(terms.quantity) == body["amount"]
        assert (terms.order_type is OrderType.MARKET) == is_market
        assert terms.time_in_force is (TimeInForce.IOC if is_market else TimeInForce.GTC)
        assert is_market or instrument.price_text(terms.price) == body["limit_price"]

    async def _ask_again(self, session: aiohttp.ClientSession, commands: Iterable[Command]) -> None:
        """Ask the exchange by client order id for a sample of those whose fate is unknown, and of the others."""
        unsure = [command for command in commands if command.fate is Fate.UNKNOWN]
        others = [command for command in commands if command.fate is not Fate.UNKNOWN]
        sample = [one for kind in (unsure, others) for one in self._random.sample(kind, min(SAMPLE, len(kind)))]
        shown = [
            (command, await self._get(session, command.trader, f"/orders?client_order_id={command.client_order_id}"))
            for command in sample
        ]
        orders = _by_client_id(await self.read())
        for command, answer in shown:
            known = orders.get((command.trader.account, command.client_order_id), [])
            assert [order["id"] for order in answer] == [str(order.reserved.order_id) for order in known], command
            if command.fate is Fate.ACKNOWLEDGED:
                assert Decimal(answer[0]["actual_filled"]) >= Decimal(command.answer["actual_filled"]), command

    # What the exchange answers now.

    async def _compare_states(self, session: aiohttp.ClientSession) -> AuditReport:
        """Compare balances and open orders with the journal's, at a moment in which nothing happens.

        The outside market may fill resting orders at any time, so it may take several tries to meet such a moment.
        """
        expected: list[State] = []
        answered: list[State] = [({}, set())]
        async with asyncio.timeout(PATIENCE_S), self._exchange.nats() as connection:
            journal = NatsJournal(connection)
            while True:
                report = await self.read()
                expected = [self._state_in(report, trader.account) for trader in self._traders]
                answered = [await self._state_of(session, trader) for trader in self._traders]
                is_quiet = await journal.end() == report.sequence
                if is_quiet and expected == answered:
                    return report
                assert not (is_quiet and report.violations), report.violations
        raise AssertionError(f"{expected} in the journal, {answered} answered")

    def _state_in(self, report: AuditReport, account: int) -> State:
        balances = {
            asset: (to_text(free, self._scales[asset]), to_text(held, self._scales[asset]))
            for asset, (free, held) in report.balances[account].items()
        }
        mine = {str(number) for number, one in report.open_orders.items() if one.reserved.account == account}
        return balances, mine

    async def _state_of(self, session: aiohttp.ClientSession, trader: Trader) -> State:
        balances = await self._get(session, trader, "/balance")
        orders = await self._pages(session, trader, f"/orders?status=open&limit={PAGE}")
        return {asset: (one["free"], one["used"]) for asset, one in balances.items()}, {one["id"] for one in orders}

    async def _compare_history(self, session: aiohttp.ClientSession, trader: Trader, fills: set[ListedFill]) -> None:
        """The read model lists each fill of an account once, at the latest when it has caught up."""
        rows = await self._history(session, trader, f"/trades?limit={PAGE}")
        listed = [(row["symbol"], row["trade_id"], row["order_id"]) for row in rows]
        assert len(set(listed)) == len(listed), "a fill is listed twice"
        assert fills <= set(listed), f"{len(fills - set(listed))} of {len(fills)} fills are not listed"

    async def _history(self, session: aiohttp.ClientSession, trader: Trader, path: str) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(CatchingUp):
                    return await self._pages(session, trader, path)
                await asyncio.sleep(RETRY_S)

    async def _pages(self, session: aiohttp.ClientSession, trader: Trader, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor: str | None = "0"
        while cursor is not None:
            url = f"{self._exchange.url}{path}&cursor={cursor}"
            async with session.get(url, headers=trader.headers) as answer:
                if answer.status == 503:
                    raise CatchingUp(await answer.text())
                assert answer.status == 200, await answer.text()
                rows += await answer.json()
                cursor = answer.headers.get("X-Next-Cursor")
        return rows

    async def _get(self, session: aiohttp.ClientSession, trader: Trader, path: str) -> Any:
        async with session.get(self._exchange.url + path, headers=trader.headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


def _fills_in(report: AuditReport, account: int) -> set[ListedFill]:
    return {
        (symbol, trade.trade_id, str(side.order_id))
        for symbol, trades in report.trades.items()
        for trade in trades
        for side in (trade.taker, trade.maker)
        if side.account == account
    }


def _by_client_id(report: AuditReport) -> dict[tuple[int, str], list[AuditedOrder]]:
    orders: dict[tuple[int, str], list[AuditedOrder]] = {}
    for order in report.orders.values():
        orders.setdefault((order.reserved.account, order.reserved.client_order_id), []).append(order)
    return orders
