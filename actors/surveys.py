"""What the servers behind the exchange say of themselves, asked now and then by the directory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
import nats.js.errors
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from infra.nats.connection import Connection
from mockexchange.messages.subjects import JOURNAL_STREAM

Survey = Callable[[], Awaitable[dict[str, object]]]

AWAY: dict[str, object] = {"state": "cannot be reached"}


def journal_survey(connection: Connection) -> Survey:
    """Return a survey of the journal: how many records and bytes it holds, and its last sequence."""

    async def survey() -> dict[str, object]:
        try:
            stream = await connection.jetstream().stream_info(JOURNAL_STREAM)
        except (nats.errors.Error, nats.js.errors.Error):
            return AWAY
        state = stream.state
        limit = stream.config.max_bytes or 0
        return {
            "state": "ok",
            "records": state.messages,
            "bytes": state.bytes,
            "last": state.last_seq,
            "max_bytes": max(limit, 0),
        }

    return survey


def valkey_survey(valkey: Valkey) -> Survey:
    """Return a survey of the read model's server: keys, memory and clients."""

    async def survey() -> dict[str, object]:
        try:
            said: dict[str, Any] = await valkey.info()
            keys: int = await valkey.dbsize()
        except (ValkeyError, OSError):
            return AWAY
        return {
            "state": "ok",
            "keys": keys,
            "memory": said.get("used_memory", 0),
            "rss": said.get("used_memory_rss", 0),
            "clients": said.get("connected_clients", 0),
            "commands_per_second": said.get("instantaneous_ops_per_sec", 0),
        }

    return survey
