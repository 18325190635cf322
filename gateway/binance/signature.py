"""Who asks, as proven by a key and a signature over the request as it was sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Final

from gateway.auth import MAX_KEY_LENGTH, Caller
from gateway.binance.errors import (
    AHEAD,
    BAD_KEY,
    BAD_KEY_FORMAT,
    BAD_SIGNATURE,
    NO_READING,
    NO_TRADING,
    OUTSIDE_WINDOW,
    BinanceError,
)
from gateway.binance.operation import Security
from gateway.binance.parameters import US_PER_MS, Parameters, missing
from gateway.gateway import Gateway

MAX_SIGNATURE: Final = 1_024
MAX_WINDOW_MS: Final = 60_000
WINDOW_MS: Final = 5_000
AHEAD_MS: Final = 1_000
NS_PER_US: Final = 1_000

_KEY: Final = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")
_SIGNATURE: Final = re.compile(rb"(?:^|&)signature=[^&]*")

Payload = Callable[[], bytes]
"""Makes the text that was signed, if it is needed."""


async def authorize(
    gateway: Gateway, security: Security, api_key: str | None, parameters: Parameters, payload: Payload
) -> Caller | None:
    """Return who asks, None where nobody has to say. Raises Failure unless all that `security` wants is proven."""
    if security is Security.NONE:
        return None
    caller = await identify(gateway, api_key)
    if security is Security.KEY:
        return caller
    if gateway.parts.is_auth_on:
        check_window(parameters, gateway.parts.clock.now_ns())
        check_signature(gateway, api_key or "", payload(), parameters)
    require(caller, security)
    return caller


async def identify(gateway: Gateway, api_key: str | None) -> Caller:
    """Return whom an API key belongs to. Raises BinanceError, or NotAvailable while that cannot be known."""
    if not gateway.parts.is_auth_on:
        return await gateway.auth.authenticate(api_key)
    if api_key is None or not _KEY.fullmatch(api_key):
        raise BinanceError(-2014, BAD_KEY_FORMAT, 401)
    # This says no by a Failure that is told as a bad key.
    caller = await gateway.auth.authenticate(api_key)
    if caller.is_admin:
        # The administrator's key signs nothing.
        raise BinanceError(-2015, BAD_KEY, 401)
    return caller


def require(caller: Caller, security: Security) -> None:
    """Raise BinanceError unless the key may do this.

    ccxt takes Binance's own text for a ban once any request has succeeded, so these are its texts for accounts.
    """
    wanted = "trade" if security is Security.TRADE else "read"
    if security is not Security.KEY and wanted not in caller.permissions:
        raise BinanceError(-2015, NO_TRADING if security is Security.TRADE else NO_READING, 401)


def check_window(parameters: Parameters, now_ns: int) -> None:
    """Raise BinanceError unless a request is of this moment; its timestamp may be milli- or microseconds."""
    sent_us = parameters.optional_time_us("timestamp")
    if sent_us is None:
        raise missing("timestamp")
    window = parameters.decimal("recvWindow")
    if window is not None and window > MAX_WINDOW_MS:
        raise BinanceError(-1130, f"'recvWindow' must be less than {MAX_WINDOW_MS}.")
    window_us = WINDOW_MS * US_PER_MS if window is None else _microseconds(window)
    now_us = now_ns // NS_PER_US
    if sent_us >= now_us + AHEAD_MS * US_PER_MS:
        raise BinanceError(-1021, AHEAD)
    if now_us - sent_us > window_us:
        raise BinanceError(-1021, OUTSIDE_WINDOW)


@lru_cache(maxsize=1_024)
def _microseconds(window_ms: Decimal) -> int:
    return int(window_ms * US_PER_MS)


def check_signature(gateway: Gateway, api_key: str, payload: bytes, parameters: Parameters) -> None:
    """Raise BinanceError unless the key signed a payload."""
    # A plus sign of base64 that was sent as it is has become a space.
    signature = parameters.raw(SIGNATURE).replace(" ", "+")
    verifier = gateway.keys.verifier(api_key)
    if verifier is None:
        raise BinanceError(-2015, BAD_KEY, 401)
    if not signature:
        raise missing("signature")
    if len(signature) > MAX_SIGNATURE or not verifier.verify(payload, signature):
        raise BinanceError(-1022, BAD_SIGNATURE)


def signed_text(query: bytes, body: bytes) -> bytes:
    """Return what a REST request signs: its query and its body, one after the other, as sent, without the signature."""
    return _unsigned(query) + _unsigned(body)


def signed_parameters(parameters: Parameters) -> bytes:
    """Return what a request of the WebSocket API signs: its parameters in alphabetical order."""
    pairs = sorted((name, value) for name, value in parameters.items() if name != SIGNATURE)
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


SIGNATURE: Final = "signature"


def _unsigned(text: bytes) -> bytes:
    if b"signature=" not in text:
        return text
    without = _SIGNATURE.sub(b"", text)
    return without.removeprefix(b"&")
