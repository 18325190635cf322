"""A ledger as bytes.

Indexes are left out and built again; the order of everything is kept, so that equal states have equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger.account import Account, Transfer
from mockexchange.ledger.changes import Filled
from mockexchange.messages.commands import Flow, TradeTotal
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    AccountCreated,
    AssetListed,
    InstrumentListed,
    KeyCreated,
    RegistryEvent,
    RegistryRecord,
    ShardsConfigured,
)
from mockexchange.messages.orders import Fill, Order, OrderStatus, Side
from mockexchange.registry import Registry

if TYPE_CHECKING:
    from mockexchange.ledger.ledger import Ledger

VERSION: Final = 4

Wide = int | str
"""An integer, written as text where it does not fit 64 bits: sums of a sub-account grow without bound."""


class SnapshotUnknown(Exception):
    """A snapshot of another version than this program's."""


class RegistryState(msgspec.Struct, array_like=True):
    """The registry's lists; its indexes follow from them."""

    sequence: int
    shards: int
    assets: list[Asset]
    instruments: list[Instrument]
    accounts: list[AccountCreated]
    keys: list[KeyCreated]


class AccountState(msgspec.Struct, array_like=True):
    """One account.

    Balances are (asset, free, held), fills (number of the event, fill), and totals (symbol, side, orders, base, quote,
    fee).
    """

    account: int
    number: int
    changed_ns: int
    balances: list[tuple[str, Wide, Wide]]
    closed_orders: list[Order]
    open_orders: list[Order]
    transfers: list[Transfer]
    fills: list[tuple[int, Fill]]
    deposits: list[tuple[str, Wide, Wide]]
    withdrawals: list[tuple[str, Wide, Wide]]
    totals: list[tuple[str, int, int, Wide, Wide, Wide]]
    funds_due: dict[str, int]
    starting_funds: list[Flow]


class LedgerState(msgspec.Struct, array_like=True):
    """A whole ledger."""

    version: int
    shard: int
    sequence: int
    time_ns: int
    opened: int
    cleared_by: str
    last_order_counter: int
    subjects: dict[str, int]
    internal: dict[int, dict[str, Wide]]
    registry: RegistryState
    accounts: list[AccountState]


class _Version(msgspec.Struct, array_like=True):
    version: int


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(LedgerState)
_version_decoder: Final = msgspec.msgpack.Decoder(_Version)


def encode(ledger: Ledger) -> bytes:
    """Encode a ledger."""
    return _encoder.encode(
        LedgerState(
            VERSION,
            ledger.shard,
            ledger.sequence,
            ledger.time_ns,
            ledger.opened,
            ledger.cleared_by,
            ledger.last_order_counter,
            ledger.subjects,
            {
                owner: {asset: _wide(amount) for asset, amount in sums.items()}
                for owner, sums in ledger.internal.items()
            },
            _registry_state(ledger.registry),
            [_account_state(account) for account in ledger.accounts.values()],
        )
    )


def restore(ledger: Ledger, data: bytes) -> None:
    """Fill an empty ledger. Raises SnapshotUnknown, or msgspec.DecodeError for damaged bytes."""
    version = _version_decoder.decode(data).version
    if version != VERSION:
        raise SnapshotUnknown(f"a snapshot of version {version}, expected {VERSION}")
    state = _decoder.decode(data)
    ledger.shard = state.shard
    ledger.sequence = state.sequence
    ledger.time_ns = state.time_ns
    ledger.opened = state.opened
    ledger.cleared_by = state.cleared_by
    ledger.last_order_counter = state.last_order_counter
    ledger.subjects = state.subjects
    ledger.internal = {
        owner: {asset: int(amount) for asset, amount in sums.items()} for owner, sums in state.internal.items()
    }
    ledger.registry = _registry_of(state.registry)
    for saved in state.accounts:
        _restore_account(ledger, saved)
    ledger.reserved_orders = dict(sorted(ledger.reserved_orders.items()))


def _restore_account(ledger: Ledger, saved: AccountState) -> None:
    account = Account(saved.account, saved.funds_due, ledger.limits)
    account.number = saved.number
    account.changed_ns = saved.changed_ns
    for asset, free, held in saved.balances:
        balance = account.balance(asset)
        balance.free, balance.held = int(free), int(held)
    for order in saved.closed_orders:
        account.closed_orders[order.order_id] = order
        account.index(order)
    for order in saved.open_orders:
        account.open(order)
        if order.status is OrderStatus.RESERVED:
            ledger.reserved_orders[order.order_id] = order
    for transfer in saved.transfers:
        account.transfers[transfer.command_id] = transfer
    account.fills.extend(Filled(saved.account, number, fill.sequence, fill) for number, fill in saved.fills)
    account.deposits = _flows(saved.deposits)
    account.withdrawals = _flows(saved.withdrawals)
    account.starting_funds = {flow.asset: flow for flow in saved.starting_funds}
    for symbol, side, orders, base, quote, fee in saved.totals:
        account.totals[symbol, Side(side)] = TradeTotal(symbol, Side(side), orders, int(base), int(quote), int(fee))
    ledger.accounts[saved.account] = account
    if account.funds_due:
        ledger.unfunded[saved.account] = account


def _account_state(account: Account) -> AccountState:
    return AccountState(
        account.account,
        account.number,
        account.changed_ns,
        [(balance.asset, _wide(balance.free), _wide(balance.held)) for balance in account.balances.values()],
        list(account.closed_orders.values()),
        list(account.open_orders.values()),
        list(account.transfers.values()),
        [(filled.number, filled.fill) for filled in account.fills],
        [(flow.asset, _wide(flow.amount), _wide(flow.value)) for flow in account.deposits.values()],
        [(flow.asset, _wide(flow.amount), _wide(flow.value)) for flow in account.withdrawals.values()],
        [
            (t.symbol, t.side, t.orders, _wide(t.base_amount), _wide(t.quote_amount), _wide(t.fee))
            for t in account.totals.values()
        ],
        account.funds_due,
        list(account.starting_funds.values()),
    )


def _registry_state(registry: Registry) -> RegistryState:
    return RegistryState(
        registry.sequence,
        registry.shards,
        list(registry.assets.values()),
        list(registry.instruments.values()),
        list(registry.accounts.values()),
        list(registry.keys.values()),
    )


def _registry_of(state: RegistryState) -> Registry:
    registry = Registry()
    events: list[RegistryEvent] = [
        ShardsConfigured(state.shards),
        *map(AssetListed, state.assets),
        *map(InstrumentListed, state.instruments),
        *state.accounts,
        *state.keys,
    ]
    registry.apply(state.sequence, RegistryRecord(SCHEMA_VERSION, 0, 0, events))
    return registry


def _flows(saved: Iterable[tuple[str, Wide, Wide]]) -> dict[str, Flow]:
    return {asset: Flow(asset, int(amount), int(value)) for asset, amount, value in saved}


def _wide(amount: int) -> Wide:
    return amount if -(2**63) <= amount < 2**63 else str(amount)
