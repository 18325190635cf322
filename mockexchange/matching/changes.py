"""What becomes of an open order on its owner's word: it is canceled, or becomes smaller and keeps its place."""

from __future__ import annotations

from mockexchange.matching.floor import Floor
from mockexchange.matching.lists import cancel_with_partner
from mockexchange.matching.queues import BookOrder
from mockexchange.messages.channel import BookAmend, BookCancel
from mockexchange.messages.events import AmendRejected, BookEvent, OrderAmended
from mockexchange.messages.refusals import RejectReason


def cancel(floor: Floor, command: BookCancel, shard: int) -> list[BookEvent]:
    """Cancel a shard's order, and the other of its list; nothing happens when it is not open or not that shard's."""
    order = floor.state.orders.get(command.order_id)
    if order is None or order.terms.shard != shard:
        return []
    reason = RejectReason.CANCELED_BY_ADMIN if command.by_admin else RejectReason.CANCELED_BY_USER
    return cancel_with_partner(order, command.command_id, reason, order.hold)


def amend(floor: Floor, command: BookAmend, shard: int, now_ns: int) -> BookEvent:
    """Lower the quantity of a shard's order; the account of one that is not open is not known and 0."""
    order = floor.state.orders.get(command.order_id)
    if order is None or order.terms.shard != shard:
        return _refused(command, 0, shard, RejectReason.ORDER_NOT_OPEN)
    terms = order.terms
    remaining = command.quantity - (terms.quantity - order.remaining)
    if order.partner is not None or not 0 < remaining < order.remaining:
        return _refused(command, terms.account, shard, RejectReason.INVALID_AMENDMENT)
    if now_ns > command.deadline_ns:
        return _refused(command, terms.account, shard, RejectReason.TOO_LATE)
    return OrderAmended(
        terms.order_id,
        terms.account,
        shard,
        command.command_id,
        command.quantity,
        remaining,
        order.hold - _hold_for(floor, order, remaining),
        command.client_order_id,
    )


def _hold_for(floor: Floor, order: BookOrder, remaining: int) -> int:
    """Return what an order must go on holding; for a buy at any price its share of what it holds, rounded up."""
    need = floor.writer.need_of(order, remaining)
    return -(-order.hold * remaining // order.remaining) if need < 0 else need


def _refused(command: BookAmend, account: int, shard: int, reason: RejectReason) -> AmendRejected:
    return AmendRejected(command.order_id, account, shard, command.command_id, reason)
