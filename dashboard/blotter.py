"""One page of the blotter as one browser sees it: read from the gateway, then kept true by what is heard.

The newest page takes in new orders; any other stays as it is, but for the states of the orders it shows, so that
nothing moves under the eyes of who reads in the past.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from dashboard.gateway_client import GatewayClient
from dashboard.live.board import Payload
from dashboard.live.orders import OrderNews

PAGE: Final = 50
COLUMNS: Final = (
    "id", "symbol", "side", "type", "status", "limit_price", "stop_price", "average", "amount", "actual_filled",
    "quote_amount", "actual_notion", "notion_currency", "actual_fee", "fee_currency", "ts_create", "comment",
)  # fmt: skip

_OPEN: Final = ("new", "partially_filled")


class Missed(Exception):
    """Something changed that nobody knows any more: the page must be read anew."""


class Query(NamedTuple):
    """Which orders of an account a page shows.

    `market` is a symbol or an asset; times are in milliseconds, `end` excluded.
    """

    account: int
    status: str = ""
    side: str = ""
    kind: str = ""
    market: str = ""
    start: int = 0
    end: int = 0
    cursor: int = 0

    @classmethod
    def of(cls, account: int, asked: dict[str, Any]) -> Query:
        """Read what a browser asks for of an account that is its to see."""
        status, side, kind, market = (str(asked.get(name) or "")[:40] for name in ("status", "side", "kind", "market"))
        start, end, cursor = (int(asked.get(name) or 0) for name in ("start", "end", "cursor"))
        return cls(account, status, side, kind, market, start, end, cursor)

    def parameters(self) -> dict[str, str | int | None]:
        """Return what to ask the gateway for."""
        is_symbol = "/" in self.market
        return {
            "account": self.account,
            "status": self.status or None,
            "side": self.side or None,
            "type": self.kind or None,
            "symbol": self.market if is_symbol else None,
            "asset": None if is_symbol else self.market or None,
            "start": self.start or None,
            "end": self.end or None,
            "cursor": self.cursor or None,
            "limit": PAGE,
        }

    def fits(self, order: Payload) -> bool:
        """Whether an order is one of those asked for."""
        is_status = order["status"] in (_OPEN if self.status == "open" else (self.status or order["status"],))
        is_kind = self.side in ("", order["side"]) and self.kind in ("", order["type"])
        is_market = self.market in ("", order["symbol"], order["symbol"].partition("/")[0])
        is_in_time = self.start <= order["ts_create"] and (not self.end or order["ts_create"] < self.end)
        return is_status and is_kind and is_market and is_in_time


class Blotter:
    """Rows newest first; `asked` goes back with every picture, so that the browser knows what it belongs to."""

    def __init__(self, news: OrderNews, query: Query, asked: dict[str, Any]) -> None:
        self._news = news
        self._query = query
        self._asked = asked
        self._rows: dict[int, Payload] = {}
        self._newer: set[int] = set()
        self._cursor = 0
        self._seen = 0
        self._is_shown = False

    async def read(self, gateway: GatewayClient, key: str) -> None:
        """Read the page. Raises GatewayAway or GatewayRefusal."""
        seen = self._news.number
        orders, cursor = await gateway.page("/orders", key, **self._query.parameters())
        self._rows = {int(order["id"]): order for order in orders}
        self._seen, self._cursor, self._is_shown = seen, cursor, False

    def changes(self) -> dict[str, Any]:
        """Return the store to be written anew, if anything has changed. Raises Missed."""
        changed = self._news.since(self._seen)
        if changed is None:
            raise Missed
        self._seen = self._news.number
        took = [self._take(order) for order in changed]
        if self._is_shown and not any(took):
            return {}
        self._is_shown = True
        return {"blotter-live": self.picture()}

    def picture(self) -> dict[str, Any]:
        """Return what the browser shows."""
        rows = [self._rows[order_id] for order_id in sorted(self._rows, reverse=True)]
        return {
            "asked": self._asked,
            "rows": [{name: row[name] for name in COLUMNS} for row in rows],
            "cursor": self._cursor,
            "newer": len(self._newer),
            "said": "",
        }

    def _take(self, order: Payload) -> bool:
        """Take in an order that changed; return whether the picture is another now."""
        order_id = int(order["id"])
        known, fits = self._rows.get(order_id), self._query.fits(order)
        if known is not None:
            return known["history_count"] < order["history_count"] and self._replace(order_id, order, fits)
        if not fits:
            return False
        if self._query.cursor:
            is_news = order_id > max(self._rows, default=self._query.cursor) and order_id not in self._newer
            self._newer.add(order_id)
            return is_news
        return self._insert(order_id, order)

    def _replace(self, order_id: int, order: Payload, fits: bool) -> bool:
        if fits or self._query.cursor:
            self._rows[order_id] = order
        else:
            del self._rows[order_id]
        return True

    def _insert(self, order_id: int, order: Payload) -> bool:
        """Take a new order into the newest page; what falls off its end begins the next."""
        if self._cursor and order_id < min(self._rows, default=0):
            return False
        self._rows[order_id] = order
        for last in sorted(self._rows)[:-PAGE]:
            del self._rows[last]
            self._cursor = min(self._rows)
        return True
