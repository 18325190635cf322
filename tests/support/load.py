"""Traders who keep an exchange busy and remember what they were told.

Single orders and batches, resting, crossing and canceled, from several accounts through all gateway processes. Each
command has a client order id of its own, and its fate as its sender knows it: acknowledged, refused or unknown.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from types import TracebackType
from typing import Any

import aiohttp

from tests.support.launched import GATEWAY_HEADER, repeatedly

SINGLE_PAUSE_S = 0.04
BATCH_PAUSE_S = 0.15
BATCH_SIZE = 8
TICKER_PAUSE_S = 0.5
RESEND_PAUSE_S = 0.3
RESENDINGS = 20
RESTING_ORDERS = 20
TIMEOUT = aiohttp.ClientTimeout(total=30)
LOST = (aiohttp.ClientError, OSError, TimeoutError)


class Fate(Enum):
    """What became of a command, as far as its sender knows."""

    UNDER_WAY = "under way"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Command:
    """An order as it was sent, and the last word on it."""

    trader: Trader
    symbol: str
    client_order_id: str
    body: dict[str, Any]
    is_single: bool
    sent_at: float
    fate: Fate = Fate.UNDER_WAY
    was_unknown: bool = False
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)

    def hear(self, status: int, answer: dict[str, Any]) -> None:
        """Take note of an answer: an order, or an error."""
        self.status, self.answer = status, answer
        error = answer.get("error", {})
        if status == 200:
            self.fate = Fate.ACKNOWLEDGED
        elif error.get("may_have_executed") or self.was_unknown:
            # A refusal of what was sent again says nothing of what was sent first.
            self.lose()
        else:
            self.fate = Fate.REFUSED

    def lose(self) -> None:
        """Take note that there was no answer, or one that leaves it open."""
        self.fate, self.was_unknown = Fate.UNKNOWN, True


@dataclass(eq=False)
class Trader:
    """An account, its key, and its orders that rest."""

    account: int
    api_key: str
    api_secret: str
    shards: int
    resting: deque[str] = field(default_factory=deque)

    @property
    def shard(self) -> int:
        return (self.account - 1) % self.shards

    @property
    def headers(self) -> dict[str, str]:
        return {"x-api-key": self.api_key}


@dataclass(frozen=True)
class Market:
    """A symbol, the size of an order there, and its price where no outside market has one."""

    symbol: str
    price: float
    price_decimals: int
    amount: float
    amount_decimals: int
    is_fed: bool


class Load:
    """Runs the traders while the `async with` block lasts."""

    _runs = count(1)

    def __init__(self, url: str, traders: Sequence[Trader], markets: Sequence[Market]) -> None:
        self.url = url
        self.commands: list[Command] = []
        self.canceled: list[dict[str, Any]] = []
        self.gateways: Counter[str] = Counter()
        self.session: aiohttp.ClientSession
        self._traders = traders
        self._markets = markets
        self._prices = {market.symbol: market.price for market in markets}
        self._random = random.Random(7)
        self._ids = (f"{run}-{number}" for run in (next(self._runs),) for number in count(1))
        self._acknowledged: Counter[tuple[str, int]] = Counter()
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Load:
        self.session = aiohttp.ClientSession(timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=64))
        work = [self._watch_prices()]
        for trader in self._traders:
            work += [self._send_orders(trader), self._send_batches(trader)]
        self._tasks = [asyncio.create_task(one) for one in work]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        if kind is not None:
            for task in self._tasks:
                task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.close()
        if kind is None:
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def flow(self, orders: int = 10) -> None:
        """Wait until this many more orders of every symbol and every shard were sent and acknowledged."""
        for task in self._tasks:
            if task.done():
                task.result()
        lanes = {(market.symbol, trader.shard) for market in self._markets for trader in self._traders}
        wanted = {lane: self._acknowledged[lane] + orders for lane in lanes}
        await repeatedly(lambda: all(self._acknowledged[lane] >= wanted[lane] for lane in lanes))

    def since(self, moment: float) -> list[Command]:
        """Return what was sent from a moment of the event loop's clock on."""
        return [command for command in self.commands if command.sent_at >= moment]

    # What traders do.

    async def _send_orders(self, trader: Trader) -> None:
        while not self._is_over:
            await asyncio.sleep(SINGLE_PAUSE_S)
            command = self._think_of(trader, is_single=True)
            await self._place(command)
            if command.fate is Fate.UNKNOWN and self._random.random() < 0.5:
                await self._insist(command)
            while len(trader.resting) > RESTING_ORDERS:
                await self._cancel(trader, trader.resting.popleft())

    async def _insist(self, command: Command) -> None:
        """Send the same again until somebody knows what became of it, as one who must know does."""
        for _ in range(RESENDINGS):
            await asyncio.sleep(RESEND_PAUSE_S)
            await self._place(command)
            if command.fate is not Fate.UNKNOWN:
                return

    async def _send_batches(self, trader: Trader) -> None:
        while not self._is_over:
            await asyncio.sleep(BATCH_PAUSE_S)
            commands = [self._think_of(trader, is_single=False) for _ in range(BATCH_SIZE)]
            try:
                status, answers = await self._ask(trader, "POST", "/orders/batch", [one.body for one in commands])
            except LOST:
                for command in commands:
                    command.lose()
                await asyncio.sleep(RESEND_PAUSE_S)
                continue
            for index, command in enumerate(commands):
                said = answers[index] if status == 200 else answers
                if "order" in said:
                    self._note(command, 200, said["order"])
                else:
                    self._note(command, status if status != 200 else 0, said)

    async def _place(self, command: Command) -> None:
        try:
            status, answer = await self._ask(command.trader, "POST", "/orders", command.body)
        except LOST:
            command.lose()
            await asyncio.sleep(RESEND_PAUSE_S)
        else:
            self._note(command, status, answer)

    def _note(self, command: Command, status: int, answer: dict[str, Any]) -> None:
        command.hear(status, answer)
        if command.fate is Fate.ACKNOWLEDGED:
            self._acknowledged[command.symbol, command.trader.shard] += 1
            if answer["status"] in {"new", "partially_filled"}:
                command.trader.resting.append(answer["id"])

    async def _cancel(self, trader: Trader, order_id: str) -> None:
        try:
            status, answer = await self._ask(trader, "DELETE", f"/orders/{order_id}", None)
        except LOST:
            return
        if status == 200:
            self.canceled.append(answer)

    async def _ask(self, trader: Trader, method: str, path: str, body: object) -> tuple[int, Any]:
        async with self.session.request(method, self.url + path, json=body, headers=trader.headers) as answer:
            self.gateways[answer.headers.get(GATEWAY_HEADER, "")] += 1
            return answer.status, await answer.json()

    def _think_of(self, trader: Trader, *, is_single: bool) -> Command:
        market = self._random.choice(self._markets)
        client_order_id = f"{trader.account}-{next(self._ids)}"
        amount = market.amount * self._random.uniform(0.2, 2.0)
        body: dict[str, Any] = {
            "symbol": market.symbol,
            "side": self._random.choice(("buy", "sell")),
            "type": "limit",
            "amount": f"{amount:.{market.amount_decimals}f}",
            "client_order_id": client_order_id,
        }
        if market.is_fed and self._random.random() < 0.2:
            body["type"] = "market"
        else:
            price = self._prices[market.symbol] * self._random.uniform(0.998, 1.002)
            body["limit_price"] = f"{price:.{market.price_decimals}f}"
        now = asyncio.get_running_loop().time()
        command = Command(trader, market.symbol, client_order_id, body, is_single, now)
        self.commands.append(command)
        return command

    async def _watch_prices(self) -> None:
        fed = [market.symbol for market in self._markets if market.is_fed]
        while fed and not self._is_over:
            await asyncio.sleep(TICKER_PAUSE_S)
            try:
                status, tickers = await self._ask(self._traders[0], "GET", f"/tickers/{','.join(fed)}", None)
            except LOST:
                continue
            for symbol, ticker in tickers.items() if status == 200 else ():
                if ticker["bid"] is not None:
                    self._prices[symbol] = float(ticker["bid"])
