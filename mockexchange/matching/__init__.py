"""Matching: the order book of one symbol, and the outside market inside it."""
