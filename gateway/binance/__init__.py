"""Binance's dialect: what bots for Binance Spot send and expect."""

from __future__ import annotations

from gateway.binance import stream_session, websocket_api
from gateway.binance.rest import HANDLERS, write_failure
from gateway.dialect import Dialect

DIALECT = Dialect(
    name="binance",
    handlers=[*HANDLERS, *stream_session.HANDLERS, *websocket_api.HANDLERS],
    write_failure=write_failure,
    prefixes=("/api/", "/sapi/", "/fapi/", "/dapi/"),
    speech=stream_session.SPEECH,
)
