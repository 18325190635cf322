"""Lists, replacements and amendments through an accounts shard's actor and a book's."""

from __future__ import annotations

import asyncio

import msgspec

from actors.accounts import AccountsShell
from mockexchange.messages.codec import decode_reserved
from mockexchange.messages.commands import (
    AmendOrder,
    CancelOrder,
    OrderAnswer,
    OrdersAnswer,
    PlaceList,
    PlaceOrder,
    ReadList,
    Refused,
    ReplaceOrder,
)
from mockexchange.messages.events import OrderReserved, ShardRecord
from mockexchange.messages.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.simulation.bench import Bench, on_bench
from tests.unit.test_accounts_shell import PRICE, SHARD_0, ScriptedBooks, order


def list_of_two(bench: Bench, name: str = "") -> PlaceList:
    """Return a list that sells above the usual price, or below it once that is reached."""
    first = order(bench, f"{name}:1", side=Side.SELL, price=PRICE + 500)
    second = order(
        bench, f"{name}:2", side=Side.SELL, order_type=OrderType.STOP_LOSS_LIMIT, price=PRICE - 600,
        stop_price=PRICE - 500,
    )  # fmt: skip
    return PlaceList((first, second), name)


def amend(bench: Bench, shown: Order, quantity: int, command: str = "m:1", name: str = "") -> AmendOrder:
    return AmendOrder(command, shown.account, shown.order_id, "", quantity, name, bench.now_ns() + 3 * 10**9)


async def placed(bench: Bench, shard: tuple[object, AccountsShell], request: PlaceOrder) -> Order:
    [answer] = await bench.ask(shard, request)  # type: ignore[arg-type]
    assert isinstance(answer, OrderAnswer), answer
    return answer.order


@on_bench
async def test_both_orders_of_a_list_are_answered_and_read_together(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    [answer, again] = await bench.ask(shard, list_of_two(bench, "mine"), list_of_two(bench, "mine"))
    assert isinstance(answer, OrdersAnswer)
    assert [each.status for each in answer.orders] == [OrderStatus.NEW, OrderStatus.NEW]
    assert [each.hold_left > 0 for each in answer.orders] == [True, False]
    assert again == answer
    [read, unknown] = await bench.ask(shard, ReadList(1, 0, "mine"), ReadList(1, 0, "yours"))
    assert isinstance(read, OrdersAnswer)
    assert read.orders == answer.orders
    assert unknown == Refused(RejectReason.UNKNOWN_ORDER)
    [record] = [each for each in bench.journal.records if b":2" in each.payload and each.subject == SHARD_0]
    events = msgspec.msgpack.decode(record.payload, type=ShardRecord).events
    assert [event.command_id for event in events if isinstance(event, OrderReserved)] == ["mine:1", "mine:2"]


@on_bench
async def test_a_cancel_of_one_order_of_a_list_answers_with_both(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    [listed] = await bench.ask(shard, list_of_two(bench))
    assert isinstance(listed, OrdersAnswer)
    first, second = listed.orders
    cancel = CancelOrder("x:1", 1, second.order_id, "", bench.now_ns() + 10**9)
    [answer] = await bench.ask(shard, cancel)
    assert isinstance(answer, OrdersAnswer)
    assert [each.order_id for each in answer.orders] == [second.order_id, first.order_id]
    assert [each.status for each in answer.orders] == [OrderStatus.CANCELED] * 2
    assert await bench.ask(shard, cancel) == [answer]


@on_bench
async def test_a_list_without_outcome_is_handed_over_as_one_by_the_next_incarnation(bench: Bench) -> None:
    await bench.list_everything()
    lost = ScriptedBooks(None)
    node, _ = shard = await bench.start_shard(books=lost)
    asked = asyncio.ensure_future(bench.ask(shard, list_of_two(bench, "mine")))
    await bench.until(lambda: len(lost.deliveries) == 1)
    node.die()
    await asyncio.wait([asked])
    heard = ScriptedBooks(None)
    await bench.start_shard(books=heard)
    await bench.until(lambda: len(heard.deliveries) == 1)
    orders = [decode_reserved(raw) for raw in heard.deliveries[0].orders]
    assert [each.command_id for each in orders] == ["mine:1", "mine:2"]
    assert orders == [decode_reserved(raw) for raw in lost.deliveries[0].orders]


@on_bench
async def test_a_replacement_answers_with_both_orders(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    old = await placed(bench, shard, order(bench, "g:1"))
    request = ReplaceOrder(order(bench, "g:2", quantity=200), old.order_id, "", True)
    [answer, again] = await bench.ask(shard, request, request)
    assert isinstance(answer, OrderAnswer)
    assert answer.replaced is not None
    assert (answer.order.status, answer.replaced.status) == (OrderStatus.NEW, OrderStatus.CANCELED)
    assert answer.replaced.cancel_command_id == answer.order.command_id == "g:2"
    assert again == answer
    [known] = await bench.ask(shard, request)
    assert isinstance(known, OrderAnswer)
    assert (known.repeated, known.replaced) == (True, answer.replaced)


@on_bench
async def test_what_a_new_order_traded_at_once_stands_in_its_answer(bench: Bench) -> None:
    await bench.list_everything(accounts=4)
    shard = await bench.start_shard()
    await placed(bench, shard, order(bench, "g:1", 3, side=Side.SELL, quantity=40))
    [answer] = await bench.ask(shard, order(bench, "g:2"))
    assert isinstance(answer, OrderAnswer)
    assert [fill.quantity for fill in answer.fills] == [40]
    [again] = await bench.ask(shard, order(bench, "g:2"))
    assert isinstance(again, OrderAnswer)
    assert again.fills == answer.fills


@on_bench
async def test_an_amendment_is_done_once_and_answered_from_the_journal(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    old = await placed(bench, shard, order(bench, "g:1", client_order_id="x"))
    [answer, joined] = await bench.ask(shard, amend(bench, old, 60, name="y"), amend(bench, old, 60, name="y"))
    assert isinstance(answer, OrderAnswer)
    assert (answer.order.quantity, answer.order.client_order_id) == (60, "y")
    assert joined == answer
    [again] = await bench.ask(shard, amend(bench, old, 60, name="y"))
    assert isinstance(again, OrderAnswer)
    assert again.repeated
    [refused] = await bench.ask(shard, amend(bench, old, 60, command="m:2"))
    assert isinstance(refused, Refused)
    assert refused.reason is RejectReason.INVALID_AMENDMENT


@on_bench
async def test_an_amendment_that_the_book_refuses_frees_its_name(bench: Bench) -> None:
    await bench.list_everything()
    _node, shell = shard = await bench.start_shard()
    [listed] = await bench.ask(shard, list_of_two(bench))
    assert isinstance(listed, OrdersAnswer)
    [refused] = await bench.ask(shard, amend(bench, listed.orders[0], 60, name="y"))
    assert isinstance(refused, Refused)
    assert refused.reason is RejectReason.INVALID_AMENDMENT
    named = await placed(bench, shard, order(bench, "g:9", client_order_id="y"))
    assert shell.ledger.order_by_client_id(1, "y") is not None
    assert named.client_order_id == "y"


@on_bench
async def test_an_amendment_of_an_order_that_trades_meanwhile_is_refused(bench: Bench) -> None:
    await bench.list_everything(accounts=4)
    shard = await bench.start_shard()
    old = await placed(bench, shard, order(bench, "g:1"))
    sell = order(bench, "g:2", 3, side=Side.SELL, time_in_force=TimeInForce.IOC)
    [_, refused] = await bench.ask(shard, sell, amend(bench, old, 60, name="y"))
    assert isinstance(refused, Refused)
    assert refused.reason is RejectReason.ORDER_NOT_OPEN
    assert (await placed(bench, shard, order(bench, "g:3", client_order_id="y"))).client_order_id == "y"
