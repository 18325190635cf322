"""How a record of a book changes a ledger."""

from __future__ import annotations

from mockexchange.ledger.account import Account
from mockexchange.ledger.changes import AccountEvent, Filled
from mockexchange.ledger.errors import LedgerBroken
from mockexchange.ledger.posting import Posting
from mockexchange.messages.events import (
    BookRecord,
    FillSide,
    HoldMoved,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
)
from mockexchange.messages.orders import CLEARING, FEES, HOUSE, Fill, Order, OrderStatus, OrderStep, Side


class BookFold(Posting):
    """Folds what became of orders. No event of a book lowers a free balance."""

    __slots__ = ()

    def book_record(self, record: BookRecord) -> list[AccountEvent]:
        """Fold a record of a book; return what it changed. Only the sides that live on this shard are posted."""
        shard = self.ledger.shard
        for event in record.events:
            match event:
                case OrderAccepted():
                    if event.shard == shard:
                        self._accepted(event)
                case OrderFilled():
                    if shard in {event.taker.shard, event.maker.shard}:
                        self._filled(event, record.symbol)
                case OrderCanceled():
                    if event.shard == shard:
                        self._ended(event, OrderStatus.CANCELED, "canceled")
                case OrderRejected():
                    if event.shard == shard:
                        self._ended(event, OrderStatus.REJECTED, "rejected")
                case OrderTriggered():
                    if event.shard == shard:
                        self._triggered(event)
                case OrderAmended():
                    if event.shard == shard:
                        self._amended(event)
                case HoldMoved():
                    if event.shard == shard:
                        self._hold_moved(event)
                case _:
                    pass
        return self.changes

    def _accepted(self, event: OrderAccepted) -> None:
        account, order = self._open_order(event.account, event.order_id)
        self._answered(order)
        if event.hold != order.hold_left:
            raise LedgerBroken(
                "the book and the ledger hold different sums for an order",
                {"order_id": order.order_id, "book": event.hold, "ledger": order.hold_left},
            )
        self._step(account, order, OrderStep(self.time_ns, OrderStatus.NEW, hold_left=order.hold_left))

    def _ended(self, event: OrderCanceled | OrderRejected, status: OrderStatus, cause: str) -> None:
        account, order = self._open_order(event.account, event.order_id)
        if status is OrderStatus.REJECTED:
            self._answered(order)
        elif order.status is OrderStatus.RESERVED:
            raise LedgerBroken("an order was canceled before it was accepted", {"order_id": order.order_id})
        balance = account.balance(order.hold_asset)
        self._consume_hold(order, balance, 0, event.release)
        order.reason = event.reason
        if isinstance(event, OrderCanceled):
            order.cancel_command_id = event.command_id
        self._step(account, order, OrderStep(self.time_ns, status, reason=event.reason))
        if event.release:
            self._balance_changed(account, cause, balance)

    def _triggered(self, event: OrderTriggered) -> None:
        account, order = self._open_order(event.account, event.order_id)
        if not order.order_type.is_conditional or order.triggered_ns or order.status is OrderStatus.RESERVED:
            raise LedgerBroken("an order cannot be triggered", {"order_id": order.order_id, "price": event.price})
        order.triggered_ns = self.time_ns
        step = OrderStep(self.time_ns, order.status, event.price, hold_left=order.hold_left, is_triggered=True)
        self._step(account, order, step)

    def _amended(self, event: OrderAmended) -> None:
        account, order = self._open_order(event.account, event.order_id)
        is_lower = order.filled < event.quantity < order.quantity
        if not is_lower or event.remaining != event.quantity - order.filled or order.status is OrderStatus.RESERVED:
            raise LedgerBroken(
                "an amendment does not fit its order",
                {"order_id": order.order_id, "quantity": event.quantity, "remaining": event.remaining},
            )
        balance = account.balance(order.hold_asset)
        self._consume_hold(order, balance, 0, event.release)
        quantity, client_order_id = order.quantity, order.client_order_id
        if not order.amended_by:
            order.placed_quantity, order.placed_client_order_id = quantity, client_order_id
        order.quantity = event.quantity
        order.amended_by = event.command_id
        account.rename(order, event.client_order_id)
        step = OrderStep(
            self.time_ns,
            order.status,
            hold_left=order.hold_left,
            amended_from=quantity,
            amended_client_order_id=client_order_id,
        )
        self._step(account, order, step)
        if event.release:
            self._balance_changed(account, "amended", balance)

    def _hold_moved(self, event: HoldMoved) -> None:
        account, giver = self._open_order(event.account, event.order_id)
        _, receiver = self._open_order(event.account, event.to_order_id)
        giver.hold_left -= event.amount
        receiver.hold_left += event.amount
        is_alike = (giver.symbol, giver.side) == (receiver.symbol, receiver.side) and giver is not receiver
        if not is_alike or event.amount <= 0 or giver.hold_left < 0:
            raise LedgerBroken(
                "a hold cannot be moved",
                {"account": account.account, "from": giver.order_id, "to": receiver.order_id, "amount": event.amount},
            )

    def _filled(self, event: OrderFilled, symbol: str) -> None:
        shard = self.ledger.shard
        taker = maker = None
        if event.taker.shard == shard and event.taker.account != HOUSE:
            taker = self._side_filled(event, symbol, event.taker, event.maker)
        if event.maker.shard == shard and event.maker.account != HOUSE:
            maker = self._side_filled(event, symbol, event.maker, event.taker)
        base, _, quote = symbol.partition("/")
        if taker is not None:
            self._balance_changed(taker, "filled", taker.balances[base], taker.balances[quote])
        if maker is not None and maker is not taker:
            self._balance_changed(maker, "filled", maker.balances[base], maker.balances[quote])

    def _side_filled(self, event: OrderFilled, symbol: str, side: FillSide, other: FillSide) -> Account:
        account, order = self._open_order(side.account, side.order_id)
        is_maker = side is event.maker
        self._check_fill(event, symbol, side, order, is_maker=is_maker)
        if order.side is Side.BUY:
            spent, received = event.quote, event.base
        else:
            spent, received = event.base, event.quote
        if not 0 <= side.fee <= received:
            raise LedgerBroken("a fee exceeds what was received", {"order_id": order.order_id, "fee": side.fee})
        self._consume_hold(order, account.balance(order.hold_asset), spent, side.release)
        account.balance(order.fee_asset).free += received - side.fee
        ledger = self.ledger
        ledger.post(FEES, order.fee_asset, side.fee)
        if other.account == HOUSE or other.shard != ledger.shard:
            counterparty = HOUSE if other.account == HOUSE else CLEARING
            ledger.post(counterparty, order.hold_asset, spent)
            ledger.post(counterparty, order.fee_asset, -received)
        self._record_fill(account, order, event, side.fee, is_maker=is_maker, is_last=side.remaining == 0)
        return account

    def _check_fill(self, event: OrderFilled, symbol: str, side: FillSide, order: Order, *, is_maker: bool) -> None:
        taker_side = event.taker_side.opposite if is_maker else event.taker_side
        if order.symbol != symbol or order.side is not taker_side or order.status is OrderStatus.RESERVED:
            raise LedgerBroken("a fill does not fit its order", {"order_id": order.order_id, "trade": event.trade_id})
        left = order.quantity - order.filled - event.quantity
        if order.quantity and (side.remaining != left or left < 0):
            raise LedgerBroken(
                "a fill leaves another quantity than it says",
                {"order_id": order.order_id, "trade": event.trade_id, "remaining": side.remaining},
            )

    def _record_fill(
        self, account: Account, order: Order, event: OrderFilled, fee: int, *, is_maker: bool, is_last: bool
    ) -> None:
        total = account.total(order.symbol, order.side)
        total.orders += order.filled == 0
        total.base_amount += event.base
        total.quote_amount += event.quote
        total.fee += fee
        order.filled += event.quantity
        order.filled_quote += event.quote
        order.fee += fee
        status = OrderStatus.FILLED if is_last else OrderStatus.PARTIALLY_FILLED
        step = OrderStep(self.time_ns, status, event.price, event.quantity, event.quote, fee, order.hold_left)
        self._step(account, order, step)
        fill = Fill(
            event.trade_id,
            order.order_id,
            order.account,
            order.symbol,
            order.side,
            event.price,
            event.quantity,
            event.base,
            event.quote,
            fee,
            is_maker,
            self.time_ns,
            order.client_order_id,
            self.sequence,
            order.list_id,
        )
        filled = Filled(account.account, account.next_number(self.time_ns), self.sequence, fill)
        account.fills.append(filled)
        self.changes.append(filled)
