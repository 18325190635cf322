"""The parameters of a request as Binance reads them, and what is said where one cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from gateway.binance.errors import BinanceError

T = TypeVar("T")

MAX_TEXT: Final = 256
MAX_INTEGER: Final = 2**63 - 1
MAX_SYMBOLS: Final = 1_000

_INTEGER: Final = re.compile(r"[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
_SYMBOL: Final = re.compile(r"[A-Z0-9._-]{1,40}")
_INTEGER_RANGE: Final = "[0-9]{1,20}"
_DECIMAL_RANGE: Final = r"([0-9]{1,20})(\.[0-9]{1,20})?"
_SYMBOL_RANGE: Final = "[A-Z0-9-_.]{1,20}"

US_PER_MS: Final = 1_000
_FIRST_MICROSECONDS: Final = 10**15
"""Times from here on are microseconds: as milliseconds they would lie in the year 33658."""

PRECISION: Final = 8
"""Decimals that an amount may have; what is finer is refused before any filter is asked."""

_REQUIRED: Final = object()


class Parameters:
    """What a request was given, as texts by name. Every reading raises BinanceError where a value cannot be used."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def of_pairs(cls, query: Iterable[tuple[str, str]], body: Iterable[tuple[str, str]] = ()) -> Parameters:
        """Read the pairs of a query and a body, of which the query wins. Raises BinanceError if a name comes twice."""
        values = _once(query)
        for name, value in _once(body).items():
            values.setdefault(name, value)
        return cls(values)

    @classmethod
    def of_json(cls, given: Mapping[str, Any]) -> Parameters:
        """Read the parameters of a JSON request; numbers must have been decoded as integers or decimals."""
        return cls({name: _text_of(name, value) for name, value in given.items()})

    def __contains__(self, name: str) -> bool:
        """Say whether a parameter was sent, be it empty."""
        return name in self._values

    def check_names(self, known: frozenset[str], *, is_empty: bool) -> None:
        """Raise BinanceError where something was sent that nobody reads; `is_empty`: nothing is known that matters."""
        if known.issuperset(self._values):
            return
        unread, sent = len(self._values.keys() - known), len(self._values)
        if is_empty:
            raise BinanceError(-1101, f"Too many parameters; expected '{sent - unread}' and received '{sent}'.")
        raise BinanceError(
            -1104, f"Not all sent parameters were read; read '{sent - unread}' parameter(s) but was sent '{sent}'."
        )

    def items(self) -> Iterable[tuple[str, str]]:
        """Return all names and texts."""
        return self._values.items()

    def raw(self, name: str) -> str:
        """Return a text as it was sent, nothing if it was not."""
        return self._values.get(name, "")

    # --- texts ---

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        text = self.optional_text(name)
        if text is not None:
            return text
        if default is None:
            raise missing(name)
        return default

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None if it was not sent."""
        text = self._values.get(name)
        if text is None:
            return None
        if not text:
            raise BinanceError(-1105, f"Parameter '{name}' was empty.")
        if len(text) > MAX_TEXT or not text.isprintable():
            raise illegal(name, f"^[ -~]{{1,{MAX_TEXT}}}$")
        return text

    def choice(self, name: str, values: Mapping[str, T], default: T | object = _REQUIRED) -> T:
        """Return what a text stands for; without a default it must be there."""
        text = self.optional_text(name)
        if text is None:
            if default is _REQUIRED:
                raise missing(name)
            return default  # type: ignore[return-value]
        if text not in values:
            raise invalid_choice(name)
        return values[text]

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a truth value."""
        return self.choice(name, _FLAGS, default)

    # --- numbers ---

    def integer(
        self, name: str, *, default: int | None = None, least: int | None = None, most: int | None = None
    ) -> int:
        """Return a whole number within bounds; without a default it must be there."""
        value = self.optional_integer(name, least=least, most=most)
        if value is not None:
            return value
        if default is None:
            raise missing(name)
        return default

    def optional_integer(self, name: str, *, least: int | None = None, most: int | None = None) -> int | None:
        """Return a whole number within bounds, or None if it was not sent."""
        text = self.optional_text(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text) or int(text) > MAX_INTEGER:
            raise illegal(name, f"^{_INTEGER_RANGE}$")
        value = int(text)
        if (least is not None and value < least) or (most is not None and value > most):
            raise not_valid(name)
        return value

    def optional_time_us(self, name: str) -> int | None:
        """Return a time in microseconds, or None if it was not sent; it may come in milli- or microseconds."""
        time = self.optional_integer(name)
        if time is None:
            return None
        return time if time >= _FIRST_MICROSECONDS else time * US_PER_MS

    def optional_time_ms(self, name: str) -> int | None:
        """Return the millisecond of a time, or None if it was not sent; it may come in milli- or microseconds."""
        time_us = self.optional_time_us(name)
        return None if time_us is None else time_us // US_PER_MS

    def limit(self, *, default: int, most: int) -> int:
        """Return how many rows are asked for: as many as there may be where more are asked for."""
        return min(self.integer("limit", default=default, least=1), most)

    def decimal(self, name: str) -> Decimal | None:
        """Return an amount that is not negative, or None if it was not sent."""
        text = self.optional_text(name)
        if text is None:
            return None
        value = _decimal_of(text)
        if value is None:
            raise illegal(name, f"^{_DECIMAL_RANGE}$")
        if not _is_coarse(value):
            raise BinanceError(-1111, f"Parameter '{name}' has too much precision.")
        return value

    # --- symbols ---

    def symbols(self) -> list[str]:
        """Return the names that `symbols` lists or `symbol` gives, nothing where neither was sent."""
        one, many = self.optional_text("symbol"), self._values.get("symbols")
        if one is not None and many is not None:
            raise BinanceError(-1128, "Combination of optional parameters invalid.")
        if one is not None:
            return [_symbol("symbol", one)]
        if many is None:
            return []
        names = _list_of(many)
        if not names or len(names) > MAX_SYMBOLS:
            raise not_valid("symbols")
        return [_symbol("symbols", name) for name in dict.fromkeys(names)]


_FLAGS: Final = {"true": True, "false": False, "TRUE": True, "FALSE": False}

_CHOICES: Final = {
    "timeInForce": (-1115, "Invalid timeInForce."),
    "type": (-1116, "Invalid orderType."),
    "side": (-1117, "Invalid side."),
    "interval": (-1120, "Invalid interval."),
}


def missing(name: str) -> BinanceError:
    """Return the refusal of a request that lacks a parameter."""
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_needed(name: str) -> BinanceError:
    """Return the refusal of a parameter that does not go with the others."""
    return BinanceError(-1106, f"Parameter '{name}' sent when not required.")


def not_valid(name: str) -> BinanceError:
    """Return the refusal of a value that is out of bounds."""
    return BinanceError(-1130, f"Data sent for parameter '{name}' is not valid.")


def illegal(name: str, legal_range: str) -> BinanceError:
    """Return the refusal of a text that is not of the form it must have."""
    return BinanceError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal_range}'.")


def invalid_choice(name: str) -> BinanceError:
    """Return the refusal of a text that is none of those that may be chosen."""
    return BinanceError(*_CHOICES[name]) if name in _CHOICES else not_valid(name)


@lru_cache(maxsize=65_536)
def _decimal_of(text: str) -> Decimal | None:
    """Return the number that a text stands for, None if it is none. Bots send the same numbers again and again."""
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


@lru_cache(maxsize=65_536)
def _is_coarse(value: Decimal) -> bool:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent >= -PRECISION


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise BinanceError(-1101, f"Duplicate values for parameter '{name}' detected.")
        values[name] = value
    return values


def _text_of(name: str, value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            # A huge exponent must not be written out.
            return f"{value:f}" if value.is_finite() and abs(value.adjusted()) < 40 else str(value)
        case list():
            return msgspec.json.encode(value).decode()
        case _:
            raise missing(name)


def _list_of(text: str) -> list[str]:
    try:
        return msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise illegal("symbols", f'^\\["{_SYMBOL_RANGE}"(,"{_SYMBOL_RANGE}"){{0,}}\\]$') from error


def _symbol(name: str, text: str) -> str:
    if not _SYMBOL.fullmatch(text):
        raise illegal(name, f"^{_SYMBOL_RANGE}$")
    return text
