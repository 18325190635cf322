"""What a recording of an outside market holds, as far as it must be known before it is played."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from infra.setting_values import Unfit
from mockexchange.presets import symbol_of_venue

_STREAM: Final = re.compile(rb'"stream":\s*"([a-z0-9]+)@')
_LINES_LOOKED_AT: Final = 5_000


def recorded_symbols(path: Path) -> tuple[str, ...]:
    """Return the symbols that the first lines of a recording speak of, in order of appearance.

    Raises Unfit when there is none, or the file cannot be read.
    """
    try:
        names = dict.fromkeys(match[1].decode() for match in map(_STREAM.search, _first_lines(path)) if match)
    except (OSError, EOFError) as error:
        raise Unfit(f"{path} cannot be read as a recording ({error})") from error
    symbols = tuple(symbol for name in names if (symbol := symbol_of_venue(name.upper())) is not None)
    if not symbols:
        raise Unfit(f"{path} holds no stream of a known market; name a recording of one")
    return symbols


def _first_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if is_compressed else path.open("rb") as lines:
        yield from islice(lines, _LINES_LOOKED_AT)
