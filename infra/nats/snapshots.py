"""Snapshots in a JetStream object store: two places a name, of which the older is overwritten."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
from typing import Final

from nats.errors import Error
from nats.js.api import ObjectInfo, ObjectMeta, ObjectMetaOptions, StorageType
from nats.js.client import JetStreamContext
from nats.js.errors import BadObjectMetaError, BucketNotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from infra.nats.connection import Connection
from infra.nats.reader import JournalReader
from infra.ports import JournalUnavailable, Snapshot

_log: Final = logging.getLogger(__name__)

_BUCKET: Final = "SNAPSHOTS"
_STREAM: Final = "OBJ_SNAPSHOTS"
_CHUNKS: Final = f"$O.{_BUCKET}.C."
_PLACES: Final = 2
_CHUNK_BYTES: Final = 512 * 1024
_LOAD_TIMEOUT_S: Final = 60.0


async def ensure_snapshots(connection: Connection, *, replicas: int = 1) -> None:
    """Create the object store, or forget what interrupted saves left in it. Raises nats.errors.Error.

    Call it before anybody saves: a save that is under way would lose what it has written.
    """
    jetstream = connection.jetstream()
    try:
        await jetstream.object_store(_BUCKET)
    except BucketNotFoundError:
        await jetstream.create_object_store(_BUCKET, storage=StorageType.FILE, replicas=replicas)
    else:
        await _forget_orphans(jetstream)


async def _forget_orphans(jetstream: JetStreamContext) -> None:
    """Purge chunks that no object names."""
    chunks = await jetstream.stream_info(_STREAM, subjects_filter=f"{_CHUNKS}*")
    objects = await jetstream.stream_info(_STREAM, subjects_filter=f"$O.{_BUCKET}.M.*")
    named = set()
    for subject in objects.state.subjects or {}:
        message = await jetstream.get_last_msg(_STREAM, subject)
        named.add(_CHUNKS + json.loads(message.data or b"{}").get("nuid", ""))
    for subject in (chunks.state.subjects or {}).keys() - named:
        await jetstream.purge_stream(_STREAM, subject=subject)


class _Damaged(Exception):
    """What is stored is not what was saved."""


class NatsSnapshots:
    """The bucket `SNAPSHOTS`, which `ensure_snapshots` has made.

    An object's description is the snapshot's sequence. An interrupted save leaves the older snapshots as they were.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def save(self, name: str, snapshot: Snapshot) -> None:
        """Store a snapshot in place of the older one. Raises JournalUnavailable."""
        self._connection.require()
        try:
            sequences = [await self._kept_sequence(name, place) for place in range(_PLACES)]
            # The same state saved twice shall not push the state before it out.
            same = [place for place, kept in enumerate(sequences) if kept == snapshot.sequence]
            place = same[0] if same else sequences.index(min(sequences))
            meta = ObjectMeta(
                name=_object_name(name, place),
                description=str(snapshot.sequence),
                options=ObjectMetaOptions(max_chunk_size=_CHUNK_BYTES),
            )
            await self._store().put(_object_name(name, place), snapshot.payload, meta)
        except Error as error:
            raise JournalUnavailable(f"cannot save the snapshot of {name}: {error}") from error

    async def load(self, name: str) -> list[Snapshot]:
        """Return the kept snapshots, newest first, without the damaged. Raises JournalUnavailable."""
        self._connection.require()
        snapshots = []
        for place in range(_PLACES):
            try:
                snapshots.append(await self._load_place(name, place))
            except ObjectNotFoundError:
                continue
            except (_Damaged, BadObjectMetaError) as error:
                _log.error("a snapshot of %s is damaged: %s", name, error)
            except Error as error:
                raise JournalUnavailable(f"cannot load the snapshots of {name}: {error}") from error
        return sorted(snapshots, key=lambda snapshot: snapshot.sequence, reverse=True)

    async def _kept_sequence(self, name: str, place: int) -> int:
        """Return the sequence of what a place keeps, -1 for nothing."""
        try:
            return _sequence_of(await self._store().get_info(_object_name(name, place)))
        except (ObjectNotFoundError, BadObjectMetaError, _Damaged):
            return -1

    async def _load_place(self, name: str, place: int) -> Snapshot:
        info = await self._store().get_info(_object_name(name, place))
        sequence = _sequence_of(info)
        payload = await self._read_chunks(info)
        digest = base64.urlsafe_b64encode(hashlib.sha256(payload).digest()).decode()
        if info.digest != f"SHA-256={digest}":
            raise _Damaged("its checksum is wrong")
        return Snapshot(sequence, payload)

    async def _read_chunks(self, info: ObjectInfo) -> bytes:
        expected, subject = info.chunks or 0, f"{_CHUNKS}{info.nuid}"
        stream = await self._connection.jetstream().stream_info(_STREAM, subjects_filter=subject)
        if (stream.state.subjects or {}).get(subject, 0) != expected:
            raise _Damaged("chunks of it are missing")
        chunks: list[bytes] = []
        reader = JournalReader(self._connection, [subject], 1, stream=_STREAM)
        try:
            async with asyncio.timeout(_LOAD_TIMEOUT_S):
                while len(chunks) < expected:
                    chunks += [message.payload for message in await reader.next_batch()]
        except TimeoutError as error:
            if not self._connection.is_connected:
                raise JournalUnavailable("the connection was lost while a snapshot was read") from error
            raise _Damaged(f"only {len(chunks)} of its {expected} chunks can be read") from error
        finally:
            await reader.close()
        return b"".join(chunks)

    def _store(self) -> ObjectStore:
        return ObjectStore(_BUCKET, _STREAM, self._connection.jetstream())


def _object_name(name: str, place: int) -> str:
    return f"{name}/{place}"


def _sequence_of(info: ObjectInfo) -> int:
    try:
        return int(info.description or "")
    except ValueError as error:
        raise _Damaged("it does not tell its sequence") from error
