"""Backup and restore with a real journal."""

from __future__ import annotations

import gzip
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra import backup
from infra.backup_file import MAGIC, BackupError, BackupWriter, Closing, Header, Record
from infra.credentials import FILE_NAME, NATS_USER, credentials_for
from infra.data_directory import DATA_VERSION, locked_data_directory
from infra.embedded import nats_server
from infra.embedded.process import spawn, stop
from infra.nats.connection import Connection, connect
from infra.nats.journal import NatsJournal
from infra.nats.stream import ensure_stream
from infra.parts import nats_config
from infra.ports import JournalMessage
from infra.settings import Settings
from tests.support.servers import NatsServer, free_port

pytestmark = pytest.mark.anyio

SUBJECTS = ["journal.registry", "journal.accounts.0", "journal.accounts.1", "journal.book.BTC-USDT"]
RECORDS = 1_234


def settings_of(directory: Path) -> Settings:
    return Settings(data_dir=directory, nats_port=free_port())


def ignore_progress(done: int, total: int) -> None:
    assert 0 < done <= total


@asynccontextmanager
async def running_journal(settings: Settings) -> AsyncIterator[Connection]:
    """Run an exchange's NATS server, as `mockx up` does."""
    config = nats_config(settings, credentials_for(settings))
    server = await spawn(nats_server.prepare(config), settings.data_dir / "nats.log")
    try:
        await nats_server.wait_ready(config, 20.0)
        connection = await connect(config.url, NATS_USER, config.password, "test")
        await ensure_stream(connection)
        yield connection
        await connection.close()
    finally:
        await stop(server, 10.0)


async def fill(connection: Connection, count: int = RECORDS) -> None:
    """Append records of different subjects and sizes, some of them large."""
    journal = NatsJournal(connection)
    last = dict.fromkeys(SUBJECTS, 0)
    for number in range(1, count + 1):
        subject = SUBJECTS[number * number % len(SUBJECTS)]
        size = 300_000 if number % 400 == 0 else number % 97
        last[subject] = await journal.append(subject, number.to_bytes(4, "big") * (1 + size // 4), last[subject])


async def content(connection: Connection) -> list[JournalMessage]:
    journal = NatsJournal(connection)
    return [message async for message in backup._records(journal, await journal.end())]


@pytest.fixture
async def exchange(tmp_path: Path) -> Settings:
    """A stopped exchange with a journal."""
    settings = settings_of(tmp_path / "data")
    with locked_data_directory(settings.data_dir):
        async with running_journal(settings) as connection:
            await fill(connection)
    return settings


async def test_a_restored_journal_is_the_same_record_by_record(exchange: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    assert await backup.back_up(exchange, file, ignore_progress) == RECORDS
    restored = settings_of(tmp_path / "restored")
    assert await backup.restore(restored, file, ignore_progress) == RECORDS
    async with running_journal(exchange) as before, running_journal(restored) as after:
        original = await content(before)
        assert [message.sequence for message in original] == list(range(1, RECORDS + 1))
        assert await content(after) == original
        for subject in SUBJECTS:
            assert await NatsJournal(after).last_sequence(subject) == await NatsJournal(before).last_sequence(subject)
    assert (restored.data_dir / FILE_NAME).read_text() == (exchange.data_dir / FILE_NAME).read_text()
    assert (restored.data_dir / "VERSION").read_text() == f"{DATA_VERSION}\n"


async def test_a_backup_is_for_its_owner_alone(exchange: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    await backup.back_up(exchange, file, ignore_progress)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restored = settings_of(tmp_path / "restored")
    await backup.restore(restored, file, ignore_progress)
    assert stat.S_IMODE((restored.data_dir / FILE_NAME).stat().st_mode) == 0o600


async def test_a_running_exchange_is_backed_up_as_it_is_at_one_moment(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    with locked_data_directory(settings.data_dir):
        async with running_journal(settings) as connection:
            await fill(connection, 100)
            assert await backup.back_up(settings, tmp_path / "backup", ignore_progress) == 100
            original = await content(connection)
    restored = settings_of(tmp_path / "restored")
    assert await backup.restore(restored, tmp_path / "backup", ignore_progress) == 100
    async with running_journal(restored) as after:
        assert await content(after) == original


async def test_an_empty_journal_can_be_backed_up_and_restored(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    with locked_data_directory(settings.data_dir):
        async with running_journal(settings):
            pass
    assert await backup.back_up(settings, tmp_path / "backup", ignore_progress) == 0
    assert await backup.restore(settings_of(tmp_path / "restored"), tmp_path / "backup", ignore_progress) == 0


async def test_a_journal_of_another_server_is_backed_up_and_restored_there(
    clean_nats_server: NatsServer, exchange: Settings, tmp_path: Path
) -> None:
    url = clean_nats_server.url.replace("//", f"//{NATS_USER}:{clean_nats_server.config.password}@")
    await backup.back_up(exchange, tmp_path / "backup", ignore_progress)
    elsewhere = Settings(data_dir=tmp_path / "restored", nats_url=url)
    assert await backup.restore(elsewhere, tmp_path / "backup", ignore_progress) == RECORDS
    assert not (elsewhere.data_dir / "nats").exists()
    assert await backup.back_up(elsewhere, tmp_path / "again", ignore_progress) == RECORDS
    assert (tmp_path / "again").read_bytes() == (tmp_path / "backup").read_bytes()
    with pytest.raises(BackupError, match="is not empty: set MOCKX_NATS_URL"):
        await backup.restore(Settings(data_dir=tmp_path / "third", nats_url=url), tmp_path / "backup", ignore_progress)


async def test_a_directory_that_is_not_empty_is_left_alone(exchange: Settings, tmp_path: Path) -> None:
    await backup.back_up(exchange, tmp_path / "backup", ignore_progress)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    with pytest.raises(BackupError, match="is not empty: name a directory"):
        await backup.restore(settings_of(taken), tmp_path / "backup", ignore_progress)
    assert [path.name for path in taken.iterdir()] == ["mine"]


async def test_a_file_that_exists_is_not_overwritten(exchange: Settings, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("mine")
    with pytest.raises(BackupError, match="exists: name a file that does not"):
        await backup.back_up(exchange, tmp_path / "backup", ignore_progress)
    assert (tmp_path / "backup").read_text() == "mine"


async def test_a_failed_backup_leaves_no_file(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    credentials_for(settings)
    with pytest.raises(BackupError, match="holds no journal"):
        await backup.back_up(settings, tmp_path / "backup", ignore_progress)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


async def test_a_failed_restore_leaves_the_directory_empty(exchange: Settings, tmp_path: Path) -> None:
    await backup.back_up(exchange, tmp_path / "backup", ignore_progress)
    small = Settings(data_dir=tmp_path / "restored", nats_port=free_port(), journal_max_bytes=10_000_000)
    tiny = small.model_copy(update={"journal_max_bytes": 50_000})
    with pytest.raises(BackupError, match="does not take the records"):
        await backup.restore(tiny, tmp_path / "backup", ignore_progress)
    assert list(small.data_dir.iterdir()) == []
    assert await backup.restore(small, tmp_path / "backup", ignore_progress) == RECORDS


@pytest.fixture
async def file(exchange: Settings, tmp_path: Path) -> Path:
    await backup.back_up(exchange, tmp_path / "backup", ignore_progress)
    return tmp_path / "backup"


@pytest.mark.parametrize("place", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["flipped", "cut"])
async def test_a_damaged_file_is_refused_before_anything_is_written(
    file: Path, tmp_path: Path, place: float, kind: str
) -> None:
    content = bytearray(file.read_bytes())
    at = len(MAGIC) + int((len(content) - len(MAGIC) - 1) * place)
    if kind == "flipped":
        content[at] ^= 0x55
    else:
        del content[at:]
    file.write_bytes(content)
    with pytest.raises(BackupError, match=r"damaged|no backup") as raised:
        await backup.restore(settings_of(tmp_path / "restored"), file, ignore_progress)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([Header(DATA_VERSION, "", 2), Record(1, "journal.registry", b"x")], "it holds 1 of 2 records"),
        ([Header(DATA_VERSION, "", 1), Record(2, "journal.registry", b"x")], "record 1 is missing"),
        ([Header(DATA_VERSION, "", 0), Closing(b"wrong")], "something follows its end"),
        ([Record(1, "journal.registry", b"x")], "does not begin with a header"),
        ([Header(DATA_VERSION + 1, "", 0)], f"version {DATA_VERSION + 1}"),
    ],
)
async def test_a_wrong_content_is_refused_whatever_its_checksum(
    tmp_path: Path, frames: list[Header | Record | Closing], reason: str
) -> None:
    file = tmp_path / "backup"
    with file.open("wb") as raw:
        raw.write(MAGIC)
        with gzip.GzipFile(fileobj=raw, mode="wb") as stream:
            writer = BackupWriter(stream)
            for frame in frames:
                writer.write(frame)
            writer.close()
    with pytest.raises(BackupError, match=reason):
        await backup.restore(settings_of(tmp_path / "restored"), file, ignore_progress)
    assert not (tmp_path / "restored").exists()
