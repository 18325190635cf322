"""What an accounts shard promises: decisions against the ledger and against promises it has not seen in the journal.

A promise counts against free money at once; what it brings counts only when it is folded. So the intake is never more
generous than the ledger will be, in whatever order promises reach the journal and even if some never do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from mockexchange.ledger.account import Account
from mockexchange.ledger.amendments import decide_amendment
from mockexchange.ledger.decisions import (
    Amending,
    Decision,
    Known,
    MustWait,
    Promised,
    PromisedList,
)
from mockexchange.ledger.identity import (
    PLACEMENTS,
    Placement,
    duplicate_client_id,
    duplicate_ids,
    earlier_answer,
    legs_of,
)
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.limits import IntakeLimits
from mockexchange.ledger.lists import check_list
from mockexchange.ledger.order_checks import Need, check_order, need_of
from mockexchange.ledger.promises import Promises
from mockexchange.ledger.replacements import Replacement, find_replaced
from mockexchange.ledger.reservations import SHARD_BASE
from mockexchange.ledger.transfers import MoneyRequest, Purse, decide_transfer, short_of
from mockexchange.messages.commands import AmendOrder, PlaceList, PlaceOrder, Refused, ReplaceOrder
from mockexchange.messages.events import (
    Adjusted,
    Deposited,
    HistoryCleared,
    OrderReserved,
    ShardEvent,
    Withdrawn,
)
from mockexchange.messages.orders import OrderType, Side
from mockexchange.messages.refusals import RejectReason

PROMISED: Final = (OrderReserved, Deposited, Withdrawn, Adjusted)


class Intake:
    """Decides the commands of one shard. Its state is lost in a crash, which loses nothing that was acknowledged."""

    __slots__ = ("_last_counter", "_promises", "ledger", "limits")

    def __init__(self, ledger: Ledger, limits: IntakeLimits) -> None:
        self.ledger = ledger
        self.limits = limits
        self._promises: dict[int, Promises] = {}
        self._last_counter = 0

    def decide(self, request: Placement | MoneyRequest, now_ns: int) -> Decision:
        """Decide a command. An event in answer is promised from now on: it must be appended, in the order decided."""
        account = self.ledger.accounts.get(request.account)
        if account is None:
            return Refused(RejectReason.UNKNOWN_ACCOUNT, f"account: {request.account}")
        promises = self._promises.get(request.account)
        if promises is None:
            promises = self._promises[request.account] = Promises()
        earlier = earlier_answer(account, promises, request)
        if earlier is not None:
            return earlier
        decision = (
            self._place(account, promises, request, now_ns)
            if isinstance(request, PLACEMENTS)
            else self._move(account, promises, request)
        )
        if isinstance(decision, PROMISED):
            promises.add(decision)
        elif isinstance(decision, PromisedList):
            for leg in decision.legs:
                promises.add(leg)
        return decision

    def amend(self, request: AmendOrder) -> Amending | Known | Refused:
        """Decide an amendment of an order that the ledger knows.

        The client order id it is to give is taken until `end_amendment`.
        """
        account = self.ledger.accounts.get(request.account)
        if account is None:
            return Refused(RejectReason.UNKNOWN_ACCOUNT, f"account: {request.account}")
        order_id, name = request.order_id, request.client_order_id
        order = self.ledger.order(account.account, order_id) if order_id else account.by_client_id.get(name)
        if order is None:
            return Refused(RejectReason.UNKNOWN_ORDER)
        decision = decide_amendment(self.ledger.registry.instruments[order.symbol], order, request)
        new_name = request.new_client_order_id
        if isinstance(decision, Amending) and new_name and new_name != order.client_order_id:
            promises = self._promises.setdefault(request.account, Promises())
            duplicate = duplicate_client_id(account, promises, new_name)
            if duplicate is not None:
                return duplicate
            promises.names.add(new_name)
        return decision

    def end_amendment(self, account: int, client_order_id: str) -> None:
        """Free the client order id that an amendment was to give: its outcome is folded."""
        promises = self._promises.get(account)
        if promises is not None:
            promises.names.discard(client_order_id)

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

    def _place(self, account: Account, promises: Promises, request: Placement, now_ns: int) -> Decision:
        legs = legs_of(request)
        place = legs[0]
        refused = duplicate_ids(self.ledger, account, promises, request)
        if refused is not None:
            return refused
        instrument = self.ledger.registry.instruments.get(place.symbol)
        if instrument is None:
            return Refused(RejectReason.UNKNOWN_SYMBOL, f"symbol: {place.symbol}")
        for leg in legs:
            refused = check_order(instrument, leg)
            if refused is not None:
                return refused
        replacement = None
        if isinstance(request, PlaceList):
            refused = check_list(request.legs)
        elif isinstance(request, ReplaceOrder):
            replacement, refused = self._replacement(account, promises, request)
        if refused is not None:
            return refused
        new_orders = 0 if replacement is not None and replacement.is_open else len(legs)
        if len(account.open_orders) + len(promises.orders) + new_orders > self.limits.max_open_orders:
            return Refused(RejectReason.TOO_MANY_OPEN_ORDERS, f"limit: {self.limits.max_open_orders}")
        if _needs_price(place) and not place.reference_price:
            # A mirrored book has prices on both sides unless its outside market is silent.
            reason = RejectReason.PRICE_STALE if instrument.feed else RejectReason.NO_PRICE
            return Refused(reason, f"symbol: {place.symbol}")
        return self._hold(account, promises, request, replacement, now_ns)

    def _hold(
        self,
        account: Account,
        promises: Promises,
        request: Placement,
        replacement: Replacement | None,
        now_ns: int,
    ) -> Decision:
        """Hold what the orders need; those of a list hold it once, and one that replaces another counts on its hold."""
        legs = legs_of(request)
        instrument = self.ledger.registry.instruments[legs[0].symbol]
        needs = [need_of(instrument, leg, self.limits.market_margin) for leg in legs]
        asset, scale = needs[0].asset, needs[0].scale
        need = Need(asset, scale, max(each.least for each in needs), max(each.most for each in needs))
        lent = replacement.lends if replacement is not None and replacement.side is legs[0].side else 0
        money = self.free(account.account, asset) + lent
        if money < need.least:
            return _short(account, promises, need, money)
        held = min(money, need.most)
        first = self._reserve(legs[0], max(0, held - lent), min(held, needs[0].most), now_ns)
        if isinstance(request, PlaceList):
            second = self._reserve(request.legs[1], 0, min(held, needs[1].most), now_ns)
            listed = {"list_id": first.order_id, "list_client_order_id": request.list_client_order_id}
            return PromisedList((msgspec.structs.replace(first, **listed), msgspec.structs.replace(second, **listed)))
        if isinstance(request, ReplaceOrder) and replacement is not None:
            return msgspec.structs.replace(first, replaces=replacement.order_id, only_if_open=request.only_if_open)
        return first

    def _replacement(
        self, account: Account, promises: Promises, request: ReplaceOrder
    ) -> tuple[Replacement | None, Refused | None]:
        found = find_replaced(self.ledger, account, promises, request)
        if found is None or found.symbol != request.place.symbol:
            return None, Refused(RejectReason.UNKNOWN_ORDER, f"symbol: {request.place.symbol}")
        if request.only_if_open and not found.is_open:
            return None, Refused(RejectReason.NOT_REPLACED, order=self.ledger.order(account.account, found.order_id))
        return found, None

    def _reserve(self, request: PlaceOrder, hold: int, need: int, now_ns: int) -> OrderReserved:
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
            need,
            request.stop_price,
            request.prevention,
        )

    def _move(self, account: Account, promises: Promises, request: MoneyRequest) -> Promised | Refused:
        asset = self.ledger.registry.assets.get(request.asset)
        if asset is None:
            return Refused(RejectReason.UNKNOWN_ASSET, f"asset: {request.asset}")
        free = self.free(request.account, request.asset)
        return decide_transfer(Purse(account, asset, free, promises.arriving.get(request.asset, 0)), request)


def _needs_price(request: PlaceOrder) -> bool:
    """Whether an order's hold is sized by the reference price."""
    is_by_quote = request.quote_amount > 0
    return request.order_type is OrderType.MARKET and is_by_quote is (request.side is Side.SELL)


def _short(account: Account, promises: Promises, need: Need, free: int) -> Refused | MustWait:
    """Refuse for lack of money, or have the order wait while enough may come of market buys or starting funds."""
    pending = account.funds_due.get(need.asset, 0) + promises.market_buy_holds(need.asset)
    pending += sum(order.hold_left for order in account.market_buys.values() if order.quote == need.asset)
    if free + pending >= need.least:
        return MustWait(account.account, need.asset)
    return short_of(need.asset, need.scale, need.least, free)
