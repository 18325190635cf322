"""Clients that bots use, against a running exchange."""
