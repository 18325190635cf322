"""The blotter's page as orders come and change, what orders come to, and stories."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from dashboard.blotter import PAGE, Blotter, Missed, Query
from dashboard.live.orders import KEPT, OrderNews
from dashboard.live.system import SystemBoard, percentile
from dashboard.order_figures import figures_of
from dashboard.order_story import duration, story_of
from tests.support.local_exchange import LocalBus


def order(number: int, **changes: Any) -> dict[str, Any]:
    known = {
        "id": str(number), "symbol": "BTC/USDT", "side": "buy", "type": "limit", "status": "new", "limit_price": "1.00",
        "stop_price": None, "average": None, "amount": "1", "actual_filled": "0", "quote_amount": None,
        "actual_notion": "0", "notion_currency": "USDT", "actual_fee": "0", "fee_currency": "BTC", "ts_create": number,
        "comment": None, "history_count": 1,
    }  # fmt: skip
    return known | changes


class Pages:
    """A gateway with one page of orders."""

    def __init__(self, numbers: range, cursor: int) -> None:
        self.numbers, self.cursor = numbers, cursor
        self.asked: dict[str, Any] = {}

    async def page(self, _path: str, _key: str, **asked: Any) -> tuple[list[dict[str, Any]], int]:
        self.asked = {name: value for name, value in asked.items() if value is not None}
        return [order(number) for number in reversed(self.numbers)], self.cursor


class Scene:
    def __init__(self, numbers: range = range(101, 151), cursor: int = 101, **asked: Any) -> None:
        self.pages = Pages(numbers, cursor)
        self.bus = LocalBus()
        self.news = OrderNews(1, self.bus)
        self.blotter = Blotter(self.news, Query.of(1, asked), asked)
        self.numbered = 0

    async def begin(self) -> list[int]:
        await self.news.start()
        await self.blotter.read(self.pages, "key")  # type: ignore[arg-type]
        return self.shown() or []

    def hear(self, **content: Any) -> None:
        self.numbered += 1
        self.bus.publish("account.1.orders", msgspec.json.encode({"number": self.numbered, **content}))

    def shown(self) -> list[int] | None:
        """Return the ids that the page is told to show, None where it is told nothing."""
        picture = self.blotter.changes().get("blotter-live")
        return None if picture is None else [int(row["id"]) for row in picture["rows"]]


def run(scenario: Any) -> None:
    asyncio.run(scenario)


def test_a_new_order_comes_first_and_the_last_begins_the_next_page() -> None:
    async def scenario() -> None:
        scene = Scene()
        assert await scene.begin() == list(range(150, 100, -1))
        scene.hear(order=order(151))
        scene.hear(order=order(152))
        assert scene.shown() == list(range(152, 102, -1))
        assert scene.blotter.picture()["cursor"] == 103
        assert scene.shown() is None

    run(scenario())


def test_a_page_of_the_past_stays_and_counts_what_is_newer() -> None:
    async def scenario() -> None:
        scene = Scene(range(101, 151), 101)
        scene.blotter = Blotter(scene.news, Query(1, cursor=151), {})
        await scene.begin()
        scene.hear(order=order(200))
        scene.hear(order=order(200, history_count=2))
        scene.hear(order=order(120, status="filled", history_count=2))
        assert scene.shown() == list(range(150, 100, -1))
        picture = scene.blotter.picture()
        assert picture["newer"] == 1
        assert [row["status"] for row in picture["rows"] if row["id"] == "120"] == ["filled"]

    run(scenario())


def test_an_order_that_fits_no_more_leaves_the_newest_page() -> None:
    async def scenario() -> None:
        scene = Scene(status="open")
        await scene.begin()
        scene.hear(order=order(150, status="partially_filled", history_count=2))
        assert scene.shown() is not None
        scene.hear(order=order(150, status="filled", history_count=3))
        scene.hear(order=order(151, status="rejected"))
        assert scene.shown() == list(range(149, 100, -1))
        scene.hear(order=order(149, status="new", history_count=0))
        assert scene.shown() is None

    run(scenario())


def test_what_was_missed_has_the_page_read_anew() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        scene.hear(order=order(151))
        scene.numbered += 1
        scene.hear(order=order(153))
        with pytest.raises(Missed):
            scene.shown()
        await scene.blotter.read(scene.pages, "key")  # type: ignore[arg-type]
        assert scene.shown() == list(range(150, 100, -1))
        for number in range(KEPT + 1):
            scene.hear(order=order(160 + number))
        with pytest.raises(Missed):
            scene.shown()

    run(scenario())


def test_filters_are_asked_of_the_gateway_and_hold_for_what_is_heard() -> None:
    async def scenario() -> None:
        asked = {"status": "filled", "side": "sell", "kind": "market", "market": "ETH", "start": 100, "end": 200}
        scene = Scene(range(0), 0, **asked)
        assert await scene.begin() == []
        assert scene.pages.asked == {
            "account": 1, "status": "filled", "side": "sell", "type": "market", "asset": "ETH", "start": 100,
            "end": 200, "limit": PAGE,
        }  # fmt: skip
        fitting = {"status": "filled", "side": "sell", "type": "market", "symbol": "ETH/USDT", "ts_create": 150}
        scene.hear(order=order(1, **fitting))
        others = ({"side": "buy"}, {"status": "new"}, {"type": "limit"}, {"symbol": "BTC/ETH"}, {"ts_create": 200})
        for number, other in enumerate(others, start=2):
            scene.hear(order=order(number, **(fitting | other)))
        assert scene.shown() == [1]

    run(scenario())


def test_totals_are_worth_what_last_prices_say() -> None:
    side = {
        "count": {"BTC": {"USDT": "2"}, "ETH": {"BTC": "2"}},
        "notional": {"BTC": {"USDT": "100"}, "ETH": {"BTC": "1"}},
        "fee": {"BTC": {"BTC": "0.001"}, "ETH": {"XXX": "1"}},
    }
    nothing: dict[str, Any] = {"count": {}, "notional": {}, "fee": {}}
    figures = figures_of(
        {"cash_asset": "USDT", "count": 10, "first": 1, "last": 5},
        {"BUY": side, "SELL": nothing},
        {"equity": "1000", "deposits": "0"},
        {"BTC/USDT": {"last": "50000"}},
    )
    whole, buys, sells = figures["columns"]
    assert (buys["notional"], buys["count"], buys["average"]) == ("50,100.00", "4", "12,525.00")
    assert buys["fees"] == "50.0000"
    assert whole["notional"] == buys["notional"]
    assert (sells["average"], whole["capital churn"]) == ("\N{EN DASH}", "\N{EN DASH}")
    assert figures["unpriced"] == ["XXX"]


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0.000 ms"),
        (3_214, "3.214 ms"),
        (1_204_000, "1.20 s"),
        (125 * 10**6, "2 min 5 s"),
        (90_000 * 10**6, "1 d 1 h"),
    ],
)
def test_durations_are_told_in_the_unit_that_fits(microseconds: int, text: str) -> None:
    assert duration(microseconds) == text


def test_a_story_begins_at_the_gateway_and_names_each_step() -> None:
    step = {
        "ts": 5, "took_us": 2_000, "status": "new", "price": None, "amount_remain": "1", "actual_filled": "0",
        "actual_notion": "0", "actual_fee": "0", "comment": None, "triggered": False, "amended_from": None,
    }  # fmt: skip
    steps = [
        step,
        step | {"amended_from": "2"},
        step | {"triggered": True, "price": "9.00"},
        step | {"status": "filled", "price": "9.01", "actual_filled": "1", "actual_notion": "9.01"},
    ]
    history = {str(index): each for index, each in enumerate(steps)}
    told = story_of(
        order(
            7, history=history, ts_finish=12, initial_hold="9.00", hold_currency="USDT", status="filled",
            reserved_us=3_500,
        )
    )  # fmt: skip
    assert [each["name"] for each in told["steps"]] == [
        "Received by the gateway", "Money reserved", "Accepted by the book", "Amended", "Triggered", "Filled",
    ]  # fmt: skip
    assert [(each["time"], each["took"]) for each in told["steps"][:2]] == [(7, ""), (10, "after 3.500 ms")]
    assert told["whole"] == "11.500 ms"
    assert "1 BTC at 9.01 USDT" in told["steps"][5]["details"]
    assert not told["is_open"]


def test_speeds_are_those_of_the_last_beats_and_begin_anew_with_a_process() -> None:
    async def scenario() -> None:
        now = 0.0
        bus = LocalBus()
        board = SystemBoard(bus, lambda: now)
        await board.start()
        for beat in range(1, 4):
            now = float(beat)
            bus.publish("system.accounts.0", msgspec.json.encode({"pid": 1, "commands": beat * 100}))
        assert board.per_second("accounts.0", lambda said: said["commands"]) == 100.0
        now = 4.0
        bus.publish("system.accounts.0", msgspec.json.encode({"pid": 2, "commands": 5}))
        assert board.per_second("accounts.0", lambda said: said["commands"]) == 0.0
        assert board.names("accounts") == ["accounts.0"]
        now = 10.0
        assert board.said("accounts.0") == {}
        await board.stop()

    run(scenario())


def test_percentiles_lie_within_their_bucket() -> None:
    counts = [0] * 14
    counts[2], counts[5] = 90, 10
    assert 2.5 <= percentile(counts, 0.5) <= 5.0
    assert 25.0 <= percentile(counts, 0.99) <= 50.0
    assert percentile([0] * 14, 0.5) == 0.0
