from collections.abc import Callable

import msgspec
import pytest

from mockexchange.ledger import Joined, Known, KnownTransfer
from mockexchange.messages.commands import Deposit, PlaceOrder, Refused, SetBalance, Withdraw
from mockexchange.messages.events import Adjusted, Deposited, OrderReserved, Withdrawn
from mockexchange.messages.orders import OrderStatus, OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from tests.support.exchange import USDT, Exchange, Shard, limit

PRICE = 60_000_00
ORDER = limit(1, Side.BUY, 200, PRICE, client_id="x")

Moment = Callable[[Exchange], object]


def promised(exchange: Exchange) -> None:
    pass


def appended(exchange: Exchange) -> None:
    exchange.shards[0].append()


def reserved(exchange: Exchange) -> None:
    exchange.shards[0].append()
    exchange.shards[0].fold()


def accepted(exchange: Exchange) -> None:
    exchange.settle()


def filled(exchange: Exchange) -> None:
    exchange.settle()
    exchange.show([], [(PRICE, 200)])
    exchange.shards[0].fold()


def restarted_before_outcome(exchange: Exchange) -> None:
    exchange.shards[0].append()
    exchange.shards[0].restart()


def restarted_after_outcome(exchange: Exchange) -> None:
    exchange.settle()
    exchange.shards[0].restart()


UNDER_WAY: list[Moment] = [promised, appended, reserved, restarted_before_outcome]
DECIDED: list[Moment] = [accepted, filled, restarted_after_outcome]


@pytest.fixture
def exchange() -> Exchange:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.create_account(2, USDT=1000 * USDT)
    return exchange


@pytest.fixture
def shard(exchange: Exchange) -> Shard:
    return exchange.shards[0]


@pytest.mark.parametrize("moment", UNDER_WAY)
def test_the_same_order_again_joins_the_one_under_way(exchange: Exchange, shard: Shard, moment: Moment) -> None:
    shard.decide(ORDER)
    moment(exchange)
    assert shard.decide(ORDER) == Joined("c:x")
    exchange.settle()
    assert len(shard.ledger.open_orders(1, "", 0, 0)) == 1


@pytest.mark.parametrize("moment", DECIDED)
def test_the_same_order_again_gets_the_first_answer(exchange: Exchange, shard: Shard, moment: Moment) -> None:
    shard.decide(ORDER)
    moment(exchange)
    order = shard.ledger.order_by_client_id(1, "x")
    assert order is not None
    assert order.status is not OrderStatus.RESERVED
    assert shard.decide(ORDER) == Known(order)


CHANGES: list[dict[str, object]] = [
    {"symbol": "ETH/BTC"},
    {"side": Side.SELL},
    {"order_type": OrderType.MARKET},
    {"time_in_force": TimeInForce.IOC},
    {"is_post_only": True},
    {"quantity": 201},
    {"price": PRICE + 1},
    {"quote_amount": 5},
    {"client_order_id": "y"},
]


@pytest.mark.parametrize("moment", UNDER_WAY + DECIDED)
@pytest.mark.parametrize("change", CHANGES)
def test_the_same_id_with_another_body_is_refused(
    exchange: Exchange, shard: Shard, moment: Moment, change: dict[str, object]
) -> None:
    shard.decide(ORDER)
    moment(exchange)
    decision = shard.decide(msgspec.structs.replace(ORDER, **change))
    assert isinstance(decision, Refused)
    assert decision.reason is RejectReason.DUPLICATE_COMMAND
    assert decision.detail == f"differs in {next(iter(change))}"


@pytest.mark.parametrize("moment", UNDER_WAY + DECIDED)
def test_times_and_reference_prices_do_not_make_another_body(exchange: Exchange, shard: Shard, moment: Moment) -> None:
    shard.decide(ORDER)
    moment(exchange)
    later = msgspec.structs.replace(ORDER, received_ns=99, deadline_ns=99, reference_price=99)
    assert isinstance(shard.decide(later), Joined | Known)


def test_a_refused_command_leaves_no_trace_and_may_be_sent_again(exchange: Exchange, shard: Shard) -> None:
    greedy = limit(1, Side.BUY, 2000, PRICE, client_id="x")
    assert isinstance(shard.decide(greedy), Refused)
    assert isinstance(shard.decide(ORDER), OrderReserved)


def test_ids_of_one_account_mean_nothing_to_another(exchange: Exchange, shard: Shard) -> None:
    shard.decide(ORDER)
    assert isinstance(shard.decide(msgspec.structs.replace(ORDER, account=2)), OrderReserved)


@pytest.mark.parametrize("moment", [*UNDER_WAY, accepted])
def test_two_open_orders_never_have_one_client_order_id(exchange: Exchange, shard: Shard, moment: Moment) -> None:
    shard.decide(ORDER)
    moment(exchange)
    decision = shard.decide(msgspec.structs.replace(ORDER, command_id="other"))
    assert isinstance(decision, Refused)
    assert decision.reason is RejectReason.DUPLICATE_CLIENT_ORDER_ID
    assert decision.detail == "client_order_id: x"


def test_a_client_order_id_is_free_again_once_its_order_is_closed(exchange: Exchange, shard: Shard) -> None:
    shard.decide(ORDER)
    filled(exchange)
    assert isinstance(shard.decide(msgspec.structs.replace(ORDER, command_id="other")), OrderReserved)
    assert isinstance(shard.decide(ORDER), Known)


def test_orders_without_client_order_id_do_not_disturb_each_other(shard: Shard) -> None:
    for name in "ab":
        assert isinstance(shard.decide(limit(1, Side.BUY, 200, PRICE, command=name)), OrderReserved)


TRANSFERS = [
    (Deposit("t", 1, "USDT", 500, 7, 1), Deposited, {"amount": 501}),
    (Withdraw("t", 1, "USDT", 500, 7, 1), Withdrawn, {"asset": "BTC"}),
    (SetBalance("t", 1, "USDT", 500, -1, 1), Adjusted, {"free": 501}),
]


@pytest.mark.parametrize(("request_", "event", "change"), TRANSFERS)
def test_a_transfer_takes_effect_once(
    exchange: Exchange,
    shard: Shard,
    request_: Deposit | Withdraw | SetBalance,
    event: type,
    change: dict[str, object],
) -> None:
    assert isinstance(shard.decide(request_), event)
    assert shard.decide(request_) == Joined("t")
    exchange.settle()
    balance = shard.intake.free(1, "USDT")
    again = shard.decide(request_)
    assert isinstance(again, KnownTransfer)
    assert again.transfer.command_id == "t"
    shard.restart()
    assert isinstance(shard.decide(request_), KnownTransfer)
    assert shard.intake.free(1, "USDT") == balance
    other = shard.decide(msgspec.structs.replace(request_, **change))
    assert isinstance(other, Refused)
    assert other.reason is RejectReason.DUPLICATE_COMMAND


@pytest.mark.parametrize("is_folded", [False, True])
@pytest.mark.parametrize("first", [transfer[0] for transfer in TRANSFERS] + [ORDER])
@pytest.mark.parametrize("second", [transfer[0] for transfer in TRANSFERS] + [ORDER])
def test_one_id_never_serves_two_kinds_of_command(
    exchange: Exchange,
    shard: Shard,
    first: Deposit | Withdraw | SetBalance | PlaceOrder,
    second: Deposit | Withdraw | SetBalance | PlaceOrder,
    is_folded: bool,
) -> None:
    if type(first) is type(second):
        return
    shard.decide(msgspec.structs.replace(first, command_id="one"))
    if is_folded:
        exchange.settle()
    decision = shard.decide(msgspec.structs.replace(second, command_id="one"))
    assert isinstance(decision, Refused)
    assert decision.reason is RejectReason.DUPLICATE_COMMAND
