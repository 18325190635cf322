"""What pages watch: joined from snapshots and streams without a gap, a repetition, or anything left running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.live import board as boards_module
from dashboard.live.account import FEWEST, OPEN_ORDERS, AccountBoard
from dashboard.live.board import Board, Boards
from dashboard.live.market import Depth, MarketBoard
from tests.support.dashboard_gateway import PutGateway
from tests.support.eventually import eventually
from tests.support.heard_bus import HeardBus


def update(first: int, last: int, bids: list[list[str]] = [], asks: list[list[str]] = []) -> dict[str, Any]:  # noqa: B006
    return {"first_update_id": first, "last_update_id": last, "bids": bids, "asks": asks}


def snapshot(update_id: int, bids: list[list[str]] | None = None) -> dict[str, Any]:
    return {"update_id": update_id, "bids": bids or [["10.0", "1"]], "asks": [["11.0", "2"]]}


# --- the book ---


def test_updates_heard_before_the_snapshot_are_applied_after_it():
    depth = Depth()
    depth.take_update(update(4, 5, bids=[["10.0", "9"]]))
    depth.take_update(update(6, 6, bids=[["9.5", "3"]]))
    assert depth.take_snapshot(snapshot(5))
    assert depth.levels(5)[0] == [("10.0", "1"), ("9.5", "3")]


def test_an_update_that_straddles_the_snapshot_fits():
    depth = Depth()
    assert depth.take_snapshot(snapshot(5))
    assert depth.take_update(update(4, 7, asks=[["11.0", "0.00"]]))
    assert depth.levels(5)[1] == []
    assert depth.update_id == 7


def test_a_gap_forgets_the_book_and_the_next_snapshot_continues_with_what_was_heard():
    depth = Depth()
    depth.take_snapshot(snapshot(5))
    assert not depth.take_update(update(7, 7, bids=[["9.9", "4"]]))
    assert not depth.is_known
    assert depth.levels(5) == ([], [])
    assert depth.take_snapshot(snapshot(6))
    assert depth.levels(5)[0] == [("10.0", "1"), ("9.9", "4")]


def test_a_snapshot_older_than_what_was_heard_does_not_fit():
    depth = Depth()
    depth.take_update(update(9, 9))
    assert not depth.take_snapshot(snapshot(5))


def test_levels_are_sorted_as_numbers():
    depth = Depth()
    depth.take_snapshot(snapshot(1, bids=[["9.0", "1"], ["10.0", "1"], ["100.0", "1"]]))
    assert [price for price, _ in depth.levels(2)[0]] == ["100.0", "10.0"]


def test_levels_are_those_of_now_and_no_more_than_asked_for():
    depth = Depth()
    depth.take_snapshot(snapshot(1, bids=[["9", "1"], ["10", "1"], ["8", "1"]]))
    assert depth.levels(2)[0] == [("10", "1"), ("9", "1")]
    assert depth.levels(1)[0] == [("10", "1")]
    depth.take_update(update(2, 2, bids=[["10", "0"], ["9", "3"]]))
    assert depth.levels(2)[0] == [("9", "3"), ("8", "1")]
    depth.forget()
    depth.take_snapshot(snapshot(2, bids=[["7", "1"]]))
    assert depth.levels(2)[0] == [("7", "1")]


def market_answers(update_id: int) -> dict[str, Any]:
    return {
        "orderbook/A/B": snapshot(update_id),
        "trades/A/B": [{"trade_id": 2}, {"trade_id": 1}],
        "tickers/A/B": {"A/B": {"info": {"last": "1"}}},
        "tickers/A/B/24h": {"volume": "5"},
    }


def test_a_market_reads_its_book_anew_after_a_gap_and_keeps_its_tape_whole():
    async def scenario() -> None:
        bus, gateway = HeardBus(), PutGateway(**market_answers(5))
        board = MarketBoard("A/B", bus, gateway, pause_s=0)
        await board.start()
        await eventually(lambda: board.depth.is_known)
        gateway.answers["/orderbook/A/B"] = snapshot(8)
        bus.publish("market.A-B.depth", msgspec.json.encode(update(8, 9, bids=[["9.0", "7"]])))
        bus.publish("market.A-B.trade", msgspec.json.encode({"trade_id": 3}))
        await eventually(lambda: board.depth.is_known)
        assert board.depth.update_id == 9
        assert [trade["trade_id"] for trade in board.tape] == [1, 2, 3]
        await board.stop()
        assert bus.handlers == []

    asyncio.run(scenario())


def test_a_market_keeps_the_closed_candle_beside_the_one_that_grows():
    async def scenario() -> None:
        bus = HeardBus()
        board = MarketBoard("A/B", bus, PutGateway(**market_answers(5)), pause_s=0)
        await board.start()
        for open_time, closed in ((60, False), (120, False), (60, True), (180, False)):
            candle = {"open_time": open_time, "closed": closed}
            bus.publish("market.A-B.candle.1m", msgspec.json.encode(candle))
            if closed:
                assert [each["closed"] for each in board.candles["1m"]] == [True, False]
        assert [each["open_time"] for each in board.candles["1m"]] == [120, 180]
        await board.stop()

    asyncio.run(scenario())


# --- the account ---


def account_state(number: int, sequence: int, free: str = "10") -> dict[str, Any]:
    return {"account": 7, "number": number, "sequence": sequence, "balances": [{"asset": "USDT", "free": free}]}


def order(number: str, count: int, status: str = "new") -> dict[str, Any]:
    return {"id": number, "history_count": count, "status": status}


def fill(trade_id: int, order_id: str = "1", symbol: str = "A/B") -> dict[str, Any]:
    return {"trade_id": trade_id, "order_id": order_id, "symbol": symbol}


class Site:
    """An account's board on a bus and a gateway of the test's."""

    def __init__(self, **answers: Any) -> None:
        self.bus = HeardBus()
        self.gateway = PutGateway(**({"account": account_state(5, 50), "orders": [], "trades": []} | answers))
        self.refused: list[str] = []
        self.board = AccountBoard(7, "key", self.bus, self.gateway, self.refused.append, pause_s=0)

    def tell(self, number: int, kind: str, sequence: int = 100, **content: Any) -> None:
        message = {"account": 7, "number": number, "sequence": sequence} | content
        self.bus.publish(f"account.7.{kind}", msgspec.json.encode(message))

    def run(self, scenario: Callable[[], Any]) -> None:
        async def whole() -> None:
            await self.board.start()
            try:
                await scenario()
            finally:
                await self.board.stop()
            assert self.bus.handlers == []

        asyncio.run(whole())


def test_what_is_heard_while_the_snapshot_is_read_is_neither_missed_nor_shown_twice():
    site = Site(orders=[order("1", 2)], trades=[fill(4)])

    async def scenario() -> None:
        site.gateway.gate.clear()
        await eventually(lambda: bool(site.gateway.asked))
        site.tell(5, "orders", sequence=50, order=order("1", 1))
        site.tell(6, "fills", sequence=51, fill=fill(4))
        site.tell(7, "fills", sequence=52, fill=fill(5))
        site.tell(8, "orders", sequence=53, order=order("1", 3, "filled"))
        site.tell(9, "balance", sequence=54, balances=[{"asset": "USDT", "free": "11"}])
        site.gateway.gate.set()
        await eventually(lambda: site.board.is_known)
        assert site.board.orders == {}
        assert [each["trade_id"] for each in site.board.fills] == [4, 5]
        assert site.board.balances["USDT"]["free"] == "11"

    site.run(scenario)


def test_a_balance_that_the_snapshot_knows_already_does_not_come_back():
    site = Site(account=account_state(5, 50, free="99"))

    async def scenario() -> None:
        await eventually(lambda: site.board.is_known)
        site.tell(5, "balance", sequence=50, balances=[{"asset": "USDT", "free": "1"}])
        assert site.board.balances["USDT"]["free"] == "99"

    site.run(scenario)


def test_fills_of_different_symbols_and_sides_with_one_trade_id_are_all_shown():
    site = Site()

    async def scenario() -> None:
        await eventually(lambda: site.board.is_known)
        for number, each in enumerate((fill(1), fill(1, order_id="2"), fill(1, symbol="C/D"), fill(1)), 6):
            site.tell(number, "fills", fill=each)
        assert len(site.board.fills) == 3

    site.run(scenario)


def test_of_many_open_orders_the_newest_are_kept_and_older_ones_read_when_those_are_gone():
    site = Site()
    count = OPEN_ORDERS + 50
    newest = [str(number) for number in range(count, count - OPEN_ORDERS, -1)]

    async def scenario() -> None:
        await eventually(lambda: site.board.is_known)
        for number in range(1, count + 1):
            site.tell(5 + number, "orders", order=order(str(number), 1))
        assert sorted(site.board.orders, key=int, reverse=True) == newest
        site.gateway.answers["/orders"] = [order(str(number), 1) for number in range(50, 0, -1)]
        site.gateway.answers["/account"] = account_state(5 + 2 * count, 200)
        closed = OPEN_ORDERS - FEWEST + 1
        for place, number in enumerate(newest[:closed]):
            assert site.board.is_known
            site.tell(6 + count + place, "orders", order=order(number, 2, "canceled"))
        assert not site.board.is_known
        await eventually(lambda: site.board.is_known)
        assert set(site.board.orders) == {str(number) for number in range(1, 51)}

    site.run(scenario)


def test_a_missing_message_has_the_account_read_anew():
    site = Site(orders=[order("1", 1)])

    async def scenario() -> None:
        await eventually(lambda: site.board.is_known)
        site.gateway.answers |= {"/account": account_state(8, 80), "/orders": []}
        site.tell(8, "orders", order=order("9", 1))
        assert not site.board.is_known
        site.tell(9, "orders", order=order("10", 1))
        await eventually(lambda: site.board.is_known)
        assert set(site.board.orders) == {"9", "10"}

    site.run(scenario)


def test_a_loss_while_the_snapshot_is_read_has_it_read_once_more():
    site = Site(orders=[order("1", 1)])

    async def scenario() -> None:
        site.gateway.gate.clear()
        await eventually(lambda: bool(site.gateway.asked))
        site.board.resync()
        site.gateway.answers["/orders"] = []
        site.gateway.gate.set()
        await eventually(lambda: site.board.is_known)
        assert site.gateway.asked.count("/account") == 2
        assert site.board.orders == {}

    site.run(scenario)


@pytest.mark.parametrize("failure", [GatewayAway("away"), GatewayRefusal(429, "too fast", "")])
def test_an_account_is_read_as_soon_as_the_gateway_answers_again(failure):
    site = Site(account=failure)

    async def scenario() -> None:
        await eventually(lambda: site.gateway.asked.count("/account") > 1)
        assert not site.board.is_known
        site.gateway.answers["/account"] = account_state(5, 50)
        await eventually(lambda: site.board.is_known)

    site.run(scenario)


def test_a_revoked_key_empties_the_board_for_good_and_is_told():
    site = Site(orders=[order("1", 1)])

    async def scenario() -> None:
        await eventually(lambda: site.board.is_known)
        site.gateway.answers["/account"] = GatewayRefusal(401, "unknown key", "")
        site.board.resync()
        await eventually(lambda: site.board.is_refused)
        site.tell(6, "orders", order=order("2", 1))
        assert (site.board.orders, site.board.balances, list(site.board.fills)) == ({}, {}, [])
        assert site.refused == ["key"]

    site.run(scenario)


# --- boards by key ---


class CountedBoard(Board):
    running = 0

    async def start(self) -> None:
        CountedBoard.running += 1

    async def stop(self) -> None:
        CountedBoard.running -= 1


class BrokenBoard(CountedBoard):
    async def start(self) -> None:
        raise OSError("no")


@pytest.fixture
def _short_linger(monkeypatch):
    monkeypatch.setattr(boards_module, "LINGER_S", 0.0)
    monkeypatch.setattr(CountedBoard, "running", 0)


@pytest.mark.usefixtures("_short_linger")
def test_a_board_runs_once_for_all_who_look_and_ends_after_the_last():
    async def scenario() -> None:
        boards: Boards[str, CountedBoard] = Boards(lambda key: CountedBoard())
        first, second = await asyncio.gather(boards.get("a"), boards.get("a"))
        assert first is second
        assert CountedBoard.running == 1
        with first.watch():
            with second.watch():
                pass
            boards.release("a")
            await asyncio.sleep(0)
            assert CountedBoard.running == 1
        boards.release("a")
        await eventually(lambda: CountedBoard.running == 0)
        assert boards.all() == []

    asyncio.run(scenario())


@pytest.mark.usefixtures("_short_linger")
def test_a_board_that_was_made_but_never_watched_ends_too():
    async def scenario() -> None:
        boards: Boards[str, CountedBoard] = Boards(lambda key: CountedBoard())
        await boards.get("a")
        boards.release("a")
        await eventually(lambda: CountedBoard.running == 0)
        await boards.get("a")
        await boards.get("b")
        await boards.close()
        assert CountedBoard.running == 0

    asyncio.run(scenario())


def test_a_board_that_cannot_start_is_tried_anew():
    async def scenario() -> None:
        made: list[Board] = [BrokenBoard(), CountedBoard()]
        boards: Boards[str, Board] = Boards(lambda key: made.pop(0))
        with pytest.raises(OSError, match="no"):
            await boards.get("a")
        assert isinstance(await boards.get("a"), CountedBoard)
        await boards.close()

    asyncio.run(scenario())
