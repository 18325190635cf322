"""Speaks to servers: NATS, Valkey and Ray, embedded or running elsewhere."""
