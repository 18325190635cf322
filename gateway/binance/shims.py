"""What clients ask beside spot trading before they trade: coins, fees, margin pairs, and other venues' symbols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from gateway.binance.operation import Inquiry, Operation, Security
from gateway.binance.symbols import NS_PER_MS, amount_text, find_instrument, instruments_of, name_of
from gateway.dispatch import READS
from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.commands import AccountAnswer, Balance, ReadAccount
from mockexchange.money import MAX_AMOUNT, RATE_SCALE

NETWORK: Final = "MOCK"


async def _coins(inquiry: Inquiry) -> list[dict[str, Any]]:
    caller, floor = inquiry.account, inquiry.gateway.floor
    account = await floor.ask(caller.shard, READS, ReadAccount(caller.account), AccountAnswer)
    balances = {balance.asset: balance for balance in account.balances}
    assets = floor.registry.assets
    return [_coin(assets[code], balances.get(code, Balance(code, 0, 0))) for code in sorted(assets)]


def _coin(asset: Asset, balance: Balance) -> dict[str, Any]:
    zero = amount_text(0, asset.scale)
    return {
        "coin": asset.code,
        "name": asset.code,
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "free": amount_text(balance.free, asset.scale),
        "locked": amount_text(balance.held, asset.scale),
        "freeze": zero,
        "withdrawing": zero,
        "ipoing": zero,
        "ipoable": zero,
        "storage": zero,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [_network(asset)],
    }


def _network(asset: Asset) -> dict[str, Any]:
    smallest = amount_text(1, asset.scale)
    return {
        "network": NETWORK,
        "coin": asset.code,
        "name": NETWORK,
        "isDefault": True,
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": "",
        "withdrawDesc": "",
        "specialTips": "",
        "withdrawIntegerMultiple": smallest,
        "withdrawFee": amount_text(0, asset.scale),
        "withdrawMin": smallest,
        "withdrawMax": amount_text(MAX_AMOUNT, asset.scale),
        "minConfirm": 0,
        "unLockConfirm": 0,
        "sameAddress": False,
        "resetAddress": False,
        "addressRegex": "",
        "memoRegex": "",
        "estimatedArrivalTime": 0,
        "busy": False,
    }


async def _trade_fees(inquiry: Inquiry) -> list[dict[str, Any]]:
    name = inquiry.parameters.optional_text("symbol")
    gateway = inquiry.gateway
    instruments = instruments_of(gateway) if name is None else [await find_instrument(gateway, name)]
    return [_fee(inquiry, instrument) for instrument in instruments]


def _fee(inquiry: Inquiry, instrument: Instrument) -> dict[str, Any]:
    parts = inquiry.gateway.parts
    return {
        "symbol": name_of(instrument.symbol),
        "makerCommission": amount_text(parts.maker_rate, RATE_SCALE),
        "takerCommission": amount_text(parts.taker_rate, RATE_SCALE),
    }


async def _status(inquiry: Inquiry) -> dict[str, Any]:
    if inquiry.gateway.floor.registry.is_under_maintenance:
        return {"status": 1, "msg": "system maintenance"}
    return {"status": 0, "msg": "normal"}


async def _restrictions(inquiry: Inquiry) -> dict[str, Any]:
    permissions = inquiry.account.permissions
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": "read" in permissions,
        "enableSpotAndMarginTrading": "trade" in permissions,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
    }


async def _none(_inquiry: Inquiry) -> Sequence[Any]:
    return []


async def _no_symbols(inquiry: Inquiry) -> dict[str, Any]:
    now_ns = inquiry.gateway.parts.clock.now_ns()
    return {
        "timezone": "UTC",
        "serverTime": now_ns // NS_PER_MS,
        "rateLimits": [],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [],
    }


def _shim(path: str, security: Security, weight: int, handle: Callable[[Inquiry], Awaitable[Any]]) -> Operation:
    """Return what is answered to whatever it is asked with: clients only want to find it there."""
    return Operation("GET", path, "", security, weight, handle)


OPERATIONS: Final = [
    _shim("/sapi/v1/capital/config/getall", Security.READ, 10, _coins),
    _shim("/sapi/v1/capital/deposit/hisrec", Security.READ, 1, _none),
    _shim("/sapi/v1/capital/withdraw/history", Security.READ, 1, _none),
    _shim("/sapi/v1/asset/tradeFee", Security.READ, 1, _trade_fees),
    _shim("/sapi/v1/account/apiRestrictions", Security.READ, 1, _restrictions),
    _shim("/sapi/v1/margin/allPairs", Security.KEY, 1, _none),
    _shim("/sapi/v1/margin/isolated/allPairs", Security.KEY, 1, _none),
    _shim("/sapi/v1/system/status", Security.NONE, 1, _status),
    _shim("/fapi/v1/exchangeInfo", Security.NONE, 1, _no_symbols),
    _shim("/dapi/v1/exchangeInfo", Security.NONE, 1, _no_symbols),
]
