"""The journal's stream as it is configured on the server."""

from __future__ import annotations

from typing import Final

from nats.js.api import DiscardPolicy, StorageType, StoreCompression, StreamConfig
from nats.js.errors import NotFoundError

from infra.nats.connection import Connection
from mockexchange.messages.subjects import JOURNAL_ALL, JOURNAL_STREAM

UNLIMITED: Final = -1


async def ensure_stream(connection: Connection, *, max_bytes: int = UNLIMITED, replicas: int = 1) -> None:
    """Create the stream, or bring an existing one's limits up to date. Raises nats.errors.Error.

    A full stream refuses records, it forgets none; nothing can delete or purge them, since the sequence that
    fences a subject would start over.
    """
    config = StreamConfig(
        name=JOURNAL_STREAM,
        subjects=[JOURNAL_ALL],
        storage=StorageType.FILE,
        compression=StoreCompression.S2,
        discard=DiscardPolicy.NEW,
        max_bytes=max_bytes,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
        allow_direct=False,
    )
    jetstream = connection.jetstream()
    try:
        await jetstream.stream_info(JOURNAL_STREAM)
    except NotFoundError:
        await jetstream.add_stream(config)
    else:
        await jetstream.update_stream(config)
