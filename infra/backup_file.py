"""The file of a backup: a header, the journal's records, and a closing that proves that nothing is missing.

A line that names the format, then a gzip stream of frames: each a length in four bytes and msgpack. The last frame
holds the SHA-256 of all frames before it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from infra.data_directory import DATA_VERSION
from infra.ports import JournalMessage
from infra.problem import Problem

MAGIC: Final = b"MockExchange backup 1\n"
MAX_FRAME_BYTES: Final = 4_000_000
_LENGTH_BYTES: Final = 4
_COMPRESSION: Final = 6


class BackupError(Problem):
    """A backup that cannot be written or read."""


class Header(msgspec.Struct, array_like=True, frozen=True, tag="header"):
    """What a backup is of: the version of the data, and the credentials file as it was. `records` is their number."""

    data_version: int
    credentials: str
    records: int


class Record(msgspec.Struct, array_like=True, frozen=True, tag="record"):
    """One record of the journal."""

    sequence: int
    subject: str
    payload: bytes


class Closing(msgspec.Struct, array_like=True, frozen=True, tag="closing"):
    """The end of a whole file."""

    digest: bytes


_Frame = Header | Record | Closing
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Frame).decode


class BackupWriter:
    """Writes the frames of one backup."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, frame: _Frame) -> None:
        """Add a frame."""
        content = _encode(frame)
        assert len(content) <= MAX_FRAME_BYTES
        encoded = len(content).to_bytes(_LENGTH_BYTES, "big") + content
        self._digest.update(encoded)
        self._file.write(encoded)

    def close(self) -> None:
        """Add the closing."""
        self.write(Closing(self._digest.digest()))


@contextmanager
def new_backup(path: Path) -> Iterator[BackupWriter]:
    """Write a backup that appears at `path`, readable by its owner alone, when all of it is written."""
    if path.exists():
        raise BackupError(f"{path} exists: name a file that does not")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(MAGIC)
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_COMPRESSION, mtime=0) as stream:
                writer = BackupWriter(stream)
                yield writer
                writer.close()
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_header(path: Path) -> Header:
    """Return a backup's header. Raises BackupError when it is damaged or of newer data than this software knows."""
    with closing(_frames(path)) as frames:
        _, header = next(frames)
    if not isinstance(header, Header):
        raise _damaged(path, "it does not begin with a header")
    if header.data_version > DATA_VERSION:
        raise BackupError(
            f"{path} holds data of version {header.data_version}, and this software knows {DATA_VERSION}: "
            "install the newer release"
        )
    return header


def read_records(path: Path) -> Iterator[JournalMessage]:
    """Yield the records of a backup in order. Raises BackupError when it is damaged, at its end at the latest."""
    digest = hashlib.sha256()
    last = 0
    closed_by = b""
    for encoded, frame in _frames(path):
        if closed_by:
            raise _damaged(path, "something follows its end")
        match frame:
            case Record(sequence, subject, payload):
                if sequence != last + 1:
                    raise _damaged(path, f"record {last + 1} is missing")
                last = sequence
                yield JournalMessage(sequence, subject, payload)
            case Closing(proof):
                closed_by = proof
                continue
        digest.update(encoded)
    if closed_by != digest.digest():
        raise _damaged(path, "its checksum is wrong")


def _frames(path: Path) -> Generator[tuple[bytes, _Frame], None, None]:
    """Yield each frame as it stands in the file, and decoded."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise BackupError(f"{path} is no backup that this software knows")
            with gzip.GzipFile(fileobj=file) as stream:
                while length := stream.read(_LENGTH_BYTES):
                    size = int.from_bytes(length, "big")
                    if size > MAX_FRAME_BYTES:
                        raise _damaged(path, "a record is too long")
                    content = stream.read(size)
                    yield length + content, _decode(content)
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(path, str(error)) from error
        raise BackupError(f"{path} cannot be read: {error.strerror}") from error
    except (EOFError, zlib.error, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> BackupError:
    return BackupError(f"{path} is damaged ({why}): use another backup")
