"""Runs what was typed."""

from __future__ import annotations

import argparse

from rich.console import Console

from infra.settings import load_settings
from mockexchange.cli.administration import Administration
from mockexchange.cli.archive import run_backup, run_restore
from mockexchange.cli.status import run_status
from mockexchange.cli.up import run_up


def run(arguments: argparse.Namespace) -> int:
    """Run a command; return the exit status. Raises Problem."""
    console = Console()
    settings = load_settings()
    match arguments.command:
        case "up":
            return run_up(settings, console, with_tls=arguments.tls)
        case "status":
            return run_status(settings, console, is_json=arguments.json)
        case "backup":
            return run_backup(settings, arguments.file, console)
        case "restore":
            return run_restore(settings, arguments.file, arguments.data_dir, console)
        case _:
            return Administration(settings, console).run(arguments)
