"""Names of the NATS subjects. A symbol is written `BTC-USDT` in them, since `/` reads badly there."""

from __future__ import annotations

from typing import Final

JOURNAL_STREAM: Final = "JOURNAL"
JOURNAL_ALL: Final = "journal.>"
REGISTRY: Final = "journal.registry"
BOOKS: Final = "journal.book.>"
ACCOUNTS: Final = "journal.accounts.>"

_BOOK_PREFIX: Final = "journal.book."
_ACCOUNTS_PREFIX: Final = "journal.accounts."


def token(symbol: str) -> str:
    """Return a symbol as one subject token."""
    return symbol.replace("/", "-")


def symbol_of(subject_token: str) -> str:
    """Return the symbol of a subject token."""
    return subject_token.replace("-", "/")


def accounts_journal(shard: int) -> str:
    """Return the journal subject of an accounts shard."""
    return f"{_ACCOUNTS_PREFIX}{shard}"


def book_journal(symbol: str) -> str:
    """Return the journal subject of a book."""
    return f"{_BOOK_PREFIX}{token(symbol)}"


def shard_of_subject(subject: str) -> int | None:
    """Return the shard whose journal subject this is, or None."""
    return int(subject[len(_ACCOUNTS_PREFIX) :]) if subject.startswith(_ACCOUNTS_PREFIX) else None


def symbol_of_subject(subject: str) -> str | None:
    """Return the symbol whose book's journal subject this is, or None."""
    return symbol_of(subject[len(_BOOK_PREFIX) :]) if subject.startswith(_BOOK_PREFIX) else None


def feed_updates(symbol: str) -> str:
    """Return the subject of a feed's updates."""
    return f"feed.{token(symbol)}.updates"


def feed_snapshot(symbol: str) -> str:
    """Return the subject on which a feed answers with a depth snapshot."""
    return f"feed.{token(symbol)}.snapshot"


def feed_ticker(symbol: str) -> str:
    """Return the subject of the outside market's ticker; `*` gives all."""
    return f"feed.{token(symbol)}.ticker"


def feed_prints(symbol: str) -> str:
    """Return the subject of the seconds in which the outside market traded; `*` gives all."""
    return f"feed.{token(symbol)}.prints"


def feed_candles(symbol: str) -> str:
    """Return the subject on which a feed answers with candles of the past."""
    return f"feed.{token(symbol)}.candles"


def market(symbol: str, kind: str) -> str:
    """Return a public market subject; `kind` is ticker, depth or trade."""
    return f"market.{token(symbol)}.{kind}"


def account(account_id: int, kind: str) -> str:
    """Return a private account subject; `kind` is orders, fills or balance."""
    return f"account.{account_id}.{kind}"


def equity(account_id: int | str) -> str:
    """Return the subject on which an account's portfolio is told; `*` gives all."""
    return f"equity.{account_id}"


def heartbeat(part: str) -> str:
    """Return the subject on which a part reports its counters once a second."""
    return f"system.{part}"


def calls(part: str, incarnation: str) -> str:
    """Return the address of one incarnation of a part, to which other parts of the exchange send calls."""
    return f"call.{part}.{incarnation}"
