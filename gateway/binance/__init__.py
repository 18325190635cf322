"""Binance's dialect: Spot REST, streams and WebSocket API."""
