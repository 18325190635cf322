"""Every message of the exchange: frozen msgspec structs, encoded as msgpack arrays.

A field may be appended with a default; nothing else about a published struct may change without a new
`SCHEMA_VERSION`.
"""
