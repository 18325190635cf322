"""What the texts of settings mean: feeds, funds, sizes, symbols and addresses.

Each parser raises ValueError when a text does not fit; `Settings` says which setting it was and what would fit.
Only `Unfit` carries a text of its own, where more is known.
"""

from __future__ import annotations

import difflib
import importlib.util
import ipaddress
import json
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from mockexchange.instruments import ASSET_PATTERN, ASSET_SCALE
from mockexchange.money import RATE_ONE, RATE_SCALE, to_decimal, to_units

_SIZE: Final = re.compile(r"(\d{1,15})\s*([KMGT]?)B?", re.IGNORECASE)
_SIZE_FACTORS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_RAY_ADDRESS: Final = re.compile(r"[A-Za-z0-9.-]+:\d{1,5}")


class Unfit(ValueError):
    """A value that does not fit; the text says why and what to change."""


class FeedSource(NamedTuple):
    """Where outside prices come from: `seed` is a synthetic market's, `path` a recorded one's, `venue` a real one's."""

    kind: Literal["synthetic", "replay", "ccxt", "none"]
    seed: int = 1
    path: Path = Path()
    venue: str = ""


def parse_feed(text: str) -> FeedSource:
    """Read `synthetic`, `synthetic:<seed>`, `replay:<file>`, `ccxt:<exchange id>` or `none`."""
    kind, _, detail = text.strip().partition(":")
    if kind == "none" and not detail:
        return FeedSource("none")
    if kind == "synthetic" and (not detail or re.fullmatch(r"\d{1,9}", detail)):
        return FeedSource("synthetic", seed=int(detail or 1))
    if kind == "replay" and detail:
        path = Path(detail).expanduser().resolve()
        if not path.is_file():
            raise Unfit(f"there is no file {path}; name a recording that exists")
        return FeedSource("replay", path=path)
    if kind == "ccxt":
        if detail not in _ccxt_ids():
            near = ", ".join(difflib.get_close_matches(detail, _ccxt_ids(), n=3, cutoff=0.0))
            raise Unfit(f"ccxt knows no exchange {detail!r}; name a known one, like {near}")
        return FeedSource("ccxt", venue=detail)
    raise ValueError


@cache
def _ccxt_ids() -> frozenset[str]:
    """Return the ids of ccxt's exchanges from its files' names, since importing ccxt takes half a second."""
    package = importlib.util.find_spec("ccxt")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "async_support"
    return frozenset(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def feed_text(source: FeedSource) -> str:
    """Write a feed as `parse_feed` reads it, with nothing left to defaults or to the working directory."""
    match source.kind:
        case "synthetic":
            return f"synthetic:{source.seed}"
        case "replay":
            return f"replay:{source.path}"
        case "ccxt":
            return f"ccxt:{source.venue}"
        case "none":
            return "none"


def parse_feed_options(value: object) -> str:
    """Check what ccxt's exchange is constructed with: a JSON object, or a table of the configuration file."""
    if isinstance(value, dict):
        value = json.dumps(value, default=str)
    if not isinstance(value, str) or not isinstance(json.loads(value), dict):
        raise ValueError
    return value


def parse_file(text: object) -> Path:
    """Read the path of a file that exists."""
    path = Path(str(text)).expanduser().resolve()
    if not path.is_file():
        raise Unfit(f"there is no file {path}; name a PEM file that exists")
    return path


def parse_funds(text: str) -> dict[str, int]:
    """Read `100000 USDT, 1.5 BTC` as asset codes and units."""
    funds: dict[str, int] = {}
    for part in text.split(","):
        amount, asset = part.split()
        if not ASSET_PATTERN.fullmatch(asset) or asset in funds:
            raise ValueError
        funds[asset] = to_units(amount, ASSET_SCALE)
        if funds[asset] <= 0:
            raise ValueError
    return funds


def funds_text(funds: dict[str, int]) -> str:
    """Write funds as `parse_funds` reads them."""
    return ", ".join(f"{to_decimal(units, ASSET_SCALE).normalize():f} {asset}" for asset, units in funds.items())


def parse_size(text: str | int) -> int:
    """Read a number of bytes: `500MB`, `10 GB` or plain digits."""
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise ValueError
    return int(match[1]) * _SIZE_FACTORS[match[2].upper()]


def parse_symbols(value: object) -> tuple[str, ...]:
    """Read `BTC/USDT,ETH/USDT`, or a list of such symbols. An empty tuple stands for those that the feed finds."""
    if value == () and isinstance(value, tuple):
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError
    symbols = tuple(str(part).strip() for part in parts)
    for symbol in symbols:
        base, _, quote = symbol.partition("/")
        if not (ASSET_PATTERN.fullmatch(base) and ASSET_PATTERN.fullmatch(quote)) or base == quote:
            raise ValueError
    if not symbols or len(set(symbols)) != len(symbols):
        raise ValueError
    return symbols


def parse_fee(value: object) -> Decimal:
    """Read a fee as a part of one: `0.001` is 0.1 %. Its finest step is a millionth."""
    if not 0 <= to_units(str(value), RATE_SCALE) <= RATE_ONE // 10:
        raise ValueError
    return Decimal(str(value))


def parse_host(text: str) -> str:
    """Check a host name or an IP address to listen on."""
    if not is_address(text) and not _HOST.fullmatch(text):
        raise ValueError
    return text


def is_address(text: str) -> bool:
    """Whether the text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def reachable_host(host: str) -> str:
    """Return where this machine reaches what listens on `host`, fit for a URL."""
    if is_address(host):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "[::1]"
        return f"[{host}]" if address.version == 6 else host
    return host


def parse_nats_url(text: str) -> str:
    """Check `nats://` or `tls://` URLs, comma-separated."""
    for url in text.split(","):
        _check_url(url.strip(), ("nats", "tls"))
    return text


def parse_valkey_url(text: str) -> str:
    """Check a URL that a Valkey client takes."""
    _check_url(text, ("valkey", "valkeys", "redis", "rediss", "unix"))
    return text


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    scheme, separator, rest = url.partition("://")
    if scheme not in schemes or not separator or not rest:
        raise ValueError


def parse_ray_address(text: str) -> str:
    """Check `host:port` of a running Ray."""
    if not _RAY_ADDRESS.fullmatch(text):
        raise ValueError
    return text


def parse_journal_sync(value: object) -> str:
    """Read `always` or a number of seconds."""
    text = str(value).strip().removesuffix("s") if value != "always" else "always"
    if text != "always" and not (re.fullmatch(r"\d{1,4}", text) and int(text) >= 1):
        raise ValueError
    return text
