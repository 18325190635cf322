from hypothesis import given, settings
from hypothesis import strategies as st

from mockexchange.ledger import MustWait
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.orders import OrderStatus, Side
from tests.support.exchange import USDT, Exchange, market

PRICE = 60_000_00
UNIT_VALUE = PRICE * 10
"""Quote value of one quantity unit at the price."""


@settings(deadline=None)
@given(quantities=st.lists(st.integers(2, 5000), min_size=1, max_size=12), spare=st.integers(0, 100 * USDT))
def test_market_buys_with_enough_money_all_fill_however_many_come_at_once(quantities: list[int], spare: int) -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=sum(quantities) * UNIT_VALUE + spare)
    exchange.show([], [(PRICE, sum(quantities))])
    shard = exchange.shards[0]
    waiting = [
        market(1, Side.BUY, quantity, reference=PRICE, command=f"n{index}") for index, quantity in enumerate(quantities)
    ]
    while waiting:
        decisions = [(request, shard.decide(request)) for request in waiting]
        assert any(isinstance(decision, OrderReserved) for _, decision in decisions)
        assert all(isinstance(decision, OrderReserved | MustWait) for _, decision in decisions)
        waiting = [request for request, decision in decisions if isinstance(decision, MustWait)]
        exchange.settle()
    for index, quantity in enumerate(quantities):
        order = shard.ledger.order_by_command(1, f"n{index}")
        assert order is not None
        assert (order.status, order.filled) == (OrderStatus.FILLED, quantity)
    assert shard.intake.free(1, "USDT") == spare


@settings(deadline=None)
@given(
    holds=st.lists(st.integers(2, 500), max_size=6),
    quantity=st.integers(2, 5000),
    funds=st.integers(1, 3000),
)
def test_only_an_order_that_cannot_be_paid_is_refused(holds: list[int], quantity: int, funds: int) -> None:
    """It waits exactly while what is free and what market buys hold covers it."""
    exchange = Exchange()
    exchange.create_account(1, USDT=funds * USDT)
    shard = exchange.shards[0]
    held = 0
    for index, other in enumerate(holds):
        decision = shard.decide(market(1, Side.BUY, other, reference=PRICE, command=f"n{index}"))
        held += decision.hold if isinstance(decision, OrderReserved) else 0
    free, needed = funds * USDT - held, quantity * UNIT_VALUE
    decision = shard.decide(market(1, Side.BUY, quantity, reference=PRICE, command="last"))
    assert isinstance(decision, OrderReserved) == (free >= needed)
    assert isinstance(decision, MustWait) == (free < needed <= free + held)
