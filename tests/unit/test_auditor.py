"""The auditor must find what it exists for: each test spoils a sound journal in one way."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from mockexchange.messages.codec import decode_record, encode
from mockexchange.messages.events import (
    AccountCreated,
    Applied,
    Deposited,
    FillSide,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderReserved,
    TradeIdsReserved,
)
from mockexchange.messages.orders import Side
from tests.support.auditor import DAY_NS, audit
from tests.support.exchange import BTC, USDT, Exchange, limit, market

PRICE = 60_000_00

Records = list[tuple[int, str, bytes]]


def sound_journal() -> Records:
    exchange = Exchange()
    exchange.create_account(1, 0, USDT=10_000 * USDT)
    exchange.create_account(2, 1, BTC=BTC)
    exchange.show([(PRICE - 100, 300)], [])
    exchange.place(limit(2, Side.SELL, 1000, PRICE, client_id="rests"), shard=1)
    exchange.place(limit(1, Side.BUY, 400, PRICE + 100, client_id="takes"))
    exchange.place(market(2, Side.SELL, 500, reference=PRICE, command="sells"), shard=1)
    exchange.place(market(1, Side.BUY, 100, reference=PRICE, command="buys"))
    exchange.place(limit(1, Side.BUY, 100, PRICE - 500, client_id="open"))
    return exchange.records


def changed(records: Records, kind: type, change: Callable[[Any], list[Any]], skip: int = 0) -> Records:
    """Replace one event of a kind by others."""
    spoiled = []
    for sequence, subject, payload in records:
        record = decode_record(subject, payload)
        events: list[Any] = []
        for event in record.events:
            if isinstance(event, kind):
                skip -= 1
                events += change(event) if skip == -1 else [event]
            else:
                events.append(event)
        spoiled.append((sequence, subject, encode(msgspec.structs.replace(record, events=events))))
    assert skip < 0, "nothing to change"
    return spoiled


def replacing(**changes: object) -> Callable[[Any], list[Any]]:
    return lambda event: [msgspec.structs.replace(event, **changes)]


def replacing_side(name: str, **changes: object) -> Callable[[Any], list[Any]]:
    def change(event: OrderFilled) -> list[Any]:
        side: FillSide = getattr(event, name)
        return [msgspec.structs.replace(event, **{name: msgspec.structs.replace(side, **changes)})]

    return change


def twice(event: Any) -> list[Any]:
    return [event, event]


def test_a_sound_journal_has_no_violations() -> None:
    report = audit(sound_journal())
    assert report.violations == []
    assert [order.reserved.client_order_id for order in report.open_orders.values()] == ["rests", "open"]
    rests = next(iter(report.open_orders.values()))
    assert (rests.filled, rests.hold_left) == (500, 500_000)
    assert report.balances[2]["BTC"] == (BTC - 1_000_000 - 300_000, 500_000)
    assert not any(amount for sums in report.sums.values() for amount in sums.values())
    assert [trade.trade_id for trade in report.trades["BTC/USDT"]] == [1, 2, 3]


SPOILED = [
    (OrderFilled, twice, "does not rise"),
    (OrderFilled, lambda event: [event, msgspec.structs.replace(event, trade_id=2)], "was|leaves|more than"),
    (OrderFilled, replacing(trade_id=2_000_000), "within what is reserved"),
    (OrderFilled, replacing(quantity=401), "wrong amounts"),
    (OrderFilled, replacing(price=PRICE + 1), "wrong amounts"),
    (OrderFilled, replacing_side("taker", remaining=1), "leaves 1"),
    (OrderFilled, replacing_side("taker", fee=799), "takes a fee of 799"),
    (OrderFilled, replacing_side("taker", release=0), "still holds"),
    (OrderFilled, replacing_side("taker", release=-1), "releases -1"),
    (OrderFilled, replacing_side("taker", account=9), "nobody placed"),
    (OrderFilled, replacing_side("maker", shard=0), "nobody placed"),
    (OrderFilled, replacing(taker_side=Side.SELL), "wrong side"),
    (OrderAccepted, twice, "out of order"),
    (OrderAccepted, replacing(hold=1), "otherwise than it was placed"),
    (OrderCanceled, lambda event: [], "does not rest, but is open"),
    (OrderCanceled, replacing(release=1), "still holds"),
    (OrderCanceled, twice, "as if it were open"),
    (OrderReserved, replacing(order_id=1024), "does not rise"),
    (OrderReserved, replacing(hold=10**18), "free and"),
    (OrderReserved, replacing(account=1), "not its own"),
    (Deposited, twice, "took effect twice"),
    (Deposited, replacing(amount=-5), "moves -5"),
    (AccountCreated, twice, "created twice"),
    (TradeIdsReserved, twice, "up to 1000000 again"),
]


@pytest.mark.parametrize(("kind", "change", "violation"), SPOILED)
def test_a_spoiled_event_is_found(kind: type, change: Callable[[Any], list[Any]], violation: str) -> None:
    report = audit(changed(sound_journal(), kind, change))
    assert any(re.search(violation, line) for line in report.violations), report.violations


def test_a_missing_record_is_found() -> None:
    records = sound_journal()
    assert any("says it follows" in line for line in audit(records[:7] + records[8:]).violations)


def test_a_record_read_twice_is_found() -> None:
    records = sound_journal()
    assert any("comes after" in line for line in audit([*records, records[-1]]).violations)


def placed(index: int, **changes: object) -> Callable[[Records], list[str]]:
    """Return the violations after the journal's reservation at an index is changed."""
    return lambda records: audit(changed(records, OrderReserved, replacing(**changes), skip=index)).violations


@pytest.mark.parametrize(
    ("violations_of", "violation"),
    [
        (placed(4, command_id="c:takes"), "command c:takes of account 1 took effect twice"),
        (placed(4, order_id=1024 * 4), "order 4096 ends|nobody placed|does not rise"),
        (placed(2, command_id="c:rests", client_order_id="rests"), "open with one client order id"),
    ],
)
def test_an_id_used_twice_is_found(violations_of: Callable[[Records], list[str]], violation: str) -> None:
    violations = violations_of(sound_journal())
    assert any(re.search(violation, line) for line in violations), violations


def test_a_command_may_come_again_after_a_day() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    for moment_ns in (0, DAY_NS - 1):
        exchange.now_ns += moment_ns
        exchange.append_events(0, [Deposited("d", 1, "USDT", 1, 1, "deposit")])
    assert len(audit(exchange.records).violations) == 1
    exchange.now_ns += DAY_NS
    exchange.append_events(0, [Deposited("d", 1, "USDT", 1, 1, "deposit")])
    assert len(audit(exchange.records).violations) == 1


def test_a_channel_worked_off_twice_is_found() -> None:
    exchange = Exchange()
    for _ in range(2):
        exchange.append_book("BTC/USDT", [], {0: Applied(2, 1, 0)})
    assert any("applied" in line for line in audit(exchange.records).violations)
