"""Matching: the order book of one symbol, and the outside market inside it."""

from mockexchange.matching.book import OrderBook
from mockexchange.matching.floor import BookLimits

__all__ = ["BookLimits", "OrderBook"]
