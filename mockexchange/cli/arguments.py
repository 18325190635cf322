"""The command line of `mockx`: what can be said, and how it is explained."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from mockexchange.cli.trading import COMMANDS, Command

_SETTINGS: Final = "Settings come from MOCKX_* variables and mockexchange.toml; see docs/configuration.md."


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line; a wrong one ends the program with a usage line."""
    parser = _parser(
        "mockx", "Run and manage a MockExchange.", "mockx up", "mockx account create alice", "mockx status"
    )
    parser.add_argument("--version", action="version", version=f"mockx {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_up(commands)
    _add_status(commands)
    _add_account(commands)
    _add_key(commands)
    _add_maintenance(commands)
    _add_backup(commands)
    _add_restore(commands)
    _add_health(commands)
    for command in COMMANDS.values():
        _add_trading(commands, command)
    return parser.parse_args(argv)


def _add_up(commands: Any) -> None:
    up = _command(
        commands,
        "up",
        "Run the exchange until Ctrl-C.",
        "Start every part, restart what dies, and stop all in order at Ctrl-C. Orders and balances are kept in the "
        "data directory and are there again at the next start.",
        "mockx up",
        "MOCKX_GATEWAY_PORT=8080 MOCKX_FEED=synthetic:7 mockx up",
        "mockx up --tls",
    )
    up.add_argument(
        "--tls", action="store_true", help="serve https and wss, with a certificate that is made unless one is set"
    )


def _add_status(commands: Any) -> None:
    status = _command(
        commands,
        "status",
        "Tell what runs and whether it is well.",
        "Ask the gateway how every part is. The exit status is 0 when all is well, else 1.",
        "mockx status",
        "mockx status --json",
    )
    _add_json(status)


def _add_account(commands: Any) -> None:
    actions = _group(
        commands, "account", "Create and list accounts.", "mockx account create alice", "mockx account list"
    )
    create = _command(
        actions,
        "create",
        "Create an account with its first key.",
        "Create an account and show its API key and secret. The secret is never shown again.",
        "mockx account create alice",
        "mockx account create alice --json",
    )
    create.add_argument("name", metavar="NAME", help="name of the account, 1 to 64 characters, unlike all others")
    _add_json(create)
    _add_json(_command(actions, "list", "List all accounts.", "List all accounts.", "mockx account list"))


def _add_key(commands: Any) -> None:
    actions = _group(
        commands, "key", "Create, list and revoke API keys.", "mockx key create alice", "mockx key revoke 1f2e3d4c5b6a"
    )
    create = _command(
        actions,
        "create",
        "Make another key for an account.",
        "Make another key for an account and show it with its secret, which is never shown again.",
        "mockx key create alice",
        "mockx key create 2 --read-only --json",
        "mockx key create alice --public-key alice.pub.pem",
    )
    _add_account_argument(create)
    create.add_argument("--read-only", action="store_true", help="a key that may look and not trade")
    create.add_argument(
        "--public-key",
        metavar="FILE",
        type=Path,
        help="a public key (PEM, RSA or Ed25519) whose other half signs requests in the secret's place",
    )
    _add_json(create)
    listing = _command(
        actions, "list", "List an account's keys.", "List an account's keys, without secrets.", "mockx key list alice"
    )
    _add_account_argument(listing)
    _add_json(listing)
    revoke = _command(
        actions,
        "revoke",
        "Make a key invalid for ever.",
        "Make a key invalid for ever, and end its connections to NATS.",
        "mockx key revoke 1f2e3d4c5b6a",
    )
    revoke.add_argument("key_id", metavar="KEY_ID", help="the id that `mockx key list` shows")
    _add_json(revoke)


def _add_maintenance(commands: Any) -> None:
    maintenance = _command(
        commands,
        "maintenance",
        "Refuse new orders, or take them again.",
        "Have all gateways refuse new orders until it is switched off. Open orders trade on and may be canceled.",
        "mockx maintenance on",
        "mockx maintenance off",
    )
    maintenance.add_argument("state", choices=("on", "off"), help="on refuses new orders, off takes them again")
    _add_json(maintenance)


def _add_backup(commands: Any) -> None:
    backup = _command(
        commands,
        "backup",
        "Write all data into one file.",
        "Copy the whole journal and the credentials into one compressed file, while the exchange runs or not. "
        "The file holds secrets, and only you may read it.",
        "mockx backup exchange.mockx",
    )
    backup.add_argument("file", metavar="FILE", type=Path, help="the file to write; it must not exist")


def _add_restore(commands: Any) -> None:
    restore = _command(
        commands,
        "restore",
        "Make a data directory from a backup.",
        "Fill an empty data directory with all that a backup holds. Start it with MOCKX_DATA_DIR set to it.",
        "mockx restore exchange.mockx --data-dir ./restored",
    )
    restore.add_argument("file", metavar="FILE", type=Path, help="a file that `mockx backup` wrote")
    restore.add_argument(
        "--data-dir", metavar="DIR", type=Path, required=True, help="the directory to fill; absent or empty"
    )


def _add_health(commands: Any) -> None:
    health = _command(
        commands,
        "health",
        "Ask the exchange how it is.",
        "Ask the gateway how every part is. The exit status is 0 when all is well, else 1.",
        "mockx health",
    )
    _add_json(health)


def _add_trading(commands: Any, command: Command) -> None:
    parser = _command(
        commands, command.name, command.summary, f"{command.summary} {_whose(command)}", *command.examples
    )
    for argument in command.arguments:
        word = {} if argument.name.startswith("-") or "type" in argument.how else {"metavar": argument.name.upper()}
        parser.add_argument(argument.name, help=argument.help, **(word | dict(argument.how)))
    _add_json(parser)


def _whose(command: Command) -> str:
    if command.is_admin:
        return "It needs the administrator's key: that of the data directory, or MOCKX_ADMIN_KEY."
    return "It is done as the demo account of the data directory, or with MOCKEXCHANGE_API_KEY."


def _add_account_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", metavar="ACCOUNT", help="number or name of the account")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _group(commands: Any, name: str, summary: str, *examples: str) -> Any:
    group = _command(commands, name, summary, summary, *examples)
    return group.add_subparsers(dest="action", metavar="ACTION", required=True)


def _command(commands: Any, name: str, summary: str, description: str, *examples: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, 88),
        epilog=_epilog(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return command


def _parser(name: str, description: str, *examples: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        name,
        description=textwrap.fill(description, 88),
        epilog=_epilog(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _epilog(examples: Sequence[str]) -> str:
    return "\n".join(["examples:", *(f"  {example}" for example in examples), "", _SETTINGS])


def _version() -> str:
    try:
        return version("mockexchange")
    except PackageNotFoundError:
        return "(not installed)"
