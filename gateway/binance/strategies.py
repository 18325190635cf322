"""What a client says of its strategy with an order, and is told again with it.

It travels at the end of the order's command id, which this dialect mints anyhow: so nobody else has to know of it.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.binance.parameters import Parameters

LEAST_TYPE: Final = 1_000_000
"""Smaller types are Binance's own."""

_MARK: Final = "#"
_MARKED: Final = re.compile(r"g:[^#]*#([0-9]*)#([0-9]*)")


def mark(command_id: str, parameters: Parameters, id_name: str = "strategyId", type_name: str = "strategyType") -> str:
    """Return a minted command id with the strategy that the parameters name, if they do. Raises BinanceError."""
    strategy_id = parameters.optional_integer(id_name)
    strategy_type = parameters.optional_integer(type_name, least=LEAST_TYPE)
    if strategy_id is None and strategy_type is None:
        return command_id
    told = ("" if number is None else str(number) for number in (strategy_id, strategy_type))
    return _MARK.join((command_id, *told))


def strategy_of(command_id: str) -> dict[str, int]:
    """Return what an order's command id says of its strategy, as orders show it."""
    # Command ids of the native dialect begin otherwise, whatever stands in them.
    marked = _MARKED.fullmatch(command_id) if _MARK in command_id else None
    if marked is None:
        return {}
    return {name: int(text) for name, text in zip(("strategyId", "strategyType"), marked.groups(), strict=True) if text}
