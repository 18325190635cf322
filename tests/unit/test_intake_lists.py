"""Lists, conditional orders, replacements and amendments: what they hold, and what is said to bad ones."""

import msgspec
import pytest

from mockexchange.ledger import Amending, BalanceChanged, Joined, Known, OrderChanged, PromisedList
from mockexchange.messages.commands import AmendOrder, PlaceList, PlaceOrder, Refused, ReplaceOrder
from mockexchange.messages.events import OrderReserved
from mockexchange.messages.orders import Order, OrderStatus, SelfTradePrevention, Side
from mockexchange.messages.refusals import RejectReason
from tests.support.exchange import BTC, FAR_NS, USDT, Exchange, Shard, conditional, limit, market

PRICE = 60_000_00
UNIT = 1_000_000
"""What 0.01 BTC is in units of the asset."""

BUY, SELL = Side.BUY, Side.SELL


def exchange_with(**funds: int) -> Exchange:
    exchange = Exchange(1)
    exchange.create_account(1, **funds)
    return exchange


def refusal(shard: Shard, request: PlaceOrder | PlaceList | ReplaceOrder | AmendOrder) -> tuple[RejectReason, str]:
    decision = shard.amend(request) if isinstance(request, AmendOrder) else shard.decide(request)
    assert isinstance(decision, Refused), decision
    return decision.reason, decision.detail


def reserved(shard: Shard, request: PlaceOrder | ReplaceOrder) -> OrderReserved:
    decision = shard.decide(request)
    assert isinstance(decision, OrderReserved), decision
    return decision


def amend(order: Order, quantity: int, command: str = "amend", name: str = "", deadline_ns: int = FAR_NS) -> AmendOrder:
    return AmendOrder(command, order.account, order.order_id, "", quantity, name, deadline_ns)


def held(exchange: Exchange, asset: str, account: int = 1) -> tuple[int, int]:
    balance = exchange.shards[0].ledger.accounts[account].balances[asset]
    return balance.free, balance.held


# Conditional orders.


@pytest.mark.parametrize(
    ("request_", "hold"),
    [
        (conditional(1, BUY, 1000, PRICE), 630 * USDT),
        (conditional(1, BUY, 1000, PRICE, PRICE - 100), 599_99000000),
        (conditional(1, BUY, 1000, PRICE, takes_profit=True), 630 * USDT),
        (conditional(1, SELL, 1000, PRICE), UNIT),
        (conditional(1, SELL, 1000, PRICE, PRICE), UNIT),
    ],
)
def test_a_conditional_order_holds_what_it_will_need(request_: PlaceOrder, hold: int) -> None:
    exchange = exchange_with(USDT=1000 * USDT, BTC=BTC)
    event = reserved(exchange.shards[0], request_)
    assert (event.hold, event.need, event.stop_price) == (hold, hold, PRICE)


def test_a_stop_buy_holds_less_margin_when_there_is_less_and_is_refused_below_its_value() -> None:
    assert reserved(exchange_with(USDT=601 * USDT).shards[0], conditional(1, BUY, 1000, PRICE)).hold == 601 * USDT
    reason, _ = refusal(exchange_with(USDT=599 * USDT).shards[0], conditional(1, BUY, 1000, PRICE))
    assert reason is RejectReason.INSUFFICIENT_FUNDS


@pytest.mark.parametrize(
    ("request_", "reason", "detail"),
    [
        (conditional(1, SELL, 1000, 0), "price_out_of_range", "stop_price: 0.00"),
        (conditional(1, SELL, 1000, 0, PRICE), "price_out_of_range", "stop_price: 0.00"),
        (conditional(1, SELL, 1, PRICE), "notional_too_small", "value: 0.60000000 USDT"),
        (
            msgspec.structs.replace(limit(1, SELL, 1000, PRICE), stop_price=5),
            "price_out_of_range",
            "stop_price: only for stop and take-profit orders",
        ),
        (
            msgspec.structs.replace(conditional(1, SELL, 0, PRICE), quote_amount=USDT),
            "invalid_amount",
            "quote_amount: only for a market order",
        ),
    ],
)
def test_a_misfit_is_refused_with_its_field(request_: PlaceOrder, reason: str, detail: str) -> None:
    said, text = refusal(exchange_with(USDT=1000 * USDT, BTC=BTC).shards[0], request_)
    assert (said.value, text[: len(detail)]) == (reason, detail)


def test_a_market_sell_by_quote_amount_holds_what_it_takes_and_a_margin() -> None:
    exchange = exchange_with(BTC=BTC)
    event = reserved(exchange.shards[0], market(1, SELL, quote=600 * USDT, reference=PRICE))
    assert event.hold == UNIT + UNIT * 5 // 100
    little = exchange_with(BTC=UNIT)
    assert reserved(little.shards[0], market(1, SELL, quote=600 * USDT, reference=PRICE)).hold == UNIT
    reason, _ = refusal(little.shards[0], market(1, SELL, quote=USDT, reference=PRICE))
    assert reason is RejectReason.INSUFFICIENT_FUNDS


def test_a_market_sell_by_quote_amount_rounds_up_to_whole_steps() -> None:
    exchange = exchange_with(BTC=BTC)
    event = reserved(exchange.shards[0], market(1, SELL, quote=100_00000001, reference=PRICE, command="odd"))
    # It takes 0.00167, and 0.0017535 with the margin.
    assert event.hold == 176_000


def test_a_repeated_command_must_say_the_same_stop_price_and_prevention() -> None:
    exchange = exchange_with(BTC=BTC)
    shard = exchange.shards[0]
    request = conditional(1, SELL, 1000, PRICE, command="c")
    reserved(shard, request)
    assert isinstance(shard.decide(request), Joined)
    other = msgspec.structs.replace(request, stop_price=PRICE + 1, prevention=SelfTradePrevention.EXPIRE_BOTH)
    assert refusal(shard, other) == (RejectReason.DUPLICATE_COMMAND, "differs in stop_price, prevention")


# Lists.


def sell_list(quantity: int = 1000, above: int = PRICE + 1000, below: int = PRICE - 1000, name: str = "") -> PlaceList:
    return PlaceList(
        (
            limit(1, SELL, quantity, above, command=f"{name}:1"),
            conditional(1, SELL, quantity, below, command=f"{name}:2"),
        ),
        name,
    )


def test_a_list_holds_once_and_its_orders_are_neighbours() -> None:
    exchange = exchange_with(BTC=UNIT)
    decision = exchange.shards[0].decide(sell_list(name="mine"))
    assert isinstance(decision, PromisedList)
    first, second = decision.legs
    assert (first.hold, first.need, second.hold, second.need) == (UNIT, UNIT, 0, UNIT)
    assert second.order_id == first.order_id + 1024
    assert {first.list_id, second.list_id} == {first.order_id}
    assert first.list_client_order_id == second.list_client_order_id == "mine"
    assert exchange.shards[0].intake.free(1, "BTC") == 0


def test_a_list_of_buys_holds_the_greater_need_at_the_first() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    request = PlaceList((limit(1, BUY, 1000, PRICE - 1000), conditional(1, BUY, 1000, PRICE + 1000, PRICE + 2000)), "")
    decision = exchange.shards[0].decide(request)
    assert isinstance(decision, PromisedList)
    first, second = decision.legs
    assert (first.hold, first.need) == (600_20000000, 599_90000000)
    assert (second.hold, second.need) == (0, 600_20000000)


NONSENSE = [
    (sell_list(above=PRICE - 1000, below=PRICE), "limit_price: must be above the price of the other order"),
    (PlaceList((limit(1, SELL, 1000, PRICE), limit(1, SELL, 1000, PRICE + 1)), ""), "type: one of the orders must be"),
    (PlaceList((limit(1, SELL, 1000, PRICE), conditional(1, SELL, 900, PRICE - 1)), ""), "quantity: differs"),
    (PlaceList((limit(1, SELL, 1000, PRICE), conditional(1, BUY, 1000, PRICE - 1)), ""), "side: differs"),
    (PlaceList((market(1, SELL, 1000), conditional(1, SELL, 1000, PRICE - 1)), ""), "type: a market order waits"),
    (
        PlaceList((conditional(1, SELL, 1000, PRICE), conditional(1, SELL, 1000, PRICE - 1)), ""),
        "type: both orders are reached from the same side",
    ),
    (
        PlaceList(
            (limit(1, SELL, 1000, PRICE, client_id="x"), conditional(1, SELL, 1000, PRICE - 1, client_id="x")), ""
        ),
        "command_id: is the same",
    ),
]


@pytest.mark.parametrize(("request_", "detail"), NONSENSE)
def test_orders_that_do_not_go_together_are_refused(request_: PlaceList, detail: str) -> None:
    exchange = exchange_with(BTC=BTC, USDT=1000 * USDT)
    reason, text = refusal(exchange.shards[0], request_)
    assert (reason, text[: len(detail)]) == (RejectReason.INVALID_LIST, detail)
    assert exchange.shards[0].intake.free(1, "BTC") == BTC


def test_a_repeated_list_is_known_and_another_body_is_refused() -> None:
    exchange = exchange_with(BTC=BTC)
    shard = exchange.shards[0]
    assert isinstance(shard.decide(sell_list(name="mine")), PromisedList)
    assert isinstance(shard.decide(sell_list(name="mine")), Joined)
    exchange.settle()
    assert isinstance(shard.decide(sell_list(name="mine")), Known)
    assert refusal(shard, sell_list(below=PRICE - 2000, name="mine"))[1] == "differs in stop_price"
    assert refusal(shard, sell_list(name="mine").legs[0])[1] == "differs in list"
    again = msgspec.structs.replace(sell_list(name="other"), list_client_order_id="mine")
    assert refusal(shard, again)[0] is RejectReason.DUPLICATE_CLIENT_ORDER_ID


def test_a_list_id_may_be_used_again_once_its_list_is_closed() -> None:
    exchange = exchange_with(BTC=BTC)
    shard = exchange.shards[0]
    first, second = exchange.place_list(*sell_list(name="mine").legs, "mine")
    shard.cancel(second)
    exchange.settle()
    assert [first.status, second.status] == [OrderStatus.CANCELED] * 2
    assert held(exchange, "BTC") == (BTC, 0)
    newer = exchange.place_list(*sell_list(name="newer").legs, "mine")
    assert shard.ledger.list_orders(1, 0, "mine") == newer
    assert shard.ledger.list_orders(1, first.order_id) == [first, second]


def test_a_list_survives_a_crash_with_its_orders_together() -> None:
    exchange = exchange_with(BTC=UNIT)
    shard = exchange.shards[0]
    shard.decide(sell_list(name="mine"))
    shard.append()
    shard.restart()
    [orders] = shard.ledger.unresolved().values()
    assert [order.hold_left for order in orders] == [UNIT, 0]
    exchange.settle()
    assert [order.status for order in orders] == [OrderStatus.NEW] * 2
    snapshot = shard.ledger.to_snapshot()
    shard.restart(snapshot)
    assert [order.status for order in shard.ledger.list_orders(1, 0, "mine")] == [OrderStatus.NEW] * 2


def test_an_order_of_a_list_that_is_reached_takes_the_hold_and_the_other_is_canceled() -> None:
    exchange = exchange_with(BTC=UNIT)
    exchange.show([(PRICE, 5000)], [(PRICE + 10, 5000)])
    first, second = exchange.place_list(*sell_list().legs)
    exchange.show([(PRICE + 1000, 5000)], [(PRICE + 1010, 5000)])
    exchange.settle()
    assert first.status is OrderStatus.FILLED
    assert (second.status, second.reason) == (OrderStatus.CANCELED, RejectReason.LIST_DONE)
    assert held(exchange, "BTC") == (0, 0)


# Replacements.


def test_a_replacement_holds_only_what_the_old_order_lacks() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    old = exchange.place(limit(1, BUY, 1000, PRICE))
    new = exchange.replace(limit(1, BUY, 1500, PRICE, command="new"), old)
    assert (new.hold, new.need, new.hold_left, new.status) == (300 * USDT, 900 * USDT, 900 * USDT, OrderStatus.NEW)
    assert (old.status, old.reason, old.cancel_command_id) == (OrderStatus.CANCELED, RejectReason.REPLACED, "new")
    assert held(exchange, "USDT") == (100 * USDT, 900 * USDT)


def test_a_smaller_replacement_gives_money_back() -> None:
    exchange = exchange_with(USDT=600 * USDT)
    old = exchange.place(limit(1, BUY, 1000, PRICE))
    new = exchange.replace(limit(1, BUY, 500, PRICE, command="new"), old)
    assert (new.hold, new.hold_left) == (0, 300 * USDT)
    assert held(exchange, "USDT") == (300 * USDT, 300 * USDT)


def test_a_replacement_of_the_other_side_counts_on_nothing() -> None:
    exchange = exchange_with(USDT=600 * USDT, BTC=UNIT)
    old = exchange.place(limit(1, BUY, 1000, PRICE))
    new = exchange.replace(limit(1, SELL, 1000, PRICE + 1000, command="new"), old)
    assert (new.hold, new.hold_left) == (UNIT, UNIT)
    assert held(exchange, "USDT") == (600 * USDT, 0)


def test_two_replacements_of_one_order_do_not_count_on_the_same_money() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    old = exchange.place(limit(1, BUY, 1000, PRICE))
    first = reserved(shard, ReplaceOrder(limit(1, BUY, 900, PRICE, command="a"), old.order_id, "", True))
    assert (first.hold, first.need) == (0, 540 * USDT)
    second = reserved(shard, ReplaceOrder(limit(1, BUY, 700, PRICE, command="b"), old.order_id, "", False))
    assert (second.hold, second.need) == (360 * USDT, 420 * USDT)
    shard.append()
    shard.fold()
    third = reserved(shard, ReplaceOrder(limit(1, BUY, 50, PRICE, command="c"), old.order_id, "", True))
    assert (third.hold, third.need) == (30 * USDT, 30 * USDT)
    exchange.settle()
    statuses = {
        order.command_id: (order.status, order.reason) for order in shard.ledger.accounts[1].by_command.values()
    }
    assert statuses["a"][0] is OrderStatus.NEW
    assert statuses["b"] == (OrderStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS)
    assert statuses["c"] == (OrderStatus.REJECTED, RejectReason.NOT_REPLACED)
    assert held(exchange, "USDT") == (460 * USDT, 540 * USDT)


def test_what_is_not_there_or_not_open_is_not_replaced() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    old = exchange.place(limit(1, BUY, 1000, PRICE, client_id="x"))
    place = limit(1, BUY, 500, PRICE, command="new")
    assert refusal(shard, ReplaceOrder(place, 4096, "", True))[0] is RejectReason.UNKNOWN_ORDER
    assert refusal(shard, ReplaceOrder(place, 0, "y", False))[0] is RejectReason.UNKNOWN_ORDER
    off = msgspec.structs.replace(place, quantity=0)
    assert refusal(shard, ReplaceOrder(off, 4096, "", True))[0] is RejectReason.QUANTITY_OUT_OF_RANGE
    shard.cancel(old)
    exchange.settle()
    assert refusal(shard, ReplaceOrder(place, 0, "x", True))[0] is RejectReason.NOT_REPLACED
    new = exchange.replace(place, old, only_if_open=False)
    assert (new.status, new.hold, new.replaces) == (OrderStatus.NEW, 300 * USDT, old.order_id)


def test_a_repeated_replacement_is_known() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    old = exchange.place(limit(1, BUY, 1000, PRICE))
    place = limit(1, BUY, 500, PRICE, command="new")
    exchange.replace(place, old)
    assert isinstance(shard.decide(ReplaceOrder(place, old.order_id, "", True)), Known)
    assert refusal(shard, ReplaceOrder(place, old.order_id + 1024, "", True))[1] == "differs in replaces"
    assert refusal(shard, place)[1] == "differs in replaces"


# Amendments.


def test_an_amendment_lowers_the_quantity_and_the_hold() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    order = exchange.place(limit(1, BUY, 1000, PRICE, client_id="x"))
    assert isinstance(shard.amend(amend(order, 400, name="y")), Amending)
    assert refusal(shard, limit(1, BUY, 100, PRICE, client_id="y"))[0] is RejectReason.DUPLICATE_CLIENT_ORDER_ID
    exchange.deliver(shard, "BTC/USDT")
    changed, balance = shard.fold()
    shard.intake.end_amendment(1, "y")
    assert (order.quantity, order.client_order_id, order.amended_by) == (400, "y", "amend")
    assert held(exchange, "USDT") == (760 * USDT, 240 * USDT)
    assert isinstance(changed, OrderChanged)
    assert (changed.step.amended_from, changed.step.amended_client_order_id) == (1000, "x")
    assert isinstance(balance, BalanceChanged)
    assert balance.cause == "amended"
    assert isinstance(shard.amend(amend(order, 400, name="y")), Known)
    assert isinstance(shard.decide(limit(1, BUY, 1000, PRICE, client_id="x")), Known), "the first command is known"


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        (1000, "invalid_amendment"),
        (1001, "invalid_amendment"),
        (300, "invalid_amendment"),
        (0, "quantity_out_of_range"),
        (1, "notional_too_small"),
    ],
)
def test_an_amendment_must_lie_between_what_is_filled_and_what_there_is(quantity: int, reason: str) -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    exchange.show([], [(PRICE, 300)])
    order = exchange.place(limit(1, BUY, 1000, PRICE))
    assert order.filled == 300
    assert refusal(exchange.shards[0], amend(order, quantity))[0].value == reason


def test_a_closed_or_unknown_order_is_not_amended() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    order = exchange.place(limit(1, BUY, 1000, PRICE))
    shard.cancel(order)
    exchange.settle()
    assert refusal(shard, amend(order, 500))[0] is RejectReason.ORDER_NOT_OPEN
    unknown = AmendOrder("amend", 1, 0, "nobody", 500, "", FAR_NS)
    assert refusal(shard, unknown)[0] is RejectReason.UNKNOWN_ORDER


def test_a_client_order_id_that_is_given_up_names_the_order_that_had_it_before() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    first = exchange.place(limit(1, BUY, 500, PRICE, client_id="x"))
    shard.cancel(first)
    exchange.settle()
    second = exchange.place(limit(1, BUY, 500, PRICE, command="again", client_id="x"))
    assert shard.ledger.order_by_client_id(1, "x") is second
    shard.amend(amend(second, 400, name="y"))
    exchange.settle()
    assert shard.ledger.order_by_client_id(1, "x") is first
    assert shard.ledger.order_by_client_id(1, "y") is second
    before = shard.ledger.state_hash()
    restored = type(shard.ledger).from_snapshot(shard.ledger.to_snapshot())
    restored.check()
    assert restored.state_hash() == before
    named = restored.order_by_client_id(1, "x")
    assert named is not None
    assert named.order_id == first.order_id


def test_a_client_order_id_given_behind_the_back_of_a_new_shard_stays_with_the_newer_order() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    old = exchange.place(limit(1, BUY, 500, PRICE, client_id="x"))
    shard.amend(amend(old, 400, name="y"))
    lost = shard.deliveries
    shard.restart()
    reserved(shard, limit(1, BUY, 300, PRICE, client_id="y"))
    shard.deliveries = lost
    exchange.deliver(shard, "BTC/USDT")
    exchange.settle()
    amended, newer = shard.ledger.order(1, old.order_id), shard.ledger.order_by_client_id(1, "y")
    assert amended is not None
    assert newer is not None
    assert (amended.quantity, amended.client_order_id, newer.quantity) == (400, "", 300)
    shard.ledger.check()
