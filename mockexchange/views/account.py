"""An account's fills and balances, and the messages that tell of its orders and money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger.changes import BalanceChanged, OrderChanged
from mockexchange.messages.commands import Balance
from mockexchange.messages.orders import Fill, Side
from mockexchange.money import to_text
from mockexchange.views.names import NS_PER_MS, SIDE_NAMES
from mockexchange.views.orders import ChangeView, OrderView, change_view

_BUY: Final = Side.BUY


class FillView(msgspec.Struct):
    """One side of a trade as its account sees it."""

    trade_id: int
    order_id: str
    client_order_id: str | None
    account: int
    symbol: str
    side: str
    price: str
    amount: str
    notion: str
    notion_currency: str
    fee: str
    fee_currency: str
    liquidity: str
    time: int
    sequence: int


class BalanceView(msgspec.Struct):
    """Money of one asset."""

    asset: str
    free: str
    used: str
    total: str


class AccountOrder(msgspec.Struct):
    """Payload of `account.<id>.orders`: the order after the whole record, and the step of it that this tells of."""

    account: int
    number: int
    sequence: int
    order: OrderView
    change: ChangeView


class AccountFill(msgspec.Struct):
    """Payload of `account.<id>.fills`."""

    account: int
    number: int
    sequence: int
    fill: FillView


class AccountBalance(msgspec.Struct):
    """Payload of `account.<id>.balance`; `amount` is what a transfer moved, null where an order was the cause."""

    account: int
    number: int
    sequence: int
    balances: list[BalanceView]
    cause: str
    amount: str | None
    time: int


_encode: Final = msgspec.json.Encoder().encode


def fill_view(fill: Fill, instrument: Instrument) -> FillView:
    """Show a fill."""
    is_buy = fill.side is _BUY
    return FillView(
        fill.trade_id,
        str(fill.order_id),
        fill.client_order_id or None,
        fill.account,
        fill.symbol,
        SIDE_NAMES[fill.side],
        to_text(fill.price, instrument.price_scale),
        to_text(fill.quantity, instrument.quantity_scale),
        to_text(fill.quote_amount, instrument.quote_scale),
        instrument.quote,
        to_text(fill.fee, instrument.base_scale if is_buy else instrument.quote_scale),
        instrument.base if is_buy else instrument.quote,
        "maker" if fill.is_maker else "taker",
        fill.time_ns // NS_PER_MS,
        fill.sequence,
    )


def balance_view(balance: Balance, scale: int) -> BalanceView:
    """Show a balance of an asset with this scale."""
    free, held = balance.free, balance.held
    return BalanceView(balance.asset, to_text(free, scale), to_text(held, scale), to_text(free + held, scale))


def encode_account_order(change: OrderChanged, shown: OrderView, instrument: Instrument) -> bytes:
    """Encode the payload of `account.<id>.orders`; `shown` is the order after the whole record."""
    step = change_view(change, instrument)
    return _encode(AccountOrder(change.account, change.number, change.sequence, shown, step))


def encode_account_fill(fill: Fill, instrument: Instrument, number: int, sequence: int) -> bytes:
    """Encode the payload of `account.<id>.fills`."""
    return _encode(AccountFill(fill.account, number, sequence, fill_view(fill, instrument)))


def encode_account_balance(change: BalanceChanged, assets: Mapping[str, Asset]) -> bytes:
    """Encode the payload of `account.<id>.balance`."""
    shown = [balance_view(balance, assets[balance.asset].scale) for balance in change.balances]
    amount = to_text(change.amount, assets[change.balances[0].asset].scale) if change.amount else None
    time_ms = change.time_ns // NS_PER_MS
    return _encode(AccountBalance(change.account, change.number, change.sequence, shown, change.cause, amount, time_ms))
