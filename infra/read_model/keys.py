"""Names of the read model's keys."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "mockx:"
"""All keys begin with it, so that a server shared with others is left as it is."""

POSITION: Final = f"{PREFIX}position"
"""How far the journal is folded, written together with the rows."""

SYMBOLS: Final = f"{PREFIX}symbols"
"""Set of the symbols that any row speaks of."""

TICKERS: Final = f"{PREFIX}tickers"
"""Hash of symbol to the last `market.<symbol>.ticker` payload."""

CANDLES: Final = f"{PREFIX}candles:"
"""All keys of candles begin with it: they have a writer and a position of their own."""

CANDLE_POSITION: Final = f"{CANDLES}position"
"""How far the journal is counted in the candles, written together with them."""

EQUITY: Final = f"{PREFIX}equity:"
"""All keys of equity begin with it: they have a writer and a position of their own."""

EQUITY_POSITION: Final = f"{EQUITY}position"
"""How far the journal is folded into portfolios, written together with them."""

EQUITY_ACCOUNTS: Final = f"{EQUITY}accounts"
"""Hash of account to its portfolio and its last sample."""


def order(order_id: int) -> str:
    """Return the key of an order row."""
    return f"{PREFIX}order:{order_id}"


def steps(order_id: int) -> str:
    """Return the key of the list of an order's steps, oldest first."""
    return f"{PREFIX}steps:{order_id}"


def orders(account: int, symbol: str = "") -> str:
    """Return the key of the sorted set of an account's order ids, scored by themselves; of one symbol or of all."""
    return f"{PREFIX}orders:{account}:{symbol}"


def fills(account: int, symbol: str = "") -> str:
    """Return the key of the sorted set of an account's fills, scored by event number; of one symbol or of all."""
    return f"{PREFIX}fills:{account}:{symbol}"


def tape(symbol: str) -> str:
    """Return the key of the sorted set of a symbol's last trades and outside prints, scored by trade id."""
    return f"{PREFIX}tape:{symbol}"


def balances(account: int) -> str:
    """Return the key of the hash of asset code to balance row."""
    return f"{PREFIX}balances:{account}"


def candles(symbol: str, interval: str) -> str:
    """Return the key of the sorted set of a symbol's candles of an interval, scored by when they open."""
    return f"{CANDLES}{interval}:{symbol}"


def equity(account: int, level: str) -> str:
    """Return the key of the sorted set of an account's samples of a level, scored by time."""
    return f"{EQUITY}{level}:{account}"
