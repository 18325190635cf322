"""`mockx backup` and `mockx restore`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra import backup
from infra.settings import Settings


def run_backup(settings: Settings, file: Path, console: Console) -> int:
    """Write a backup; return the exit status."""
    count = _with_progress(console, "backing up", lambda progress: backup.back_up(settings, file, progress))
    size = file.stat().st_size
    console.print(f"{file} holds {count} records in {size / 1e6:.1f} MB. It holds secrets: keep it to yourself.")
    return 0


def run_restore(settings: Settings, file: Path, directory: Path, console: Console) -> int:
    """Fill a data directory; return the exit status."""
    target = settings.model_copy(update={"data_dir": directory.expanduser().resolve()})
    count = _with_progress(console, "restoring", lambda progress: backup.restore(target, file, progress))
    console.print(f"{directory} holds {count} records. Start it with MOCKX_DATA_DIR={directory} mockx up")
    return 0


def _with_progress(console: Console, what: str, work: Callable[[backup.Progress], Coroutine[Any, Any, int]]) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return asyncio.run(work(show))
