"""`mockx status`: what runs, and whether it is well."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from infra.address import find_address
from infra.data_directory import lock_holder
from infra.http_client import NoAnswer, request
from infra.settings import Settings
from mockexchange.cli.exchange import RunningExchange
from mockexchange.cli.tables import show


def run_status(settings: Settings, console: Console, *, is_json: bool) -> int:
    """Show the state of the exchange; return 0 when all is well, else 1."""
    holder = lock_holder(settings.data_dir)
    url, certificate = find_address(settings)
    try:
        answer = request("GET", f"{url}/health", certificate=certificate)
    except NoAnswer as error:
        health: Any = {"status": "down", "detail": str(error)}
        is_well = False
    else:
        health, is_well = answer.body, answer.status == 200
    status = {"data_dir": str(settings.data_dir), "process": holder, "gateway": url, "health": health}
    if is_json:
        print(json.dumps(status, indent=2))
    else:
        for line in _lines(status):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0 if is_well else 1


def run_health(settings: Settings, console: Console, *, is_json: bool) -> int:
    """Show what the exchange says of its parts; return 0 when all is well, else 1."""
    health = RunningExchange(settings).ask_openly("/health")
    show(console, health, is_json=is_json)
    return 0 if isinstance(health, dict) and health.get("status") == "ok" else 1


def _lines(value: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, part in value.items():
        if isinstance(part, dict):
            lines += [f"{indent}{name}", *_lines(part, f"{indent}  ")]
        else:
            lines.append(f"{indent}{name:<12} {_text(part)}")
    return lines


def _text(value: Any) -> str:
    match value:
        case None:
            return "not running"
        case list():
            return ", ".join(map(str, value)) or "nothing"
        case _:
            return str(value)
