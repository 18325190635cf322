"""What people see, held against golden copies of every payload that the protocol documents."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from mockexchange import views
from mockexchange.candle_views import encode_candle, encode_past, encode_statistics
from mockexchange.candles import Candle, Interval, flat_candle, statistics_of
from mockexchange.instruments import Asset, Instrument
from mockexchange.ledger.changes import BalanceChanged, OrderChanged
from mockexchange.messages.commands import Balance
from mockexchange.messages.orders import (
    Fill,
    Order,
    OrderStatus,
    OrderStep,
    OrderType,
    Side,
    TimeInForce,
    Trade,
)
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import to_units

GOLDEN = Path(__file__).parent / "golden"
BTC_USDT = Instrument("BTC", "USDT", 8, 8, 2, 5)
ASSETS = {"BTC": Asset("BTC", 8), "USDT": Asset("USDT", 8)}
TIME_NS = 1_723_161_251_000_000_000
CANDLE = Candle(
    open_ms=1_723_161_000_000,
    open=6_000_010,
    high=6_000_500,
    low=5_999_000,
    close=6_000_020,
    volume=3_000,
    quote_volume=180_001_000_000,
    trades=3,
    taker_buy_volume=1_000,
    taker_buy_quote_volume=60_000_000_000,
    first_id=15,
    last_id=17,
    last_quantity=1_000,
    last_ms=1_723_161_251_000,
    first_ms=1_723_161_002_000,
)


def buy(**changes: object) -> Order:
    order = Order(
        order_id=1025,
        account=1,
        symbol="BTC/USDT",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        is_post_only=False,
        quantity=2_000,
        price=6_000_010,
        quote_amount=0,
        command_id="c:mine",
        client_order_id="mine",
        hold=120_000_200_000,
        hold_left=60_000_100_000,
        maker_rate=750,
        taker_rate=1_000,
        created_ns=TIME_NS,
        updated_ns=TIME_NS + 2_000_000,
        status=OrderStatus.PARTIALLY_FILLED,
        filled=1_000,
        filled_quote=60_000_000_000,
        fee=1_000,
        sequence=4711,
        steps=3,
    )
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def sell(**changes: object) -> Order:
    return buy(**{"side": Side.SELL, "hold": 2_000_000, "hold_left": 1_000_000, "fee": 60_000_000, **changes})


def a_fill(**changes: object) -> Fill:
    fill = Fill(
        trade_id=17,
        order_id=1025,
        account=1,
        symbol="BTC/USDT",
        side=Side.BUY,
        price=6_000_000,
        quantity=1_000,
        base_amount=1_000_000,
        quote_amount=60_000_000_000,
        fee=1_000,
        is_maker=False,
        time_ns=TIME_NS,
        client_order_id="mine",
        sequence=4711,
    )
    return msgspec.structs.replace(fill, **changes)


def test_history_tells_what_was_triggered_and_amended() -> None:
    steps = [
        OrderStep(TIME_NS, OrderStatus.NEW),
        OrderStep(TIME_NS, OrderStatus.NEW, 6_000_000, is_triggered=True),
        OrderStep(TIME_NS, OrderStatus.NEW, amended_from=5_000),
        OrderStep(TIME_NS, OrderStatus.PARTIALLY_FILLED, 6_000_000, 500, 30_000_000_000),
        OrderStep(TIME_NS, OrderStatus.PARTIALLY_FILLED, amended_from=3_000),
    ]
    history = list(views.history_view(buy(), steps, BTC_USDT).values())
    assert [step.triggered for step in history] == [False, True, False, False, False]
    assert history[1].price == "60000.00"
    assert [step.amended_from for step in history] == [None, None, "0.05000", None, "0.03000"]
    assert [step.amount_remain for step in history] == ["0.05000", "0.05000", "0.03000", "0.02500", "0.01500"]


def a_ticker() -> views.TickerView:
    return views.ticker_view(
        BTC_USDT,
        bid=6_000_010,
        bid_quantity=120_000,
        ask=6_000_020,
        ask_quantity=50_000,
        last=6_000_020,
        time_ns=TIME_NS,
    )


def account_order(change: OrderChanged, instrument: Instrument) -> bytes:
    return views.encode_account_order(change, views.order_view(change.order, instrument), instrument)


PAYLOADS = {
    "market_ticker": views.encode_ticker(a_ticker()),
    "market_ticker_unknown": views.encode_ticker(
        views.ticker_view(
            BTC_USDT, bid=0, bid_quantity=0, ask=6_000_020, ask_quantity=50_000, last=0, time_ns=TIME_NS, is_stale=True
        )
    ),
    "market_trade": views.encode_trade(
        Trade(17, "BTC/USDT", 6_000_020, 1_000, Side.BUY, TIME_NS, False), BTC_USDT, 4711
    ),
    "market_trade_outside": views.encode_trade(
        Trade(18, "BTC/USDT", 6_000_010, 250, Side.SELL, TIME_NS, True, TIME_NS - 5_000_000_000), BTC_USDT
    ),
    "market_depth": views.encode_depth(
        BTC_USDT, 102, 105, bids=[(6_000_010, 120_000)], asks=[(6_000_020, 0)], time_ns=TIME_NS
    ),
    "account_order": account_order(
        OrderChanged(1, 12, 4711, buy(), OrderStep(TIME_NS, OrderStatus.NEW, hold_left=120_000_200_000), 1, 0, 0),
        BTC_USDT,
    ),
    "account_order_traded": account_order(
        OrderChanged(
            1,
            13,
            4711,
            buy(),
            OrderStep(TIME_NS, OrderStatus.PARTIALLY_FILLED, 6_000_000, 400, 24_000_000_000, 400, 96_000_160_000),
            2,
            400,
            24_000_000_000,
        ),
        BTC_USDT,
    ),
    "account_order_amended": account_order(
        OrderChanged(
            1,
            14,
            4712,
            buy(quantity=1_500, amended_by="g:1"),
            OrderStep(TIME_NS, OrderStatus.PARTIALLY_FILLED, amended_from=2_000, amended_client_order_id="mine"),
            4,
            1_000,
            60_000_000_000,
        ),
        BTC_USDT,
    ),
    "account_order_rejected": account_order(
        OrderChanged(
            1,
            13,
            4712,
            sell(
                order_type=OrderType.MARKET,
                price=0,
                client_order_id="",
                status=OrderStatus.REJECTED,
                reason=RejectReason.PRICE_STALE,
                filled=0,
                filled_quote=0,
                fee=0,
                hold_left=0,
                finished_ns=TIME_NS,
            ),
            OrderStep(TIME_NS, OrderStatus.REJECTED, reason=RejectReason.PRICE_STALE),
            1,
            0,
            0,
        ),
        BTC_USDT,
    ),
    "market_candle": encode_candle(CANDLE, BTC_USDT, Interval.FIVE_MINUTES, is_closed=False),
    "market_candle_flat": encode_candle(
        flat_candle(1_722_470_400_000, 6_000_020), BTC_USDT, Interval.MONTH, is_closed=True
    ),
    "market_statistics": encode_statistics(
        statistics_of("BTC/USDT", [CANDLE], open_ms=1_723_074_840_000, close_ms=1_723_161_251_000, previous=None),
        BTC_USDT,
    ),
    "market_statistics_unknown": encode_statistics(
        statistics_of("BTC/USDT", [], open_ms=1_723_074_840_000, close_ms=1_723_161_251_000, previous=None), BTC_USDT
    ),
    "market_past": encode_past("BTC/USDT", 1_723_161_240_000),
    "account_fill": views.encode_account_fill(a_fill(), BTC_USDT, 13, 4711),
    "account_balance": views.encode_account_balance(
        BalanceChanged(
            1, 14, 4711, [Balance("BTC", 999_000, 0), Balance("USDT", 9_900_000_000, 100_000_000)], "filled", TIME_NS
        ),
        ASSETS,
    ),
    "account_balance_deposited": views.encode_account_balance(
        BalanceChanged(1, 15, 4713, [Balance("BTC", 1_999_000, 0)], "deposit", TIME_NS, 1_000_000), ASSETS
    ),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_equals_its_golden_copy(name: str) -> None:
    shown = json.dumps(json.loads(PAYLOADS[name]), indent=2) + "\n"
    assert shown == (GOLDEN / f"{name}.json").read_text()


def test_no_golden_copy_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(PAYLOADS)


def test_an_order_shows_the_keys_that_bots_of_this_dialect_read() -> None:
    shown = msgspec.to_builtins(views.order_view(buy(), BTC_USDT))
    assert set(shown) >= {
        "id", "symbol", "side", "type", "amount", "notion_currency", "fee_currency", "fee_rate", "actual_filled",
        "price", "limit_price", "status", "initial_booked_notion", "reserved_notion_left", "actual_notion",
        "initial_booked_fee", "reserved_fee_left", "actual_fee", "ts_create", "ts_update", "ts_finish", "comment",
        "history_count", "client_order_id", "time_in_force", "post_only", "average",
    }  # fmt: skip
    assert "history" not in shown


@pytest.mark.parametrize(
    ("status", "filled", "name"),
    [
        (OrderStatus.RESERVED, 0, "new"),
        (OrderStatus.NEW, 0, "new"),
        (OrderStatus.PARTIALLY_FILLED, 1, "partially_filled"),
        (OrderStatus.FILLED, 2, "filled"),
        (OrderStatus.CANCELED, 0, "canceled"),
        (OrderStatus.CANCELED, 1, "partially_canceled"),
        (OrderStatus.REJECTED, 0, "rejected"),
    ],
)
def test_every_status_has_its_name(status: OrderStatus, filled: int, name: str) -> None:
    assert views.order_view(buy(status=status, filled=filled), BTC_USDT).status == name


def test_every_amount_of_an_order_round_trips() -> None:
    shown = views.order_view(buy(), BTC_USDT)
    assert to_units(shown.amount or "", 5) == 2_000
    assert to_units(shown.limit_price or "", 2) == 6_000_010
    assert to_units(shown.actual_filled, 5) == 1_000
    assert to_units(shown.remaining or "", 5) == 1_000
    assert to_units(shown.actual_notion, 8) == 60_000_000_000
    assert to_units(shown.actual_fee, 8) == 1_000
    assert to_units(shown.hold_left, 8) == 60_000_100_000


def test_average_is_exact_at_price_decimals_where_it_can_be() -> None:
    assert views.average_price(BTC_USDT, 1_000, 60_000_000_000) == "60000.00"


def test_average_is_rounded_at_quote_decimals_where_it_must_be() -> None:
    # One lot at 0.01 and two at 0.02 cost 0.05 for three.
    assert views.average_price(BTC_USDT, 3, 5 * 10) == "0.01666667"
    assert Decimal(views.average_price(BTC_USDT, 3, 2 * 10) or "") == Decimal("0.00666667")


def test_an_order_without_fills_has_no_price() -> None:
    shown = views.order_view(buy(filled=0, filled_quote=0), BTC_USDT)
    assert shown.price is None
    assert shown.average is None


def test_the_fee_of_a_buy_is_in_base_and_of_a_sell_in_quote() -> None:
    assert views.order_view(buy(), BTC_USDT).fee_currency == "BTC"
    assert views.order_view(sell(), BTC_USDT).fee_currency == "USDT"
    assert views.fill_view(a_fill(), BTC_USDT).fee_currency == "BTC"
    assert views.fill_view(a_fill(side=Side.SELL), BTC_USDT).fee_currency == "USDT"


def test_the_reserved_notion_of_a_sell_is_its_value_at_its_limit() -> None:
    shown = views.order_view(sell(), BTC_USDT)
    assert shown.hold_currency == "BTC"
    assert shown.hold_left == "0.01000000"
    assert shown.reserved_notion_left == "600.00100000"
    assert shown.initial_booked_notion == "1200.00200000"


def test_an_order_by_quote_amount_has_no_amount() -> None:
    shown = views.order_view(
        buy(order_type=OrderType.MARKET, quantity=0, price=0, quote_amount=10_000_000_000), BTC_USDT
    )
    assert (shown.amount, shown.remaining, shown.limit_price) == (None, None, None)
    assert shown.quote_amount == "100.00000000"


def test_history_counts_down_what_remains() -> None:
    steps = [
        OrderStep(TIME_NS, OrderStatus.NEW, hold_left=120_000_200_000),
        OrderStep(TIME_NS, OrderStatus.PARTIALLY_FILLED, 6_000_000, 1_500, 90_000_000_000, 1_500, 30_000_050_000),
        OrderStep(TIME_NS, OrderStatus.CANCELED, reason=RejectReason.CANCELED_BY_USER),
    ]
    history = views.history_view(buy(), steps, BTC_USDT)
    assert list(history) == ["0", "1", "2"]
    assert [step.amount_remain for step in history.values()] == ["0.02000", "0.00500", "0.00500"]
    assert [step.status for step in history.values()] == ["new", "partially_filled", "partially_canceled"]
    assert history["1"].actual_filled == "0.01500"
    assert history["1"].reserved_notion_left == "300.00050000"
    assert history["2"].comment == "canceled by the user"
