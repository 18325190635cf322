import asyncio
import json
from collections.abc import Awaitable, Callable

from actors.writers.market import MarketWriter
from infra.read_model.rows import TAPE_LENGTH, decode_trade
from infra.read_model.store import HistoryUnavailable
from mockexchange.messages.orders import Side, Trade
from tests.support.heard_bus import HeardBus
from tests.support.manual_clock import ManualClock
from tests.support.memory_history import MemoryHistoryStore

Scenario = Callable[[HeardBus, ManualClock, MemoryHistoryStore, MarketWriter], Awaitable[None]]


def listening(scenario: Scenario) -> None:
    async def run() -> None:
        bus, clock, store = HeardBus(), ManualClock(), MemoryHistoryStore()
        writer = MarketWriter(bus, store, clock)
        await writer.start()
        await scenario(bus, clock, store, writer)
        await writer.stop()
        await writer.closed()
        assert bus.handlers == []

    asyncio.run(run())


def trade_payload(trade_id: int, *, outside: bool = True, side: str = "buy", price: str = "60000.20") -> bytes:
    message = {
        "symbol": "BTC/USDT",
        "trade_id": trade_id,
        "price": price,
        "quantity": "0.01000",
        "side": side,
        "outside": outside,
        "time": 1723161251000,
        "sequence": 0,
    }
    return json.dumps(message).encode()


def tape(store: MemoryHistoryStore) -> list[Trade]:
    return [decode_trade(row) for _, row in sorted(store.tapes.get("BTC/USDT", {}).items())]


def test_outside_prints_go_onto_the_tape_as_integers() -> None:
    async def scenario(bus: HeardBus, clock: ManualClock, store: MemoryHistoryStore, writer: MarketWriter) -> None:
        bus.publish("market.BTC-USDT.print", trade_payload(17, side="sell"))
        await clock.advance(1.1)
        assert tape(store) == [
            Trade(17, "BTC/USDT", 6_000_020, 1_000, Side.SELL, 1_723_161_251_000_000_000, is_outside=True)
        ]

    listening(scenario)


def test_our_own_trades_are_left_to_the_history_writer() -> None:
    async def scenario(bus: HeardBus, clock: ManualClock, store: MemoryHistoryStore, writer: MarketWriter) -> None:
        bus.publish("market.BTC-USDT.trade", trade_payload(17, outside=False))
        await clock.advance(2)
        assert tape(store) == []

    listening(scenario)


def test_only_the_last_ticker_of_a_second_is_written() -> None:
    async def scenario(bus: HeardBus, clock: ManualClock, store: MemoryHistoryStore, writer: MarketWriter) -> None:
        for number in range(30):
            bus.publish("market.BTC-USDT.ticker", b"%d" % number)
            bus.publish("market.ETH-USDT.ticker", b"%d" % (number + 100))
        await clock.advance(1.1)
        assert store.tickers == {"BTC/USDT": b"29", "ETH/USDT": b"129"}
        assert writer.status()["tickers"] == 2

    listening(scenario)


def test_what_could_not_be_written_is_written_later_behind_newer_tickers() -> None:
    async def scenario(bus: HeardBus, clock: ManualClock, store: MemoryHistoryStore, writer: MarketWriter) -> None:
        async def away(_step: str) -> None:
            raise HistoryUnavailable("away")

        async def back(_step: str) -> None:
            return

        store.at = away
        bus.publish("market.BTC-USDT.ticker", b"old")
        bus.publish("market.ETH-USDT.ticker", b"only")
        bus.publish("market.BTC-USDT.print", trade_payload(1))
        await clock.advance(3)
        assert store.tickers == {}
        store.at = back
        bus.publish("market.BTC-USDT.ticker", b"new")
        bus.publish("market.BTC-USDT.print", trade_payload(2))
        await clock.advance(1.1)
        assert store.tickers == {"BTC/USDT": b"new", "ETH/USDT": b"only"}
        assert [trade.trade_id for trade in tape(store)] == [1, 2]
        assert writer.status()["waiting"] == 0

    listening(scenario)


def test_what_waits_is_bounded_and_the_newest_stay() -> None:
    async def scenario(bus: HeardBus, clock: ManualClock, store: MemoryHistoryStore, writer: MarketWriter) -> None:
        for trade_id in range(TAPE_LENGTH + 100):
            bus.publish("market.BTC-USDT.print", trade_payload(trade_id))
        assert writer.status()["waiting"] == TAPE_LENGTH
        await clock.advance(1.1)
        assert [trade.trade_id for trade in tape(store)] == list(range(100, TAPE_LENGTH + 100))

    listening(scenario)


def test_a_message_that_is_not_understood_is_counted() -> None:
    async def scenario(bus: HeardBus, clock: ManualClock, store: MemoryHistoryStore, writer: MarketWriter) -> None:
        bus.publish("market.BTC-USDT.print", b"{")
        bus.publish("market.BTC-USDT.print", trade_payload(1, side="both"))
        bus.publish("market.BTC-USDT.print", trade_payload(2, price="many"))
        bus.publish("market.BTC-USDT.print", trade_payload(3))
        await clock.advance(1.1)
        assert writer.status()["not_understood"] == 3
        assert [trade.trade_id for trade in tape(store)] == [3]

    listening(scenario)
