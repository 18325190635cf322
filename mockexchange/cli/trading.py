"""The commands that look at a market, trade and manage money: what each asks of the exchange, as data."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

STATUSES: Final = (
    "open", "new", "partially_filled", "filled", "canceled", "partially_canceled", "rejected",
    "expired", "partially_expired", "partially_rejected",
)  # fmt: skip
TYPES: Final = ("market", "limit", "stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit")
TYPE_CHOICES: Final = {"choices": TYPES, "metavar": "TYPE"}
ORDER_COLUMNS: Final = ("id", "symbol", "side", "type", "amount", "limit_price", "status", "actual_filled", "average")
FILL_COLUMNS: Final = ("time", "trade_id", "order_id", "symbol", "side", "price", "amount", "fee", "fee_currency")
TICKER_COLUMNS: Final = ("symbol", "price", "bid", "ask", "bid_volume", "ask_volume", "stale", "overridden")
CANDLE_COLUMNS: Final = ("open_time", "open", "high", "low", "close", "volume")


class Ask(NamedTuple):
    """A request to the exchange."""

    method: str
    path: str
    body: dict[str, Any] | None = None


class Argument(NamedTuple):
    """A word or an option of a command; `how` is what argparse takes."""

    name: str
    help: str
    how: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Command:
    """A command: how it is typed and explained, what it asks, and which of an answer's fields a table shows.

    `is_good` tells from an answer that is no refusal whether the exit status is 0.
    """

    name: str
    summary: str
    ask: Callable[[argparse.Namespace], Ask]
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    is_admin: bool = False
    part: str = ""
    is_good: Callable[[Any], bool] = field(default=lambda _: True)


def _path(*parts: str, **query: Any) -> str:
    path = "".join(f"/{quote(part, safe='/,')}" for part in parts)
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _body(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _order_body(words: argparse.Namespace) -> dict[str, Any]:
    return _body(
        symbol=words.symbol,
        side=words.side,
        type=words.type or ("limit" if words.price is not None else "market"),
        amount=words.amount,
        limit_price=words.price,
        stop_price=getattr(words, "stop_price", None),
        time_in_force=getattr(words, "time_in_force", None),
        client_order_id=getattr(words, "client_order_id", None),
    )


def _orders(*, ids_only: bool) -> Callable[[argparse.Namespace], Ask]:
    def ask(words: argparse.Namespace) -> Ask:
        filters = {"status": words.status, "symbol": words.symbol, "side": words.side, "tail": words.tail}
        return Ask("GET", _path(*(("orders", "list") if ids_only else ("orders",)), **filters))

    return ask


SYMBOL: Final = Argument("symbol", "symbol, like BTC/USDT")
ASSET: Final = Argument("asset", "asset, like USDT")
AMOUNT: Final = Argument("amount", "how much, exactly as written")
SIDE: Final = Argument("side", "buy or sell", {"choices": ("buy", "sell")})
PRICE: Final = Argument("--price", "limit price")
TAIL: Final = Argument("--tail", "how many of the newest, 500 at most", {"type": int, "metavar": "N"})
FILTERS: Final = (
    Argument("--status", "only orders in this state", {"choices": STATUSES, "metavar": "STATUS"}),
    Argument("--symbol", "only orders of this symbol"),
    Argument("--side", "only orders of this side", {"choices": ("buy", "sell")}),
    TAIL,
)

MARKET: Final = (
    Command("tickers", "List all symbols.", lambda _: Ask("GET", "/tickers"), examples=("mockx tickers",)),
    Command(
        "ticker",
        "Show prices.",
        lambda words: Ask("GET", _path("tickers", words.symbols)),
        (Argument("symbols", "symbols, separated by commas"),),
        ("mockx ticker BTC/USDT", "mockx ticker BTC/USDT,ETH/USDT --json"),
        TICKER_COLUMNS,
    ),
    Command(
        "book",
        "Show the best levels of an order book.",
        lambda words: Ask("GET", _path("orderbook", words.symbol, depth=words.depth)),
        (SYMBOL, Argument("--depth", "levels of each side", {"type": int, "default": 10, "metavar": "N"})),
        ("mockx book BTC/USDT --depth 5",),
    ),
    Command(
        "candles",
        "Show candles.",
        lambda words: Ask("GET", _path("candles", words.symbol, interval=words.interval, limit=words.limit)),
        (
            SYMBOL,
            Argument("--interval", "1s to 1M", {"default": "1m"}),
            Argument("--limit", "how many", {"type": int, "default": 20, "metavar": "N"}),
        ),
        ("mockx candles BTC/USDT --interval 1h",),
        CANDLE_COLUMNS,
    ),
)
MONEY: Final = (
    Command("balance", "Show all balances.", lambda _: Ask("GET", "/balance"), examples=("mockx balance",)),
    Command(
        "balance-asset",
        "Show the balance of one asset.",
        lambda words: Ask("GET", _path("balance", words.asset)),
        (ASSET,),
        ("mockx balance-asset USDT",),
    ),
    Command(
        "balance-list",
        "List the assets the account has.",
        lambda _: Ask("GET", "/balance/list"),
        examples=("mockx balance-list",),
    ),
    Command(
        "deposit",
        "Bring money in.",
        lambda words: Ask("POST", _path("balance", words.asset, "deposit"), {"amount": words.amount}),
        (ASSET, AMOUNT),
        ("mockx deposit USDT 5000",),
    ),
    Command(
        "withdrawal",
        "Take money out.",
        lambda words: Ask("POST", _path("balance", words.asset, "withdrawal"), {"amount": words.amount}),
        (ASSET, AMOUNT),
        ("mockx withdrawal USDT 12.5",),
    ),
    Command(
        "overview-capital",
        "Show equity, deposits, withdrawals and profit.",
        lambda words: Ask("GET", _path("overview", "capital", aggregation="false" if words.raw else None)),
        (Argument("--raw", "asset by asset", {"action": "store_true"}),),
        ("mockx overview-capital", "mockx overview-capital --raw"),
    ),
    Command(
        "overview-assets",
        "Show free and held values.",
        lambda _: Ask("GET", "/overview/assets"),
        examples=("mockx overview-assets",),
    ),
    Command(
        "overview-trades",
        "Show totals of trades.",
        lambda words: Ask("GET", _path("overview", "trades", side=words.side, assets=words.assets)),
        (
            Argument("--side", "only this side", {"choices": ("buy", "sell")}),
            Argument("--assets", "only these base assets, separated by commas"),
        ),
        ("mockx overview-trades --side buy --assets BTC,ETH",),
    ),
)
ORDERS: Final = (
    Command(
        "order",
        "Place an order.",
        lambda words: Ask("POST", "/orders", _order_body(words)),
        (
            SYMBOL,
            SIDE,
            AMOUNT,
            Argument("--type", f"limit with a price, else market, or: {', '.join(TYPES[2:])}", TYPE_CHOICES),
            PRICE,
            Argument("--stop-price", "the last price that wakes an order of the other types"),
            Argument("--time-in-force", "how long it may rest", {"choices": ("GTC", "IOC", "FOK")}),
            Argument("--client-order-id", "an id of your own; sent twice, it is one order"),
        ),
        ("mockx order BTC/USDT buy 0.001", "mockx order BTC/USDT sell 0.001 --type stop_loss --stop-price 50000"),
        is_good=lambda order: "rejected" not in order["status"],
    ),
    Command(
        "can-exec",
        "Tell whether an order could be paid for now.",
        lambda words: Ask("POST", "/orders/can_execute", _order_body(words)),
        (SYMBOL, SIDE, AMOUNT, Argument("--type", "limit or market", {"choices": ("market", "limit")}), PRICE),
        ("mockx can-exec BTC/USDT buy 0.5 --price 60000",),
        is_good=lambda verdict: bool(verdict["ok"]),
    ),
    Command(
        "orders",
        "List orders, newest first.",
        _orders(ids_only=False),
        FILTERS,
        ("mockx orders", "mockx orders --status open --symbol BTC/USDT --tail 20"),
        ORDER_COLUMNS,
    ),
    Command(
        "orders-simple",
        "List ids of orders.",
        _orders(ids_only=True),
        FILTERS,
        ("mockx orders-simple --status open",),
        part="orders",
    ),
    Command(
        "order-get",
        "Show one order.",
        lambda words: Ask("GET", _path("orders", words.id)),
        (Argument("id", "id of the order"),),
        ("mockx order-get 1024",),
    ),
    Command(
        "cancel",
        "Cancel an open order.",
        lambda words: Ask("POST", _path("orders", words.id, "cancel")),
        (Argument("id", "id of the order"),),
        ("mockx cancel 1024",),
    ),
    Command(
        "cancel-all",
        "Cancel all open orders.",
        lambda words: Ask("DELETE", _path("orders", symbol=words.symbol)),
        (Argument("--symbol", "only those of this symbol"),),
        ("mockx cancel-all --symbol BTC/USDT",),
        ORDER_COLUMNS,
    ),
    Command(
        "trades",
        "List the account's trades, newest first.",
        lambda words: Ask("GET", _path("trades", symbol=words.symbol, tail=words.tail)),
        (Argument("--symbol", "only those of this symbol"), TAIL),
        ("mockx trades --symbol BTC/USDT",),
        FILL_COLUMNS,
    ),
)
ADMINISTRATION: Final = (
    Command(
        "set-balance",
        "Set the demo account's free balance of an asset.",
        lambda words: Ask("PATCH", _path("admin", "balance", words.asset), _body(free=words.free, used=words.used)),
        (
            ASSET,
            Argument("--free", "the free balance to set", {"required": True}),
            Argument("--used", "what open orders hold; it can only be repeated"),
        ),
        ("mockx set-balance USDT --free 1000",),
        is_admin=True,
    ),
    Command(
        "set-price",
        "Put a price in place of the outside market.",
        lambda words: Ask(
            "PATCH",
            _path("admin", "tickers", words.symbol, "price"),
            _body(price=words.price, bid_volume=words.bid_volume, ask_volume=words.ask_volume),
        ),
        (
            SYMBOL,
            Argument("price", "the price"),
            Argument("--bid-volume", "how much is bid at it"),
            Argument("--ask-volume", "how much is asked at it"),
        ),
        ("mockx set-price BTC/USDT 50000", "mockx set-price BTC/USDT 50000 --ask-volume 2"),
        is_admin=True,
    ),
    Command(
        "release-price",
        "Let the outside market count again.",
        lambda words: Ask("DELETE", _path("admin", "tickers", words.symbol, "price")),
        (SYMBOL,),
        ("mockx release-price BTC/USDT",),
        is_admin=True,
    ),
    Command(
        "reset-data",
        "Cancel all orders and start all balances and history anew.",
        lambda _: Ask("DELETE", "/admin/data"),
        examples=("mockx reset-data",),
        is_admin=True,
    ),
)
COMMANDS: Final = {command.name: command for command in (*MARKET, *MONEY, *ORDERS, *ADMINISTRATION)}
