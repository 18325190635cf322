"""The browser view: what the exchange publishes on NATS, pushed into pages; history from the gateway."""
