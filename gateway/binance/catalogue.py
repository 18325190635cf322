"""All operations of the dialect: REST and the WebSocket API are both made of these."""

from __future__ import annotations

from typing import Final

from gateway.binance import (
    account,
    general,
    history,
    limits,
    listen_keys,
    market_data,
    order_lists,
    orders,
    replacing,
    shims,
)
from gateway.binance.operation import Operation

OPERATIONS: Final[list[Operation]] = [
    *general.OPERATIONS,
    *market_data.OPERATIONS,
    *shims.OPERATIONS,
    *limits.OPERATIONS,
    *account.OPERATIONS,
    *orders.OPERATIONS,
    *replacing.OPERATIONS,
    *order_lists.OPERATIONS,
    *history.OPERATIONS,
    *listen_keys.OPERATIONS,
]

BY_NAME: Final = {operation.name: operation for operation in OPERATIONS if operation.name}
"""Operations by their method of the WebSocket API."""
