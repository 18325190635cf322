"""What moves money without an order, decided against what is free."""

from __future__ import annotations

from typing import NamedTuple

from mockexchange.instruments import Asset
from mockexchange.ledger.account import Account
from mockexchange.ledger.decisions import Promised
from mockexchange.ledger.repetition import set_balance_cause
from mockexchange.ledger.shard_fold import STARTING_FUNDS, starting_funds_command
from mockexchange.messages.commands import Deposit, Refused, SetBalance, Withdraw
from mockexchange.messages.events import Adjusted, Deposited, Withdrawn
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import MAX_AMOUNT, to_text

MoneyRequest = Deposit | Withdraw | SetBalance


class Purse(NamedTuple):
    """An account's money in one asset: `free` of it is not promised away, `arriving` is promised to come."""

    account: Account
    asset: Asset
    free: int
    arriving: int

    @property
    def held(self) -> int:
        """What open orders hold."""
        balance = self.account.balances.get(self.asset.code)
        return balance.held if balance is not None else 0

    @property
    def total(self) -> int:
        """All there is or comes, what is promised away included."""
        balance = self.account.balances.get(self.asset.code)
        return (balance.free if balance is not None else 0) + self.held + self.arriving


def decide_transfer(purse: Purse, request: MoneyRequest) -> Promised | Refused:
    """Decide a deposit, a withdrawal or the setting of a balance."""
    scale = purse.asset.scale
    if isinstance(request, SetBalance):
        return _set_balance(purse, request)
    text = f"{to_text(request.amount, scale)} {request.asset}"
    if not 0 < request.amount <= MAX_AMOUNT:
        return Refused(RejectReason.INVALID_AMOUNT, f"amount: {text}")
    if isinstance(request, Withdraw):
        if purse.free < request.amount:
            return short_of(request.asset, scale, request.amount, purse.free)
        return Withdrawn(
            request.command_id, request.account, request.asset, request.amount, request.value, "withdrawal"
        )
    if purse.total + request.amount > MAX_AMOUNT:
        return Refused(RejectReason.INVALID_AMOUNT, f"amount: {text}, have {to_text(purse.total, scale)}")
    cause = STARTING_FUNDS if _is_due(purse.account, request) else "deposit"
    return Deposited(request.command_id, request.account, request.asset, request.amount, request.value, cause)


def short_of(asset: str, scale: int, needed: int, free: int) -> Refused:
    """Refuse for lack of money."""
    return Refused(
        RejectReason.INSUFFICIENT_FUNDS, f"need {to_text(needed, scale)} {asset}, have {to_text(free, scale)}"
    )


def _is_due(account: Account, request: Deposit) -> bool:
    """Whether a deposit posts starting funds."""
    is_named = request.command_id == starting_funds_command(request.asset)
    return is_named and account.funds_due.get(request.asset) == request.amount


def _set_balance(purse: Purse, request: SetBalance) -> Adjusted | Refused:
    scale, held = purse.asset.scale, purse.held
    if request.free < 0 or request.free + held > MAX_AMOUNT:
        return Refused(RejectReason.INVALID_AMOUNT, f"free: {to_text(request.free, scale)} {request.asset}")
    if request.used not in {-1, held}:
        detail = f"used: {to_text(request.used, scale)} {request.asset}, held {to_text(held, scale)}"
        return Refused(RejectReason.USED_MISMATCH, detail)
    cause = set_balance_cause(request.free)
    return Adjusted(request.command_id, request.account, request.asset, request.free - purse.free, cause)
