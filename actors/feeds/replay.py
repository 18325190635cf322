"""The outside market as it was recorded, at its recorded pace, over and over.

A line of a recording is the local receive time (ns since the epoch), a blank, and the JSON as received from Binance's
spot streams `depth`, `trade` and `bookTicker`, or the bare answer of its REST depth snapshot. A recording is read
as it is played, never as a whole. Prices finer than the instrument's tick are refused; quantities are rounded down
to its step, which at worst hides a crumb of what was displayed.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

import msgspec

from actors.feeds.follower import Best, Difference, Follower, Snapshot, Trade
from actors.feeds.grid import Grid, OffGrid
from actors.feeds.source import MarketSource, Tick, pace
from infra.ports import Clock
from mockexchange.instruments import Instrument
from mockexchange.messages.market import MarketUpdate

_WINDOW_NS: Final = 50_000_000
_SEAM_NS: Final = 100_000_000
"""Time between the last line of a recording and its first when it begins anew."""


class ReplayError(Exception):
    """A recording that cannot be played; the message names the file, the line and the reason."""


class _Envelope(msgspec.Struct):
    """Either a stream's message or, without `stream`, a snapshot."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_decode_snapshot: Final = msgspec.json.Decoder(Snapshot).decode
_decoders: Final[dict[str, Callable[[bytes], Difference | Best | Trade]]] = {
    "depth": msgspec.json.Decoder(Difference).decode,
    "bookTicker": msgspec.json.Decoder(Best).decode,
    "trade": msgspec.json.Decoder(Trade).decode,
}


class _Line(NamedTuple):
    number: int
    time_ns: int
    market: str
    message: Snapshot | Difference | Best | Trade | None


class ReplaySource(MarketSource):
    """One recording, played on the listed instrument whose base and quote its streams are named after."""

    def __init__(self, path: Path, instruments: dict[str, Instrument]) -> None:
        """Check the recording up to its first snapshot. Raises ReplayError."""
        self._path = path
        self._market = self._find_market()
        listed = {(each.base + each.quote).lower(): each for each in instruments.values()}
        if self._market not in listed:
            raise ReplayError(f"{path}: holds {self._market.upper()}, which is not listed as an instrument with a feed")
        self._instrument = listed[self._market]
        self._check()

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols it speaks of."""
        return frozenset({self._instrument.symbol})

    def ticks(self, clock: Clock) -> AsyncGenerator[list[Tick], None]:
        """Yield what happens as it happens, without end."""
        return pace(self.schedule(), clock, _WINDOW_NS)

    def schedule(self) -> Iterator[Tick]:
        """Yield the recording's ticks without end; every pass begins with its snapshot."""
        passed_ns = 0
        while True:
            at_ns = passed_ns
            for since_ns, updates in self._play():
                at_ns = max(at_ns, passed_ns + since_ns)
                if updates:
                    yield Tick(at_ns, self._instrument.symbol, updates)
            passed_ns = at_ns + _SEAM_NS

    def _play(self) -> Iterator[tuple[int, list[MarketUpdate]]]:
        """Yield what each line of one pass says, with the time since the first line."""
        follower = Follower(Grid(self._instrument))
        began_ns = -1
        for line in self._lines():
            began_ns = line.time_ns if began_ns < 0 else began_ns
            try:
                updates = self._follow(follower, line)
            except OffGrid as error:
                raise ReplayError(f"{self._path}, line {line.number}: {error}") from error
            yield line.time_ns - began_ns, updates

    def _follow(self, follower: Follower, line: _Line) -> list[MarketUpdate]:
        if line.market not in ("", self._market):
            raise ReplayError(
                f"{self._path}, line {line.number}: holds {line.market} beside {self._market}; "
                f"a recording may hold one market, since its snapshot names none"
            )
        return [] if line.message is None else follower.follow(line.message)

    def _lines(self) -> Iterator[_Line]:
        number = 0
        try:
            with self._open() as file:
                for line in file:
                    number += 1
                    yield _parse(number, line)
        except (OSError, EOFError) as error:
            raise ReplayError(f"{self._path}, after line {number}: {error}") from error
        except (ValueError, msgspec.DecodeError) as error:
            raise ReplayError(f"{self._path}, line {number}: {error}") from error

    def _open(self) -> IO[bytes]:
        with self._path.open("rb") as file:
            is_compressed = file.read(2) == b"\x1f\x8b"
        return cast(IO[bytes], gzip.open(self._path)) if is_compressed else self._path.open("rb")

    def _find_market(self) -> str:
        for line in self._lines():
            if line.market:
                return line.market
        raise ReplayError(f"{self._path}: holds no stream")

    def _check(self) -> None:
        """Play up to the first snapshot, whose many levels show whether the instrument's grid fits."""
        if any(updates for _, updates in self._play()):
            return
        raise ReplayError(f"{self._path}: holds no depth snapshot")


def _parse(number: int, line: bytes) -> _Line:
    """Read one line; a stream that is not known has no message."""
    received, _, payload = line.partition(b" ")
    envelope = _decode_envelope(payload)
    if not envelope.stream:
        return _Line(number, int(received), "", _decode_snapshot(payload))
    market, _, stream = envelope.stream.partition("@")
    decode = _decoders.get(stream.partition("@")[0])
    return _Line(number, int(received), market, None if decode is None else decode(envelope.data))
