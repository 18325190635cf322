"""Lists of two orders of which at most one trades.

Each is the other's `partner` as long as both are open. They hold money once, wherever it lies between them; the one
that goes on takes just what it needs before the other is canceled, so that it then holds what any order would.
"""

from __future__ import annotations

from mockexchange.matching.answers import canceled
from mockexchange.matching.prices import BUY
from mockexchange.matching.queues import BookOrder
from mockexchange.messages.events import BookEvent, HoldMoved
from mockexchange.messages.refusals import RejectReason


def need_of(order: BookOrder, quantity: int, base_factor: int, quote_factor: int) -> int:
    """Return what a quantity of an order holds where that is certain, -1 for a buy at any price."""
    if order.terms.side is not BUY:
        return quantity * base_factor if quantity > 0 else -1
    return order.price * quantity * quote_factor if order.terms.order_type.has_limit else -1


def leave_list(order: BookOrder, base_factor: int, quote_factor: int, events: list[BookEvent]) -> int:
    """Let an order go on without its partner; return what it holds then."""
    partner = order.partner
    if partner is None:
        return order.hold
    total = order.hold + partner.hold
    need = need_of(order, order.remaining, base_factor, quote_factor)
    hold = total if need < 0 else need
    assert hold <= total, f"the list of order {order.terms.order_id} holds {total}, not {hold}"
    if hold != order.hold:
        events.append(_move(order, partner, hold - order.hold))
    events.append(canceled(partner, "", RejectReason.LIST_DONE, total - hold))
    return hold


def cancel_with_partner(order: BookOrder, command_id: str, reason: RejectReason, release: int) -> list[BookEvent]:
    """Cancel an order, and the other of its list with it and for the same reason."""
    events: list[BookEvent] = [canceled(order, command_id, reason, release)]
    if order.partner is not None:
        events.append(canceled(order.partner, "", reason, order.partner.hold))
    return events


def _move(order: BookOrder, partner: BookOrder, amount: int) -> HoldMoved:
    """Move an amount to an order from its partner, or back where it is negative."""
    giver, taker = (partner, order) if amount > 0 else (order, partner)
    return HoldMoved(giver.terms.order_id, taker.terms.order_id, order.terms.account, order.terms.shard, abs(amount))
