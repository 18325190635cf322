"""Runs what was typed."""

from __future__ import annotations

import argparse

from rich.console import Console

from infra.settings import load_settings
from mockexchange.cli.administration import Administration
from mockexchange.cli.archive import run_backup, run_restore
from mockexchange.cli.exchange import RunningExchange
from mockexchange.cli.status import run_health, run_status
from mockexchange.cli.tables import show
from mockexchange.cli.trading import COMMANDS, Command
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
        case "health":
            return run_health(settings, console, is_json=arguments.json)
        case name if name in COMMANDS:
            return run_command(COMMANDS[name], arguments, RunningExchange(settings), console)
        case _:
            return Administration(settings, console).run(arguments)


def run_command(command: Command, arguments: argparse.Namespace, exchange: RunningExchange, console: Console) -> int:
    """Ask what a command asks and show the answer; return 0 unless the answer says that it came to nothing."""
    ask = exchange.administer if command.is_admin else exchange.ask
    answer = ask(*command.ask(arguments))
    shown = answer[command.part] if command.part and not arguments.json else answer
    show(console, shown, is_json=arguments.json, columns=command.columns)
    return 0 if command.is_good(answer) else 1
