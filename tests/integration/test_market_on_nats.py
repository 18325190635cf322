import json

import pytest

from actors.feeds.build import build_source
from actors.feeds.depth import OutsideDepth
from actors.feeds.shell import FeedShell
from actors.writers.market import MarketWriter
from infra.nats.bus import NatsBus
from infra.read_model.reader import HistoryReader
from infra.read_model.valkey_store import ValkeyHistoryStore
from infra.wall_clock import WallClock
from mockexchange.messages.codec import decode_feed_message, decode_feed_ticker
from mockexchange.messages.market import FeedMessage, FeedTicker, Print
from mockexchange.presets import preset
from tests.support.eventually import eventually
from tests.support.recordings import real_recording
from tests.support.servers import NatsServer, ValkeyServer

pytestmark = pytest.mark.anyio

FED = {"BTC/USDT": preset("BTC/USDT", feed=True)}


async def test_a_recorded_market_can_be_followed_from_a_snapshot_on(clean_nats_server: NatsServer) -> None:
    messages: list[FeedMessage] = []
    tickers: list[FeedTicker] = []
    async with clean_nats_server.connection("feed") as ours, clean_nats_server.connection("book") as theirs:
        feed = FeedShell(build_source(f"replay:{real_recording()}", FED), NatsBus(ours), WallClock(), FED, 42)
        book = NatsBus(theirs)
        await book.subscribe("feed.BTC-USDT.updates", lambda _, payload: messages.append(decode_feed_message(payload)))
        await book.subscribe("feed.BTC-USDT.ticker", lambda _, payload: tickers.append(decode_feed_ticker(payload)))
        await feed.start()
        await eventually(lambda: len(messages) > 20)
        answer = await book.request("feed.BTC-USDT.snapshot", b"", 5.0)
        assert answer is not None
        snapshot = decode_feed_message(answer)
        await eventually(lambda: messages[-1].number > snapshot.number + 20 and len(tickers) > 2)
        await feed.stop()
    assert [message.number for message in messages] == list(range(1, len(messages) + 1))
    assert {message.epoch for message in messages} == {42} == {snapshot.epoch}
    assert any(isinstance(update, Print) for message in messages for update in message.updates)
    from_snapshot, from_start = OutsideDepth(), OutsideDepth()
    from_snapshot.apply(snapshot.updates[0])
    for message in messages:
        for update in message.updates:
            from_start.apply(update)
            if message.number > snapshot.number:
                from_snapshot.apply(update)
    assert from_snapshot.best() == from_start.best()
    assert from_snapshot.snapshot().bids[:100] == from_start.snapshot().bids[:100]
    assert 60_000_00 < tickers[-1].bid < tickers[-1].ask < 63_000_00


async def test_tickers_and_prints_reach_the_read_model(
    clean_nats_server: NatsServer, clean_valkey_server: ValkeyServer
) -> None:
    trade = {
        "symbol": "BTC/USDT",
        "trade_id": 17,
        "price": "60000.20",
        "quantity": "0.01000",
        "side": "buy",
        "outside": True,
        "time": 1723161251000,
        "sequence": 0,
    }
    async with (
        clean_nats_server.connection("market") as ours,
        clean_nats_server.connection("book") as theirs,
        clean_valkey_server.client() as client,
    ):
        writer = MarketWriter(NatsBus(ours), ValkeyHistoryStore(client), WallClock())
        await writer.start()
        book = NatsBus(theirs)
        book.publish("market.BTC-USDT.ticker", b"first")
        book.publish("market.BTC-USDT.ticker", b"second")
        book.publish("market.BTC-USDT.print", json.dumps(trade).encode())
        await eventually(lambda: writer.status()["prints"] == 1)
        await writer.stop()
        reader = HistoryReader(client)
        assert await reader.tickers() == {"BTC/USDT": b"second"}
        trades, before = await reader.trades("BTC/USDT")
        assert [(t.trade_id, t.price, t.quantity, t.is_outside) for t in trades] == [(17, 6_000_020, 1_000, True)]
        assert before == 0
