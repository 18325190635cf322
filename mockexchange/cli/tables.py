"""Answers of the exchange for people, and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

_TIMES: Final = {"time", "open_time"}


def show(console: Console, answer: Any, *, is_json: bool, columns: Sequence[str] = ()) -> None:
    """Print an answer: rows as a table of some columns, or all; an object line by line."""
    if is_json:
        print(json.dumps(answer, indent=2))
        return
    rows = _rows(answer)
    if rows is not None:
        console.print(_table(rows, columns))
        return
    for line in _lines(answer):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _rows(answer: Any) -> list[dict[str, Any]] | None:
    """Return the rows that an answer is: a list of objects, or objects by a name that each holds itself."""
    if isinstance(answer, dict) and answer and all(isinstance(value, dict) for value in answer.values()):
        named = list(answer.values())
        return named if all(name in row.values() for name, row in answer.items()) else None
    if isinstance(answer, list) and all(isinstance(row, dict) for row in answer):
        return answer
    return None


def _table(rows: list[dict[str, Any]], columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    names = list(columns) or [name for name in (rows[0] if rows else ()) if name != "info"]
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(name, row.get(name)) for name in names))
    return table


def _cell(name: str, value: Any) -> str:
    """Return a value as people read it: times come in milliseconds."""
    if name in _TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return _text(value)


def _lines(value: Any, indent: str = "") -> list[str]:
    if isinstance(value, list):
        return [f"{indent}{_text(part)}" for part in value]
    if not isinstance(value, dict):
        return [] if value is None else [f"{indent}{_text(value)}"]
    lines = []
    for name, part in value.items():
        if isinstance(part, dict) and part:
            lines += [f"{indent}{name}:", *_lines(part, f"{indent}  ")]
        elif isinstance(part, list) and part and isinstance(part[0], list):
            lines += [f"{indent}{name}:", *(f"{indent}  {'  '.join(map(_text, row))}" for row in part)]
        else:
            lines.append(f"{indent}{name}: {_text(part)}")
    return lines


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_text, value)) or "-"
        case dict():
            return ", ".join(f"{amount} {asset}" for asset, amount in value.items())
        case _:
            return str(value)
