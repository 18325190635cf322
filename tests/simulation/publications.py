"""What was published: only what the journal holds, and the same from whichever incarnation."""

from __future__ import annotations

import msgspec

from mockexchange.messages.subjects import symbol_of
from tests.simulation.truth import Truth, number_of


class _Trade(msgspec.Struct):
    trade_id: int
    sequence: int
    outside: bool


_decode_trade = msgspec.json.Decoder(_Trade).decode


class Publications:
    """Remembers account messages and trades as they are published, whoever hears them."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, int], bytes] = {}
        self._trades: dict[tuple[str, int], int] = {}
        self._prints: set[tuple[str, int]] = set()
        self._violations: list[str] = []

    def hear(self, subject: str, payload: bytes) -> None:
        """Take note of a message."""
        if subject.startswith("account."):
            known = self._accounts.setdefault((subject, number_of(payload)), payload)
            if known != payload:
                self._violations.append(f"{subject} was published as {known!r} and as {payload!r}")
        elif subject.startswith("market.") and subject.endswith(".trade"):
            self._hear_trade(symbol_of(subject.split(".")[1]), _decode_trade(payload))

    def _hear_trade(self, symbol: str, trade: _Trade) -> None:
        key = symbol, trade.trade_id
        if key in self._prints or key in self._trades:
            self._violations.append(f"trade id {trade.trade_id} of {symbol} was published twice")
        if trade.outside:
            self._prints.add(key)
        else:
            self._trades[key] = trade.sequence

    def check(self, truth: Truth) -> list[str]:
        """Return what was published and is not true."""
        for (subject, number), payload in self._accounts.items():
            if truth.published.get((subject, number)) != payload:
                self._violations.append(f"{subject} was published as {payload!r}, which is not so")
        for (symbol, trade_id), sequence in self._trades.items():
            if truth.trades[symbol].get(trade_id) != sequence:
                self._violations.append(f"trade {trade_id} of {symbol} was published at {sequence}, where it is not")
        for symbol, trade_id in self._prints:
            if trade_id in truth.trades.get(symbol, {}):
                self._violations.append(f"trade id {trade_id} of {symbol} is that of a print and of a trade")
        return self._violations
