"""What an accounts shard promises: decisions against the ledger and against promises it has not seen in the journal.

A promise counts against free money at once; what it brings counts only when it is folded. So the intake is never more
generous than the ledger will be, in whatever order promises reach the journal and even if some never do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mockexchange.ledger.account import Account, Transfer
from mockexchange.ledger.decisions import Decision, Joined, Known, KnownTransfer, MustWait, Promised
from mockexchange.ledger.fold import SHARD_BASE, STARTING_FUNDS, starting_funds_command
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.limits import IntakeLimits
from mockexchange.ledger.order_checks import Need, check_order, need_of
from mockexchange.ledger.promises import Promises
from mockexchange.ledger.repetition import differing_fields, is_same_transfer, set_balance_cause
from mockexchange.messages.commands import Deposit, PlaceOrder, Refused, SetBalance, Withdraw
from mockexchange.messages.events import (
    Adjusted,
    Deposited,
    HistoryCleared,
    OrderReserved,
    ShardEvent,
    Withdrawn,
)
from mockexchange.messages.orders import Order, OrderStatus, OrderType, Side
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import MAX_AMOUNT, to_text

MoneyRequest = Deposit | Withdraw | SetBalance

PROMISED: Final = (OrderReserved, Deposited, Withdrawn, Adjusted)


class Intake:
    """Decides the commands of one shard. Its state is lost in a crash, which loses nothing that was acknowledged."""

    __slots__ = ("_last_counter", "_promises", "ledger", "limits")

    def __init__(self, ledger: Ledger, limits: IntakeLimits) -> None:
        self.ledger = ledger
        self.limits = limits
        self._promises: dict[int, Promises] = {}
        self._last_counter = 0

    def decide(self, request: PlaceOrder | MoneyRequest, now_ns: int) -> Decision:
        """Decide a command. An event in answer is promised from now on: it must be appended, in the order decided."""
        account = self.ledger.accounts.get(request.account)
        if account is None:
            return Refused(RejectReason.UNKNOWN_ACCOUNT, f"account: {request.account}")
        promises = self._promises.get(request.account)
        if promises is None:
            promises = self._promises[request.account] = Promises()
        earlier = _earlier(account, promises, request)
        if earlier is not None:
            return earlier
        decision = (
            self._place(account, promises, request, now_ns)
            if isinstance(request, PlaceOrder)
            else self._move(account, promises, request)
        )
        if isinstance(decision, PROMISED):
            promises.add(decision)
        return decision

    def settle(self, events: Iterable[ShardEvent]) -> None:
        """Forget the promises of these events: they were folded, or could not be sent. Unknown ones are ignored."""
        for event in events:
            if isinstance(event, PROMISED):
                promises = self._promises.get(event.account)
                if promises is not None:
                    promises.remove(event.command_id)

    def free(self, account: int, asset: str) -> int:
        """Return the free money of an account that is not promised away. Raises KeyError for an unknown account."""
        balance = self.ledger.accounts[account].balances.get(asset)
        free = balance.free if balance is not None else 0
        promises = self._promises.get(account)
        return free - promises.leaving.get(asset, 0) if promises is not None else free

    def promised_order(self, account: int, order_id: int = 0, client_order_id: str = "") -> OrderReserved | None:
        """Return a promised order by its id or, when that is 0, by its client order id."""
        promises = self._promises.get(account)
        if promises is None:
            return None
        return promises.orders.get(order_id) if order_id else promises.client_ids.get(client_order_id)

    def promised_orders(self, account: int, symbol: str = "") -> list[OrderReserved]:
        """Return the promised orders of an account, oldest first; an empty symbol means any."""
        promises = self._promises.get(account)
        if promises is None:
            return []
        return [event for event in promises.orders.values() if not symbol or event.symbol == symbol]

    def restore_funds(self, command_id: str) -> list[ShardEvent] | None:
        """Return what brings every account back to its starting funds and starts history anew, promised from now on.

        None while an order of the shard is open, or anything promised or due is on its way; empty when this command
        did it before. The events may be split over several records: the last one ends it.
        """
        if self.ledger.cleared_by == command_id:
            return []
        accounts = self.ledger.accounts.values()
        is_moving = any(promises.events for promises in self._promises.values())
        if is_moving or self.ledger.unfunded or any(account.open_orders for account in accounts):
            return None
        return [
            *(event for account in accounts for event in self._restore(account, command_id)),
            HistoryCleared(command_id),
        ]

    def _restore(self, account: Account, command_id: str) -> list[Adjusted]:
        funds = self.ledger.registry.accounts[account.account].funds
        promises = self._promises.setdefault(account.account, Promises())
        events = []
        for asset in dict.fromkeys((*account.balances, *funds)):
            missing = funds.get(asset, 0) - self.free(account.account, asset)
            if missing:
                # The sequence tells this attempt from one that a crash cut short.
                unique_id = f"{command_id}:{self.ledger.sequence}:{asset}"
                event = Adjusted(unique_id, account.account, asset, missing, "starting funds restored")
                promises.add(event)
                events.append(event)
        return events

    def _place(self, account: Account, promises: Promises, request: PlaceOrder, now_ns: int) -> Decision:
        duplicate = _duplicate_client_id(account, promises, request.client_order_id)
        if duplicate is not None:
            return duplicate
        instrument = self.ledger.registry.instruments.get(request.symbol)
        if instrument is None:
            return Refused(RejectReason.UNKNOWN_SYMBOL, f"symbol: {request.symbol}")
        refusal = check_order(instrument, request)
        if refusal is not None:
            return refusal
        if len(account.open_orders) + len(promises.orders) >= self.limits.max_open_orders:
            return Refused(RejectReason.TOO_MANY_OPEN_ORDERS, f"limit: {self.limits.max_open_orders}")
        if _needs_price(request) and not request.reference_price:
            return Refused(RejectReason.NO_PRICE, f"symbol: {request.symbol}")
        need = need_of(instrument, request, self.limits.market_margin)
        free = self.free(request.account, need.asset)
        if free < need.least:
            return _short(account, promises, need, free)
        return self._reserve(request, min(free, need.most), now_ns)

    def _reserve(self, request: PlaceOrder, hold: int, now_ns: int) -> OrderReserved:
        self._last_counter = max(self.ledger.last_order_counter, self._last_counter) + 1
        return OrderReserved(
            self._last_counter * SHARD_BASE + self.ledger.shard,
            request.account,
            request.symbol,
            request.side,
            request.order_type,
            request.time_in_force,
            request.is_post_only,
            request.quantity,
            request.price,
            request.quote_amount,
            request.command_id,
            request.client_order_id,
            hold,
            self.limits.maker_rate,
            self.limits.taker_rate,
            request.received_ns,
            now_ns,
            request.deadline_ns,
        )

    def _move(self, account: Account, promises: Promises, request: MoneyRequest) -> Promised | Refused:
        asset = self.ledger.registry.assets.get(request.asset)
        if asset is None:
            return Refused(RejectReason.UNKNOWN_ASSET, f"asset: {request.asset}")
        balance = account.balances.get(request.asset)
        held = balance.held if balance is not None else 0
        free = self.free(request.account, request.asset)
        if isinstance(request, SetBalance):
            return _set_balance(request, free, held, asset.scale)
        text = f"{to_text(request.amount, asset.scale)} {request.asset}"
        if not 0 < request.amount <= MAX_AMOUNT:
            return Refused(RejectReason.INVALID_AMOUNT, f"amount: {text}")
        if isinstance(request, Withdraw):
            if free < request.amount:
                return _short_of(request.asset, asset.scale, request.amount, free)
            return Withdrawn(
                request.command_id, request.account, request.asset, request.amount, request.value, "withdrawal"
            )
        total = (balance.free if balance is not None else 0) + held + promises.arriving.get(request.asset, 0)
        if total + request.amount > MAX_AMOUNT:
            return Refused(RejectReason.INVALID_AMOUNT, f"amount: {text}, have {to_text(total, asset.scale)}")
        cause = STARTING_FUNDS if _is_due(account, request) else "deposit"
        return Deposited(request.command_id, request.account, request.asset, request.amount, request.value, cause)


def _earlier(
    account: Account, promises: Promises, request: PlaceOrder | MoneyRequest
) -> Refused | Known | KnownTransfer | Joined | None:
    """Return what a command id that was seen before is answered with, or None for a new one."""
    command_id = request.command_id
    first: Order | Transfer | Promised | None = (
        account.by_command.get(command_id) or account.transfers.get(command_id) or promises.events.get(command_id)
    )
    if first is None:
        return None
    if isinstance(request, PlaceOrder):
        if not isinstance(first, Order | OrderReserved):
            return Refused(RejectReason.DUPLICATE_COMMAND, "used before for a transfer")
        differing = differing_fields(request, first)
        if differing:
            return Refused(RejectReason.DUPLICATE_COMMAND, f"differs in {', '.join(differing)}")
    elif isinstance(first, Order | OrderReserved) or not is_same_transfer(request, first):
        return Refused(RejectReason.DUPLICATE_COMMAND, "used before for another command")
    match first:
        case Order() if first.status is not OrderStatus.RESERVED:
            return Known(first)
        case Transfer():
            return KnownTransfer(first)
        case _:
            return Joined(command_id)


def _duplicate_client_id(account: Account, promises: Promises, client_order_id: str) -> Refused | None:
    if not client_order_id:
        return None
    order = account.by_client_id.get(client_order_id)
    if (order is not None and order.is_open) or client_order_id in promises.client_ids:
        return Refused(RejectReason.DUPLICATE_CLIENT_ORDER_ID, f"client_order_id: {client_order_id}")
    return None


def _is_due(account: Account, request: Deposit) -> bool:
    """Whether a deposit posts starting funds."""
    is_named = request.command_id == starting_funds_command(request.asset)
    return is_named and account.funds_due.get(request.asset) == request.amount


def _needs_price(request: PlaceOrder) -> bool:
    """Whether an order's hold is sized by the reference price."""
    return request.order_type is OrderType.MARKET and request.side is Side.BUY and not request.quote_amount


def _short(account: Account, promises: Promises, need: Need, free: int) -> Refused | MustWait:
    """Refuse for lack of money, or have the order wait while enough may come of market buys or starting funds."""
    pending = account.funds_due.get(need.asset, 0) + promises.market_buy_holds(need.asset)
    pending += sum(order.hold_left for order in account.market_buys.values() if order.quote == need.asset)
    if free + pending >= need.least:
        return MustWait(account.account, need.asset)
    return _short_of(need.asset, need.scale, need.least, free)


def _short_of(asset: str, scale: int, needed: int, free: int) -> Refused:
    return Refused(
        RejectReason.INSUFFICIENT_FUNDS, f"need {to_text(needed, scale)} {asset}, have {to_text(free, scale)}"
    )


def _set_balance(request: SetBalance, free: int, held: int, scale: int) -> Adjusted | Refused:
    if request.free < 0 or request.free + held > MAX_AMOUNT:
        return Refused(RejectReason.INVALID_AMOUNT, f"free: {to_text(request.free, scale)} {request.asset}")
    if request.used not in {-1, held}:
        detail = f"used: {to_text(request.used, scale)} {request.asset}, held {to_text(held, scale)}"
        return Refused(RejectReason.USED_MISMATCH, detail)
    cause = set_balance_cause(request.free)
    return Adjusted(request.command_id, request.account, request.asset, request.free - free, cause)
