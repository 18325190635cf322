"""The data directory: one exchange at a time, never older software on newer data, room to write."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.embedded.files import replace_private
from infra.problem import Problem

DATA_VERSION: Final = 1
"""Version of everything below the data directory; it rises when older software could not read it."""

VERSION_FILE: Final = "VERSION"
LOCK_FILE: Final = "lock"
LEAST_FREE_BYTES: Final = 200_000_000


class DataDirectoryError(Problem):
    """A data directory that cannot be used."""


@contextmanager
def locked_data_directory(directory: Path) -> Iterator[bool]:
    """Hold a data directory, made when absent, for this process alone.

    Yields whether the process that held it last was killed: what that one had started may take a moment to end.
    Raises DataDirectoryError when another process holds it, it is of a newer version, or the disk is full.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryError(
            f"{directory} cannot be used as data directory ({error.strerror}): set MOCKX_DATA_DIR to another"
        ) from error
    try:
        was_killed = _take(lock, directory)
        try:
            check_space(directory)
            check_version(directory)
            _mark_version(directory)
            yield was_killed
        finally:
            os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def check_version(directory: Path) -> None:
    """Refuse data of a newer version."""
    path = directory / VERSION_FILE
    if not path.exists():
        return
    text = path.read_text().strip()
    if not text.isdecimal():
        raise DataDirectoryError(f"{path} is damaged: restore the data directory from a backup")
    if int(text) > DATA_VERSION:
        raise DataDirectoryError(
            f"{directory} holds data of version {text}, and this software knows {DATA_VERSION}: "
            "install the newer release, or set MOCKX_DATA_DIR to another directory"
        )


def check_space(directory: Path) -> None:
    """Refuse to start on a full disk."""
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        raise DataDirectoryError(
            f"{directory} has {free // 10**6} MB of disk left and needs {LEAST_FREE_BYTES // 10**6}: "
            "free some, or set MOCKX_DATA_DIR to another disk"
        )


def lock_holder(directory: Path) -> int | None:
    """Return the pid of the process that holds a data directory, or None."""
    try:
        with (directory / LOCK_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int((directory / LOCK_FILE).read_text() or 0)
    return None


def _mark_version(directory: Path) -> None:
    path = directory / VERSION_FILE
    if not path.exists():
        replace_private(path, f"{DATA_VERSION}\n")


def _take(lock: int, directory: Path) -> bool:
    """Lock the directory and leave this process's id in it; return whether another's was left there."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 32, 0).decode().strip() or "unknown"
        raise DataDirectoryError(
            f"{directory} is in use by process {holder}: stop it, or set MOCKX_DATA_DIR to another directory"
        ) from error
    was_killed = os.fstat(lock).st_size > 0
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return was_killed
