"""/account: whose key it is, and the account's money at one moment of the journal."""

from __future__ import annotations

import msgspec
from litestar import get

from gateway.native.requests import Account, AuthorizedRequest, gateway_of, may_read
from mockexchange.views import BalanceView, balance_view


class AccountState(msgspec.Struct):
    """An account as of `sequence` of the journal, up to and with its event `number`: join the stream after it."""

    account: int
    name: str
    permissions: list[str]
    number: int
    sequence: int
    balances: list[BalanceView]


@get("/account", before_request=may_read, operation_id="getAccount")
async def get_account(request: AuthorizedRequest, account: Account = None) -> AccountState:
    """Tell whose key it is and what money there is."""
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    state = await gateway.money.account(caller)
    assets = gateway.floor.registry.assets
    return AccountState(
        state.account,
        gateway.auth.account(state.account).name,
        sorted(request.user.permissions),
        state.number,
        state.sequence,
        [balance_view(balance, assets[balance.asset].scale) for balance in state.balances],
    )


HANDLERS = [get_account]
