"""What only an administrator may do: prices, resets, accounts, keys and listings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from gateway.auth import Caller
from gateway.dispatch import Call
from gateway.failures import DirectoryRefusal, NotAvailable, failure_of
from gateway.floor import Floor
from gateway.money_desk import MoneyDesk
from infra.ports import Directory, PeerLost
from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.channel import OverridePrice, ReleasePrice
from mockexchange.messages.codec import decode_directory_answer, encode
from mockexchange.messages.commands import AwaitSequence, CancelAll, ClearHistory, Refused, SequenceAnswer, Unavailable
from mockexchange.messages.directory import (
    CreateAccount,
    CreateKey,
    DirectoryAnswer,
    DirectoryRefused,
    DirectoryRequest,
    DirectoryUnready,
    Done,
    KeyMade,
    ListInstrument,
    RevokeKey,
    SwitchMaintenance,
)
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import MAX_AMOUNT
from mockexchange.views import TickerView

T = TypeVar("T", KeyMade, Done)

RESET_TRIES: Final = 3
SHOWN_WITHIN_S: Final = 1.0
FUNDED_WITHIN_S: Final = 2.0
POLL_S: Final = 0.01
RESET: Final = "@reset"
AWAIT: Final = "@await"

ENDLESS: Final = MAX_AMOUNT // 2
"""Bound of the value offered at an overridden price when nobody says how much, in asset units."""


class AdminDesk:
    """Administers the exchange."""

    def __init__(self, floor: Floor, money: MoneyDesk, directory: Directory) -> None:
        self._floor = floor
        self._money = money
        self._directory = directory

    # --- prices ---

    async def override_price(
        self, instrument: Instrument, price: int, bid_quantity: int | None, ask_quantity: int | None
    ) -> None:
        """Put a price in place of the outside market; returns once all shards know the fills it caused.

        A quantity that is not given is as good as endless.
        """
        endless = _endless(instrument, price)
        bid_quantity = endless if bid_quantity is None else bid_quantity
        ask_quantity = endless if ask_quantity is None else ask_quantity
        await self._change(instrument.symbol, OverridePrice(price, bid_quantity, ask_quantity))
        await self._shown(instrument, instrument.price_text(price))

    async def release_price(self, instrument: Instrument) -> None:
        """Let the outside market count again; returns once all shards know the fills that caused."""
        await self._change(instrument.symbol, ReleasePrice())
        await self._shown(instrument, None)

    # --- reset ---

    async def reset(self) -> None:
        """Cancel all orders, bring balances back to their starting funds and start history anew. Raises Failure.

        Orders that come in between are canceled by another try; there are `RESET_TRIES`.
        """
        command_id = self._floor.mint()
        for attempt in range(RESET_TRIES):
            await self._cancel_everything()
            answers = await self._ask_shards(RESET, ClearHistory(command_id, self._floor.clock.now_ns()))
            failures = [answer for answer in answers if isinstance(answer, Refused | Unavailable)]
            if not failures:
                return
            if attempt == RESET_TRIES - 1:
                raise failure_of(failures[0])

    async def _cancel_everything(self) -> None:
        # A process that has just started may not know all accounts.
        await self._floor.follower.catch_up()
        deadline_ns = self._floor.deadline_ns()
        calls = [
            Call(account.shard, RESET, CancelAll(self._floor.mint(), account.account, "", deadline_ns, by_admin=True))
            for account in self._floor.registry.accounts.values()
        ]
        for answer in await self._floor.dispatcher.ask_all(calls, deadline_ns):
            is_new = isinstance(answer, Refused) and answer.reason is RejectReason.UNKNOWN_ACCOUNT
            if isinstance(answer, Refused | Unavailable) and not is_new:
                raise failure_of(answer)

    # --- accounts and keys ---

    async def create_account(self, name: str, funds: Mapping[str, int]) -> KeyMade:
        """Create an account; returns once it is funded and this process knows it. Raises Failure."""
        values = {asset: self._money.value(asset, amount) or 0 for asset, amount in funds.items()}
        made = await self._ask_directory(CreateAccount(name, dict(funds), values), KeyMade)
        await self._funded(made, funds)
        return made

    async def create_key(self, account: int, permissions: Sequence[str], public_key: str = "") -> KeyMade:
        """Make another key for an account; with a public key its other half signs. Raises Failure."""
        return await self._ask_directory(CreateKey(account, list(permissions), public_key), KeyMade)

    async def revoke_key(self, key_id: str) -> None:
        """Make a key invalid for ever. Raises Failure."""
        await self._ask_directory(RevokeKey(key_id), Done)

    async def switch_maintenance(self, is_on: bool) -> None:
        """Have all gateways refuse new orders, or take them again; returns once this one does. Raises Failure."""
        await self._ask_directory(SwitchMaintenance(is_on), Done)

    async def list_instrument(self, instrument: Instrument, assets: Sequence[Asset]) -> None:
        """List an instrument, or change the filters of a listed one; returns once all shards know. Raises Failure."""
        done = await self._ask_directory(ListInstrument(instrument, list(assets)), Done)
        await self._await_shards(done.sequence)

    async def _ask_directory(self, request: DirectoryRequest, expected: type[T]) -> T:
        try:
            async with asyncio.timeout(self._floor.timeout_s):
                encoded = await self._directory.handle(encode(request))
        except (PeerLost, TimeoutError) as error:
            raise NotAvailable("the directory cannot be reached", may_execute=True) from error
        answer: DirectoryAnswer = decode_directory_answer(encoded)
        match answer:
            case DirectoryRefused(field, reason, status):
                raise DirectoryRefusal(field, reason, status)
            case DirectoryUnready(detail):
                raise NotAvailable(detail)
        assert isinstance(answer, expected)
        await self._floor.follower.reach(answer.sequence)
        return answer

    async def _funded(self, made: KeyMade, funds: Mapping[str, int]) -> None:
        """Return once the new account's starting funds are there."""
        shard = self._floor.registry.accounts[made.account].shard
        await self._floor.ask(shard, AWAIT, AwaitSequence(made.sequence), SequenceAnswer)
        owner = Caller(made.account, shard, frozenset())
        until = self._floor.clock.monotonic() + FUNDED_WITHIN_S
        while self._floor.clock.monotonic() < until:
            account = await self._money.account(owner)
            if {balance.asset for balance in account.balances} >= set(funds):
                return
            await self._floor.clock.sleep(POLL_S)

    # --- waiting until what was done is seen ---

    async def _change(self, symbol: str, request: OverridePrice | ReleasePrice) -> None:
        await self._await_shards(await self._floor.books.change(symbol, request))

    async def _await_shards(self, sequence: int) -> None:
        for answer in await self._ask_shards(AWAIT, AwaitSequence(sequence)):
            if isinstance(answer, Refused | Unavailable):
                raise NotAvailable("it is done, but not all accounts know yet", may_execute=True)

    async def _ask_shards(self, channel: str, request: AwaitSequence | ClearHistory) -> list[object]:
        if not self._floor.registry.shards:
            await self._floor.follower.catch_up()
        calls = [Call(shard, channel, request) for shard in range(self._floor.registry.shards)]
        return list(await self._floor.dispatcher.ask_all(calls, self._floor.deadline_ns()))

    async def _shown(self, instrument: Instrument, price: str | None) -> None:
        """Return once this process has heard a ticker with this overridden price (None: without), or after a second."""
        until = self._floor.clock.monotonic() + SHOWN_WITHIN_S
        while self._floor.clock.monotonic() < until:
            ticker = self._floor.memory.ticker(instrument)
            if ticker is not None and _is_at(ticker, price):
                return
            await self._floor.clock.sleep(POLL_S)


def _is_at(ticker: TickerView, price: str | None) -> bool:
    """Whether a ticker shows this overridden price, or (None) the market's own."""
    return price in (ticker.bid, ticker.ask, ticker.last) if ticker.overridden else price is None


def _endless(instrument: Instrument, price: int) -> int:
    """Return the largest quantity whose value at a price stays within half of the bounds, on the step."""
    most = min(ENDLESS // (price * instrument.quote_factor), ENDLESS // instrument.base_factor)
    return most - most % instrument.step_size
