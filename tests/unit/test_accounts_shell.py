"""What an accounts shard promises, on a world in which a test lets fail what it wants to see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import book_channel
from actors.accounts import ShardSettings, ShardState
from actors.runtime import Departure
from infra.ports import PeerLost
from mockexchange.messages.channel import Delivery, DeliveryAnswer, Receipt
from mockexchange.messages.codec import decode_answers, decode_delivery, decode_reserved, encode
from mockexchange.messages.commands import (
    AccountAnswer,
    CancelAll,
    CancelOrder,
    Deposit,
    OrderAnswer,
    OrdersAnswer,
    PlaceOrder,
    ReadAccount,
    ReadOpenOrders,
    ReadOrder,
    Refused,
    Unavailable,
    Withdraw,
)
from mockexchange.messages.events import Deposited, OrderReserved
from mockexchange.messages.orders import OrderStatus, OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from mockexchange.messages.subjects import accounts_journal, book_journal
from tests.simulation.actors import ETH_BTC
from tests.simulation.bench import INTAKE, Bench, account_created, on_bench
from tests.simulation.faults import CALM, Append, Rates

ETH = "ETH/BTC"
PRICE = 5_000
SHARD_0 = accounts_journal(0)
BOOK = book_journal(ETH)


class ScriptedBooks:
    """Answers deliveries as a script says, DONE after its end; None stands for a call that is never answered."""

    def __init__(self, *script: Receipt | type[PeerLost] | None) -> None:
        self.script = list(script)
        self.deliveries: list[Delivery] = []
        self.renewed: list[str] = []

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        self.deliveries.append(decode_delivery(payload))
        receipt = self.script.pop(0) if self.script else Receipt.DONE
        if receipt is None:
            await asyncio.get_running_loop().create_future()
        if receipt is PeerLost:
            raise PeerLost("no answer")
        assert isinstance(receipt, Receipt)
        return encode(DeliveryAnswer(receipt))

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        raise AssertionError("a shard asks no book")

    async def renew(self, symbol: str) -> None:
        self.renewed.append(symbol)


def order(bench: Bench, command: str, account: int = 1, **terms: Any) -> PlaceOrder:
    """Return an order for ETH/BTC: a limit buy of 100 at the usual price unless said otherwise."""
    made = {
        "command_id": command,
        "account": account,
        "symbol": ETH,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "is_post_only": False,
        "quantity": 100,
        "price": PRICE,
        "quote_amount": 0,
        "reference_price": 0,
        "client_order_id": "",
        "received_ns": bench.now_ns(),
        "deadline_ns": bench.now_ns() + 3 * 10**9,
    }
    return PlaceOrder(**(made | terms))


def market_buy(bench: Bench, command: str, account: int = 1, quantity: int = 100) -> PlaceOrder:
    """Return a market buy at the usual price."""
    terms = {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC, "price": 0, "reference_price": PRICE}
    return order(bench, command, account, quantity=quantity, **terms)


def reservations(bench: Bench) -> list[OrderReserved]:
    return [event for event in bench.events(SHARD_0) if isinstance(event, OrderReserved)]


@on_bench
async def test_an_order_is_answered_with_its_outcome_once_that_is_journaled(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    [answer] = await bench.ask(shard, order(bench, "g:1"))
    assert isinstance(answer, OrderAnswer)
    assert answer.order.status is OrderStatus.NEW
    assert answer.order.sequence == bench.journal.end
    assert bench.journal.records[-1].subject == BOOK


@on_bench
async def test_without_a_journal_nothing_is_promised_and_nothing_done(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    end = bench.journal.end
    bench.journal.go_down()
    deposit = Deposit("d", 1, "BTC", 10, 0, 0)
    answers = await bench.ask(shard, order(bench, "g:1"), deposit, ReadAccount(1))
    assert [(type(answer), answer.may_execute) for answer in answers] == [(Unavailable, False)] * 3
    bench.journal.come_up()
    assert bench.journal.end == end
    [first, second] = await bench.ask(shard, order(bench, "g:1"), deposit)
    assert isinstance(first, OrderAnswer)
    assert not first.repeated
    assert isinstance(second, AccountAnswer)
    assert bench.departures == []


@on_bench
async def test_what_the_journal_refused_is_taken_back_whole(bench: Bench) -> None:
    await bench.list_everything()
    _node, shell = shard = await bench.start_shard()
    before = shell.ledger.state_hash()
    bench.around.faults.rates = Rates(append_refused=1.0)
    quantity = 100 * 10**8 // (PRICE * ETH_BTC.quote_factor)
    everything = order(bench, "g:1", quantity=quantity)
    answers = await bench.ask(shard, everything, everything, Deposit("d", 1, "BTC", 10, 0, 0))
    assert [(type(answer), answer.may_execute) for answer in answers] == [(Unavailable, False)] * 3
    assert shell.ledger.state_hash() == before
    bench.around.faults.rates = CALM
    [answer] = await bench.ask(shard, order(bench, "g:2", quantity=quantity))
    assert isinstance(answer, OrderAnswer), "its money is still held for the order that was taken back"
    assert [event.command_id for event in reservations(bench)] == ["g:2"]


@on_bench
async def test_starting_funds_come_though_the_journal_refused_them_first(bench: Bench) -> None:
    await bench.list_everything(accounts=2)
    _node, shell = await bench.start_shard()
    bench.around.faults.next_appends = [Append.STORED, Append.REFUSED]
    await bench.register(account_created(3, BTC=7))
    await bench.until(lambda: 3 in shell.ledger.accounts and not shell.ledger.unfunded)
    funded = [event for event in bench.events(SHARD_0) if isinstance(event, Deposited) and event.account == 3]
    assert [event.amount for event in funded] == [7]


@on_bench
async def test_an_order_that_waits_for_money_gets_it_when_another_is_taken_back(bench: Bench) -> None:
    await bench.list_everything(accounts=2)
    _node, shell = shard = await bench.start_shard()
    value = PRICE * 100 * ETH_BTC.quote_factor
    await bench.register(account_created(3, BTC=value + value // 100))
    await bench.until(lambda: 3 in shell.ledger.accounts and not shell.ledger.unfunded)
    bench.around.faults.next_appends = [Append.REFUSED]
    first, second = await bench.ask(shard, market_buy(bench, "g:1", 3), market_buy(bench, "g:2", 3))
    assert isinstance(first, Unavailable)
    assert isinstance(second, OrderAnswer)
    assert shell.counters["parked"] == 1


@on_bench
async def test_eight_market_buys_at_once_all_fill_though_their_margins_do_not_fit(bench: Bench) -> None:
    await bench.list_everything(accounts=4)
    _node, shell = shard = await bench.start_shard()
    value = PRICE * 100 * ETH_BTC.quote_factor
    await bench.register(account_created(5, BTC=8 * value))
    await bench.until(lambda: 5 in shell.ledger.accounts and not shell.ledger.unfunded)
    await bench.ask(shard, order(bench, "g:ask", 3, side=Side.SELL, quantity=10_000))
    buys = [market_buy(bench, f"g:{number}", 5) for number in range(8)]
    answers = await asyncio.gather(*(bench.ask(shard, buy) for buy in buys))
    statuses = [answer.order.status for [answer] in answers if isinstance(answer, OrderAnswer)]
    assert statuses == [OrderStatus.FILLED] * 8
    assert shell.counters["parked"] > 0
    assert shell.ledger.accounts[5].balance("BTC").free == 0


@on_bench
async def test_an_order_that_waits_for_money_in_vain_is_refused_at_its_deadline(bench: Bench) -> None:
    await bench.list_everything(accounts=2)
    books = ScriptedBooks(None)
    _node, shell = shard = await bench.start_shard(books=books)
    value = PRICE * 100 * ETH_BTC.quote_factor
    await bench.register(account_created(3, BTC=value))
    await bench.until(lambda: 3 in shell.ledger.accounts and not shell.ledger.unfunded)
    asked = asyncio.ensure_future(bench.ask(shard, market_buy(bench, "g:1", 3)))
    await bench.until(lambda: len(books.deliveries) == 1)
    [answer] = await bench.ask(shard, market_buy(bench, "g:2", 3))
    assert isinstance(answer, Refused)
    assert answer.reason is RejectReason.INSUFFICIENT_FUNDS
    assert [event.command_id for event in reservations(bench)] == ["g:1"]
    asked.cancel()


@on_bench
async def test_a_command_that_waits_for_money_is_not_refused_when_it_comes_again(bench: Bench) -> None:
    await bench.list_everything(accounts=4)
    _node, shell = shard = await bench.start_shard()
    value = PRICE * 100 * ETH_BTC.quote_factor
    await bench.register(account_created(5, BTC=2 * value, ETH=10**8))
    await bench.until(lambda: 5 in shell.ledger.accounts and not shell.ledger.unfunded)
    await bench.ask(shard, order(bench, "g:ask", 3, side=Side.SELL, quantity=10_000))
    book, _ = bench.books[ETH]
    book.pause()
    # The first holds its margin too, so the second has to wait; the third takes what is free meanwhile.
    first = asyncio.ensure_future(bench.ask(shard, market_buy(bench, "g:1", 5)))
    await asyncio.sleep(0.1)
    second = asyncio.ensure_future(bench.ask(shard, market_buy(bench, "g:2", 5)))
    await asyncio.sleep(0.1)
    assert shell.counters["parked"] == 1
    free = shell.ledger.accounts[5].balance("BTC").free
    [taken] = await bench.ask(shard, Withdraw("w", 5, "BTC", free, 0, 0))
    assert isinstance(taken, AccountAnswer)
    again = asyncio.ensure_future(bench.ask(shard, market_buy(bench, "g:2", 5)))
    await asyncio.sleep(0.1)
    assert not again.done(), "it was refused while the same command still waits"
    await bench.ask(shard, Deposit("d", 5, "BTC", value, 0, 0))
    book.resume()
    answers = [(await asked)[0] for asked in (first, second, again)]
    assert all(isinstance(answer, OrderAnswer) for answer in answers)
    assert answers[1] == answers[2]


@on_bench
async def test_the_same_command_twice_at_once_is_one_order_with_one_answer(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    command = order(bench, "c:mine", client_order_id="mine")
    other = order(bench, "c:mine", client_order_id="mine", quantity=200)
    answers = await asyncio.gather(*(bench.ask(shard, each) for each in (command, other, command)))
    [first], [second], [third] = answers
    assert isinstance(first, OrderAnswer)
    assert first == third
    assert isinstance(second, Refused)
    assert second.reason is RejectReason.DUPLICATE_COMMAND
    assert len(reservations(bench)) == 1


@pytest.mark.parametrize("fate", [Append.ACK_LOST, Append.LOST, Append.LATE])
def test_an_append_of_unknown_outcome_ends_the_process_and_the_id_tells_what_became_of_it(fate: Append) -> None:
    async def test(bench: Bench) -> None:
        await bench.list_everything()
        shard = await bench.start_shard()
        bench.around.faults.next_appends = [fate]
        asked = asyncio.ensure_future(bench.ask(shard, order(bench, "g:1")))
        await bench.until(lambda: not shard[0].is_alive)
        assert bench.departures == [Departure.UNKNOWN_APPEND]
        await asyncio.wait([asked])
        assert asked.cancelled()
        shard = await bench.start_shard()
        [answer] = await bench.ask(shard, order(bench, "g:1"))
        assert isinstance(answer, OrderAnswer)
        await asyncio.sleep(5)
        assert [event.command_id for event in reservations(bench)] == ["g:1"]

    on_bench(test)()


@on_bench
async def test_a_reservation_without_outcome_is_handed_over_again_by_the_next_incarnation(bench: Bench) -> None:
    await bench.list_everything()
    lost = ScriptedBooks(None)
    node, _ = shard = await bench.start_shard(books=lost)
    asked = asyncio.ensure_future(bench.ask(shard, order(bench, "g:1")))
    await bench.until(lambda: len(lost.deliveries) == 1)
    node.die()
    await asyncio.wait([asked])
    _, shell = shard = await bench.start_shard()
    [answer] = await bench.ask(shard, order(bench, "g:1"))
    assert isinstance(answer, OrderAnswer)
    assert answer.order.status is OrderStatus.NEW
    assert not shell.ledger.unresolved()
    assert len(reservations(bench)) == 1


@on_bench
async def test_while_it_recovers_a_shard_says_so(bench: Bench) -> None:
    await bench.list_everything()
    _node, shell = shard = await bench.start_shard()
    shell.state = ShardState.RECOVERING
    assert await bench.ask(shard, ReadAccount(1)) == [Unavailable("the accounts are recovering")]


@on_bench
async def test_a_zombie_leaves_before_it_answers_a_read(bench: Bench) -> None:
    await bench.list_everything()
    zombie, _ = old = await bench.start_shard()
    bench.journal.deaf.add(zombie)
    await asyncio.sleep(1.5)
    new = await bench.start_shard()
    await bench.ask(new, Deposit("d", 1, "BTC", 10, 0, 0))
    asked = asyncio.ensure_future(bench.ask(old, ReadAccount(1)))
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert bench.departures == [Departure.FENCED]


@on_bench
async def test_a_zombie_that_is_asked_to_write_changes_nothing(bench: Bench) -> None:
    await bench.list_everything()
    zombie, _ = old = await bench.start_shard()
    bench.journal.deaf.add(zombie)
    new = await bench.start_shard()
    end = bench.journal.end
    asked = asyncio.ensure_future(bench.ask(old, order(bench, "g:1"), Withdraw("w", 1, "BTC", 1, 0, 0)))
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert bench.departures == [Departure.FENCED]
    assert bench.journal.end == end
    [account] = await bench.ask(new, ReadAccount(1))
    assert isinstance(account, AccountAnswer)
    assert all(balance.held == 0 for balance in account.balances)


@on_bench
async def test_a_shard_that_reads_another_incarnations_record_leaves(bench: Bench) -> None:
    await bench.list_everything()
    old, _ = await bench.start_shard()
    await bench.start_shard()
    await bench.until(lambda: not old.is_alive)
    assert bench.departures == [Departure.FENCED]


@on_bench
async def test_reads_need_no_proof_soon_after_an_append_and_one_after_a_while(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    await bench.ask(shard, Deposit("d", 1, "BTC", 10, 0, 0))
    bench.journal.stall()
    [answer] = await bench.ask(shard, ReadAccount(1))
    assert isinstance(answer, AccountAnswer)
    bench.journal.go_on()
    await asyncio.sleep(2)
    bench.journal.stall()
    [answer] = await bench.ask(shard, ReadAccount(1))
    assert isinstance(answer, Unavailable)
    bench.journal.go_on()


@pytest.mark.parametrize(("receipt", "departure"), [(Receipt.STALE, Departure.FENCED), (Receipt.GAP, Departure.BROKEN)])
def test_a_shard_whose_calls_do_not_fit_leaves(receipt: Receipt, departure: Departure) -> None:
    async def test(bench: Bench) -> None:
        await bench.list_everything()
        _node, _ = shard = await bench.start_shard(books=ScriptedBooks(receipt))
        asked = asyncio.ensure_future(bench.ask(shard, order(bench, "g:1")))
        await asyncio.wait([asked])
        assert asked.cancelled()
        assert bench.departures == [departure]

    on_bench(test)()


@on_bench
async def test_a_call_is_repeated_with_its_number_until_it_is_done(bench: Bench) -> None:
    await bench.list_everything()
    books = ScriptedBooks(Receipt.RECOVERING, Receipt.PASSIVE, Receipt.BUSY, PeerLost, Receipt.UNAVAILABLE, None)
    shard = await bench.start_shard(books=books)
    asked = asyncio.ensure_future(bench.ask(shard, order(bench, "g:1")))
    await bench.until(lambda: len(books.deliveries) == 7)
    assert [delivery.number for delivery in books.deliveries] == [1] * 7
    assert len({encode(delivery) for delivery in books.deliveries}) == 1
    assert books.renewed == [ETH] * 3, "after PASSIVE, a lost call, and one that is not answered"
    asked.cancel()


@on_bench
async def test_what_comes_while_a_call_is_under_way_goes_with_the_next(bench: Bench) -> None:
    await bench.list_everything()
    books = ScriptedBooks(None)
    shard = await bench.start_shard(books=books)
    asked = [asyncio.ensure_future(bench.ask(shard, order(bench, "g:0")))]
    await bench.until(lambda: len(books.deliveries) == 1)
    for number in range(1, 5):
        asked.append(asyncio.ensure_future(bench.ask(shard, order(bench, f"g:{number}"))))
        await asyncio.sleep(0.05)
    await bench.until(lambda: len(books.deliveries) == 3)
    first, again, rest = books.deliveries
    assert (first.number, again.number, rest.number) == (1, 1, 2)
    ids = [decode_reserved(raw).order_id for raw in rest.orders]
    assert len(ids) == 4
    assert ids == sorted(ids)
    for each in asked:
        each.cancel()


@on_bench
async def test_cancels_follow_all_orders_also_where_these_need_several_calls(bench: Bench) -> None:
    await bench.list_everything()
    books = ScriptedBooks(None)
    shard = await bench.start_shard(books=books)
    asked = [asyncio.ensure_future(bench.ask(shard, order(bench, "g:0")))]
    await bench.until(lambda: len(books.deliveries) == 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_channel, "MAX_RECORD_BYTES", 100)
        orders = [order(bench, f"g:{number}") for number in range(1, 7)]
        asked.append(asyncio.ensure_future(bench.ask(shard, *orders, CancelAll("x", 1, "", bench.now_ns()))))
        await bench.until(lambda: len(books.deliveries) >= 2 and bool(books.deliveries[-1].cancels))
    later = [delivery for delivery in books.deliveries if delivery.number > 1]
    assert len(later) > 2
    assert [delivery.number for delivery in later] == list(range(2, 2 + len(later)))
    assert [bool(delivery.cancels) for delivery in later] == [False] * (len(later) - 1) + [True]
    assert len(later[-1].cancels) == 7
    for each in asked:
        each.cancel()


@on_bench
async def test_an_order_whose_book_is_away_may_still_execute_and_says_so_at_its_deadline(bench: Bench) -> None:
    await bench.list_everything()
    books = ScriptedBooks(*[PeerLost] * 1_000)
    _, shell = shard = await bench.start_shard(books=books)
    command = order(bench, "g:1", deadline_ns=bench.now_ns() + 10**9)
    settings_wait_s = 5.0
    began = bench.around.loop.now
    [answer] = await bench.ask(shard, command)
    assert isinstance(answer, Unavailable)
    assert answer.may_execute
    assert bench.around.loop.now - began >= settings_wait_s
    [read] = await bench.ask(shard, ReadOrder(1, reservations(bench)[0].order_id, ""))
    assert isinstance(read, OrderAnswer)
    assert read.order.status is OrderStatus.RESERVED
    assert shell.ledger.accounts[1].balance("BTC").held == read.order.hold


@on_bench
async def test_a_symbol_that_is_away_keeps_no_other_symbols_orders_waiting(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    await bench.start_feed("BTC/USDT", [(5_900_000, 10)], [(6_100_000, 10)])
    node, _ = await bench.start_book("BTC/USDT")
    node.pause()
    hung = order(bench, "g:hung", symbol="BTC/USDT", price=6_000_000)
    asked = asyncio.ensure_future(bench.ask(shard, hung))
    await asyncio.sleep(0.5)
    began = bench.around.loop.now
    [answer] = await bench.ask(shard, order(bench, "g:1"))
    assert isinstance(answer, OrderAnswer)
    assert bench.around.loop.now - began < 1.0
    node.resume()
    [answer] = await asked
    assert isinstance(answer, OrderAnswer)


@on_bench
async def test_a_cancel_is_answered_when_the_order_is_gone_and_again_the_same(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    cancel = CancelOrder("x", 1, 0, "mine", bench.now_ns() + 10**9)
    placed, canceled = await bench.ask(shard, order(bench, "c:mine", client_order_id="mine"), cancel)
    assert isinstance(placed, OrderAnswer)
    assert isinstance(canceled, OrdersAnswer)
    assert [each.status for each in canceled.orders] == [OrderStatus.CANCELED]
    [again] = await bench.ask(shard, cancel)
    assert isinstance(again, OrdersAnswer)
    assert again.orders == canceled.orders
    [other] = await bench.ask(shard, CancelOrder("y", 1, 0, "mine", bench.now_ns() + 10**9))
    assert isinstance(other, Refused)
    assert other.reason is RejectReason.ORDER_NOT_OPEN


@on_bench
async def test_cancel_all_is_answered_when_every_order_is_gone(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    await bench.start_feed("BTC/USDT", [(5_900_000, 10)], [(6_100_000, 10)])
    far = {"symbol": "BTC/USDT", "price": 5_000_000}
    await bench.ask(shard, order(bench, "g:1"), order(bench, "g:2", **far), order(bench, "g:3", 3))
    [answer] = await bench.ask(shard, CancelAll("x", 1, "", bench.now_ns() + 10**9))
    assert isinstance(answer, OrdersAnswer)
    assert {each.symbol for each in answer.orders} == {ETH, "BTC/USDT"}
    [mine, others] = await bench.ask(shard, ReadOpenOrders(1, "", 0, 0), ReadOpenOrders(3, "", 0, 0))
    assert isinstance(mine, OrdersAnswer)
    assert mine.orders == []
    assert isinstance(others, OrdersAnswer)
    assert len(others.orders) == 1


@on_bench
async def test_a_call_that_its_caller_gave_up_leaves_nothing_behind(bench: Bench) -> None:
    await bench.list_everything()
    node, shell = await bench.start_shard(books=ScriptedBooks(*[PeerLost] * 1_000))
    call = node.spawn(shell.handle(encode([order(bench, "g:1")])))
    await asyncio.sleep(0.1)
    call.cancel()
    await asyncio.sleep(20)
    assert shell.counters["expired"] == 0


@on_bench
async def test_a_shard_recovers_the_same_ledger_from_a_snapshot_as_without_one(bench: Bench) -> None:
    await bench.list_everything()
    settings = ShardSettings(INTAKE, snapshot_every_records=10)
    shard = await bench.start_shard(settings=settings)
    for number in range(20):
        await bench.ask(shard, order(bench, f"g:{number}", 1 + 2 * (number % 2), side=list(Side)[number % 3 == 0]))
    await bench.until(lambda: bool(bench.around.snapshots.kept))
    _, with_snapshot = await bench.start_shard(settings=settings)
    assert bench.around.snapshots.loads == 1
    bench.around.snapshots.kept.clear()
    _, without = await bench.start_shard(settings=settings)
    await bench.until(lambda: with_snapshot.ledger.sequence >= without.epoch - 1)
    with_snapshot_again = decode_answers(encode([without.ledger.read_account(1)]))
    assert with_snapshot_again == [without.ledger.read_account(1)]
    assert len(bench.departures) == 2


@on_bench
async def test_an_answer_shows_its_orders_as_they_were_at_its_sequence(bench: Bench) -> None:
    await bench.list_everything()
    shard = await bench.start_shard()
    [placed] = await bench.ask(shard, order(bench, "g:1"))
    assert isinstance(placed, OrderAnswer)
    await asyncio.sleep(2)
    # While the proof that the shard is current is awaited, the order trades.
    bench.journal.stall()
    reading = asyncio.ensure_future(bench.ask(shard, ReadOpenOrders(1, "", 0, 0)))
    await asyncio.sleep(0.05)
    selling = asyncio.ensure_future(bench.ask(shard, order(bench, "g:2", 3, side=Side.SELL, quantity=60)))
    await asyncio.sleep(0.01)
    bench.journal.go_on()
    [answer], [sold] = await reading, await selling
    assert isinstance(sold, OrderAnswer)
    assert sold.order.status is OrderStatus.FILLED
    assert isinstance(answer, OrdersAnswer)
    assert answer.orders == [placed.order]
