"""What there is: the time, the symbols with their filters, and the limits."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from gateway.binance.errors import BinanceError
from gateway.binance.limits import rules_of
from gateway.binance.operation import NO_NAMES, Inquiry, Operation, Security, names
from gateway.binance.order_requests import DEFAULT_PREVENTION
from gateway.binance.parameters import Parameters, not_valid
from gateway.binance.symbols import (
    NS_PER_MS,
    TRADING,
    amount_text,
    find_instrument,
    instruments_of,
    name_of,
    price_text,
    quantity_text,
    quote_text,
    wants_trading,
)
from mockexchange.instruments import Instrument
from mockexchange.money import MAX_AMOUNT, RATE_SCALE

SPOT: Final = "SPOT"
_PERMISSION: Final = re.compile(r"SPOT|MARGIN|LEVERAGED|TRD_GRP_[0-9]{3}")

ORDER_TYPES: Final = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]
PREVENTION_MODES: Final = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]

NO_UPPER_BOUND: Final = 10**6 * 10**RATE_SCALE
"""How far a price may rise, in millionths, where the instrument does not say: a million times."""


async def _ping(_inquiry: Inquiry) -> dict[str, Any]:
    return {}


async def _time(inquiry: Inquiry) -> dict[str, Any]:
    return {"serverTime": inquiry.gateway.parts.clock.now_ns() // NS_PER_MS}


async def _exchange_info(inquiry: Inquiry) -> dict[str, Any]:
    gateway = inquiry.gateway
    instruments = await _asked_for(inquiry)
    has_sets, most = inquiry.parameters.flag("showPermissionSets", True), gateway.parts.max_open_orders
    return {
        "timezone": "UTC",
        "serverTime": gateway.parts.clock.now_ns() // NS_PER_MS,
        "rateLimits": rules_of(gateway.limiter),
        "exchangeFilters": [],
        "symbols": [symbol_object(instrument, most, has_sets) for instrument in instruments],
    }


async def _asked_for(inquiry: Inquiry) -> list[Instrument]:
    """Return the instruments that `exchangeInfo` is asked about."""
    parameters = inquiry.parameters
    wanted = parameters.symbols()
    is_filtered = "permissions" in parameters or "symbolStatus" in parameters
    if wanted and is_filtered:
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    if wanted:
        return [await find_instrument(inquiry.gateway, name) for name in wanted]
    has_spot = SPOT in _permissions(parameters)
    return instruments_of(inquiry.gateway) if wants_trading(parameters) and has_spot else []


def _permissions(parameters: Parameters) -> list[str]:
    text = parameters.text("permissions", SPOT)
    try:
        wanted = msgspec.json.decode(text, type=list[str]) if text.startswith("[") else [text]
    except msgspec.DecodeError as error:
        raise not_valid("permissions") from error
    if not all(map(_PERMISSION.fullmatch, wanted)):
        raise not_valid("permissions")
    return wanted


# One page shows all symbols, and each only changes when it is listed anew.
@lru_cache(maxsize=4_096)
def symbol_object(instrument: Instrument, max_open_orders: int, has_permission_sets: bool) -> msgspec.Raw:
    """Return a symbol as `exchangeInfo` lists it, encoded."""
    return msgspec.Raw(
        msgspec.json.encode(
            {
                "symbol": name_of(instrument.symbol),
                "status": TRADING,
                "baseAsset": instrument.base,
                "baseAssetPrecision": instrument.base_scale,
                "quoteAsset": instrument.quote,
                "quotePrecision": instrument.quote_scale,
                "quoteAssetPrecision": instrument.quote_scale,
                "baseCommissionPrecision": instrument.base_scale,
                "quoteCommissionPrecision": instrument.quote_scale,
                "orderTypes": ORDER_TYPES,
                "icebergAllowed": False,
                "ocoAllowed": True,
                "otoAllowed": False,
                "opoAllowed": False,
                "quoteOrderQtyMarketAllowed": True,
                "allowTrailingStop": False,
                "cancelReplaceAllowed": True,
                "amendAllowed": True,
                "pegInstructionsAllowed": False,
                "isSpotTradingAllowed": True,
                "isMarginTradingAllowed": False,
                "filters": filters_of(instrument, max_open_orders),
                "permissions": [SPOT],
                "permissionSets": [[SPOT]] if has_permission_sets else [],
                "defaultSelfTradePreventionMode": DEFAULT_PREVENTION.name,
                "allowedSelfTradePreventionModes": PREVENTION_MODES,
            }
        )
    )


def filters_of(instrument: Instrument, max_open_orders: int) -> list[dict[str, Any]]:
    """Return the filters of an instrument; clients look for the tick size in the first."""
    tick, step = instrument.tick_size, instrument.step_size
    lot = {
        "minQty": quantity_text(instrument, _up(instrument.min_quantity, step)),
        "maxQty": quantity_text(instrument, instrument.max_quantity),
        "stepSize": quantity_text(instrument, step),
    }
    filters: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price_text(instrument, tick),
            "maxPrice": price_text(instrument, MAX_AMOUNT // tick * tick),
            "tickSize": price_text(instrument, tick),
        },
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
        {
            "filterType": "NOTIONAL",
            "minNotional": quote_text(instrument, instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": quote_text(instrument, MAX_AMOUNT),
            "applyMaxToMarket": True,
            "avgPriceMins": 0,
        },
    ]
    if instrument.band_down or instrument.band_up:
        filters.append(_band(instrument))
    return [
        *filters,
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": max_open_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": max_open_orders},
    ]


def _band(instrument: Instrument) -> dict[str, Any]:
    up = amount_text(instrument.band_up or NO_UPPER_BOUND, RATE_SCALE)
    down = amount_text(instrument.band_down, RATE_SCALE)
    return {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": up,
        "bidMultiplierDown": down,
        "askMultiplierUp": up,
        "askMultiplierDown": down,
        "avgPriceMins": 0,
    }


def _up(quantity: int, step: int) -> int:
    return -(-quantity // step) * step


_INFO: Final = names("symbol symbols permissions showPermissionSets symbolStatus")

OPERATIONS: Final = [
    Operation("GET", "/api/v3/ping", "ping", Security.NONE, 1, _ping, takes=NO_NAMES),
    Operation("GET", "/api/v3/time", "time", Security.NONE, 1, _time, takes=NO_NAMES),
    Operation("GET", "/api/v3/exchangeInfo", "exchangeInfo", Security.NONE, 20, _exchange_info, takes=_INFO),
]
