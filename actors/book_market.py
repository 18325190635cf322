"""What a book tells the world of its market: trades as they are journaled, depth and ticker at an even pace."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from actors.runtime import World
from mockexchange import views
from mockexchange.matching.book import OrderBook
from mockexchange.messages.events import BookRecord, OrderFilled, trade_of
from mockexchange.messages.orders import Trade
from mockexchange.messages.subjects import heartbeat, market, token

NS_PER_MS: Final = 1_000_000
TICKER_EVERY_S: Final = 1.0

HEAD_START_IDS: Final = 1_000
"""How far the update ids of an incarnation begin beyond the clock; those of the one before never came that far."""


class MarketPublisher:
    """Publishes `market.<symbol>.*`; called between two cycles of the book, so all it says is journaled.

    Depth messages and depth reads share one update id, which is the wall clock in milliseconds or one more than the
    last, whichever is greater; so it also rises over restarts. The first message of an incarnation comes even where it
    has no levels, and never continues those before: what a book held that has died is to be read anew.
    """

    def __init__(self, book: OrderBook, world: World) -> None:
        self._book = book
        self._world = world
        self._subjects = {kind: market(book.symbol, kind) for kind in ("trade", "print", "depth", "ticker")}
        self._ticker: tuple[object, ...] = ()
        self._ticker_at = float("-inf")
        self._heartbeat_at = float("-inf")
        self._has_told_depth = False
        self.update_id = world.clock.now_ns() // NS_PER_MS + HEAD_START_IDS

    def publish_trades(self, record: BookRecord, sequence: int) -> None:
        """Publish the trades of a record that is in the journal at `sequence`."""
        for event in record.events:
            if isinstance(event, OrderFilled):
                payload = views.encode_trade(trade_of(event, record), self._book.instrument, sequence)
                self._world.bus.publish(self._subjects["trade"], payload)

    def publish_print(self, trade: Trade) -> None:
        """Publish a trade of the outside market, as of now: the venue's time may be that of a recording.

        It goes out twice, so that who needs nothing but these is not told of every trade of accounts.
        """
        now_ns = self._world.clock.now_ns()
        heard = msgspec.structs.replace(trade, time_ns=now_ns, venue_time_ns=trade.time_ns)
        payload = views.encode_trade(heard, self._book.instrument, 0)
        self._world.bus.publish_all([(self._subjects[kind], payload) for kind in ("trade", "print")])

    def publish_depth(self) -> None:
        """Publish the levels that changed since the last time, if any; at first also that there are none."""
        bids, asks = self._book.take_changed_levels()
        if self._has_told_depth and not bids and not asks:
            return
        self._has_told_depth = True
        first = self.update_id + 1
        now_ns = self._world.clock.now_ns()
        self.update_id = max(first, now_ns // NS_PER_MS)
        payload = views.encode_depth(self._book.instrument, first, self.update_id, bids=bids, asks=asks, time_ns=now_ns)
        self._world.bus.publish(self._subjects["depth"], payload)

    def publish_ticker(self) -> None:
        """Publish the ticker when it changed, or when a second has passed."""
        book, now = self._book, self._world.clock.monotonic()
        bid, bid_quantity, ask, ask_quantity = book.best()
        ticker = (bid, bid_quantity, ask, ask_quantity, book.last_price, book.is_stale, book.is_overridden)
        if ticker == self._ticker and now - self._ticker_at < TICKER_EVERY_S:
            return
        self._ticker, self._ticker_at = ticker, now
        view = views.ticker_view(
            book.instrument,
            bid=bid,
            bid_quantity=bid_quantity,
            ask=ask,
            ask_quantity=ask_quantity,
            last=book.last_price,
            time_ns=self._world.clock.now_ns(),
            is_stale=book.is_stale,
            is_overridden=book.is_overridden,
        )
        self._world.bus.publish(self._subjects["ticker"], views.encode_ticker(view))

    def publish_heartbeat(self, status: dict[str, object]) -> None:
        """Publish the actor's counters once a second."""
        now = self._world.clock.monotonic()
        if now - self._heartbeat_at < 1.0:
            return
        self._heartbeat_at = now
        payload = json.dumps({"part": "book", **status}).encode()
        self._world.bus.publish(heartbeat(f"book.{token(self._book.symbol)}"), payload)
