"""The whole exchange, as people start it."""
