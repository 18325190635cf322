"""/balance: what an account has, deposits and withdrawals."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get, post
from litestar.params import FromPath, HeaderParameter, JSONBody

from gateway.native.bodies import ExactBody
from gateway.native.requests import Account, AuthorizedRequest, gateway_of, may_read, may_trade
from gateway.native.schemas import AmountBody, BalanceList
from gateway.new_orders import check_id
from mockexchange.instruments import Asset
from mockexchange.messages.commands import Balance
from mockexchange.views import BalanceView, balance_view

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(name="Idempotency-Key", description="Sent again with the same body, the money is moved once."),
]


@get("/balance", before_request=may_read, operation_id="getBalances")
async def get_balances(request: AuthorizedRequest) -> dict[str, BalanceView]:
    """Show all balances by asset."""
    balances = await gateway_of(request).money.balances(request.user)
    return {balance.asset: balance_view(balance, asset.scale) for balance, asset in balances}


@get("/balance/list", before_request=may_read, operation_id="listAssets")
async def list_assets(request: AuthorizedRequest) -> BalanceList:
    """List the assets the account has."""
    assets = [balance.asset for balance, _ in await gateway_of(request).money.balances(request.user)]
    return BalanceList(len(assets), assets)


@get("/balance/{asset:str}", before_request=may_read, operation_id="getBalance")
async def get_balance(request: AuthorizedRequest, asset: FromPath[str]) -> BalanceView:
    """Show the balance of one asset."""
    return _shown(await gateway_of(request).money.balance(request.user, asset))


@post(
    "/balance/{asset:str}/deposit",
    status_code=200,
    dto=ExactBody,
    return_dto=None,
    before_request=may_trade,
    operation_id="deposit",
)
async def deposit(
    request: AuthorizedRequest,
    asset: FromPath[str],
    data: JSONBody[AmountBody | None] = None,
    key: IdempotencyKey = None,
    account: Account = None,
) -> BalanceView:
    """Bring money in from the outside world; 100,000 unless the body says how much."""
    amount = (data or AmountBody()).amount
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    return _shown(await gateway.money.deposit(caller, asset, amount, _checked(key)))


@post(
    "/balance/{asset:str}/withdrawal",
    status_code=200,
    dto=ExactBody,
    return_dto=None,
    before_request=may_trade,
    operation_id="withdraw",
)
async def withdraw(
    request: AuthorizedRequest,
    asset: FromPath[str],
    data: JSONBody[AmountBody | None] = None,
    key: IdempotencyKey = None,
    account: Account = None,
) -> BalanceView:
    """Take free money out to the outside world; 100,000 unless the body says how much."""
    amount = (data or AmountBody()).amount
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    return _shown(await gateway.money.withdraw(caller, asset, amount, _checked(key)))


HANDLERS: Final = [get_balances, list_assets, get_balance, deposit, withdraw]


def _checked(key: str | None) -> str:
    return check_id("Idempotency-Key", key) if key else ""


def _shown(balance_and_asset: tuple[Balance, Asset]) -> BalanceView:
    balance, asset = balance_and_asset
    return balance_view(balance, asset.scale)
