"""The client of the read model."""

from __future__ import annotations

from typing import Final

from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff

_CONNECT_TIMEOUT_S: Final = 2.0
_ANSWER_TIMEOUT_S: Final = 5.0
_MAX_CONNECTIONS: Final = 32


def connect_valkey(url: str, password: str | None) -> Valkey:
    """Return a client; it connects when first used, and every call ends in seconds, with an answer or an error.

    A call is tried once more when its connection turns out to be dead, so that a restarted server is met with a
    new connection. Raises valkey.exceptions.ConnectionError or TimeoutError when the server cannot be reached.
    """
    client: Valkey = Valkey.from_url(
        url,
        password=password,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=_ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
        max_connections=_MAX_CONNECTIONS,
    )
    return client
