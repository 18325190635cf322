"""Recordings of an outside market: the real one, and small ones made by hand."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]


def real_recording() -> Path:
    """Return the recorded Binance market, from `MOCKX_TEST_DATA` or beside the repository."""
    folder = os.environ.get("MOCKX_TEST_DATA", "../shared/data")
    return (_REPOSITORY / folder / "binance_spot_btcusdt_20240808.gz").resolve()


def write_recording(path: Path, messages: list[tuple[int, dict[str, object]]]) -> Path:
    """Write (milliseconds, message) lines as a recording."""
    with gzip.open(path, "wb") as file:
        for at_ms, message in messages:
            file.write(f"{1_700_000_000_000_000_000 + at_ms * 1_000_000} {json.dumps(message)}\n".encode())
    return path


def snapshot(last: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, object]:
    """Return the venue's answer to a request for depth."""
    return {"lastUpdateId": last, "bids": bids, "asks": asks}


def difference(first: int, last: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, object]:
    """Return a message of the depth stream."""
    return {"stream": "btcusdt@depth@100ms", "data": {"U": first, "u": last, "b": bids, "a": asks}}


def best(update: int, bid: str, bid_quantity: str, ask: str, ask_quantity: str) -> dict[str, object]:
    """Return a message of the bookTicker stream."""
    data = {"u": update, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity}
    return {"stream": "btcusdt@bookTicker", "data": data}


def trade(trade_id: int, price: str, quantity: str, *, is_buyer_maker: bool) -> dict[str, object]:
    """Return a message of the trade stream."""
    data = {"t": trade_id, "p": price, "q": quantity, "T": 1_723_161_255_342, "m": is_buyer_maker}
    return {"stream": "btcusdt@trade", "data": data}
