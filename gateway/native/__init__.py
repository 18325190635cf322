"""The native dialect: MockExchange's REST routes."""
