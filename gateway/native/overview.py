"""/overview: what an account is worth and how it traded. Values are in the cash asset."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from litestar import get
from litestar.params import FromQuery

from gateway.auth import Caller
from gateway.gateway import Gateway
from gateway.money_desk import Holding
from gateway.native.requests import Account, AuthorizedRequest, gateway_of, may_read
from gateway.native.schemas import SIDES, SideName
from mockexchange.messages.commands import AccountAnswer, Flow, TradeTotal
from mockexchange.messages.orders import Order, Side
from mockexchange.money import to_text
from mockexchange.views import NS_PER_MS

CONSISTENT_TRIES: Final = 3

TotalsByAsset = dict[str, dict[str, str]]


class Capital(msgspec.Struct):
    """Equity, what was paid in and out, and the difference. Assets in `unpriced` have no price and count nothing."""

    equity: str
    deposits: str
    withdrawals: str
    profit_loss: str
    unpriced: list[str]


class ValuedBalance(msgspec.Struct):
    """A balance, its price and its value; both null where there is no price."""

    asset: str
    free: str
    used: str
    total: str
    price: str | None
    value: str | None


class MovedAsset(msgspec.Struct):
    """What was moved of an asset in one direction, and its worth when it was; empty where nothing was."""

    ref_symbol: str | msgspec.UnsetType = msgspec.UNSET
    asset_quantity: str | msgspec.UnsetType = msgspec.UNSET
    ref_value: str | msgspec.UnsetType = msgspec.UNSET


class Investment(msgspec.Struct):
    """Deposits and withdrawals of one asset."""

    deposits: MovedAsset
    withdrawals: MovedAsset


class CapitalParts(msgspec.Struct):
    """Capital asset by asset."""

    balance: dict[str, ValuedBalance]
    investment_assets: dict[str, Investment]
    unpriced: list[str]


class BalanceSource(msgspec.Struct):
    """Values by what balances say."""

    assets_free_value: str
    assets_frozen_value: str
    assets_total_value: str
    cash_free_value: str
    cash_frozen_value: str
    cash_total_value: str
    total_free_value: str
    total_frozen_value: str
    total_equity: str


class OrdersSource(msgspec.Struct):
    """Values by what open orders hold."""

    assets_frozen_value: str
    cash_frozen_value: str
    total_frozen_value: str


class Mismatch(msgspec.Struct):
    """Where the two sources differ, which they never should."""

    assets_frozen_value: bool
    cash_frozen_value: bool
    total_frozen_value: bool


class Misc(msgspec.Struct):
    """The cash asset, what does not agree, and what has no price."""

    cash_asset: str
    mismatch: Mismatch
    unpriced: list[str]


class AssetsOverview(msgspec.Struct):
    """Free and held money by two sources."""

    balance_source: BalanceSource
    orders_source: OrdersSource
    misc: Misc


class SideTotals(msgspec.Struct):
    """Totals of one side: count, amount and notional by base and quote, fees by base and the asset they were in."""

    count: TotalsByAsset
    amount: TotalsByAsset
    notional: TotalsByAsset
    fee: TotalsByAsset


class OrdersOverview(msgspec.Struct):
    """How many orders were ever made, and when the first and the last of them; null without any.

    `cash_asset` is what values are counted in.
    """

    cash_asset: str
    count: int
    first: int | None
    last: int | None


@get("/overview/capital", before_request=may_read, operation_id="getCapital")
async def get_capital(
    request: AuthorizedRequest, aggregation: FromQuery[bool] = True, account: Account = None
) -> Capital | CapitalParts:
    """Show equity, deposits and withdrawals; with `aggregation=false` asset by asset."""
    gateway = gateway_of(request)
    state = await gateway.money.account(gateway.auth.acting_for(request.user, account))
    holdings = await gateway.money.holdings(state)
    return _capital(gateway, state, holdings) if aggregation else await _capital_parts(gateway, state, holdings)


@get("/overview/assets", before_request=may_read, operation_id="getAssetsOverview")
async def get_assets_overview(request: AuthorizedRequest, account: Account = None) -> AssetsOverview:
    """Compare what balances and open orders say of free and held money."""
    gateway = gateway_of(request)
    caller = gateway.auth.acting_for(request.user, account)
    state, held, is_one_moment = await _account_and_holds(gateway, caller)
    holdings = await gateway.money.holdings(state)
    cash = gateway.money.cash.code
    free_cash, free_assets = _by_cash(((item.balance.asset, item.free_value or 0) for item in holdings), cash)
    held_cash, held_assets = _by_cash(((item.balance.asset, item.held_value or 0) for item in holdings), cash)
    order_values = ((asset, gateway.money.value(asset, amount) or 0) for asset, amount in held.items())
    order_cash, order_assets = _by_cash(order_values, cash)
    text = gateway.money.cash_text
    return AssetsOverview(
        BalanceSource(
            assets_free_value=text(free_assets),
            assets_frozen_value=text(held_assets),
            assets_total_value=text(free_assets + held_assets),
            cash_free_value=text(free_cash),
            cash_frozen_value=text(held_cash),
            cash_total_value=text(free_cash + held_cash),
            total_free_value=text(free_assets + free_cash),
            total_frozen_value=text(held_assets + held_cash),
            total_equity=text(free_assets + held_assets + free_cash + held_cash),
        ),
        OrdersSource(text(order_assets), text(order_cash), text(order_assets + order_cash)),
        Misc(
            cash,
            Mismatch(
                is_one_moment and order_assets != held_assets,
                is_one_moment and order_cash != held_cash,
                is_one_moment and order_assets + order_cash != held_assets + held_cash,
            ),
            _unpriced(holdings),
        ),
    )


@get("/overview/trades", before_request=may_read, operation_id="getTradesOverview")
async def get_trades_overview(
    request: AuthorizedRequest,
    assets: FromQuery[str | None] = None,
    side: FromQuery[SideName | None] = None,
    account: Account = None,
) -> dict[str, SideTotals]:
    """Show totals of trades by side and symbol; `assets` is a comma-separated list of base assets."""
    gateway = gateway_of(request)
    state = await gateway.money.account(gateway.auth.acting_for(request.user, account))
    wanted = {name for name in (assets or "").split(",") if name}
    totals = [total for total in state.trades if not wanted or total.symbol.partition("/")[0] in wanted]
    sides = [SIDES[side]] if side else list(Side)
    return {name.name: await _side_totals(gateway, [t for t in totals if t.side is name]) for name in sides}


@get("/overview/orders", before_request=may_read, operation_id="getOrdersOverview")
async def get_orders_overview(request: AuthorizedRequest, account: Account = None) -> OrdersOverview:
    """Show how many orders there are, and when the first and the last were made."""
    gateway = gateway_of(request)
    past = await gateway.history.past_orders(gateway.auth.acting_for(request.user, account), "")
    ends = [*await past.after(0, 1, end=1), *await past.before(past.count, 1)] if past.count else []
    times = [order.created_ns // NS_PER_MS for order in ends]
    return OrdersOverview(gateway.floor.cash, past.count, min(times, default=None), max(times, default=None))


HANDLERS: Final = [get_capital, get_assets_overview, get_trades_overview, get_orders_overview]


def _capital(gateway: Gateway, account: AccountAnswer, holdings: list[Holding]) -> Capital:
    equity = sum((item.free_value or 0) + (item.held_value or 0) for item in holdings)
    deposits = sum(flow.value for flow in account.deposits)
    withdrawals = sum(flow.value for flow in account.withdrawals)
    text = gateway.money.cash_text
    return Capital(
        text(equity), text(deposits), text(withdrawals), text(equity - deposits + withdrawals), _unpriced(holdings)
    )


async def _capital_parts(gateway: Gateway, account: AccountAnswer, holdings: list[Holding]) -> CapitalParts:
    deposits = {flow.asset: await _moved(gateway, flow) for flow in account.deposits}
    withdrawals = {flow.asset: await _moved(gateway, flow) for flow in account.withdrawals}
    return CapitalParts(
        {item.balance.asset: _valued(gateway, item) for item in holdings},
        {
            asset: Investment(deposits.get(asset, MovedAsset()), withdrawals.get(asset, MovedAsset()))
            for asset in sorted({*deposits, *withdrawals})
        },
        _unpriced(holdings),
    )


async def _moved(gateway: Gateway, flow: Flow) -> MovedAsset:
    scale = (await gateway.floor.asset(flow.asset)).scale
    cash = gateway.money.cash.code
    symbol = f"{flow.asset}/{cash}"
    return MovedAsset(symbol, to_text(flow.amount, scale), gateway.money.cash_text(flow.value))


def _valued(gateway: Gateway, item: Holding) -> ValuedBalance:
    balance, scale = item.balance, item.asset.scale
    is_priced = item.free_value is not None
    value = (item.free_value or 0) + (item.held_value or 0)
    return ValuedBalance(
        asset=balance.asset,
        free=to_text(balance.free, scale),
        used=to_text(balance.held, scale),
        total=to_text(balance.free + balance.held, scale),
        price=gateway.money.price(balance.asset),
        value=gateway.money.cash_text(value) if is_priced else None,
    )


async def _account_and_holds(gateway: Gateway, caller: Caller) -> tuple[AccountAnswer, dict[str, int], bool]:
    """Return an account, what its open orders hold by asset, and whether both are of one moment.

    While orders come and go the two reads may fall apart; then they are repeated, and at last not compared.
    """
    for _ in range(CONSISTENT_TRIES):
        account = await gateway.money.account(caller)
        orders, sequence = await gateway.lists.all_open(caller)
        after = await gateway.money.account(caller)
        if account.sequence == sequence == after.sequence:
            return account, _holds(orders), True
    return account, _holds(orders), False


def _holds(orders: list[Order]) -> dict[str, int]:
    held: dict[str, int] = {}
    for order in orders:
        held[order.hold_asset] = held.get(order.hold_asset, 0) + order.hold_left
    return held


def _by_cash(values: Iterable[tuple[str, int]], cash: str) -> tuple[int, int]:
    """Return the sums of the cash asset and of all others."""
    of_cash, of_others = 0, 0
    for asset, value in values:
        if asset == cash:
            of_cash += value
        else:
            of_others += value
    return of_cash, of_others


def _unpriced(holdings: list[Holding]) -> list[str]:
    return [item.balance.asset for item in holdings if item.free_value is None]


async def _side_totals(gateway: Gateway, totals: list[TradeTotal]) -> SideTotals:
    shown = SideTotals({}, {}, {}, {})
    for total in totals:
        instrument = await gateway.floor.instrument(total.symbol)
        base, quote = instrument.base, instrument.quote
        is_buy = total.side is Side.BUY
        fee_asset, fee_scale = (base, instrument.base_scale) if is_buy else (quote, instrument.quote_scale)
        shown.count.setdefault(base, {})[quote] = str(total.orders)
        shown.amount.setdefault(base, {})[quote] = to_text(total.base_amount, instrument.base_scale)
        shown.notional.setdefault(base, {})[quote] = to_text(total.quote_amount, instrument.quote_scale)
        # Buys of one base pay their fees in that base whatever they were quoted in: those add up.
        fees = shown.fee.setdefault(base, {})
        fees[fee_asset] = _added(fees.get(fee_asset), total.fee, fee_scale)
    return shown


def _added(text: str | None, units: int, scale: int) -> str:
    before = 0 if text is None else int(text.replace(".", ""))
    return to_text(before + units, scale)
