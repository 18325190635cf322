"""What the auditor makes of triggers, amendments, holds that move, lists and self-trade prevention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockexchange.messages.events import HoldMoved, OrderAmended, OrderFilled, OrderTriggered
from mockexchange.messages.orders import HOUSE, OrderType, SelfTradePrevention, Side
from tests.support.audit_report import AuditedOrder

if TYPE_CHECKING:
    from tests.support.auditor import Auditor


def trigger(auditor: Auditor, symbol: str, event: OrderTriggered) -> None:
    """Note that an order was triggered, once and by a price that reaches its stop price."""
    order = auditor.find(symbol, event.order_id, event.account, event.shard, "open")
    if order is None:
        return
    terms = order.reserved
    if order.is_triggered or not terms.stop_price:
        auditor.blame(f"order {event.order_id} was triggered, but not to be")
    order.is_triggered = True
    is_stop = terms.order_type in {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT}
    waits_for_rise = is_stop if terms.side is Side.BUY else not is_stop
    if event.price < terms.stop_price if waits_for_rise else event.price > terms.stop_price:
        auditor.blame(f"order {event.order_id} with stop price {terms.stop_price} was triggered by {event.price}")


def amend(auditor: Auditor, symbol: str, event: OrderAmended) -> None:
    """Note a lower quantity, the money it frees and the new client order id."""
    order = auditor.find(symbol, event.order_id, event.account, event.shard, "open")
    if order is None:
        return
    left = event.quantity - order.filled
    if not order.filled < event.quantity < order.quantity or event.remaining != left or event.release < 0:
        auditor.blame(f"order {event.order_id} of {order.quantity} was amended to {event}")
    order.quantity = event.quantity
    order.hold_left -= event.release
    auditor.move_to_held(order, -event.release)
    if order.hold_left <= 0:
        auditor.blame(f"order {event.order_id} holds nothing any more")
    if event.client_order_id and event.client_order_id != order.client_order_id:
        names = auditor.client_ids[event.account]
        names.pop(order.client_order_id, None)
        order.client_order_id = event.client_order_id
        names[event.client_order_id] = event.order_id


def move_hold(auditor: Auditor, symbol: str, event: HoldMoved) -> None:
    """Move money between the holds of two orders of one account."""
    giver = auditor.find(symbol, event.order_id, event.account, event.shard, "open")
    receiver = auditor.report.orders.get(event.to_order_id)
    if giver is None or receiver is None or not receiver.is_open:
        auditor.blame(f"a hold was moved from or to an order that is not open: {event}")
        return
    mine, other = giver.reserved, receiver.reserved
    if (mine.account, mine.symbol, mine.side) != (other.account, other.symbol, other.side):
        auditor.blame(f"a hold was moved to an order of another kind: {event}")
    giver.hold_left -= event.amount
    receiver.hold_left += event.amount
    if event.amount <= 0 or giver.hold_left < 0:
        auditor.blame(f"order {event.order_id} had less than was moved: {event}")


def check_may_trade(auditor: Auditor, trade: str, order: AuditedOrder) -> None:
    """Check that an order has been triggered, if it had to be, and is the only one of its list that trades."""
    terms = order.reserved
    if terms.stop_price and not order.is_triggered:
        auditor.blame(f"{trade} is of order {terms.order_id}, which was not triggered")
    if not terms.list_id:
        return
    if auditor.list_traders.setdefault(terms.list_id, terms.order_id) != terms.order_id:
        auditor.blame(f"{trade}: both orders of list {terms.list_id} trade")
    for other_id in (terms.list_id, terms.list_id + 1024):
        other = auditor.report.orders.get(other_id)
        if other is not None and other is not order and other.is_open:
            auditor.blame(f"{trade}: the other order of list {terms.list_id} is still open")


def check_prevention(auditor: Auditor, event: OrderFilled) -> None:
    """Check that no order that is to prevent it took from one of its own account."""
    taker = auditor.report.orders.get(event.taker.order_id)
    if taker is None or event.taker.account == HOUSE or event.taker.account != event.maker.account:
        return
    if taker.reserved.prevention is not SelfTradePrevention.NONE:
        auditor.blame(f"order {event.taker.order_id} traded with its own account in trade {event.trade_id}")
