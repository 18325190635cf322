"""Backup and restore: the whole journal into one file, and back into an empty exchange.

The journal is one stream, so any beginning of it is consistent: a backup of a running exchange is its state at one
moment. A restored journal has the same sequence at every record, since records refer to each other by it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from nats.errors import Error

from infra.backup_file import BackupError, Header, Record, new_backup, read_header, read_records
from infra.credentials import FILE_NAME, NATS_USER, credentials_for, read_credentials
from infra.data_directory import (
    DATA_VERSION,
    check_version,
    lock_holder,
    locked_data_directory,
)
from infra.embedded import nats_server
from infra.embedded.files import replace_private
from infra.embedded.nats_server import NatsServerConfig
from infra.embedded.process import free_port, spawn, stop
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.nats.stream import ensure_stream
from infra.parts import nats_config
from infra.ports import AppendUnknown, Fenced, JournalMessage, JournalUnavailable
from infra.settings import Settings
from mockexchange.messages.subjects import JOURNAL_ALL

Progress = Callable[[int, int], None]
"""Hears how many records are done, and how many there are."""

START_TIMEOUT_S: Final = 60.0
STOP_GRACE_S: Final = 30.0
WINDOW_RECORDS: Final = 500
WINDOW_BYTES: Final = 1_000_000


async def back_up(settings: Settings, path: Path, progress: Progress) -> int:
    """Write all data of a running or stopped exchange into a new file; return the number of records."""
    credentials_path = settings.data_dir / FILE_NAME
    check_version(settings.data_dir)
    if not credentials_path.exists():
        raise BackupError(f"{settings.data_dir} holds no exchange: set MOCKX_DATA_DIR to one's data directory")
    read_credentials(credentials_path)
    with new_backup(path) as writer:
        async with _journal_of(settings) as connection:
            end = await _end_of(NatsJournal(connection))
            writer.write(Header(DATA_VERSION, credentials_path.read_text(), end))
            async for message in _records(NatsJournal(connection), end):
                writer.write(Record(*message))
                progress(message.sequence, end)
    return end


async def restore(settings: Settings, path: Path, progress: Progress) -> int:
    """Fill the empty data directory of the settings from a backup; return the number of records.

    The whole file is read and checked before anything is written, and a failure leaves nothing behind.
    """
    header = read_header(path)
    count = sum(1 for _ in read_records(path))
    if count != header.records:
        raise BackupError(f"{path} is damaged (it holds {count} of {header.records} records): use another backup")
    directory = settings.data_dir
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise BackupError(f"{directory} is not empty: name a directory that is, or that does not exist")
    with locked_data_directory(directory), _emptied_on_failure(directory):
        replace_private(directory / FILE_NAME, header.credentials)
        async with _journal_to_fill(settings) as connection:
            await _publish(connection, settings, path, count, progress)
    return count


async def _end_of(journal: NatsJournal) -> int:
    try:
        return await journal.end()
    except JournalUnavailable as error:
        raise BackupError(f"the NATS server holds no journal ({error}): run mockx up first") from error


@contextmanager
def _emptied_on_failure(directory: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for child in directory.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            else:
                child.unlink()
        raise


async def _records(journal: NatsJournal, end: int) -> AsyncIterator[JournalMessage]:
    """Yield the records up to `end`."""
    if end == 0:
        return
    async with aclosing(journal.read([JOURNAL_ALL], 1)) as batches:
        async for batch in batches:
            for message in batch:
                yield message
                if message.sequence == end:
                    return


async def _publish(connection: Connection, settings: Settings, path: Path, count: int, progress: Progress) -> None:
    """Append a backup's records to an empty journal, each at the sequence that it had."""
    journal = NatsJournal(connection)
    try:
        await ensure_stream(connection, max_bytes=settings.journal_max_bytes)
        if await journal.end():
            raise BackupError("the journal on the NATS server is not empty: set MOCKX_NATS_URL to another server")
        last: dict[str, int] = {}
        for window in _windows(read_records(path)):
            appends = []
            for sequence, subject, payload in window:
                appends.append(journal.append(subject, payload, last.get(subject, 0)))
                last[subject] = sequence
            stored = await asyncio.gather(*appends)
            if stored != [message.sequence for message in window]:
                raise BackupError("another program writes to the journal: stop it, and restore again")
            progress(window[-1].sequence, count)
    except (JournalUnavailable, AppendUnknown, Fenced, Error) as error:
        raise BackupError(f"the journal does not take the records ({error}): mend that, and restore again") from error


def _windows(messages: Iterator[JournalMessage]) -> Iterator[list[JournalMessage]]:
    """Gather records that may be in flight at the same time. The first goes alone, since it opens the way."""
    window: list[JournalMessage] = []
    size = 0
    for message in messages:
        window.append(message)
        size += len(message.payload)
        if message.sequence == 1 or len(window) >= WINDOW_RECORDS or size >= WINDOW_BYTES:
            yield window
            window, size = [], 0
    if window:
        yield window


@asynccontextmanager
async def _journal_of(settings: Settings) -> AsyncIterator[Connection]:
    """Connect to an exchange's NATS server; start the embedded one for the time being when nothing runs."""
    if settings.nats_url is not None or lock_holder(settings.data_dir) is not None:
        async with _connected(settings.nats_endpoint, credentials_for(settings).nats_password) as connection:
            yield connection
    else:
        with locked_data_directory(settings.data_dir):
            async with _embedded(settings) as connection:
                yield connection


@asynccontextmanager
async def _journal_to_fill(settings: Settings) -> AsyncIterator[Connection]:
    """As `_journal_of`, for a data directory that this process holds."""
    if settings.nats_url is not None:
        async with _connected(settings.nats_url, "") as connection:
            yield connection
    else:
        async with _embedded(settings) as connection:
            yield connection


@asynccontextmanager
async def _embedded(settings: Settings) -> AsyncIterator[Connection]:
    """Run the embedded NATS server on a port of its own, and connect to it. The caller holds the data directory."""
    config = replace(nats_config(settings, credentials_for(settings)), host="127.0.0.1", port=free_port())
    log = settings.data_dir / "logs" / "backup.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    server = await spawn(nats_server.prepare(config), log)
    try:
        await _wait_ready(config, log)
        async with _connected(config.url, config.password) as connection:
            yield connection
    finally:
        await stop(server, STOP_GRACE_S)


async def _wait_ready(config: NatsServerConfig, log: Path) -> None:
    try:
        await nats_server.wait_ready(config, START_TIMEOUT_S)
    except TimeoutError as error:
        raise BackupError(f"the NATS server did not start within {START_TIMEOUT_S:.0f} s; {log} says why") from error


@asynccontextmanager
async def _connected(url: str, password: str) -> AsyncIterator[Connection]:
    try:
        connection = await connect(url, NATS_USER, password, "backup")
    except JournalUnavailable as error:
        raise BackupError(f"{error}: start it, or set MOCKX_NATS_URL") from error
    try:
        yield connection
    finally:
        await connection.close()
