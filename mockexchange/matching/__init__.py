"""Matching: the order book of one symbol, and the outside market inside it."""

from mockexchange.matching.book import BookLimits, OrderBook

__all__ = ["BookLimits", "OrderBook"]
