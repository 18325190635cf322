"""Equity over time as rows of the read model, how long they are kept, and where their writer stands.

A sample is kept where it differs from the one before, so what is stored is a staircase. The last sample of an account
stands beside its portfolio; once another comes, it goes into every level whose step of time has ended with it. So all
rows are true samples at their own time, each written once: those of a level are the last of each of its steps.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from mockexchange.portfolio import Portfolio

EQUITY_VERSION: Final = 1
"""Version of names and encodings; portfolios of another version are reckoned anew from the journal."""

SECOND_MS: Final = 1_000
HOUR_MS: Final = 3_600 * SECOND_MS
DAY_MS: Final = 24 * HOUR_MS


class Level(NamedTuple):
    """One sample is kept for each `step_ms`, for as long as `kept_ms`."""

    name: str
    step_ms: int
    kept_ms: int


LEVELS: Final = (
    Level("10s", 10 * SECOND_MS, 6 * HOUR_MS),
    Level("1m", 60 * SECOND_MS, DAY_MS),
    Level("1h", HOUR_MS, 31 * DAY_MS),
    Level("1d", DAY_MS, 3_650 * DAY_MS),
)
"""Finest first: at most 8,000 rows for an account that always changes."""


class EquitySample(msgspec.Struct, array_like=True, frozen=True):
    """What an account was worth, and what was paid in beyond what was taken out, in units of the cash asset."""

    time_ms: int
    equity: int
    invested: int


class AccountEquity(msgspec.Struct, array_like=True):
    """An account's portfolio and its last sample."""

    portfolio: Portfolio
    last: EquitySample | None = None


class EquityPosition(msgspec.Struct, array_like=True, frozen=True):
    """How far the journal is folded: `sequence`, and a checksum of the record that stands there (0: none yet).

    `writer` and `writes` are unique to every write, so that a second writer is noticed.
    """

    sequence: int
    checksum: int
    writer: str
    writes: int
    version: int = EQUITY_VERSION


class EquityRows:
    """What is to be written at once: portfolios with their last samples, and samples for levels."""

    def __init__(self) -> None:
        self.accounts: dict[int, bytes] = {}
        self.samples: list[tuple[int, Level, EquitySample]] = []

    def take_sample(self, row: AccountEquity, sample: EquitySample) -> bool:
        """Make a sample the last of an account unless nothing has changed; return whether it was."""
        last = row.last
        if last is not None and (last.equity, last.invested) == (sample.equity, sample.invested):
            return False
        row.last = sample
        if last is not None:
            ended = [level for level in LEVELS if last.time_ms // level.step_ms != sample.time_ms // level.step_ms]
            self.samples += [(row.portfolio.account, level, last) for level in ended]
        return True


def thinned(samples: list[EquitySample], limit: int) -> list[EquitySample]:
    """Return at most `limit` samples: the last of each of as many equal spans of time, and the first."""
    if len(samples) <= limit:
        return samples
    start, end = samples[0].time_ms, samples[-1].time_ms
    spans = max(limit - 1, 1)
    last_of = {(sample.time_ms - start) * spans // (end - start + 1): sample for sample in samples}
    kept = list(last_of.values())
    return kept if kept[0] is samples[0] or limit == 1 else [samples[0], *kept]


# JSON, since costs may not fit into the 64 bits that msgpack has for an integer.
encode_row: Final = msgspec.json.Encoder().encode
decode_account: Final = msgspec.json.Decoder(AccountEquity).decode
decode_sample: Final = msgspec.json.Decoder(EquitySample).decode
decode_equity_position: Final = msgspec.json.Decoder(EquityPosition).decode
