"""Bounds of what a ledger remembers and of what an intake lets in."""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_DAY = 24 * 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class LedgerLimits:
    """What is remembered for each account: at most so many, and none much older than the age by journal time."""

    closed_orders: int = 10_000
    transfers: int = 10_000
    fills: int = 1_000
    age_ns: int = NS_PER_DAY


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Rates given to new orders, in millionths, and the bound of an account's open orders.

    `market_margin` (millionths) is what a market buy holds above its value at the reference price.
    """

    maker_rate: int
    taker_rate: int
    max_open_orders: int = 10_000
    market_margin: int = 50_000
