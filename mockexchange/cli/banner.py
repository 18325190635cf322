"""What `mockx up` shows once the exchange is ready."""

from __future__ import annotations

import json
import re
from typing import Final

from infra.credentials import FILE_NAME, Credentials
from infra.settings import Settings
from infra.tls import CERTIFICATE_FILE, FOLDER
from mockexchange.instruments import Instrument
from mockexchange.money import to_decimal
from mockexchange.presets import preset

_SYMBOLS_SHOWN: Final = 6


def banner(settings: Settings, credentials: Credentials) -> str:
    """Return what runs where, how to get in, and a line that trades."""
    password = f"  (password {credentials.dashboard_password})" if credentials.dashboard_password else ""
    dashboard = [("dashboard", f"{settings.dashboard_url}{password}")] if settings.dashboard else []
    rows = [
        ("HTTP", f"{settings.gateway_url}  (API at /docs)"),
        ("streams", f"{settings.gateway_url.replace('http', 'ws', 1)}/ws"),
        *dashboard,
        ("NATS", _place(settings.nats_endpoint)),
        ("Valkey", _place(settings.valkey_endpoint)),
        ("Ray", settings.ray_address or f"127.0.0.1:{settings.ray_port}"),
        ("data", f"{settings.data_dir}  (logs in logs/, admin key in {FILE_NAME})"),
        ("market", f"{_feed(settings)}: {_symbols(settings)}"),
        ("demo key", f"{credentials.demo_api_key}  ({settings.demo_funds} at first)"),
    ]
    lines = [f"  {label:<9} {value}" for label, value in rows]
    return "\n".join(
        [
            "",
            "MockExchange is ready.",
            "",
            *lines,
            "",
            "Trade:",
            f"  {curl_line(settings, credentials)}",
            "",
            *_trust_lines(settings),
            "Ctrl-C stops.",
        ]
    )


def curl_line(settings: Settings, credentials: Credentials) -> str:
    """Return a command that places a small order for the first symbol; it fills where there is an outside market."""
    instrument = preset(settings.symbols[0] if settings.symbols else f"BTC/{settings.feed_quote}")
    order = {"symbol": instrument.symbol, "side": "buy", "type": "market", "amount": _small_amount(instrument)}
    if settings.symbols and instrument.symbol not in settings.fed_symbols:
        order |= {"type": "limit", "limit_price": instrument.price_text(instrument.start_price)}
    key = f"-H 'x-api-key: {credentials.demo_api_key}' " if settings.auth else ""
    trust = "" if settings.tls_cert is None else f"--cacert {settings.tls_cert} "
    where = f"{trust}{settings.gateway_url}/orders"
    return f"curl -s {where} {key}-H 'content-type: application/json' -d '{json.dumps(order)}'"


def _trust_lines(settings: Settings) -> list[str]:
    """Return how clients come to trust the certificate; one that an authority has signed needs nothing."""
    if settings.tls_cert != settings.data_dir / FOLDER / CERTIFICATE_FILE:
        return []
    return [
        "The certificate is self-made. Python clients trust it with:",
        f"  export SSL_CERT_FILE={settings.tls_cert} REQUESTS_CA_BUNDLE={settings.tls_cert}",
        "",
    ]


def _small_amount(instrument: Instrument) -> str:
    """Return the least power of ten that is worth twice the smallest order."""
    quantity = 1
    while instrument.quote_amount(instrument.start_price, quantity) < 2 * instrument.min_notional:
        quantity *= 10
    return f"{to_decimal(quantity, instrument.quantity_scale).normalize():f}"


def _place(url: str) -> str:
    """Return a URL without the login in it."""
    return re.sub(r"//[^/@,]*@", "//", url)


def _feed(settings: Settings) -> str:
    source = settings.feed_source
    match source.kind:
        case "synthetic":
            return f"synthetic, seed {source.seed}"
        case "replay":
            return f"replay of {source.path.name}"
        case "ccxt":
            return f"{source.venue} through ccxt"
        case "none":
            return "no outside market"


def _symbols(settings: Settings) -> str:
    if not settings.symbols:
        return f"up to {settings.feed_limit} symbols in {settings.feed_quote}"
    shown = ", ".join(settings.symbols[:_SYMBOLS_SHOWN])
    more = len(settings.symbols) - _SYMBOLS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
