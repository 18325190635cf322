"""Streams: WebSocket connections and what is sent to many of them at once. Speaks no dialect."""
