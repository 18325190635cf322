"""Instruments as the large venues list them, and a sensible guess for all others."""

from __future__ import annotations

from typing import Final, NamedTuple

from mockexchange.instruments import ASSET_SCALE, Instrument
from mockexchange.money import to_units


class _Preset(NamedTuple):
    """Decimals of price and quantity, and a start price in the quote asset."""

    price_scale: int
    quantity_scale: int
    start_price: str


_KNOWN: Final = {
    "BTC/USDT": _Preset(2, 5, "60000"),
    "ETH/USDT": _Preset(2, 4, "2600"),
    "SOL/USDT": _Preset(2, 3, "150"),
    "BNB/USDT": _Preset(2, 3, "520"),
    "XRP/USDT": _Preset(4, 1, "0.6"),
    "ADA/USDT": _Preset(4, 1, "0.35"),
    "AVAX/USDT": _Preset(2, 2, "23"),
    "DOGE/USDT": _Preset(5, 0, "0.1"),
    "DOT/USDT": _Preset(3, 2, "4.7"),
    "LINK/USDT": _Preset(2, 2, "10.5"),
    "LTC/USDT": _Preset(2, 3, "60"),
    "TRX/USDT": _Preset(4, 1, "0.13"),
    "BTC/USDC": _Preset(2, 5, "60000"),
    "ETH/USDC": _Preset(2, 4, "2600"),
    "BTC/EUR": _Preset(2, 5, "55000"),
    "ETH/EUR": _Preset(2, 4, "2400"),
    "ETH/BTC": _Preset(5, 3, "0.043"),
}
KNOWN_SYMBOLS: Final = tuple(_KNOWN)
_GUESS: Final = _Preset(4, 4, "1")

_SMALLEST_ORDER: Final = {"USDT": "5", "USDC": "5", "FDUSD": "5", "USD": "5", "EUR": "5", "BTC": "0.0001"}
"""The least value of an order, by quote asset."""

_BAND: Final = (200_000, 5_000_000)
"""How far from the last price a limit price may be, in millionths of it."""

_QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "USD", "EUR", "TRY", "BTC", "ETH", "BNB")


def preset(symbol: str, *, feed: bool = False) -> Instrument:
    """Return the instrument that a symbol such as `BTC/USDT` is listed as when nobody says otherwise."""
    base, _, quote = symbol.partition("/")
    known = _KNOWN.get(symbol, _GUESS)
    return Instrument(
        base=base,
        quote=quote,
        base_scale=ASSET_SCALE,
        quote_scale=ASSET_SCALE,
        price_scale=known.price_scale,
        quantity_scale=known.quantity_scale,
        min_notional=to_units(_SMALLEST_ORDER.get(quote, "0"), ASSET_SCALE),
        feed=feed,
        start_price=to_units(known.start_price, known.price_scale),
        band_down=_BAND[0],
        band_up=_BAND[1],
    )


def symbol_of_venue(name: str) -> str | None:
    """Return the symbol that a venue writes without a separator (`BTCUSDT`), or None when no quote asset fits."""
    quotes = [quote for quote in _QUOTES if name.endswith(quote) and name != quote]
    quote = max(quotes, key=len, default=None)
    return None if quote is None else f"{name.removesuffix(quote)}/{quote}"
