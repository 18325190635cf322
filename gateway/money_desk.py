"""Balances, deposits and withdrawals, and what an account is worth."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from gateway.auth import Caller
from gateway.dispatch import READS, TRANSFERS
from gateway.failures import InvalidInput
from gateway.floor import Floor
from gateway.new_orders import positive_units
from infra.market_memory import value_in
from mockexchange.instruments import Asset
from mockexchange.messages.commands import AccountAnswer, Balance, Deposit, ReadAccount, SetBalance, Withdraw
from mockexchange.money import AmountError, to_text, to_units


class Holding(NamedTuple):
    """A balance, and what its free and held parts are worth in the cash asset's units (None: it has no price)."""

    balance: Balance
    asset: Asset
    free_value: int | None
    held_value: int | None


class MoneyDesk:
    """Moves and values the money of one account at a time."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def account(self, caller: Caller) -> AccountAnswer:
        """Read balances, flows and totals of an account. Raises Failure."""
        return await self._floor.ask(caller.shard, READS, ReadAccount(caller.account), AccountAnswer)

    async def balance(self, caller: Caller, code: str) -> tuple[Balance, Asset]:
        """Return the balance of one asset, which may be nothing. Raises Failure."""
        asset = await self._floor.asset(code)
        return balance_of(await self.account(caller), code), asset

    async def balances(self, caller: Caller) -> list[tuple[Balance, Asset]]:
        """Return the balances of an account by asset code. Raises Failure."""
        account = await self.account(caller)
        return [(balance, await self._floor.asset(balance.asset)) for balance in _by_asset(account)]

    async def deposit(self, caller: Caller, code: str, amount: Decimal, key: str) -> tuple[Balance, Asset]:
        """Bring money in; the same `key` (empty: none) sent again does it once. Raises Failure."""
        asset = await self._floor.asset(code)
        units = positive_units(amount, asset.scale, "amount")
        now_ns, value = self._floor.clock.now_ns(), self.value(code, units) or 0
        command = Deposit(self._command_id(key), caller.account, code, units, value, now_ns)
        return balance_of(await self._transfer(caller, command), code), asset

    async def withdraw(self, caller: Caller, code: str, amount: Decimal, key: str) -> tuple[Balance, Asset]:
        """Take free money out; the same `key` (empty: none) sent again does it once. Raises Failure."""
        asset = await self._floor.asset(code)
        units = positive_units(amount, asset.scale, "amount")
        now_ns, value = self._floor.clock.now_ns(), self.value(code, units) or 0
        command = Withdraw(self._command_id(key), caller.account, code, units, value, now_ns)
        return balance_of(await self._transfer(caller, command), code), asset

    async def set_balance(
        self, caller: Caller, code: str, free: Decimal, used: Decimal | None
    ) -> tuple[Balance, Asset]:
        """Set a free balance; `used` must be what open orders hold, where it is given. Raises Failure."""
        asset = await self._floor.asset(code)
        free_units = _units_from_zero(free, asset.scale, "free")
        used_units = -1 if used is None else _units_from_zero(used, asset.scale, "used")
        now_ns = self._floor.clock.now_ns()
        command = SetBalance(self._floor.mint(), caller.account, code, free_units, used_units, now_ns)
        return balance_of(await self._transfer(caller, command), code), asset

    def value(self, code: str, amount: int) -> int | None:
        """Return what an amount is worth in the cash asset's units, None without a price."""
        return value_in(self._floor.cash, code, amount, self._floor.registry.instruments, self._floor.memory)

    @property
    def cash(self) -> Asset:
        """The asset that values are stated in."""
        return self._floor.registry.assets.get(self._floor.cash) or Asset(self._floor.cash)

    def cash_text(self, value: int) -> str:
        """Write a value in the cash asset."""
        return to_text(value, self.cash.scale)

    async def holdings(self, account: AccountAnswer) -> list[Holding]:
        """Value the balances of an account, by asset code."""
        return [
            Holding(
                balance,
                await self._floor.asset(balance.asset),
                self.value(balance.asset, balance.free),
                self.value(balance.asset, balance.held),
            )
            for balance in _by_asset(account)
        ]

    def price(self, code: str) -> str | None:
        """Return what one of an asset is worth in the cash asset, None without a price."""
        if code == self._floor.cash:
            return "1"
        instrument = self._floor.registry.instruments.get(f"{code}/{self._floor.cash}")
        price = 0 if instrument is None else self._floor.memory.value_quote(instrument).value
        return None if instrument is None or not price else instrument.price_text(price)

    async def _transfer(self, caller: Caller, command: Deposit | Withdraw | SetBalance) -> AccountAnswer:
        return await self._floor.ask(caller.shard, TRANSFERS, command, AccountAnswer)

    def _command_id(self, key: str) -> str:
        return f"i:{key}" if key else self._floor.mint()


def balance_of(account: AccountAnswer, code: str) -> Balance:
    """Return the balance of an asset, which may be nothing."""
    return next((balance for balance in account.balances if balance.asset == code), Balance(code, 0, 0))


def _by_asset(account: AccountAnswer) -> list[Balance]:
    return sorted(account.balances, key=lambda balance: balance.asset)


def _units_from_zero(value: Decimal, scale: int, field: str) -> int:
    try:
        units = to_units(value, scale)
    except AmountError as error:
        raise InvalidInput(field, str(error)) from error
    if units < 0:
        raise InvalidInput(field, "must not be negative")
    return units
