"""What the administrator's key may do: prices, balances, reset, accounts, keys, instruments."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody

from gateway.failures import InvalidInput
from gateway.gateway import Gateway
from gateway.key_ring import kind_of
from gateway.native.bodies import ExactBody
from gateway.native.requests import Account, AuthorizedRequest, gateway_of, may_administer, parse_symbol
from gateway.native.schemas import (
    AccountBody,
    AccountView,
    BalanceBody,
    InstrumentBody,
    InstrumentView,
    KeyBody,
    KeyView,
    MaintenanceBody,
    MaintenanceView,
    NewKeyView,
    PriceBody,
    Status,
    TickerEntry,
    instrument_view,
    ticker_entry,
)
from gateway.new_orders import positive_units
from mockexchange.instruments import ASSET_PATTERN, Asset, Instrument
from mockexchange.messages.directory import KeyMade
from mockexchange.messages.events import AccountCreated
from mockexchange.money import RATE_SCALE, AmountError, to_text, to_units
from mockexchange.presets import preset
from mockexchange.registry import Registry
from mockexchange.views import BalanceView, balance_view

MAX_DECIMALS: Final = 12

TICKER_PATHS: Final = ["/admin/tickers/{symbol:str}/price", "/admin/tickers/{symbol:str}/{quote:str}/price"]


@patch(TICKER_PATHS, dto=ExactBody, return_dto=None, before_request=may_administer)
async def set_price(
    request: AuthorizedRequest, symbol: FromPath[str], data: JSONBody[PriceBody], quote: FromPath[str] = ""
) -> TickerEntry:
    """Put a price in place of the outside market until it is released; fills it causes are done when this answers.

    A volume that is not given is as good as endless; one of 0 is none.
    """
    gateway = gateway_of(request)
    instrument = await _instrument(gateway, symbol, quote)
    if data.released:
        await gateway.admin.release_price(instrument)
        return _ticker(gateway, instrument)
    if data.price is None:
        raise InvalidInput("price", "is required")
    price = positive_units(data.price, instrument.price_scale, "price")
    if instrument.check_price(price) is not None:
        raise InvalidInput("price", f"must be a multiple of {instrument.price_text(instrument.tick_size)}")
    bid = _volume(data.bid_volume, instrument, "bid_volume")
    ask = _volume(data.ask_volume, instrument, "ask_volume")
    await gateway.admin.override_price(instrument, price, bid, ask)
    return _ticker(gateway, instrument)


@delete(TICKER_PATHS, status_code=200, before_request=may_administer)
async def release_price(request: AuthorizedRequest, symbol: FromPath[str], quote: FromPath[str] = "") -> TickerEntry:
    """Let the outside market count again."""
    gateway = gateway_of(request)
    instrument = await _instrument(gateway, symbol, quote)
    await gateway.admin.release_price(instrument)
    return _ticker(gateway, instrument)


@patch(
    "/admin/balance/{asset:str}",
    dto=ExactBody,
    return_dto=None,
    before_request=may_administer,
    operation_id="setBalance",
)
async def set_balance(
    request: AuthorizedRequest, asset: FromPath[str], data: JSONBody[BalanceBody | None] = None, account: Account = None
) -> BalanceView:
    """Set a free balance by a balancing posting, of the demo account unless another is named."""
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    body = data or BalanceBody()
    balance, listed = await gateway.money.set_balance(caller, asset, body.free, body.used)
    return balance_view(balance, listed.scale)


@delete("/admin/data", status_code=200, before_request=may_administer, operation_id="resetData")
async def reset_data(request: AuthorizedRequest) -> Status:
    """Cancel all orders, bring all balances back to their starting funds, start history anew; keys stay."""
    await gateway_of(request).admin.reset()
    return Status()


@get("/accounts", before_request=may_administer, operation_id="listAccounts")
async def list_accounts(request: AuthorizedRequest) -> list[AccountView]:
    """List all accounts."""
    gateway = gateway_of(request)
    await gateway.follower.catch_up()
    registry = gateway.floor.registry
    return [_account_view(account, registry) for _, account in sorted(registry.accounts.items())]


@post(
    "/accounts",
    status_code=201,
    dto=ExactBody,
    return_dto=None,
    before_request=may_administer,
    operation_id="createAccount",
)
async def create_account(request: AuthorizedRequest, data: JSONBody[AccountBody]) -> NewKeyView:
    """Create an account with a first key. A name can be taken once."""
    gateway = gateway_of(request)
    funds = dict(gateway.parts.demo_funds)
    if data.funds is not None:
        funds = {asset: await _funds(gateway, asset, amount) for asset, amount in data.funds.items()}
    return _new_key(await gateway.admin.create_account(data.name, funds))


@get("/accounts/{account:int}/keys", before_request=may_administer, operation_id="listKeys")
async def list_keys(request: AuthorizedRequest, account: FromPath[int]) -> list[KeyView]:
    """List the keys of an account, without what is secret of them."""
    gateway = gateway_of(request)
    await gateway.follower.catch_up()
    gateway.auth.account(account)
    keys = gateway.floor.registry.keys.values()
    return [KeyView(key.key_id, key.account, key.permissions, kind_of(key)) for key in keys if key.account == account]


@post(
    "/accounts/{account:int}/keys",
    status_code=201,
    dto=ExactBody,
    return_dto=None,
    before_request=may_administer,
    operation_id="createKey",
)
async def create_key(
    request: AuthorizedRequest, account: FromPath[int], data: JSONBody[KeyBody | None] = None
) -> NewKeyView:
    """Make another key for an account, which signs by its secret or by the other half of a public key."""
    body = data or KeyBody()
    permissions = list(dict.fromkeys(body.permissions))
    return _new_key(await gateway_of(request).admin.create_key(account, permissions, body.public_key or ""))


@delete("/keys/{key_id:str}", status_code=200, before_request=may_administer, operation_id="revokeKey")
async def revoke_key(request: AuthorizedRequest, key_id: FromPath[str]) -> Status:
    """Make a key invalid for ever."""
    await gateway_of(request).admin.revoke_key(key_id)
    return Status()


@post(
    "/instruments",
    status_code=201,
    dto=ExactBody,
    return_dto=None,
    before_request=may_administer,
    operation_id="listInstrument",
)
async def list_instrument(request: AuthorizedRequest, data: JSONBody[InstrumentBody]) -> InstrumentView:
    """List a symbol as a plain book between accounts, or change the filters of a listed one.

    A book that is awake goes on with the price band and step size that it started with until it starts anew.
    """
    gateway = gateway_of(request)
    await gateway.follower.catch_up()
    instrument = _listing(data, gateway.floor.registry)
    assets = [Asset(instrument.base, instrument.base_scale), Asset(instrument.quote, instrument.quote_scale)]
    await gateway.admin.list_instrument(instrument, assets)
    return instrument_view(gateway.floor.registry.instruments[instrument.symbol])


@post(
    "/admin/maintenance",
    status_code=200,
    dto=ExactBody,
    return_dto=None,
    before_request=may_administer,
    operation_id="switchMaintenance",
)
async def switch_maintenance(request: AuthorizedRequest, data: JSONBody[MaintenanceBody]) -> MaintenanceView:
    """Refuse new orders at all gateways, or take them again; open orders trade on and may be canceled."""
    gateway = gateway_of(request)
    await gateway.admin.switch_maintenance(data.on)
    return MaintenanceView(gateway.floor.registry.is_under_maintenance)


@get("/admin/maintenance", before_request=may_administer, operation_id="getMaintenance")
async def get_maintenance(request: AuthorizedRequest) -> MaintenanceView:
    """Say whether new orders are refused."""
    gateway = gateway_of(request)
    await gateway.follower.catch_up()
    return MaintenanceView(gateway.floor.registry.is_under_maintenance)


@get("/admin/health", operation_id="adminHealth")
async def admin_health() -> Status:
    """Say that this process answers. `/health` tells of the whole exchange."""
    return Status()


HANDLERS: Final = [
    set_price,
    release_price,
    set_balance,
    reset_data,
    list_accounts,
    create_account,
    list_keys,
    create_key,
    revoke_key,
    list_instrument,
    switch_maintenance,
    get_maintenance,
    admin_health,
]


async def _instrument(gateway: Gateway, symbol: str, quote: str) -> Instrument:
    return await gateway.floor.instrument(parse_symbol(f"{symbol}/{quote}" if quote else symbol))


def _ticker(gateway: Gateway, instrument: Instrument) -> TickerEntry:
    return ticker_entry(instrument.symbol, gateway.memory.ticker(instrument))


def _volume(value: Decimal | None, instrument: Instrument, field: str) -> int | None:
    return None if value is None else _not_negative(value, instrument.quantity_scale, field)


async def _funds(gateway: Gateway, asset: str, amount: Decimal) -> int:
    return positive_units(amount, (await gateway.floor.asset(asset)).scale, f"funds.{asset}")


def _account_view(account: AccountCreated, registry: Registry) -> AccountView:
    funds = {asset: to_text(amount, registry.assets[asset].scale) for asset, amount in account.funds.items()}
    keys = sum(key.account == account.account for key in registry.keys.values())
    return AccountView(account.account, account.name, funds, keys)


def _new_key(made: KeyMade) -> NewKeyView:
    return NewKeyView(made.account, made.key_id, made.api_key, made.api_secret)


def _listing(body: InstrumentBody, registry: Registry) -> Instrument:
    """Return the instrument that a body describes, on top of what is listed or a guess. Raises InvalidInput."""
    symbol = parse_symbol(body.symbol)
    base, _, quote = symbol.partition("/")
    if not (ASSET_PATTERN.fullmatch(base) and ASSET_PATTERN.fullmatch(quote)):
        raise InvalidInput("symbol", "must be two codes of 1 to 16 letters or digits, like BTC/USDT")
    before = registry.instruments.get(symbol) or preset(symbol)
    price_scale = _decimals(body.price_decimals, before.price_scale, "price_decimals")
    quantity_scale = _decimals(body.quantity_decimals, before.quantity_scale, "quantity_decimals")
    scales = {code: registry.assets.get(code, Asset(code)).scale for code in (base, quote)}
    # A filter that is not given stays as it is only while its scale does.
    if (price_scale, quantity_scale) != (before.price_scale, before.quantity_scale):
        before = Instrument(base, quote, scales[base], scales[quote], price_scale, quantity_scale)
    return msgspec.structs.replace(
        before,
        base_scale=scales[base],
        quote_scale=scales[quote],
        tick_size=_or(body.tick_size, price_scale, "tick_size", before.tick_size),
        step_size=_or(body.step_size, quantity_scale, "step_size", before.step_size),
        min_quantity=_or(body.min_quantity, quantity_scale, "min_quantity", before.min_quantity),
        max_quantity=_or(body.max_quantity, quantity_scale, "max_quantity", before.max_quantity),
        min_notional=_or(body.min_notional, scales[quote], "min_notional", before.min_notional),
        band_down=_or(body.band_down, RATE_SCALE, "band_down", before.band_down),
        band_up=_or(body.band_up, RATE_SCALE, "band_up", before.band_up),
    )


def _decimals(given: int | None, before: int, field: str) -> int:
    if given is not None and not 0 <= given <= MAX_DECIMALS:
        raise InvalidInput(field, f"must be 0 to {MAX_DECIMALS}")
    return before if given is None else given


def _or(value: Decimal | None, scale: int, field: str, before: int) -> int:
    return before if value is None else _not_negative(value, scale, field)


def _not_negative(value: Decimal, scale: int, field: str) -> int:
    try:
        units = to_units(value, scale)
    except AmountError as error:
        raise InvalidInput(field, str(error)) from error
    if units < 0:
        raise InvalidInput(field, "must not be negative")
    return units
