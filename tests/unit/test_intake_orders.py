import msgspec
import pytest

from mockexchange.instruments import Instrument
from mockexchange.ledger import Intake, IntakeLimits, Ledger
from mockexchange.messages.commands import PlaceOrder, Refused
from mockexchange.messages.events import Deposited, InstrumentListed, OrderReserved
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import MAX_AMOUNT
from tests.support.exchange import BTC, USDT, Exchange, limit, market

PRICE = 60_000_00


def exchange_with(**funds: int) -> Exchange:
    exchange = Exchange(maker_rate=100, taker_rate=200)
    exchange.create_account(1, **funds)
    return exchange


def reserve(exchange: Exchange, request: PlaceOrder) -> OrderReserved:
    decision = exchange.shards[0].decide(request)
    assert isinstance(decision, OrderReserved), decision
    return decision


def refuse(exchange: Exchange, request: PlaceOrder) -> tuple[RejectReason, str]:
    decision = exchange.shards[0].decide(request)
    assert isinstance(decision, Refused), decision
    return decision.reason, decision.detail


def test_a_reservation_carries_the_order_the_rates_and_the_times() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    request = limit(1, Side.BUY, 1000, PRICE, client_id="x", post_only=True)
    event = reserve(exchange, request)
    for name in PlaceOrder.__struct_fields__:
        if name != "reference_price":
            assert getattr(event, name) == getattr(request, name)
    assert (event.hold, event.maker_rate, event.taker_rate) == (600 * USDT, 100, 200)
    assert event.reserved_ns == exchange.now_ns


def test_order_ids_rise_and_name_their_shard() -> None:
    exchange = Exchange()
    exchange.create_account(1, 1, USDT=1000 * USDT)
    shard = exchange.shards[1]
    ids = []
    for number in range(4):
        decision = shard.decide(limit(1, Side.BUY, 200, PRICE, command=f"n{number}"))
        assert isinstance(decision, OrderReserved)
        ids.append(decision.order_id)
        if number % 2:
            exchange.settle()
    assert ids == [1025, 2049, 3073, 4097]


def test_order_ids_go_on_above_the_journal_after_a_restart() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    exchange.place(limit(1, Side.BUY, 200, PRICE, command="a"))
    reserve(exchange, limit(1, Side.BUY, 200, PRICE, command="forgotten"))
    exchange.shards[0].restart()
    assert reserve(exchange, limit(1, Side.BUY, 200, PRICE, command="b")).order_id == 2 * 1024


def test_promises_count_against_free_money_at_once() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    reserve(exchange, limit(1, Side.BUY, 1000, PRICE, command="a"))
    assert shard.intake.free(1, "USDT") == 400 * USDT
    reason, detail = refuse(exchange, limit(1, Side.BUY, 1000, PRICE, command="b"))
    assert reason is RejectReason.INSUFFICIENT_FUNDS
    assert detail == "need 600.00000000 USDT, have 400.00000000"
    shard.append()
    shard.fold()
    assert shard.intake.free(1, "USDT") == shard.ledger.accounts[1].balances["USDT"].free == 400 * USDT


def test_a_hold_takes_the_last_unit_and_not_one_more() -> None:
    exchange = exchange_with(USDT=600 * USDT, BTC=1_000_000)
    reserve(exchange, limit(1, Side.BUY, 1000, PRICE, command="a"))
    reserve(exchange, limit(1, Side.SELL, 1000, PRICE, command="b"))
    assert refuse(exchange, limit(1, Side.BUY, 200, PRICE, command="c"))[0] is RejectReason.INSUFFICIENT_FUNDS
    reason, detail = refuse(exchange, limit(1, Side.SELL, 200, PRICE, command="d"))
    assert (reason, detail) == (RejectReason.INSUFFICIENT_FUNDS, "need 0.00200000 BTC, have 0.00000000")


def test_a_market_buy_holds_its_value_and_a_margin() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    assert reserve(exchange, market(1, Side.BUY, 1000, reference=PRICE)).hold == 630 * USDT


def test_a_market_buy_holds_less_margin_when_there_is_less() -> None:
    exchange = exchange_with(USDT=601 * USDT)
    assert reserve(exchange, market(1, Side.BUY, 1000, reference=PRICE)).hold == 601 * USDT


def test_a_market_buy_below_its_value_is_refused() -> None:
    exchange = exchange_with(USDT=600 * USDT - 1)
    reason, detail = refuse(exchange, market(1, Side.BUY, 1000, reference=PRICE))
    assert (reason, detail) == (RejectReason.INSUFFICIENT_FUNDS, "need 600.00000000 USDT, have 599.99999999")


def test_a_market_buy_needs_a_price_and_a_market_sell_does_not() -> None:
    exchange = exchange_with(USDT=1000 * USDT, BTC=BTC)
    assert refuse(exchange, market(1, Side.BUY, 1000))[0] is RejectReason.PRICE_STALE
    assert refuse(exchange, market(1, Side.BUY, 1000, symbol="ETH/BTC"))[0] is RejectReason.NO_PRICE
    assert reserve(exchange, market(1, Side.SELL, 1000)).hold == 1_000_000


def test_a_market_buy_by_quote_amount_holds_that_amount() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    assert reserve(exchange, market(1, Side.BUY, quote=123_456_789_00)).hold == 123_456_789_00
    assert reserve(exchange, market(1, Side.BUY, quote=USDT)).hold == USDT


MISFITS = [
    (limit(9, Side.BUY, 1000, PRICE), "unknown_account", "account: 9"),
    (limit(1, Side.BUY, 1000, PRICE, symbol="DOGE/USDT"), "unknown_symbol", "symbol: DOGE/USDT"),
    (limit(1, Side.BUY, 1000, 0), "price_out_of_range", "price: 0.00"),
    (limit(1, Side.BUY, 1000, -5), "price_out_of_range", "price: -0.05"),
    (limit(1, Side.BUY, 100, 5001, symbol="ETH/BTC"), "price_off_tick", "price: 0.05001, tick size 0.00005"),
    (limit(1, Side.BUY, 0, PRICE), "quantity_out_of_range", "quantity: 0.00000, allowed 0.00001 to "),
    (limit(1, Side.BUY, 5, 5000, symbol="ETH/BTC"), "quantity_out_of_range", "quantity: 0.005, allowed 0.010 to "),
    (limit(1, Side.BUY, 15, 5000, symbol="ETH/BTC"), "quantity_off_step", "quantity: 0.015, step size 0.010"),
    (limit(1, Side.BUY, 1, PRICE), "notional_too_small", "value: 0.60000000 USDT, minimum 1.00000000 USDT"),
    (limit(1, Side.BUY, 2**61, PRICE), "notional_too_large", "value: "),
    (limit(1, Side.SELL, 2**61, 1), "notional_too_large", "value: "),
    (market(1, Side.SELL, 2**61), "notional_too_large", "quantity: "),
    (market(1, Side.SELL, 1, reference=PRICE), "notional_too_small", "value: 0.60000000 USDT, minimum "),
    (market(1, Side.BUY, quote=USDT - 1), "notional_too_small", "quote_amount: 0.99999999 USDT, minimum 1.00000000"),
    (market(1, Side.BUY, quote=-1), "invalid_amount", "quote_amount: -0.00000001 USDT"),
    (market(1, Side.BUY, quote=MAX_AMOUNT + 1), "invalid_amount", "quote_amount: "),
    (market(1, Side.SELL, quote=USDT), "price_stale", "symbol: BTC/USDT"),
    (market(1, Side.BUY, 1000, quote=USDT, reference=PRICE), "invalid_amount", "quote_amount: only for a market order"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "reason", "detail"), MISFITS)
def test_a_misfit_is_refused_with_its_field_and_figures(request_: PlaceOrder, reason: str, detail: str) -> None:
    exchange = exchange_with(USDT=1000 * USDT, BTC=BTC)
    before = exchange.shards[0].ledger.state_hash()
    refused, text = refuse(exchange, request_)
    assert refused.value == reason
    assert text.startswith(detail)
    assert exchange.shards[0].unsent == []
    assert exchange.shards[0].ledger.state_hash() == before


def test_an_account_of_another_shard_is_unknown() -> None:
    exchange = Exchange()
    exchange.create_account(1, 1, USDT=1000 * USDT)
    exchange.shards[0].fold()
    assert refuse(exchange, limit(1, Side.BUY, 1000, PRICE))[0] is RejectReason.UNKNOWN_ACCOUNT


def test_refusals_keep_their_order_of_precedence() -> None:
    """Repair the worst order one fault at a time: each time the next reason of RejectReason's order is given."""
    exchange = Exchange(max_open_orders=1)
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.place(limit(1, Side.BUY, 200, PRICE, client_id="open", command="used"))
    worst = PlaceOrder(
        "used", 9, "A/B", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, False, 15, 5001, -1, 0, "open", 1, 1
    )
    repairs: list[tuple[dict[str, object], RejectReason]] = [
        ({}, RejectReason.UNKNOWN_ACCOUNT),
        ({"account": 1}, RejectReason.DUPLICATE_COMMAND),
        ({"command_id": "new"}, RejectReason.DUPLICATE_CLIENT_ORDER_ID),
        ({"client_order_id": "other"}, RejectReason.UNKNOWN_SYMBOL),
        ({"symbol": "ETH/BTC"}, RejectReason.INVALID_AMOUNT),
        ({"quote_amount": 0}, RejectReason.PRICE_OFF_TICK),
        ({"price": 5000}, RejectReason.QUANTITY_OFF_STEP),
        ({"symbol": "BTC/USDT", "quantity": 10**15, "price": 10**9}, RejectReason.NOTIONAL_TOO_LARGE),
        ({"quantity": 1000, "price": PRICE, "order_type": OrderType.MARKET}, RejectReason.TOO_MANY_OPEN_ORDERS),
    ]
    seen = []
    request = worst
    for repair, expected in repairs:
        request = msgspec.structs.replace(request, **repair)
        reason, _ = refuse(exchange, request)
        seen.append(reason)
        assert reason is expected
    order = list(RejectReason)
    assert [order.index(reason) for reason in seen] == sorted(order.index(reason) for reason in seen)


def test_a_missing_price_comes_before_insufficient_funds() -> None:
    exchange = exchange_with(USDT=1)
    assert refuse(exchange, market(1, Side.BUY, 1000))[0] is RejectReason.PRICE_STALE
    priced = market(1, Side.BUY, 1000, reference=PRICE)
    assert refuse(exchange, priced)[0] is RejectReason.INSUFFICIENT_FUNDS


def test_promised_orders_count_as_open() -> None:
    exchange = Exchange(max_open_orders=3)
    exchange.create_account(1, USDT=1000 * USDT)
    exchange.place(limit(1, Side.BUY, 200, PRICE, command="a"))
    reserve(exchange, limit(1, Side.BUY, 200, PRICE, command="b"))
    exchange.shards[0].append()
    exchange.shards[0].fold()
    reserve(exchange, limit(1, Side.BUY, 200, PRICE, command="c"))
    assert refuse(exchange, limit(1, Side.BUY, 200, PRICE, command="d")) == (
        RejectReason.TOO_MANY_OPEN_ORDERS,
        "limit: 3",
    )


def test_promised_orders_are_found_by_their_ids() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    intake = exchange.shards[0].intake
    event = reserve(exchange, limit(1, Side.BUY, 200, PRICE, client_id="x"))
    assert intake.promised_order(1, event.order_id) is event
    assert intake.promised_order(1, client_order_id="x") is event
    assert intake.promised_orders(1) == intake.promised_orders(1, "BTC/USDT") == [event]
    assert intake.promised_orders(1, "ETH/BTC") == intake.promised_orders(2) == []
    assert intake.promised_order(2, event.order_id) is None
    assert intake.promised_order(1) is None
    exchange.settle()
    assert intake.promised_order(1, event.order_id) is intake.promised_order(1, client_order_id="x") is None


def test_a_promise_that_could_not_be_sent_is_forgotten() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    request = limit(1, Side.BUY, 1000, PRICE, client_id="x")
    first = reserve(exchange, request)
    shard.intake.settle(shard.unsent)
    shard.unsent.clear()
    assert shard.intake.free(1, "USDT") == 1000 * USDT
    again = reserve(exchange, request)
    assert again.order_id > first.order_id


def test_what_was_never_promised_settles_without_effect() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    shard = exchange.shards[0]
    shard.intake.settle([Deposited("d", 1, "USDT", 5, 5, "deposit"), Deposited("d", 77, "USDT", 5, 5, "deposit")])
    assert shard.intake.free(1, "USDT") == 1000 * USDT


def test_a_changed_filter_counts_for_the_next_order() -> None:
    exchange = exchange_with(USDT=1000 * USDT)
    old = exchange.shards[0].ledger.registry.instruments["BTC/USDT"]
    exchange.register(InstrumentListed(msgspec.structs.replace(old, min_quantity=500)))
    exchange.shards[0].fold()
    assert refuse(exchange, limit(1, Side.BUY, 499, PRICE))[0] is RejectReason.QUANTITY_OUT_OF_RANGE
    reserve(exchange, limit(1, Side.BUY, 500, PRICE))


def test_free_is_zero_for_an_asset_never_touched() -> None:
    exchange = exchange_with(USDT=1)
    assert exchange.shards[0].intake.free(1, "ETH") == 0
    with pytest.raises(KeyError):
        exchange.shards[0].intake.free(99, "USDT")


def test_whole_units_of_a_coarse_market_are_held_exactly() -> None:
    coarse = Instrument("AAA", "BBB", 0, 0, 0, 0)
    exchange = Exchange(instruments=[coarse])
    exchange.create_account(1, BBB=100)
    event = reserve(exchange, limit(1, Side.BUY, 7, 11, symbol="AAA/BBB"))
    assert event.hold == 77
    assert Intake(Ledger(0), IntakeLimits(0, 0)).limits.max_open_orders == 10_000
